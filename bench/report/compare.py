"""Comparison of two whole reports: every change, a table of those that matter, and the worst.

A year's limits that held, and files that gave the same numbers to the bit, must never be lost. What is counted is the
same everywhere, also the instructions of an emulated board. What is timed, or depends on an allocator, is compared only
if both reports were made on one kind of processor by the same versions of the runtimes, with a tolerance for noise.
"""

from collections.abc import Sequence
from math import inf

from bench.measure.figure import QUOTED, Figure
from bench.report.changes import IMPROVEMENT, NOT_COMPARED, REGRESSION, SAME, Change, Tolerance, accuracy, apart, judged
from bench.report.document import Report
from tinyasc.errors import UserError
from tinyasc.machine import Machine


def changes(old: Report, new: Report, tolerance: Tolerance) -> list[Change]:
    """Compare everything that two reports have in common: files by name, figures by path."""
    return [
        *_files(old, new),
        *_limits(old, new),
        *_exactness(old, new),
        *accuracy(old, new, tolerance),
        *costs(old, new, tolerance),
    ]


def table(found: Sequence[Change]) -> str:
    """The changes that matter, the worst first, and how many numbers are as they were."""
    order = [REGRESSION, IMPROVEMENT, NOT_COMPARED]
    shown = sorted(
        (one for one in found if one.verdict != SAME), key=lambda one: (order.index(one.verdict), -one.weight)
    )
    width = max((len(one.name) for one in shown), default=0)
    lines = [f"{one.verdict:12}  {one.name:{width}}  {one.text}" for one in shown]
    same = sum(one.verdict == SAME for one in found)
    return "\n".join([*lines, f"{same} of {len(found)} are as they were, within tolerance or chance"])


def need_no_regression(found: Sequence[Change]) -> None:
    """Raise UserError, naming the worst, if something has become worse."""
    worse = [one for one in found if one.verdict == REGRESSION]
    if worse:
        worst = max(worse, key=lambda one: one.weight)
        count = f"{len(worse)} regressions, the worst" if len(worse) > 1 else "a regression"
        raise UserError(f"{count}: {worst.name}: {worst.text}")


def _files(old: Report, new: Report) -> list[Change]:
    before, after = old.model.files, new.model.files
    alone = [(name, "old") for name in before if name not in after]
    alone += [(name, "new") for name in after if name not in before]
    return [Change(name, NOT_COMPARED, f"in the {which} report alone") for name, which in alone]


def _limits(old: Report, new: Report) -> list[Change]:
    found = []
    for year, before in old.compliance.years.items():
        if year in new.compliance.years:
            now = new.compliance.years[year].passed
            broken = "; ".join(one.text for one in new.compliance.violations if year in one.years)
            text = "kept before and now" if now else f"broken before and now: {broken}"
            if before.passed != now:
                text = "broken before, kept now" if now else f"kept before, broken now: {broken}"
            found.append(_promise(f"limits of {year}", text, before.passed, now))
    return found


def _exactness(old: Report, new: Report) -> list[Change]:
    """Files that gave equal logits on every clip, and an export whose proof had none that differ."""
    found = []
    pairs = [
        {(pair.first, pair.second): pair for pair in (one.accuracy.pairs if one.accuracy is not None else [])}
        for one in (old, new)
    ]
    for names, before in pairs[0].items():
        after = pairs[1].get(names)
        if after is None or before.exact is None or after.exact is None:
            continue
        clips, identical = after.agreement.clips, after.exact.identical
        was, now = before.exact.identical == before.agreement.clips, identical == clips
        if was or now:
            text = f"the same logits on {identical:,} of {clips:,} clips"
            found.append(_promise(f"{names[0]} and {names[1]}: bit-equal", text, was, now))
    if old.parity is not None and new.parity is not None:
        before, after = (sum(one.differing for one in parity.agreements) for parity in (old.parity, new.parity))
        text = f"{before:,} -> {after:,} logits differ from the program's"
        found.append(_promise("parity of the export", text, before == 0, after == 0))
    return found


def _promise(name: str, text: str, before: bool, now: bool) -> Change:
    if before == now:
        return Change(name, SAME, text)
    return Change(name, IMPROVEMENT if now else REGRESSION, text, inf)


COUNTED = ("MACs", "parameters", "bytes", "count")
"""Units of what is counted."""
BESIDE = ("python", "numpy")
"""Versions that do not run the files."""


def costs(old: Report, new: Report, tolerance: Tolerance) -> list[Change]:
    """Compare every number more of which is worse."""
    figures = new.figures
    kinds = {path: kind for path, figure in old.figures.items() if (kind := _kind(figure, tolerance)) is not None}
    other = _other_machine(old.machine, new.machine)
    changes = []
    for path, (allowed, noisy) in kinds.items():
        before, after = old.figures[path], figures.get(path)
        if after is None or before.value is None or after.value is None or (noisy and other):
            continue
        unit, rise = before.unit, after.value - before.value
        text = f"{_number(before.value, unit)} -> {_number(after.value, unit)} {unit}"
        if before.value:
            text += f" ({100 * rise / before.value:+.1f} %)"
        beyond = not noisy or apart(before.interval, after.interval)
        changes.append(judged(path, text, rise, allowed * abs(before.value), beyond))
    if other and any(noisy and path in figures for path, (_, noisy) in kinds.items()):
        changes.append(Change("latency and memory of a process", NOT_COMPARED, f"other machine: {other}"))
    return changes


def _kind(figure: Figure, tolerance: Tolerance) -> tuple[float, bool] | None:
    """Tolerance of a figure as a share, and whether it is noisy; None: it is not compared here."""
    room, *_, last = figure.path.split("/")
    if figure.provenance == QUOTED and not figure.path.startswith("cost/network/"):
        return None  # of the runs before this one
    if room == "latency":
        # of a file in its default runtime on one thread: other ways of running it have longer paths
        return (tolerance.latency, True) if last == "median" and figure.path.count("/") == 3 else None
    if room == "memory" and last.startswith("resident"):
        return (tolerance.resident, True) if last == "resident_increment" else None
    if room == "target":
        return (tolerance.instructions, False) if last == "instructions" else None
    if room in ("cost", "size", "memory") and figure.unit in COUNTED:
        return tolerance.count, False
    return None


def _other_machine(old: Machine, new: Machine) -> str:
    """In what two machines differ, in words; nothing where they do not."""
    before, after = (
        {"cpu": one.cpu, "cores": one.cores, "flags": one.flags, "governor": one.governor}
        | {package: version for package, version in one.versions.items() if package not in BESIDE}
        for one in (old, new)
    )
    differing = [key for key in before | after if before.get(key) != after.get(key)]
    return ", ".join(f"{key} {before.get(key)} and {after.get(key)}" for key in differing)


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f}" if unit in (*COUNTED, "instructions") else f"{value:.3g}"
