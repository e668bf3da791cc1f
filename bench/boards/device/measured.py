"""What the runner brought back from a device, made into the result of a target."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.boards.device import clock, equality, result, runner
from bench.boards.device.bundle import Bundle
from bench.boards.targets import boards
from tinyasc.artifact import command_line
from tinyasc.bootstrap import Interval, interval
from tinyasc.errors import UserError

DRAWS = 2000
FIXED_CLOCK = "performance"
"""The governor that keeps the highest clock."""
BUSY = 0.5
"""Processes that wanted a core before the measurement began: above it, others shared the machine."""


def target_result(
    folder: Path,
    bundle: Bundle,
    target: str,
    integer: Mapping[str, bool],
    *,
    clock_offset_seconds: float | None = None,
    warnings: Collection[str] = (),
) -> dict[str, Any]:
    """The result of a device, checked.

    Args:
        folder: what the runner wrote: measured.json and the outputs.
        bundle: what it ran.
        target: name of the device.
        integer: file -> whether its network computes in integers.
        clock_offset_seconds: this machine's time of day minus the device's.
        warnings: what is known already that a reader must know.

    Raises:
        UserError: the runner wrote something else, or about other files.
    """
    try:
        measured = json.loads((folder / "measured.json").read_text())
        found = measured["format"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{target} sent no measurement: {error!r}") from None
    if found != runner.FORMAT:
        raise UserError(f"{target} sent a measurement of format {found}, this version reads {runner.FORMAT}")
    comparisons, disagreements = _equality(measured["models"], folder, bundle, integer)
    content = {
        "format": result.FORMAT,
        "target": target,
        "kind": result.DEVICE,
        "board": {**_board(measured), "clock_offset_seconds": clock_offset_seconds},
        # Not now: what an earlier call began, or left there, is fetched by a later one.
        "made": datetime.fromtimestamp(measured["ended"] + (clock_offset_seconds or 0), UTC).isoformat(
            timespec="seconds"
        ),
        "command": command_line(),
        "models": {entry["file"]: entry["sha256"] for entry in measured["models"]},
        "latency": [_latency(entry, bundle) for entry in measured["models"]],
        "equality": comparisons,
        "instructions": [],
        "estimates": [],
        "phases": measured["phases"],
        "warnings": [*warnings, *_warnings(measured), *disagreements],
    }
    result.check(content, f"what {target} sent")
    return content


def _board(measured: Mapping[str, Any]) -> dict[str, Any]:
    machine = measured["machine"]
    runtimes = dict(entry["runtime"].split(" ", 1) for entry in measured["models"])
    return {
        "name": machine["board"] or machine["cpu"] or machine["architecture"],
        "processor": _processor(machine["core_kinds"]),
        "cores": machine["cores"],
        "architecture": machine["architecture"],
        "bits": machine["bits"],
        "clock_hz": machine["maximum_frequency_hz"],
        "features": machine["features"],
        "memory_bytes": machine["memory_bytes"],
        "system": machine["system"],
        "kernel": machine["kernel"],
        "runtimes": {"python": measured["python"], "numpy": measured["numpy"], **runtimes},
        "before": measured["before"],
        "after": measured["after"],
        "during": measured["during"],
        "peak_rss_bytes": measured["peak_rss_bytes"],
    }


def _processor(kinds: Collection[Mapping[str, str]]) -> str | None:
    """Arm's name of the cores, where they are all of one kind and that of a board of `bench.boards.targets`."""
    known = {(board.core.implementer, board.core.part): board.processor for board in map(boards.load, boards.known())}
    names = {known.get((kind.get("implementer", ""), kind.get("part", ""))) for kind in kinds}
    return names.pop() if len(names) == 1 else None


def _configuration(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("file", "runtime", "kernels", "threads")}


def _latency(entry: Mapping[str, Any], bundle: Bundle) -> dict[str, Any]:
    times = np.array(entry["milliseconds"])
    blocks = times.reshape(-1, bundle.settings.block)
    return {
        **_configuration(entry),
        "runs": len(times),
        "warm_up": bundle.settings.warm_up,
        "median": float(np.median(times)),
        "interval": list(median_interval(blocks)),
        "p95": float(np.quantile(times, 0.95)),
        "p99": float(np.quantile(times, 0.99)),
        "load": entry["load_ms"],
        "first": entry["first_ms"],
        "resident_growth_bytes": entry["resident_growth_bytes"],
    }


def median_interval(blocks: np.ndarray) -> Interval:
    """95 % for the median of all runs: (blocks, runs a block), at least two blocks.

    Runs of one block share the moment: whole blocks are drawn, as moments would come anew (percentile bootstrap). Of n
    blocks a draw varies by (n - 1) / n of what it should, so draws are spread by sqrt(n / (n - 1)), as
    `bench.measure.accuracy.moments` does. Simulated, blocks of one moment each: of 20 it holds the true median in 92 to 93 of
    100 cases, of 10 in 88 to 94. Moments longer than a block make it too narrow, as they would any interval.
    """
    count, median = len(blocks), np.median(blocks)
    drawn = np.random.default_rng(0).integers(count, size=(DRAWS, count))
    medians = np.median(blocks[drawn].reshape(DRAWS, -1), axis=1)
    return interval(median + np.sqrt(count / (count - 1)) * (medians - median))


def _equality(
    entries: Collection[Mapping[str, Any]], folder: Path, bundle: Bundle, integer: Mapping[str, bool]
) -> tuple[list[dict[str, Any]], list[str]]:
    expected: dict[tuple[str, str], equality.Reference] = {}
    found, warnings = [], []
    for entry in entries:
        file, kernels = entry["file"], entry["kernels"]
        if (file, kernels) not in expected:
            expected[file, kernels] = equality.reference(bundle.folder / file, kernels, bundle.inputs(file))
        theirs, here = np.load(folder / entry["outputs"], allow_pickle=False), expected[file, kernels]
        one, said = equality.compare(_configuration(entry), here, theirs, integer[file])
        found += one
        warnings += said
        if entry["runtime"] not in here.name:
            warnings.append(f"{file} ran in {entry['runtime']} there and in {here.name} here.")
    return found, list(dict.fromkeys(warnings))


def _warnings(measured: Mapping[str, Any]) -> list[str]:
    before, after = measured["before"], measured["after"]
    found = [f"{one['file']} was not run: {one['reason']}." for one in measured["skipped"]]
    if before["governor"] not in (None, FIXED_CLOCK):
        found.append(
            f"The clock governor is {before['governor']}: for steadier times, "
            "`echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor`."
        )
    if before["load"] > BUSY:
        found.append(f"Others kept the machine busy: a load of {before['load']:.2f} before the first run.")
    for when, state in (("Before", before), ("After", after)):
        if state["throttled"] and state["throttled"]["now"]:
            found.append(f"{when} the measurement the firmware reports: {', '.join(state['throttled']['now'])}.")
    if during := clock.new(before["throttled"] or {}, after["throttled"] or {}):
        found.append(f"During the measurement the firmware reported: {', '.join(during)}. Times are too long.")
    reason = clock.unsteady(measured)
    if reason is not None and _processor(measured["machine"]["core_kinds"]) is not None:  # else there are no estimates
        found.append(f"No estimate is refitted by these times: {reason}.")
    return found
