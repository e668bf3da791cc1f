"""The figures people ask for first, for the terminal, each with its origin."""

from collections.abc import Mapping
from typing import Any

from bench.measure.figure import path_of

NETWORK = {
    "accuracy": "accuracy/{}/macro",
    "log loss": "accuracy/{}/log_loss",
    "  on devices heard in training": "accuracy/{}/group/seen/macro",
    "  on unheard devices": "accuracy/{}/group/unseen/macro",
    "  same answer as float": "accuracy/{}/against/{}/same_top1",
    "file": "size/{}",
    "constants in the file": "cost/{}/constant_bytes",
    "peak activations": "memory/{}/peak_activations",
    "arena in TFLite Micro": "memory/{}/arena_tflm",
    "grows the process by": "memory/{}/resident_increment",
    "latency": "latency/{}/median",
    "  first inference": "latency/{}/start/first",
}
BEFORE = {"teacher accuracy": "accuracy/teacher/macro", "student accuracy": "accuracy/student/macro"}
COUNTED = {"MACs of one second": "cost/network/macs", "parameters": "cost/network/parameters"}


def of(content: Mapping[str, Any]) -> str:
    """The verdict and its table, from the content of report.json."""
    subject, figures = content["subject"], content["figures"]
    headline, reference = subject["headline"], subject["reference"]
    other = path_of(reference) if reference else ""
    shown = {**BEFORE, **COUNTED}
    shown |= {name: path.format(path_of(headline), other) for name, path in NETWORK.items()}
    title = subject["files"][headline]["title"]
    if reference:
        twin = subject["files"][reference]["title"]
        shown[f"{twin} accuracy"] = f"accuracy/{other}/macro"
        shown[f"{twin} latency"] = f"latency/{other}/median"
        shown[f"  {title} / {twin}, latency"] = f"latency/{path_of(headline)}_over_{other.rpartition('/')[2]}"
    for target in content["targets"]:
        place = f"target/{target['target']}/{path_of(headline)}"
        shown[f"{target['board']['name']}, latency"] = f"{place}/median"
        shown[f"{target['board']['name']}, instructions"] = f"{place}/instructions"
        shown[f"{target['board']['name']}, estimate"] = f"{place}/estimate"
    lines = [f"\n{content['sentence']}", *(one["text"] for one in content["verdict"]["over"]), f"\n{title}:"]
    for name, path in shown.items():
        figure = figures.get(path)
        if figure is not None and figure["value"] is not None:
            lines.append(f"{name:44} {_text(figure):>24}   {figure['how']}")
    return "\n".join(lines)


def _text(figure: Mapping[str, Any]) -> str:
    value, unit, interval = figure["value"], figure["unit"], figure.get("interval")
    if unit == "fraction":
        return f"{100 * value:.1f} %" + (f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else "")
    if unit in ("ms", "ratio", "nats"):
        between = f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else ""
        return f"{value:.3g}{' ' + unit if unit != 'ratio' else ''}{between}"
    return f"{value:,.0f} {unit}"
