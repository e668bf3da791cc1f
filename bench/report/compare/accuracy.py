"""Whether files answer worse than they did.

All clips together: both reports keep right answers and losses by moment, so on one data set the same moments are drawn
for the old and the new file (`bench.measure.accuracy.moments`). What is hard for both cancels out. A difference whose 95 %
interval leaves out 0 is more than the choice of test clips explains; what another seed of the training would have given
is not asked.

A class, device, group or city: there are some thirty, and a paired test of each at 95 % would raise a false alarm in
most comparisons. So their intervals must lie apart altogether, which on the same clips is a much stricter demand. Parts
of so few moments that their intervals say little are left out.

Where all clips have no interval (a class was recorded at one moment alone), the tolerance alone decides. On other data
nothing is compared: another test split is another question, and a difference no news of the model.
"""

from typing import Any

import numpy as np

from bench.measure.accuracy.moments import FREEDOM, Moments, difference
from bench.report.compare.change import NOT_COMPARED, Change, Tolerance, apart, judged


def accuracy(old: dict[str, Any], new: dict[str, Any], tolerance: Tolerance) -> list[Change]:
    """What became of every file that both reports have let answer; takes whole reports."""
    first, second = old["accuracy"], new["accuracy"]
    if first is None or second is None:
        which = [name for name, found in (("old", first), ("new", second)) if found is None]
        return [Change("accuracy", NOT_COMPARED, f"not measured in the {' and the '.join(which)} report")]
    if old["data"]["checksum"] != new["data"]["checksum"]:
        files = f"{old['data']['file']} and {new['data']['file']}"
        return [Change("accuracy", NOT_COMPARED, f"other test data ({files} have other checksums)")]
    before, after = Moments.from_content(first["moments"]), Moments.from_content(second["moments"])
    if not (np.array_equal(before.label, after.label) and np.array_equal(before.clips, after.clips)):
        return [Change("accuracy", NOT_COMPARED, "the reports sum over other moments: make both with one version")]
    changes = []
    for file in first["files"]:
        if file in second["files"]:
            changes += _whole(file, before, after, tolerance)
            changes += _parts(file, first, second, tolerance)
    return changes + _drop_ins(old["figures"], new["figures"], tolerance)


def _whole(file: str, old: Moments, new: Moments, tolerance: Tolerance) -> list[Change]:
    gap = difference(new, file, old, file)
    before, after = old.whole(file), new.whole(file)
    low, high = gap.macro_interval or (np.nan, np.nan)
    text = f"{100 * before[0]:.1f} % -> {100 * after[0]:.1f} %, {_between(100 * low, 100 * high, 'points', 1)}"
    chance = gap.macro_interval is not None and low <= 0 <= high
    changes = [judged(f"{file}: macro accuracy", text, -gap.macro, tolerance.accuracy, not chance)]
    low, high = gap.log_loss_interval or (np.nan, np.nan)
    text = f"{before[1]:.3f} -> {after[1]:.3f}, {_between(low, high, 'nats', 3)}"
    chance = gap.log_loss_interval is not None and low <= 0 <= high
    return [*changes, judged(f"{file}: log loss", text, gap.log_loss, tolerance.log_loss, not chance)]


def _parts(file: str, old: dict[str, Any], new: dict[str, Any], tolerance: Tolerance) -> list[Change]:
    changes, few = [], 0
    for kind, parts in old["files"][file]["parts"].items():
        classes = 1 if kind == "class" else len(old["labels"])
        for name, before in parts.items():
            after = new["files"][file]["parts"][kind].get(name)
            if after is None:
                continue
            if None in (before["interval"], after["interval"]) or before["moments"] - classes < FREEDOM:
                few += 1
                continue
            place, lost = f"{file}: {kind} {name}", before["macro"] - after["macro"]
            text = f"{100 * before['macro']:.1f} % -> {100 * after['macro']:.1f} %"
            beyond = apart(before["interval"], after["interval"])
            changes.append(judged(f"{place}, accuracy", text, lost, tolerance.part_accuracy, beyond))
            text, rise = f"{before['log_loss']:.3f} -> {after['log_loss']:.3f}", after["log_loss"] - before["log_loss"]
            beyond = apart(before["log_loss_interval"], after["log_loss_interval"])
            changes.append(judged(f"{place}, log loss", text, rise, tolerance.part_log_loss, beyond))
    if few:
        text = f"{few} of its classes, devices, groups and cities have too few to tell a change from chance"
        changes.append(Change(f"{file}: parts of few moments", NOT_COMPARED, text))
    return changes


def _drop_ins(old: dict[str, Any], new: dict[str, Any], tolerance: Tolerance) -> list[Change]:
    """Drop-ins are held to the answers of their own networks: what they lose is theirs, and no chance."""
    changes = []
    for path in old:
        if path.endswith("/same_answers") and path in new:
            before, after = old[path]["value"], new[path]["value"]
            text = f"{100 * before:.1f} % -> {100 * after:.1f} % of its network's answers"
            changes.append(judged(path, text, before - after, tolerance.accuracy, beyond_chance=True))
    return changes


def _between(low: float, high: float, unit: str, digits: int) -> str:
    if np.isnan(low):
        return "no interval: a class has one moment alone"
    return f"95 % interval of the difference {low:+.{digits}f} to {high:+.{digits}f} {unit}"
