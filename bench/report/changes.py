"""Changes of one number of two reports: tolerances, and whether files answer worse than they did.

All clips together: the same moments are drawn for the old and the new file (`bench.measure.accuracy.pairs`). A
difference whose 95 % interval leaves out 0 is more than the choice of test clips explains; what another seed of the
training would have given is not asked.

A class, device, group or city: there are some thirty, and a paired test of each at 95 % would raise a false alarm in
most comparisons. So their intervals must lie apart altogether, which on the same clips is a much stricter demand. Parts
of so few moments that their intervals say little are left out.

Where all clips have no interval (a class was recorded at one moment alone), the tolerance alone decides. On other data
nothing is compared.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf, nan

from bench.measure.accuracy.findings import Accuracy
from bench.measure.accuracy.pairs import FREEDOM, ClusterSums, difference
from bench.measure.figure import Figure
from bench.report.document import Report
from tinyasc.errors import UserError

REGRESSION, IMPROVEMENT, SAME, NOT_COMPARED = "regression", "improvement", "same", "not compared"


@dataclass(frozen=True)
class Tolerance:
    """How much worse a number may be and still pass. A number that is better by as much counts as better."""

    accuracy: float = 0.005
    """Macro accuracy of all clips, a fraction: 0.005 are half a point."""
    log_loss: float = 0.02
    """Of all clips, nats."""
    part_accuracy: float = 0.02
    """Macro accuracy of one class, device, group of devices or city, a fraction."""
    part_log_loss: float = 0.08
    """Of one class, device, group of devices or city, nats."""
    count: float = 0.001
    """MACs, parameters, bytes of files and of activations: share of the old number."""
    instructions: float = 0.01
    """Instructions of an inference on an emulated board: share of the old number. Equal ones repeat to 0.02 %."""
    latency: float = 0.25
    """Median time of an inference: share of the old number. The same files were a fifth apart in six measurements on
    two cores that six processes wanted."""
    resident: float = 0.25
    """Growth of a process, which a runtime's allocator decides as much as the model: share of the old number."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < inf:
                raise UserError(f"tolerance.{name} is {value:g}: take 0 or more")


DEFAULT = Tolerance()


@dataclass(frozen=True)
class Change:
    """What became of one number, or of one promise."""

    name: str
    verdict: str
    """REGRESSION, IMPROVEMENT, SAME or NOT_COMPARED."""
    text: str
    weight: float = 0.0
    """How many tolerances it moved; infinite for a promise that is broken."""


def judged(name: str, text: str, worse: float, tolerance: float, beyond_chance: bool) -> Change:
    """The change of a number that has become worse by `worse`, in the number's unit; negative: better.

    `beyond_chance`: whether chance is ruled out; within the tolerance it does not matter.
    """
    verdict = SAME
    if abs(worse) > tolerance and beyond_chance:
        verdict = REGRESSION if worse > 0 else IMPROVEMENT
    return Change(name, verdict, text, abs(worse) / tolerance if tolerance else inf)


def apart(first: Sequence[float] | None, second: Sequence[float] | None) -> bool:
    """Whether two intervals do not overlap; also where one is not known, so that nothing speaks for chance."""
    return first is None or second is None or first[1] < second[0] or second[1] < first[0]


def accuracy(old: Report, new: Report, tolerance: Tolerance) -> list[Change]:
    """What became of every file that both reports have let answer."""
    first, second = old.accuracy, new.accuracy
    if first is None or second is None or old.data is None or new.data is None:
        which = [name for name, found in (("old", first), ("new", second)) if found is None]
        return [Change("accuracy", NOT_COMPARED, f"not measured in the {' and the '.join(which)} report")]
    if old.data.checksum != new.data.checksum:
        files = f"{old.data.file} and {new.data.file}"
        return [Change("accuracy", NOT_COMPARED, f"other test data ({files} have other checksums)")]
    if (first.sums.label, first.sums.clips) != (second.sums.label, second.sums.clips):
        return [Change("accuracy", NOT_COMPARED, "the reports sum over other moments: make both with one version")]
    changes = []
    for file in first.files:
        if file in second.files:
            changes += _whole(file, first.sums, second.sums, tolerance)
            changes += _parts(file, first, second, tolerance)
    return changes + _drop_ins(first, second, tolerance)


def _whole(file: str, old: ClusterSums, new: ClusterSums, tolerance: Tolerance) -> list[Change]:
    gap, before, after = difference(new, file, old, file), old.whole(file), new.whole(file)
    points = None if gap.macro_interval is None else tuple(100 * end for end in gap.macro_interval)
    macro = f"{100 * before[0]:.1f} % -> {100 * after[0]:.1f} %, {_between(points, 'points', 1)}"
    loss = f"{before[1]:.3f} -> {after[1]:.3f}, {_between(gap.log_loss_interval, 'nats', 3)}"
    zero = (0.0, 0.0)
    return [
        judged(f"{file}: macro accuracy", macro, -gap.macro, tolerance.accuracy, apart(gap.macro_interval, zero)),
        judged(f"{file}: log loss", loss, gap.log_loss, tolerance.log_loss, apart(gap.log_loss_interval, zero)),
    ]


def _parts(file: str, old: Accuracy, new: Accuracy, tolerance: Tolerance) -> list[Change]:
    changes, few = [], 0
    for kind, parts in old.files[file].parts.items():
        classes = 1 if kind == "class" else len(old.labels)
        for name, before in parts.items():
            after = new.files[file].parts.get(kind, {}).get(name)
            if after is None:
                continue
            if None in (before.macro.interval, after.macro.interval) or before.moments - classes < FREEDOM:
                few += 1
                continue
            place, lost = f"{file}: {kind} {name}", _rise(after.macro, before.macro)
            text = f"{100 * _number(before.macro):.1f} % -> {100 * _number(after.macro):.1f} %"
            beyond = apart(before.macro.interval, after.macro.interval)
            changes.append(judged(f"{place}, accuracy", text, lost, tolerance.part_accuracy, beyond))
            text = f"{_number(before.log_loss):.3f} -> {_number(after.log_loss):.3f}"
            rise = _rise(before.log_loss, after.log_loss)
            beyond = apart(before.log_loss.interval, after.log_loss.interval)
            changes.append(judged(f"{place}, log loss", text, rise, tolerance.part_log_loss, beyond))
    if few:
        text = f"{few} of its classes, devices, groups and cities have too few to tell a change from chance"
        changes.append(Change(f"{file}: parts of few moments", NOT_COMPARED, text))
    return changes


def _drop_ins(old: Accuracy, new: Accuracy, tolerance: Tolerance) -> list[Change]:
    """Drop-ins are held to the answers of their own networks: what they lose is no chance."""
    changes = []
    for file, drop_in in old.drop_ins.items():
        if file in new.drop_ins:
            before, after = _number(drop_in.same_answers), _number(new.drop_ins[file].same_answers)
            text = f"{100 * before:.1f} % -> {100 * after:.1f} % of its network's answers"
            path = drop_in.same_answers.path
            changes.append(judged(path, text, before - after, tolerance.accuracy, beyond_chance=True))
    return changes


def _number(figure: Figure) -> float:
    return nan if figure.value is None else figure.value


def _rise(before: Figure, after: Figure) -> float:
    return _number(after) - _number(before)


def _between(interval: Sequence[float] | None, unit: str, digits: int) -> str:
    if interval is None:
        return "no interval: a class has one moment alone"
    return f"95 % interval of the difference {interval[0]:+.{digits}f} to {interval[1]:+.{digits}f} {unit}"
