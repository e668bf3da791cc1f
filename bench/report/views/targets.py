"""Targets, emulated and real: what is estimated for them, what their clocks did, what was counted on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure.compliance.words import listed
from bench.measure.figure import ESTIMATED, MEASURED
from bench.report import words
from bench.report.plots.stacked import Stack

Content = Mapping[str, Any]


def slowest(content: Content) -> dict[str, Any] | None:
    """Where the headline file takes longest on one thread: value, board, words, how, source.

    An estimate counts only for processors that nothing was measured on.
    """
    headline, found, known = content["subject"]["headline"], [], set()
    for target in content["targets"]:
        for one in target["latency"]:
            if one["file"] == headline and one["threads"] == 1:
                known.add(target["board"]["processor"])
                source = f"{one['runtime']}, {one['kernels']}, {one['runs']} runs"
                found.append((one["median"], target["board"]["name"], "median, one thread", MEASURED, source))
    for target in content["targets"]:
        for one in target["estimates"]:
            if (
                one["file"] == headline
                and one["milliseconds"] is not None
                and target["board"]["processor"] not in known
            ):
                band = f"{words.span((one['low'], one['high']))} ms, from counted instructions"
                found.append((one["milliseconds"], one["board"], band, ESTIMATED, "; ".join(one["sources"])))
    if not found:
        return None
    return dict(zip(("value", "board", "words", "how", "source"), max(found), strict=True))


def estimates(content: Content) -> list[Content]:
    """Every estimate that has a number."""
    return [one for target in content["targets"] for one in target["estimates"] if one["milliseconds"] is not None]


def sources(target: Content) -> list[str]:
    """Where the constants of a target's estimates are from, each once."""
    return list(dict.fromkeys(source for one in target["estimates"] for source in one.get("sources", [])))


def reasons(target: Content) -> list[str]:
    """Why files of a target have no estimate, each once."""
    return list(dict.fromkeys(one["reason"] for one in target["estimates"] if one["milliseconds"] is None))


def states(board: Content) -> list[dict[str, str]]:
    """What a board's clocks did before, during and after: when, governor, clock, temperature; empty if it is silent."""
    rows = []
    for when in ("before", "after"):
        if state := board.get(when):
            clock, heat = words.gigahertz(state.get("frequency_hz")), words.celsius(state.get("temperature_c"))
            governor = state.get("governor") or words.NONE
            rows.append({"when": when, "governor": governor, "clock": clock, "temperature": heat})
    if all({row["governor"], row["clock"], row["temperature"]} == {words.NONE} for row in rows):
        return []
    if during := board.get("during"):
        clock = words.gigahertz(during.get("lowest_frequency_hz"))
        heat = words.celsius(during.get("highest_temperature_c"))
        between = {"when": "between", "governor": "", "clock": f"down to {clock}", "temperature": f"up to {heat}"}
        rows.insert(1, between)
    return rows


def throttled(board: Content) -> list[str]:
    """The firmware's word on power and heat, in sentences."""
    lines = []
    for when in ("before", "after"):
        if found := (board.get(when) or {}).get("throttled"):
            now, since_boot = (listed(found.get(key) or ["nothing"]) for key in ("now", "since_boot"))
            lines.append(f"Throttled {when}: {now}; since boot: {since_boot}.")
    return lines


def instructions(targets: Sequence[Content], files: Content) -> list[Stack]:
    """Of one inference, by class, for each file on each emulated target."""
    return [
        Stack(
            f"{files[entry['file']]['title']}, {target['board']['name']}",
            {name.replace("_", " "): count for name, count in entry["classes"].items()},
            words.short(entry["total"]),
        )
        for target in targets
        for entry in target["instructions"]
        if entry["file"] in files
    ]
