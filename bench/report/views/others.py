"""The judged files among published systems, and the command that measures more of them."""

import shlex
from collections.abc import Mapping
from typing import Any

from bench.measure.figure import MEASURED, QUOTED
from bench.report import words
from bench.report.plots.macs import RIGHT_END, Chart, Point
from bench.report.published import PUBLISHED

Content = Mapping[str, Any]
OF_ONE_CALL = ("--target", "--meter", "--compare", "--json", "--energy_seconds")
"""Flags that say nothing of what is judged."""


def on_the_map(content: Content) -> Chart:
    """What stands on the picture of accuracy against multiply-accumulates."""
    subject, accuracy = content["subject"], content["accuracy"]
    macs, own, lines = content["verdict"]["network"]["macs_per_second"], [], {}
    for file, name, kind in ((subject["headline"], "", "int8"), (subject["reference"], "float", "float")):
        if accuracy and file in accuracy["files"]:
            macro = accuracy["files"][file]["whole"]["macro"]
            own.append(Point(name or subject["files"][file]["title"], macs, macro, kind, MEASURED))
    # The last one: before it come the teachers that it may be the average of.
    teacher = next((entry for entry in reversed(content["lineage"]) if entry["stage"] == "teacher"), {})
    macro, cost = (teacher.get("accuracy") or {}).get("macro"), (teacher.get("cost") or {}).get("macs")
    if macro is not None and cost is not None and cost < RIGHT_END:
        own.append(Point("teacher", cost, macro, "third", QUOTED))
    elif macro is not None:
        lines[f"teacher{'' if cost is None else f', {words.short(cost)} MACs'}"] = macro
    at = {} if own else {subject["files"][subject["headline"]]["title"]: macs}
    limit = max(check["limit"] for check in content["verdict"]["checks"] if check["unit"] == "MACs")
    published = [Point(system.name, system.macs, system.accuracy) for system in PUBLISHED]
    return Chart(own, published, lines, at, limit)


def command(content: Content, *more: str) -> str:
    """The command that judges the same again, and measures more."""
    given, kept = iter(shlex.split(content["command"])), []
    for word in given:
        flag, equals, _ = word.partition("=")
        if flag not in (*OF_ONE_CALL, more[0]):
            kept.append(word)
        elif not equals:
            next(given, None)  # its value
    return f"{shlex.join(kept)} {' '.join(more)}"
