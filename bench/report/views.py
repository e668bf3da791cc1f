"""What the sections of the page show, taken from a report."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.boards.device.result import BoardState, TargetEstimate, TargetResult
from bench.measure.accuracy.findings import DropInAccuracy, PartAccuracy
from bench.measure.accuracy.pairs import FREEDOM, Pair
from bench.measure.compliance.checks import Check
from bench.measure.compliance.findings import MEASURES, Compliance, Hotspot, listed
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, Figure, Provenance
from bench.measure.latency.measure import TimedVariant
from bench.measure.subject import File
from bench.report import words
from bench.report.document import Report
from bench.report.plots.accuracy import RIGHT_END, Chart, Point
from bench.report.plots.bars import Stack
from bench.report.published import PUBLISHED

OF_ONE_CALL = ("--target", "--meter", "--compare", "--json", "--energy_seconds")
"""Flags that say nothing of what is benchmarked."""
HOTSPOTS = {
    "MACs": "Most multiply-accumulates:",
    "parameter memory": "Most parameter memory:",
    "peak activations": "Most live activations:",
}


def command(report: Report, *more: str) -> str:
    """The command that measures the same again, and more of it."""
    given, kept = iter(shlex.split(report.command)), []
    for word in given:
        flag, equals, _ = word.partition("=")
        if flag not in (*OF_ONE_CALL, more[0]):
            kept.append(word)
        elif not equals:
            next(given, None)  # its value
    return f"{shlex.join(kept)} {' '.join(more)}"


def rules(checks: Sequence[Check]) -> list[tuple[Check, list[int]]]:
    """Checks that differ in nothing but the year, together with their years."""
    found: dict[tuple[object, ...], tuple[Check, list[int]]] = {}
    for check in checks:
        key = (check.rule, check.counting, check.value, check.limit, check.decides)
        found.setdefault(key, (check, []))[1].append(check.year)
    return list(found.values())


@dataclass(frozen=True)
class Tile:
    """A check beside the verdict, in short."""

    check: Check
    label: str
    number: str
    unit: str
    limit: str


def deciding(checks: Sequence[Check]) -> list[Tile]:
    """The tightest check of the MACs and that of the parameters' memory."""
    tiles = []
    for label, unit, size, letter, write in (
        ("MACs", "MACs", 1e6, "M", words.short),
        ("Parameter memory", "bytes", 1e3, "kB", words.kilobytes),
    ):
        worst = max((check for check in checks if check.decides and check.unit == unit), key=lambda check: check.share)
        number = f"{worst.value / size:.{2 if unit == 'MACs' else 1}f}"
        tiles.append(Tile(worst, label, number, letter, write(worst.limit)))
    return tiles


def over_in_file(checks: Sequence[Check]) -> list[Check]:
    """Counts of the file that would be over, though the rules' own counts are not."""
    broken = {check.rule for check in checks if check.decides and not check.passed}
    return [one for one, _ in rules(checks) if not one.decides and not one.passed and one.rule not in broken]


def hotspots(compliance: Compliance) -> list[tuple[str, str, Provenance, Hotspot]]:
    """The one operation that costs most, by each measure: words, unit, provenance."""
    return [
        (text, MEASURES[measure][0], ESTIMATED if measure == "peak activations" else MEASURED, operations[0])
        for measure, text in HOTSPOTS.items()
        if (operations := compliance.hotspots.get(measure))
    ]


def few_moments(report: Report) -> int | None:
    """Moments of the class that has fewest, where they are too few for an interval of one class drawn over them."""
    classes = {} if report.answered is None else report.answered.parts["class"]
    least = min((part.moments for part in classes.values()), default=FREEDOM + 1)
    return least if least - 1 < FREEDOM else None


def same_numbers(report: Report) -> list[Pair]:
    """Pairs of files that are held to give the same numbers: all but INT8 against float."""
    pairs = report.accuracy.pairs if report.accuracy is not None else []
    return [pair for pair in pairs if pair is not report.pair and pair.exact is not None]


@dataclass(frozen=True)
class Row:
    """One file beside the others."""

    name: str
    file: File
    whole: PartAccuracy | None
    timed: TimedVariant | None
    """In its default kernels on one thread."""
    same: DropInAccuracy | None
    over_float: Figure | None


def rows(report: Report) -> list[Row]:
    """Every file; what is not known of it is None."""
    accuracy, latency = report.accuracy, report.latency
    ratios = {one.variant.file: one.quotient for one in latency.ratios if not one.variant.way}
    found = []
    for name, file in report.model.files.items():
        answered = None if accuracy is None else accuracy.files.get(name)
        whole = None if answered is None else answered.whole
        same = None if accuracy is None else accuracy.drop_ins.get(name)
        found.append(Row(name, file, whole, latency.usual(name), same, ratios.get(name)))
    return found


def on_the_map(report: Report) -> Chart:
    """What stands on the picture of accuracy against multiply-accumulates."""
    model, macs = report.model, report.compliance.network.macs.value or 0
    own: list[Point] = []
    lines: dict[str, float] = {}
    title = model.files[model.primary].title
    for answered, name, kind in ((report.answered, title, "int8"), (report.twin, "float", "float")):
        if answered is not None:
            own.append(Point(name, macs, answered.whole.macro.value or 0.0, kind, MEASURED))
    # The last one: before it come the teachers that it may be the average of.
    teacher = next((entry for entry in reversed(report.lineage) if entry.stage == "teacher"), None)
    macro, cost = (None, None) if teacher is None else (teacher.macro.value, teacher.macs.value)
    if macro is not None and cost is not None and cost < RIGHT_END:
        own.append(Point("teacher", cost, macro, "third", QUOTED))
    elif macro is not None:
        lines[f"teacher{'' if cost is None else f', {words.short(cost)} MACs'}"] = macro
    at: dict[str, float] = {} if own else {title: macs}
    limit = max(check.limit for check in report.compliance.checks if check.unit == "MACs")
    published = [Point(system.name, system.macs, system.accuracy) for system in PUBLISHED]
    return Chart(own, published, lines, at, limit)


def end_to_end(report: Report) -> list[Stack]:
    """From the waveform to the answer, part by part, with the drop-in's time below."""
    found = []
    for file, timed in report.latency.end_to_end.items():
        title = report.model.files[file].title
        parts = {name.replace("_", "-"): part.value or 0.0 for name, part in timed.parts.items() if name != "whole"}
        whole = timed.parts["whole"].value  # one call of all, not the sum of the parts' medians
        found.append(Stack(f"{title} behind the front-end in NumPy", parts, words.milliseconds(whole)))
        if timed.drop_in_milliseconds is not None:
            time = timed.drop_in_milliseconds
            found.append(Stack(f"{title}, drop-in: the front-end inside", {"drop-in": time}, words.milliseconds(time)))
    return found


@dataclass(frozen=True, order=True)
class Slowest:
    """Where the primary file takes longest."""

    milliseconds: float
    board: str
    words: str
    provenance: Provenance
    source: str


def slowest(report: Report) -> Slowest | None:
    """Where the primary file takes longest on one thread.

    An estimate counts only for processors that nothing was measured on.
    """
    primary, known = report.model.primary, set()
    found: list[Slowest] = []
    for target in report.targets:
        for timed in target.latency:
            if timed.file == primary and timed.threads == 1:
                known.add(target.board.processor)
                source = f"{timed.runtime}, {timed.kernels}, {timed.runs} runs"
                found.append(
                    Slowest(timed.median.value or 0.0, target.board.name, "median, one thread", MEASURED, source)
                )
    for target in report.targets:
        for one in target.estimates:
            time = one.milliseconds.value
            if one.file == primary and time is not None and target.board.processor not in known:
                band = f"{words.span(one.milliseconds.interval)} ms, from counted instructions"
                found.append(Slowest(time, one.board, band, ESTIMATED, "; ".join(one.sources)))
    return max(found, default=None)


def estimates(report: Report) -> list[TargetEstimate]:
    return [one for target in report.targets for one in target.estimates if one.milliseconds.value is not None]


def sources(target: TargetResult) -> list[str]:
    """Where the constants of a target's estimates are from, each once."""
    return list(dict.fromkeys(source for one in target.estimates for source in one.sources))


def reasons(target: TargetResult) -> list[str]:
    """Why files of a target have no estimate, each once."""
    return list(dict.fromkeys(str(one.reason) for one in target.estimates if one.milliseconds.value is None))


def states(board: BoardState) -> list[tuple[str, str, str, str]]:
    """When, governor, clock and temperature of a board before, during and after, in words; empty if it is silent."""
    found = []
    for when, state in (("before", board.before), ("after", board.after)):
        if state is not None:
            clock, heat = words.gigahertz(state.frequency_hz), words.celsius(state.temperature_c)
            found.append((when, state.governor or words.NONE, clock, heat))
    if all(set(row[1:]) == {words.NONE} for row in found):
        return []
    if board.during is not None:
        clock = words.gigahertz(board.during.lowest_frequency_hz)
        heat = words.celsius(board.during.highest_temperature_c)
        found.insert(1, ("between", "", f"down to {clock}", f"up to {heat}"))
    return found


def throttled(board: BoardState) -> list[str]:
    """The firmware's word on power and heat, in sentences."""
    lines = []
    for when, state in (("before", board.before), ("after", board.after)):
        if state is not None and state.throttled is not None:
            now, since_boot = (
                listed(faults or ["nothing"]) for faults in (state.throttled.now, state.throttled.since_boot)
            )
            lines.append(f"Throttled {when}: {now}; since boot: {since_boot}.")
    return lines


def instructions(targets: Sequence[TargetResult], files: Mapping[str, File]) -> list[Stack]:
    """Of one inference, by class, for each file on each emulated target."""
    return [
        Stack(
            f"{files[entry.file].title}, {target.board.name}",
            {name.replace("_", " "): count for name, count in entry.classes.items()},
            words.short(entry.total.value),
        )
        for target in targets
        for entry in target.instructions
        if entry.file in files
    ]
