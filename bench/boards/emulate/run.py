"""Runs model files on an emulated board: their answers against this machine's, and their instructions."""

import os
import signal
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
from tqdm import tqdm

from bench.boards.device import bundle, equality, result
from bench.boards.device import measured as target_measured
from bench.boards.device.bundle import Settings
from bench.boards.device.equality import Place
from bench.boards.device.measured import Measurement
from bench.boards.device.result import BoardState, Equality, Instructions, TargetEstimate, TargetResult
from bench.boards.emulate import count
from bench.boards.emulate.count import Counts
from bench.boards.emulate.emulator import Emulator
from bench.boards.estimate import estimate
from bench.boards.estimate.estimate import Estimate
from bench.boards.targets.boards import Board
from bench.measure import process
from bench.measure.figure import MEASURED, Figure
from tinyasc import machine
from tinyasc.artifact import command_line
from tinyasc.errors import UserError

SETTINGS = Settings(mode=bundle.COUNT, threads=(1,), warm_up=2, runs=5)
"""Equal inferences are counted and held against each other."""
PATIENCE_SECONDS = 120 * process.MINUTE
"""A minute is usual; a large network on a slow machine takes longer."""
NO_TIME = "Emulated: answers and instructions are this processor's, but an emulator's time is no latency."


@dataclass(frozen=True)
class Finding:
    """What was found of one file."""

    warnings: list[str]
    sha256: str | None = None
    """None: it does not run there."""
    runtimes: dict[str, str] = field(default_factory=dict)
    """Package -> version."""
    equality: list[Equality] = field(default_factory=list)
    instructions: list[Instructions] = field(default_factory=list)
    estimates: list[TargetEstimate] = field(default_factory=list)


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


def emulate(emulator: Emulator, board: Board, cases: Sequence[Case]) -> TargetResult:
    """Run files on a board and say what was found, as `bench.boards.device.result` has it.

    Files run side by side, one a core of this machine, as no time is measured. A file that does not run there is a
    finding too, and stands among the warnings. Estimates stand on published times; `bench.boards.estimate.refit`
    renews them where boards of one's own were measured.

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
            return Finding([f"{error}."])

    with ThreadPoolExecutor(machine.usable_cores()) as pool:
        try:
            progress = tqdm(pool.map(one, cases), desc=f"emulated {board.key}", unit="file", total=len(cases))
            found = dict(zip([case.file for case in cases], progress, strict=True))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            process.end_all()
            raise
    ran = {file: finding for file, finding in found.items() if finding.sha256 is not None}
    warnings = [warning for finding in found.values() for warning in finding.warnings]
    if not ran:
        raise UserError(f"no file runs on an emulated {board.name}: {warnings[0]}")
    about_counts = f"Instructions are not counted: {emulator.no_counter}." if emulator.no_counter else count.CALL
    emulated = BoardState(
        name=board.name,
        processor=board.processor,
        cores=board.cores,
        architecture="aarch64",
        bits=64,
        clock_hz=board.clock_hz,
        features=board.core.features,
        system=emulator.qemu,
        runtimes={name: version for finding in ran.values() for name, version in finding.runtimes.items()},
    )
    made = TargetResult(
        target=board.key,
        kind=result.EMULATED,
        board=emulated,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command_line(),
        models={file: str(finding.sha256) for file, finding in ran.items()},
        equality=[entry for finding in ran.values() for entry in finding.equality],
        instructions=[entry for finding in ran.values() for entry in finding.instructions],
        estimates=[entry for finding in ran.values() for entry in finding.estimates],
        warnings=[NO_TIME, about_counts, *warnings],
    )
    return result.checked(made, f"the result of {board.key}")


def _judge(emulator: Emulator, board: Board, case: Case) -> Finding:
    with tempfile.TemporaryDirectory(prefix="tinyasc-emulated-") as folder:
        measured, outputs, regions = _run(emulator, board, case, Path(folder))
    (model,) = measured.models
    expected = equality.reference(case.path, model.kernels, case.raw)
    place = equality.Place(model.configuration, result.place(board.key, model, []), board.name)
    compared, warnings = equality.compare(place, expected, outputs, case.integer)
    instructions = _instructions(regions, place, board, case.integer, warnings)
    return Finding(
        warnings=warnings,
        sha256=model.sha256,
        runtimes=measured.runtimes,
        equality=[] if compared is None else [compared],
        instructions=instructions,
        estimates=[estimate.entry(place, _estimate(instructions, board, emulator.no_counter))],
    )


def _run(emulator: Emulator, board: Board, case: Case, folder: Path) -> tuple[Measurement, np.ndarray, list[Counts]]:
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
    measured = target_measured.read(out, f"the emulated {board.name}")
    outputs = np.load(out / measured.models[0].outputs, allow_pickle=False)
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
    regions: list[Counts], place: Place, board: Board, integer: bool, warnings: list[str]
) -> list[Instructions]:
    if not regions:
        return []
    spread, classes = count.spread(regions), count.median(regions)
    if spread > count.REPEATABLE:
        warnings.append(
            f"{place.configuration.file}: the instructions of {len(regions)} equal inferences lie {spread:.2%} apart, "
            "their median is given."
        )
    source = f"{result.source(place.configuration, board.name)}; counted in emulation"
    total = Figure(count.total(classes), "instructions", MEASURED, source, path=f"{place.path}/instructions")
    return [
        Instructions(
            **vars(place.configuration),
            processor=board.processor,
            integer=integer,
            total=total,
            classes=classes,
            inferences=len(regions),
            spread=spread,
        )
    ]


def _estimate(instructions: list[Instructions], board: Board, no_counter: str | None) -> Estimate:
    if not instructions:
        return Estimate.without(board, f"instructions are not counted: {no_counter}")
    (counted,) = instructions
    return estimate.of_count(counted, board)
