"""What must never be lost: a year's limits that held, and files that gave the same numbers to the bit."""

from math import inf
from typing import Any

from bench.report.compare.change import IMPROVEMENT, REGRESSION, SAME, Change


def promises(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """What became of limits and of bit-exactness; takes whole reports."""
    return [*_limits(old["verdict"], new["verdict"]), *_exactness(old, new)]


def _limits(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    changes = []
    for year, before in old["years"].items():
        if year in new["years"]:
            now = new["years"][year]["passed"]
            broken = "; ".join(one["text"] for one in new["over"] if int(year) in one["years"])
            text = "kept before and now" if now else f"broken before and now: {broken}"
            if before["passed"] != now:
                text = "broken before, kept now" if now else f"kept before, broken now: {broken}"
            changes.append(_change(f"limits of {year}", text, before["passed"], now))
    return changes


def _exactness(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Files that gave equal logits on every clip, and an export whose proof had none that differ."""
    changes = []
    pairs = [
        {(pair["first"], pair["second"]): pair for pair in (one["accuracy"] or {"pairs": []})["pairs"]}
        for one in (old, new)
    ]
    for names, before in pairs[0].items():
        after = pairs[1].get(names)
        if after is None or before["exact"] is None or after["exact"] is None:
            continue
        clips, identical = after["agreement"]["clips"], after["exact"]["identical"]
        was, now = before["exact"]["identical"] == before["agreement"]["clips"], identical == clips
        if was or now:
            text = f"the same logits on {identical:,} of {clips:,} clips"
            changes.append(_change(f"{names[0]} and {names[1]}: bit-equal", text, was, now))
    if old["parity"] is not None and new["parity"] is not None:
        before, after = (sum(one["differing"] for one in report["parity"]["agreements"]) for report in (old, new))
        text = f"{before:,} -> {after:,} logits differ from the program's"
        changes.append(_change("parity of the export", text, before == 0, after == 0))
    return changes


def _change(name: str, text: str, before: bool, now: bool) -> Change:
    if before == now:
        return Change(name, SAME, text)
    return Change(name, IMPROVEMENT if now else REGRESSION, text, inf)
