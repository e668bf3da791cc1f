"""Observations on real boards: times of `--target ssh:...` joined with counts of the same files in emulation.

A time and a count belong together when file (sha256), kernel family and processor are the same. Times are of one
thread, so nothing is assumed of how threads scale, and the clock is the lowest that the board was seen at meanwhile.
"""

from pathlib import Path

from bench.device import result
from bench.estimate.calibration import KERNELS, Observation
from bench.figure import MEASURED
from tinyasc.errors import UserError


def observations(folder: Path) -> list[Observation]:
    """Of every pair of results in a folder (*.json).

    Raises:
        UserError: no such folder, or a file in it that is not the result of a target.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: put the results of targets there, device and emulated")
    results = [result.read(path) for path in sorted(folder.glob("*.json"))]
    counts = {
        (one["models"][counted["file"]], counted["kernels"], counted["processor"]): counted
        for one in results
        for counted in one["instructions"]
        if counted["integer"] and counted["kernels"] == KERNELS
    }
    found = []
    for one in results:
        board = one["board"]
        clock = (board.get("during") or {}).get("lowest_frequency_hz") or board.get("clock_hz")
        for timed in one["latency"]:
            counted = counts.get((one["models"][timed["file"]], timed["kernels"], board["processor"]))
            if counted is not None and clock is not None and timed["threads"] == 1:
                source = f"{timed['file']} measured on {board['name']} ({one['target']}, {one['made']})"
                found.append(
                    Observation(
                        one["models"][timed["file"]][:12],
                        board["processor"],
                        counted["total"],
                        timed["median"],
                        clock,
                        1,
                        MEASURED,
                        source,
                    )
                )
    return found
