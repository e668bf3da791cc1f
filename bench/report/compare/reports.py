"""Two whole reports: every change, a table of those that matter, and the worst."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.compare.accuracy import accuracy
from bench.report.compare.change import IMPROVEMENT, NOT_COMPARED, REGRESSION, SAME, Change, Tolerance
from bench.report.compare.costs import costs
from bench.report.compare.promises import promises
from tinyasc.errors import UserError


def changes(old: dict[str, Any], new: dict[str, Any], tolerance: Tolerance) -> list[Change]:
    """What became of everything that two reports (format 2, `bench.report.document.read`) have in common.

    Files are told apart by their names, figures by their paths. When a number counts as worse is said beside each
    kind of it: `accuracy`, `costs`, `promises`.

    Raises:
        UserError: a report lacks something that its format has.
    """
    try:
        return [
            *_files(old["subject"]["files"], new["subject"]["files"]),
            *promises(old, new),
            *accuracy(old, new, tolerance),
            *costs(old, new, tolerance),
        ]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(f"one of the reports is damaged ({error!r}): make it again with `make bench`") from error


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


def _files(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    alone = [(name, "old") for name in old if name not in new] + [(name, "new") for name in new if name not in old]
    return [Change(name, NOT_COMPARED, f"in the {which} report alone") for name, which in alone]
