"""The verdict: checks as rows and tiles, what is over, and which operation costs most."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure.figure import ESTIMATED, MEASURED
from bench.report import words

Content = Mapping[str, Any]
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
    """The tightest check of the MACs and that of the parameters' memory, each with a label, number, unit and limit."""
    tiles = []
    for label, unit, size, letter, write in (
        ("MACs", "MACs", 1e6, "M", words.short),
        ("Parameter memory", "bytes", 1e3, "kB", words.kilobytes),
    ):
        found = [check for check in checks if check["decides"] and check["unit"] == unit]
        worst = max(found, key=lambda check: check["share"])
        number, limit = f"{worst['value'] / size:.{2 if unit == 'MACs' else 1}f}", write(worst["limit"])
        tiles.append({**worst, "label": label, "number": number, "unit": letter, "limit": limit})
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
