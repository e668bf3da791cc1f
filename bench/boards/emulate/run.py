"""Runs model files on an emulated board: their answers against this machine's, and their instructions."""

import json
import os
import signal
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.boards.device import bundle, equality, result
from bench.boards.device.bundle import Settings
from bench.boards.emulate import count
from bench.boards.emulate.count import Counts
from bench.boards.emulate.emulator import Emulator
from bench.boards.estimate.estimate import Estimate, of_count
from bench.boards.targets.boards import Board
from bench.measure import process
from tinyasc import machine
from tinyasc.artifact import command_line
from tinyasc.errors import UserError

SETTINGS = Settings(mode=bundle.COUNT, threads=(1,), warm_up=2, runs=5)
"""Equal inferences are counted and held against each other."""
PATIENCE_SECONDS = 120 * process.MINUTE
"""A minute is usual; a large network on a slow machine takes longer."""
NO_TIME = "Emulated: answers and instructions are this processor's, but an emulator's time is no latency."

Finding = dict[str, Any]
"""What was found of one file: sha256, versions, and entries of the parts of a result under their names."""


@dataclass(frozen=True)
class Case:
    """A file that is to run."""

    file: str
    """Its name in the result."""
    path: Path
    """.tflite or .onnx."""
    integer: bool
    """Whether its network computes in integers."""
    raw: np.ndarray
    """(n, *input shape)."""


def emulate(emulator: Emulator, board: Board, cases: Sequence[Case]) -> dict[str, Any]:
    """Run files on a board and say what was found, as `bench.boards.device.result` has it.

    Files run side by side, one a core of this machine, as no time is measured. A file that does not run there is a
    finding too, and stands among the warnings. Estimates stand on published times; `bench.boards.estimate.renew` makes
    them again where boards of one's own were measured.

    Args:
        emulator: ready.
        board: which one.
        cases: the files, with one input and one output each.

    Raises:
        UserError: no file runs there.
    """

    def one(case: Case) -> Finding:
        try:
            return _judge(emulator, board, case)
        except UserError as error:
            return {"warnings": [f"{error}."]}

    with ThreadPoolExecutor(machine.usable_cores()) as pool:
        try:
            progress = tqdm(pool.map(one, cases), desc=f"emulated {board.key}", unit="file", total=len(cases))
            found = dict(zip([case.file for case in cases], progress, strict=True))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            process.end_all()
            raise
    ran = {file: finding for file, finding in found.items() if "sha256" in finding}
    warnings = [warning for finding in found.values() for warning in finding["warnings"]]
    if not ran:
        raise UserError(f"no file runs on an emulated {board.name}: {warnings[0]}")
    about_counts = f"Instructions are not counted: {emulator.no_counter}." if emulator.no_counter else count.CALL
    content = {
        "format": result.FORMAT,
        "target": board.key,
        "kind": result.EMULATED,
        "board": {
            "name": board.name,
            "processor": board.processor,
            "cores": board.cores,
            "architecture": "aarch64",
            "bits": 64,
            "clock_hz": board.clock_hz,
            "features": board.core.features,
            "system": emulator.qemu,
            "runtimes": {name: version for finding in ran.values() for name, version in finding["runtimes"].items()},
        },
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "models": {file: finding["sha256"] for file, finding in ran.items()},
        "latency": [],
        **{
            part: [entry for finding in ran.values() for entry in finding[part]]
            for part in ("equality", "instructions", "estimates")
        },
        "phases": [],
        "warnings": [NO_TIME, about_counts, *warnings],
    }
    result.check(content, f"the result of {board.key}")
    return content


def _judge(emulator: Emulator, board: Board, case: Case) -> Finding:
    with tempfile.TemporaryDirectory(prefix="tinyasc-emulated-") as folder:
        measured, outputs, regions = _run(emulator, board, case, Path(folder))
    (entry,) = measured["models"]
    configuration = {key: entry[key] for key in ("file", "runtime", "kernels", "threads")}
    runtime, version = entry["runtime"].split()
    expected = equality.reference(case.path, entry["kernels"], case.raw)
    compared, warnings = equality.compare(configuration, expected, outputs, case.integer)
    instructions = _instructions(regions, configuration, board, case.integer, warnings)
    estimated = _estimate(instructions, board, emulator.no_counter)
    return {
        "sha256": entry["sha256"],
        "runtimes": {"python": measured["python"], "numpy": measured["numpy"], runtime: version},
        "equality": compared,
        "instructions": instructions,
        "estimates": [{**configuration, **estimated.content()}],
        "warnings": warnings,
    }


def _run(emulator: Emulator, board: Board, case: Case, folder: Path) -> tuple[dict[str, Any], np.ndarray, list[Counts]]:
    """What the runner measured, the outputs (n, ...), and the counted regions."""
    work, out, counts = folder / "bundle", folder / "out", folder / "counts.txt"
    bundle.write(work, {case.file: case.path}, {case.file: case.raw}, SETTINGS)
    counting = {} if emulator.counter is None else count.environment(emulator.counter, counts)
    ran = process.run(
        [emulator.pythons[board.key], work / bundle.RUNNER.name, work, out],
        f"{case.file} on an emulated {board.name}",
        seconds=PATIENCE_SECONDS,
        environment={**os.environ, **counting},
    )
    if ran.returncode != 0:
        raise UserError(f"{case.file} does not run on an emulated {board.name}: {_reason(ran)}")
    measured = json.loads((out / "measured.json").read_text())
    outputs = np.load(out / measured["models"][0]["outputs"], allow_pickle=False)
    if not counting:
        return measured, outputs, []
    regions = count.read(counts.read_text() if counts.is_file() else "")
    if len(regions) != SETTINGS.runs:  # something else in the process calls getpriority
        raise UserError(f"{case.file}: {len(regions)} regions were counted where {SETTINGS.runs} were marked")
    return measured, outputs, regions


def _reason(ran: CompletedProcess[str]) -> str:
    if ran.returncode < 0:
        return f"stopped by {signal.Signals(-ran.returncode).name}"
    return (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]


def _instructions(
    regions: list[Counts], configuration: Finding, board: Board, integer: bool, warnings: list[str]
) -> list[Finding]:
    if not regions:
        return []
    spread, classes = count.spread(regions), count.median(regions)
    if spread > count.REPEATABLE:
        warnings.append(
            f"{configuration['file']}: the instructions of {len(regions)} equal inferences lie {spread:.2%} apart, "
            "their median is given."
        )
    counted = {"processor": board.processor, "integer": integer, "total": count.total(classes), "classes": classes}
    return [{**configuration, **counted, "inferences": len(regions), "spread": spread}]


def _estimate(instructions: list[Finding], board: Board, no_counter: str | None) -> Estimate:
    if not instructions:
        return Estimate(board, None, None, None, None, (), f"instructions are not counted: {no_counter}")
    (counted,) = instructions
    return of_count(counted, board)
