"""The figures people ask for first, for the terminal, each with its origin."""

from bench.measure.figure import Figure, path_of
from bench.report.document import Report

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


def of(report: Report) -> str:
    """The verdict and its table."""
    model, figures = report.model, report.figures
    primary, reference = path_of(model.primary), path_of(model.reference) if model.reference else ""
    paths = {**BEFORE, **COUNTED} | {name: path.format(primary, reference) for name, path in NETWORK.items()}
    title = model.files[model.primary].title
    if model.reference:
        twin = model.files[model.reference].title
        paths[f"{twin} accuracy"] = f"accuracy/{reference}/macro"
        paths[f"{twin} latency"] = f"latency/{reference}/median"
        paths[f"  {title} / {twin}, latency"] = f"latency/{primary}_over_{reference.rpartition('/')[2]}"
    for target in report.targets:
        place = f"target/{target.target}/{primary}"
        paths[f"{target.board.name}, latency"] = f"{place}/median"
        paths[f"{target.board.name}, instructions"] = f"{place}/instructions"
        paths[f"{target.board.name}, estimate"] = f"{place}/estimate"
    lines = [f"\n{report.sentence}", *(one.text for one in report.compliance.violations), f"\n{title}:"]
    for name, path in paths.items():
        figure = figures.get(path)
        if figure is not None and figure.value is not None:
            lines.append(f"{name:44} {_text(figure.value, figure):>24}   {figure.provenance}")
    return "\n".join(lines)


def _text(value: float, figure: Figure) -> str:
    unit, interval = figure.unit, figure.interval
    if unit == "fraction":
        return f"{100 * value:.1f} %" + (f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else "")
    if unit in ("ms", "ratio", "nats"):
        between = f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else ""
        return f"{value:.3g}{' ' + unit if unit != 'ratio' else ''}{between}"
    return f"{value:,.0f} {unit}"
