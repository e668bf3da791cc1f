"""Estimates of emulated boards made again from their counts, with what real boards beside them say of the cores.

A count stays right, an estimate is as old as its constants: a board that is measured later changes them.
"""

from collections.abc import Sequence
from typing import Any

from bench.boards.device.result import EMULATED
from bench.boards.estimate import refit
from bench.boards.estimate.calibration import Observation
from bench.boards.estimate.estimate import of_count
from bench.boards.targets import boards


def renewed(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same results of targets, the estimates of emulated boards renewed.

    What was not counted stays as it is, and so does a board that is not known here any more.
    """
    observed = refit.of(results).observations
    known = boards.known()
    return [_renewed(one, observed) if one["kind"] == EMULATED and one["target"] in known else one for one in results]


def _renewed(one: dict[str, Any], observed: Sequence[Observation]) -> dict[str, Any]:
    board = boards.load(one["target"])
    counts = {_what(counted): counted for counted in one["instructions"]}
    estimates = [
        {**entry, **of_count(counts[_what(entry)], board, observed).content()} if _what(entry) in counts else entry
        for entry in one["estimates"]
    ]
    return {**one, "estimates": estimates}


def _what(entry: dict[str, Any]) -> tuple[str, str, str, int]:
    return entry["file"], entry["runtime"], entry["kernels"], entry["threads"]
