"""What the sections of the page show, taken from the content of report.json: chosen, grouped and put in order."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from bench.figure import ESTIMATED, MEASURED, QUOTED
from bench.figure import path_of as path
from bench.report import words
from bench.report.plots.macs import RIGHT_END, Point
from bench.report.plots.stacked import Stack
from bench.report.published import PUBLISHED

Content = Mapping[str, Any]
LABELS = {"MACs": "MACs", "bytes": "Parameter memory", "parameters": "Parameters", "weights": "Weights wider than INT8"}
"""By the unit of a check."""
DEAREST = {
    "MACs": "Most multiply-accumulates:",
    "parameter memory": "Most parameter memory:",
    "peak activations": "Most live activations:",
}


def rules(checks: Sequence[Content]) -> list[dict[str, Any]]:
    """Checks that differ in nothing but the year, together: check, years."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for check in checks:
        key = tuple(check[name] for name in ("rule", "counting", "value", "limit", "decides"))
        found.setdefault(key, {"check": check, "years": []})["years"].append(check["year"])
    return list(found.values())


def deciding(checks: Sequence[Content]) -> list[dict[str, Any]]:
    """MACs and memory (or the number of parameters) at their tightest limit, for a tile each."""
    tiles = []
    for unit in ("MACs", "bytes"):
        found = [check for check in checks if check["decides"] and check["unit"] == unit]
        if found:
            worst = max(found, key=lambda check: check["share"])
            number, letter = f"{worst['value'] / 1e6:.2f}", "M"
            if unit == "bytes":
                number, letter = f"{worst['value'] / 1e3:.1f}", "kB"
            limit = words.short(worst["limit"]) + ("B" if unit == "bytes" else "")
            tiles.append({**worst, "label": LABELS[unit], "number": number, "unit": letter, "limit": limit})
    return tiles


def over_in_file(checks: Sequence[Content]) -> list[Content]:
    """Counts of the file that would be over, though the rules' own counts are not."""
    broken = {check["rule"] for check in checks if check["decides"] and not check["passed"]}
    found = [rule["check"] for rule in rules(checks)]
    return [one for one in found if not one["decides"] and not one["passed"] and one["rule"] not in broken]


def dearest(found: Content) -> list[dict[str, Any]]:
    """The one operation that costs most, by each measure."""
    return [
        {
            "words": DEAREST[measure],
            "unit": found[measure]["unit"],
            "how": ESTIMATED if measure == "peak activations" else MEASURED,
            **found[measure]["operations"][0],
        }
        for measure in DEAREST
        if found.get(measure, {}).get("operations")
    ]


def twins(content: Content) -> Content | None:
    """The headline file against its float twin, where both answered the test clips."""
    subject, accuracy = content["subject"], content["accuracy"]
    wanted = (subject["headline"], subject["reference"])
    pairs = accuracy["pairs"] if accuracy else []
    return next((pair for pair in pairs if (pair["first"], pair["second"]) == wanted), None)


def same_numbers(content: Content) -> list[dict[str, Any]]:
    """Pairs of files that are held to give the same numbers: all but INT8 against float."""
    accuracy, twin = content["accuracy"], twins(content)
    pairs = accuracy["pairs"] if accuracy else []
    return [
        {"first": pair["first"], "second": pair["second"], "clips": pair["agreement"]["clips"], **pair["exact"]}
        for pair in pairs
        if pair is not twin and pair["exact"] is not None
    ]


def files(content: Content) -> list[dict[str, Any]]:
    """A row for each file."""
    answered = content["accuracy"]["files"] if content["accuracy"] else {}
    rows = []
    for name, file in content["subject"]["files"].items():
        whole = answered.get(name, {}).get("whole", {})
        place = f"latency/{path(name)}"
        rows.append(
            {
                "name": name,
                "title": file["title"],
                "bytes": file["bytes"],
                "accuracy": whole.get("macro"),
                "interval": whole.get("interval"),
                "log_loss": whole.get("log_loss"),
                "median": _value(content, f"{place}/median"),
                "p95": _value(content, f"{place}/p95"),
                "over_float": _value(content, f"latency/{path(name).split('/')[0]}/int8_over_float")
                if name in ("model.tflite", "model.onnx")
                else None,
            }
        )
    return rows


def headline_latency(content: Content) -> dict[str, Any] | None:
    found = content["figures"].get(f"latency/{path(content['subject']['headline'])}/median")
    return None if found is None or found["value"] is None else {**found, "words": "median, one thread"}


def headline_target(content: Content) -> dict[str, Any] | None:
    """What the headline takes on the slowest target that it was measured on, else estimated for."""
    headline, found = content["subject"]["headline"], []
    for target in content["targets"]:
        board = target["board"]["name"]
        for one in target["latency"]:
            if one["file"] == headline and one["threads"] == 1:
                found.append(
                    (one["median"], board, "median, one thread", MEASURED, f"{one['runtime']}, {one['kernels']}")
                )
        for one in target["estimates"]:
            if one["file"] == headline and one["milliseconds"] is not None:
                band = f"{words.span((one['low'], one['high']))} ms, from counted instructions"
                found.append((one["milliseconds"], one["board"], band, ESTIMATED, "; ".join(one["sources"])))
    measured = [one for one in found if one[3] == MEASURED]
    if not found:
        return None
    value, board, text, how, source = max(measured or found)
    return {"label": f"On a {board}", "value": value, "words": text, "how": how, "source": source}


def estimates(content: Content) -> list[Content]:
    """Every estimate that has a number."""
    return [one for target in content["targets"] for one in target["estimates"] if one["milliseconds"] is not None]


def sources(target: Content) -> list[str]:
    """Where the constants of a target's estimates are from, each once."""
    return list(dict.fromkeys(source for one in target["estimates"] for source in one.get("sources", [])))


def states(board: Content) -> list[dict[str, str]]:
    """What a board's clocks did before, during and after: when, governor, clock, temperature."""
    rows = []
    for when in ("before", "after"):
        if state := board.get(when):
            clock, heat = words.gigahertz(state.get("frequency_hz")), words.celsius(state.get("temperature_c"))
            governor = state.get("governor") or words.NONE
            rows.append({"when": when, "governor": governor, "clock": clock, "temperature": heat})
    if during := board.get("during"):
        clock = words.gigahertz(during.get("lowest_frequency_hz"))
        heat = words.celsius(during.get("highest_temperature_c"))
        between = {"when": "between", "governor": "", "clock": f"down to {clock}", "temperature": f"up to {heat}"}
        rows.insert(1, between)
    return rows


def throttled(board: Content) -> list[str]:
    """The firmware's word on power and heat, in sentences."""
    lines = []
    for when in ("before", "after"):
        if found := (board.get(when) or {}).get("throttled"):
            now, since_boot = (words.listed(found.get(key) or ["nothing"]) for key in ("now", "since_boot"))
            lines.append(f"Throttled {when}: {now}; since boot: {since_boot}.")
    return lines


def end_to_end(content: Content) -> list[Stack]:
    """From the waveform to the answer, part by part, with the drop-in's time below."""
    rows = []
    for file, found in content["latency"]["end_to_end"].items():
        title = content["subject"]["files"][file]["title"]
        parts = {name.replace("_", "-"): part["median"] for name, part in found["parts"].items() if name != "whole"}
        rows.append(Stack(f"{title} behind the front-end in NumPy", parts, words.milliseconds(sum(parts.values()))))
        if found["drop_in"] is not None:
            time = found["drop_in"]["median"]
            rows.append(Stack(f"{title}, drop-in: the front-end inside", {"drop-in": time}, words.milliseconds(time)))
    return rows


def instructions(targets: Sequence[Content], files: Content) -> list[Stack]:
    """Of one inference, by class, for each file on each emulated target."""
    return [
        Stack(
            f"{files[entry['file']]['title']}, {target['board']['name']}",
            {name.replace("_", " "): count for name, count in entry["classes"].items()},
            words.short(entry["total"]),
        )
        for target in targets
        for entry in target["instructions"]
        if entry["file"] in files
    ]


def parameters(layers: Sequence[Content]) -> int:
    return sum(layer["weights"] + layer["biases"] for layer in layers)


def processes(memory: Content) -> str:
    """In how many processes each file ran."""
    return words.listed(sorted({one["resident"]["processes"] for one in memory.values() if one["resident"]}) or ["no"])


def map(content: Content) -> SimpleNamespace:
    """What stands on the picture of accuracy against multiply-accumulates."""
    subject, figures = content["subject"], content["figures"]
    macs, own, lines = figures["cost/network/macs"]["value"], [], {}
    for file, name, kind in ((subject["headline"], "", "int8"), (subject["reference"], "float", "float")):
        found = figures.get(f"accuracy/{path(file)}/macro") if file else None
        if found is not None and found["value"] is not None:
            own.append(Point(name or subject["files"][file]["title"], macs, found["value"], kind, found["how"]))
    # The last one: before it come the teachers that it may be the average of.
    teacher = next((entry for entry in reversed(content["lineage"]) if entry["stage"] == "teacher"), {})
    accuracy, cost = (teacher.get("accuracy") or {}).get("macro"), (teacher.get("cost") or {}).get("macs")
    if accuracy is not None and cost is not None and cost < RIGHT_END:
        own.append(Point("teacher", cost, accuracy, "third", QUOTED))
    elif accuracy is not None:
        lines[f"teacher{'' if cost is None else f', {words.short(cost)} MACs'}"] = accuracy
    limit = max(check["limit"] for check in content["verdict"]["checks"] if check["unit"] == "MACs")
    published = [Point(system.name, system.macs, system.accuracy) for system in PUBLISHED]
    return SimpleNamespace(own=own, lines=lines, limit=limit, published=published, systems=PUBLISHED)


def place(ranking: Content, name: str) -> str:
    """Where a system stands in one year's ranking: its rank and score, or why it has none."""
    for entry in ranking["places"]:
        if entry["name"] == name:
            score = (
                words.percent(entry["score"]) if ranking["unit"] == "fraction" else words.three_digits(entry["score"])
            )
            return f"{entry['rank']} ({score})"
    if name in ranking["above"]:
        return "above the limits"
    return "lacks figures" if name in ranking["lacking"] else words.NONE


def _value(content: Content, name: str) -> float | None:
    return content["figures"].get(name, {}).get("value")
