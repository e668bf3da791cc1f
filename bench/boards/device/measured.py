"""What the runner brought back from a device, made into the result of a target."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np

from bench.boards.device import clock, equality, result, runner
from bench.boards.device.bundle import Bundle
from bench.boards.device.result import (
    BoardState,
    Configuration,
    During,
    Equality,
    State,
    TargetLatency,
    TargetResult,
    Throttled,
)
from bench.boards.targets import boards
from bench.measure import records
from bench.measure.energy.meter import Phase
from bench.measure.figure import Origin
from bench.measure.records import RecordError
from tinyasc.artifact import command_line
from tinyasc.bootstrap import Interval, interval
from tinyasc.errors import UserError

DRAWS = 2000
FIXED_CLOCK = "performance"
"""The governor that keeps the highest clock."""
BUSY = 0.5
"""Processes that wanted a core before the measurement began: above it, others shared the machine."""


@dataclass(frozen=True, kw_only=True)
class MeasuredModel(Configuration):
    """One file with some kernels and threads, as the runner says it."""

    sha256: str
    load_ms: float | None
    first_ms: float | None
    resident_growth_bytes: int
    milliseconds: list[Annotated[float, msgspec.Meta(gt=0)]] | None
    outputs: str
    """Name of the file of its outputs."""

    @property
    def configuration(self) -> Configuration:
        return Configuration(file=self.file, runtime=self.runtime, kernels=self.kernels, threads=self.threads)


@dataclass(frozen=True)
class SkippedFile:
    """A file that was not run."""

    file: str
    reason: str


@dataclass(frozen=True)
class BoardHardware:
    """What the runner says of its machine; None: it does not tell."""

    board: str | None
    cpu: str | None
    cores: int | None
    core_kinds: list[dict[str, str]]
    """implementer and part of each kind, as /proc/cpuinfo has them."""
    features: list[str]
    architecture: str
    bits: int
    kernel: str | None
    system: str | None
    memory_bytes: int | None
    maximum_frequency_hz: float | None


@dataclass(frozen=True)
class Measurement:
    """What is read of measured.json (`bench.boards.device.runner`)."""

    machine: BoardHardware
    python: str
    numpy: str
    before: State
    after: State
    during: During | None
    ended: float
    peak_rss_bytes: int | None
    models: list[MeasuredModel]
    skipped: list[SkippedFile]
    phases: list[Phase]

    @property
    def runtimes(self) -> dict[str, str]:
        """Python, numpy and the runtimes -> version."""
        runtimes = dict(model.runtime.split(" ", 1) for model in self.models)
        return {"python": self.python, "numpy": self.numpy, **runtimes}


class Differences(NamedTuple):
    """Outputs against this machine's, and what a reader must know of it."""

    entries: list[Equality]
    warnings: list[str]


def read(folder: Path, target: str) -> Measurement:
    """What the runner wrote into a folder.

    Args:
        folder: with measured.json and the outputs.
        target: who wrote it, for the message.

    Raises:
        UserError: the runner wrote something else.
    """
    try:
        content = (folder / "measured.json").read_bytes()
        number = records.format_of(content)
    except (OSError, RecordError) as error:
        raise UserError(f"{target} sent no measurement: {error!r}") from None
    if number != runner.FORMAT:
        raise UserError(f"{target} sent a measurement of format {number}, this version reads {runner.FORMAT}")
    try:
        return msgspec.json.decode(content, type=Measurement)
    except msgspec.ValidationError as error:
        raise UserError(f"what {target} sent is no measurement: {error}") from None


def target_result(
    folder: Path,
    bundle: Bundle,
    target: str,
    integer: Mapping[str, bool],
    *,
    clock_offset_seconds: float | None = None,
    warnings: Collection[str] = (),
) -> TargetResult:
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
    measured = read(folder, target)
    board = _board(measured, clock_offset_seconds)
    compared = _equality(measured.models, folder, bundle, integer, target=target, board=board.name)
    timed = [model for model in measured.models if model.milliseconds is not None]
    # Not now: what an earlier call began, or left there, is fetched by a later one.
    made = datetime.fromtimestamp(measured.ended + (clock_offset_seconds or 0), UTC).isoformat(timespec="seconds")
    found = TargetResult(
        target=target,
        kind=result.DEVICE,
        board=board,
        made=made,
        command=command_line(),
        models={model.file: model.sha256 for model in measured.models},
        latency=[_latency(model, bundle, result.place(target, model, timed), board.name) for model in timed],
        equality=compared.entries,
        phases=measured.phases,
        warnings=[*warnings, *_warnings(measured, board), *compared.warnings],
    )
    return result.checked(found, f"what {target} sent")


def _board(measured: Measurement, clock_offset_seconds: float | None) -> BoardState:
    machine = measured.machine
    return BoardState(
        name=machine.board or machine.cpu or machine.architecture,
        processor=_processor(machine.core_kinds),
        cores=machine.cores,
        architecture=machine.architecture,
        bits=32 if machine.bits == 32 else 64,
        clock_hz=machine.maximum_frequency_hz,
        features=machine.features,
        memory_bytes=machine.memory_bytes,
        system=machine.system,
        kernel=machine.kernel,
        runtimes=measured.runtimes,
        before=measured.before,
        after=measured.after,
        during=measured.during,
        clock_offset_seconds=clock_offset_seconds,
        peak_rss_bytes=measured.peak_rss_bytes,
    )


def _processor(kinds: Collection[Mapping[str, str]]) -> str | None:
    """Arm's name of the cores, where they are all of one kind and that of a board of `bench.boards.targets`."""
    known = {(board.core.implementer, board.core.part): board.processor for board in map(boards.load, boards.known())}
    names = {known.get((kind.get("implementer", ""), kind.get("part", ""))) for kind in kinds}
    return names.pop() if len(names) == 1 else None


def _latency(model: MeasuredModel, bundle: Bundle, place: str, board: str) -> TargetLatency:
    times = np.array(model.milliseconds)
    figure = Origin(place, result.source(model, board)).figure
    median, between = float(np.median(times)), median_interval(times.reshape(-1, bundle.settings.block))
    return TargetLatency(
        **vars(model.configuration),
        runs=len(times),
        warm_up=bundle.settings.warm_up,
        median=figure("median", median, "ms", between),
        p95=figure("p95", float(np.quantile(times, 0.95)), "ms"),
        p99=figure("p99", float(np.quantile(times, 0.99)), "ms"),
        load=figure("load", model.load_ms, "ms"),
        first=figure("first", model.first_ms, "ms"),
        resident_growth_bytes=model.resident_growth_bytes,
    )


def median_interval(blocks: np.ndarray) -> Interval:
    """95 % for the median of all runs: (blocks, runs a block), at least two blocks.

    Runs of one block share the moment: whole blocks are drawn, as moments would come anew (percentile bootstrap). Of n
    blocks a draw varies by (n - 1) / n of what it should, so draws are spread by sqrt(n / (n - 1)), as
    `bench.measure.accuracy.pairs` does. Simulated, blocks of one moment each: of 20 it holds the true median in 92 to
    93 of 100 cases, of 10 in 88 to 94. Moments longer than a block make it too narrow, as they would any interval.
    """
    count, median = len(blocks), np.median(blocks)
    drawn = np.random.default_rng(0).integers(count, size=(DRAWS, count))
    medians = np.median(blocks[drawn].reshape(DRAWS, -1), axis=1)
    return interval(median + np.sqrt(count / (count - 1)) * (medians - median))


def _equality(
    models: Sequence[MeasuredModel],
    folder: Path,
    bundle: Bundle,
    integer: Mapping[str, bool],
    *,
    target: str,
    board: str,
) -> Differences:
    expected: dict[tuple[str, str], equality.Reference] = {}
    entries: list[Equality] = []
    warnings: list[str] = []
    for model in models:
        file, kernels = model.file, model.kernels
        if (file, kernels) not in expected:
            expected[file, kernels] = equality.reference(bundle.folder / file, kernels, bundle.inputs(file))
        theirs, here = np.load(folder / model.outputs, allow_pickle=False), expected[file, kernels]
        where = equality.Place(model.configuration, result.place(target, model, entries), board)
        entry, words = equality.compare(where, here, theirs, integer[file])
        entries += [] if entry is None else [entry]
        warnings += words
        if model.runtime not in here.name:
            warnings.append(f"{file} ran in {model.runtime} there and in {here.name} here.")
    return Differences(entries, list(dict.fromkeys(warnings)))


def _warnings(measured: Measurement, board: BoardState) -> list[str]:
    before, after = measured.before, measured.after
    found = [f"{skipped.file} was not run: {skipped.reason}." for skipped in measured.skipped]
    if before.governor not in (None, FIXED_CLOCK):
        found.append(
            f"The clock governor is {before.governor}: for steadier times, "
            "`echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor`."
        )
    if before.load is not None and before.load > BUSY:
        found.append(f"Others kept the machine busy: a load of {before.load:.2f} before the first run.")
    for when, state in (("Before", before), ("After", after)):
        if state.throttled is not None and state.throttled.now:
            found.append(f"{when} the measurement the firmware reports: {', '.join(state.throttled.now)}.")
    nothing = Throttled("", [], [])
    if during := clock.new(before.throttled or nothing, after.throttled or nothing):
        found.append(f"During the measurement the firmware reported: {', '.join(during)}. Times are too long.")
    reason = clock.unsteady(board)
    if reason is not None and board.processor is not None:  # else there are no estimates
        found.append(f"No estimate is refitted by these times: {reason}.")
    return found
