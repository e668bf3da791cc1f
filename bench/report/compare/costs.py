"""Whether files became larger, heavier or slower, by the figures that two reports have in common.

What is counted is the same everywhere, also the instructions of an emulated board, which tell a slower file or runtime
from a busy machine. What is timed, or depends on an allocator, is compared only if both reports
were made on one kind of processor by the same versions of the runtimes, and then with a tolerance for noise.
"""

from bench.measure.figure import QUOTED, Figure
from bench.report.compare.change import NOT_COMPARED, Change, Tolerance, apart, judged
from bench.report.document import Report
from tinyasc.machine import Machine

COUNTED = ("MACs", "parameters", "bytes", "count")
"""Units of what is counted."""
BESIDE = ("python", "numpy")
"""Versions that do not run the files."""


def costs(old: Report, new: Report, tolerance: Tolerance) -> list[Change]:
    """What became of every number, more of which is worse."""
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
