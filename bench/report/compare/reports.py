"""Two whole reports: every change, a table of those that matter, and the worst.

What must never be lost: a year's limits that held, and files that gave the same numbers to the bit.
"""

from collections.abc import Sequence
from math import inf

from bench.report.compare.accuracy import accuracy
from bench.report.compare.change import IMPROVEMENT, NOT_COMPARED, REGRESSION, SAME, Change, Tolerance
from bench.report.compare.costs import costs
from bench.report.document import Report
from tinyasc.errors import UserError


def changes(old: Report, new: Report, tolerance: Tolerance) -> list[Change]:
    """What became of everything that two reports have in common.

    Files are told apart by their names, figures by their paths. When a number counts as worse is said beside each
    kind of it: `accuracy`, `costs`.
    """
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
    """For use in continuous integration.

    Raises:
        UserError: something has become worse; names the worst.
    """
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
