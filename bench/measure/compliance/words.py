"""The verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.measure.compliance.checks import Check
from bench.measure.compliance.dearest import Dear


@dataclass(frozen=True)
class Broken:
    """One rule that is broken, alike in some years."""

    rule: str
    years: list[int]
    over: int
    """How far above the limit, in the rule's unit."""
    share: float | None
    """Value / limit; None: the limit is 0."""
    text: str


def fits(passed: Mapping[int, bool], uncounted: str = "") -> str:
    """What comes behind "the model": fits or breaks which years' limits.

    Args:
        passed: by year in ascending order.
        uncounted: operations that are missing from the MACs, in words; "": none.
    """
    if uncounted and any(passed.values()):
        return f"{fits(passed)} as far as it was counted: its MACs are a lower bound without {uncounted}"
    kept, failed = [year for year, ok in passed.items() if ok], [year for year, ok in passed.items() if not ok]
    if not failed:
        return f"fits the DCASE Task 1 limits of every year from {kept[0]} to {kept[-1]}"
    if kept:
        return f"fits the DCASE Task 1 limits of {listed(kept)} but breaks those of {listed(failed)}"
    return f"breaks the DCASE Task 1 limits of every year from {failed[0]} to {failed[-1]}"


def broken(checks: Sequence[Check], dearest: Mapping[str, Sequence[Dear]]) -> list[Broken]:
    """Each broken rule once, with the operation that takes most of it in the file.

    Args:
        checks: of every year.
        dearest: operations by rule, the dearest first.
    """
    years: dict[tuple[str, str, int, int], list[int]] = {}
    for check in checks:
        if check.decides and not check.passed:
            years.setdefault((check.rule, check.unit, check.value, check.limit), []).append(check.year)
    return [
        Broken(
            rule, those, value - limit, value / limit if limit else None, _text(rule, unit, value, limit, dearest[rule])
        )
        for (rule, unit, value, limit), those in years.items()
    ]


def _text(rule: str, unit: str, value: int, limit: int, dearest: Sequence[Dear]) -> str:
    """MACs over by 1,200,000 (4.0 %); CONV_2D blocks.3.expand takes 31 % of those in the file."""
    over = f"{value - limit:,}" + (f" {unit}" if unit != rule else "")
    text = f"{rule} over by {over} ({100 * (value / limit - 1):.1f} %)" if limit else f"{value:,} {rule}"
    if not dearest:
        return text
    most = dearest[0]
    return f"{text}; {most.operation} {most.name} takes {100 * most.share:.0f} % of those in the file"


def listed(words: Sequence[object]) -> str:
    """[2022, 2023, 2025] -> 2022, 2023 and 2025."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last
