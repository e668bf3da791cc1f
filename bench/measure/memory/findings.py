"""The memory of one or more model files, as the report holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import environments
from bench.measure.figure import ESTIMATED, MEASURED, Figure, Unmeasured, path_of
from bench.measure.graph import cost as graph_cost
from bench.measure.graph.cost import GraphCost
from bench.measure.memory import arena, resident
from bench.measure.memory.arena import Arena
from bench.measure.memory.resident import Resident, Spread
from bench.measure.records import Natural


@dataclass(frozen=True)
class LiveBytes:
    """The activations that must exist while an operation runs, counted in the graph: an estimate."""

    operation: str
    name: str
    live_bytes: Natural


@dataclass(frozen=True)
class ResidentMemory:
    """What new processes that ran the file took; increments are over the imported runtime."""

    runtime: str
    kind: str
    """"resident", or "peak so far" where the system has no /proc."""
    processes: Natural
    increment: Figure
    """After the last inference."""
    anonymous_increment: Figure | None
    """Heap and stack alone; None where the system does not tell."""
    peak: Figure
    """The whole process."""
    runtime_increment: Figure
    """What importing the runtime costs over Python and numpy."""
    peak_increment: Spread
    stages: dict[str, Spread]
    """Bytes in memory, by `bench.measure.memory.resident.STAGES`."""


@dataclass(frozen=True)
class ArenaMemory:
    """What the file needs in TensorFlow Lite Micro, bytes."""

    version: str
    """Of tflite-micro."""
    smallest: Figure
    """The smallest arena in which the file ran."""
    head: Figure
    """Activations."""
    tail: Figure
    """What stays."""
    total: Natural


@dataclass(frozen=True)
class FileMemory:
    """What was found out about one file."""

    bytes: Natural
    """Of the file."""
    peak_activations: Figure
    timeline: list[LiveBytes]
    """Operation by operation in running order."""
    resident: ResidentMemory | None
    resident_unmeasured: str | None
    """One line that says why the part is not there; else None."""
    arena: ArenaMemory | None
    arena_unmeasured: str | None

    @property
    def peak(self) -> int:
        """Index of the operation at which most bytes live, the first of several; -1: there is no operation."""
        steps = self.timeline
        return max(range(len(steps)), key=lambda place: steps[place].live_bytes, default=-1)


def measure(
    files: Mapping[str, Path], folder: Path = environments.FOLDER, repeats: int = resident.REPEATS
) -> dict[str, FileMemory]:
    """Measure every file; some seconds each.

    Args:
        files: .tflite or .onnx, by name.
        folder: where the environments of other people's runtimes lie; TensorFlow Lite Micro's arena needs one.
        repeats: processes in which each file is run.

    Raises:
        UserError: a file that cannot be counted.
    """
    costs = {name: graph_cost.read(path) for name, path in files.items()}
    processes = resident.measure(files, repeats)
    return {
        name: _file(name, costs[name], processes[name], arena.measure(path, folder)) for name, path in files.items()
    }


def _file(name: str, cost: GraphCost, process: Resident | Unmeasured, micro: Arena | Unmeasured) -> FileMemory:
    place, source = f"memory/{path_of(name)}", f"counted in the graph of {name}, perfect packing assumed"
    peak = Figure(cost.peak_activation_bytes, "bytes", ESTIMATED, source, path=f"{place}/peak_activations")
    return FileMemory(
        bytes=cost.file_bytes,
        peak_activations=peak,
        timeline=[LiveBytes(layer.operation, layer.name, layer.live_bytes) for layer in cost.layers],
        resident=None if isinstance(process, Unmeasured) else _resident(name, place, process),
        resident_unmeasured=process.reason if isinstance(process, Unmeasured) else None,
        arena=None if isinstance(micro, Unmeasured) else _arena(name, place, micro),
        arena_unmeasured=micro.reason if isinstance(micro, Unmeasured) else None,
    )


def _resident(name: str, place: str, process: Resident) -> ResidentMemory:
    count, anonymous, over = len(process.readings), process.anonymous_increment, "over the imported runtime"

    def figure(key: str, spread: Spread, what: str) -> Figure:
        source = f"{name} in {process.runtime}, one thread, {process.kind}, {what}, median of {count} processes"
        # fewer readings than REPEATS: their range is no interval of 95 %
        interval = (float(spread.least), float(spread.greatest)) if count >= resident.REPEATS else None
        return Figure(spread.median, "bytes", MEASURED, source, interval, f"{place}/{key}")

    return ResidentMemory(
        runtime=process.runtime,
        kind=process.kind,
        processes=count,
        increment=figure("resident_increment", process.increment("last"), over),
        anonymous_increment=None
        if anonymous is None
        else figure("resident_anonymous_increment", anonymous, f"{over}, heap and stack alone"),
        peak=figure("resident_peak", process.stage("peak"), "the whole process at its peak"),
        runtime_increment=figure(
            "resident_runtime", process.runtime_increment, "the imported runtime over Python and numpy"
        ),
        peak_increment=process.increment("peak"),
        stages={stage: process.stage(stage) for stage in resident.STAGES},
    )


def _arena(name: str, place: str, micro: Arena) -> ArenaMemory:
    source = f"{name} in tflite-micro {micro.version}, 64-bit"

    def figure(key: str, size: int, by: str) -> Figure:
        return Figure(size, "bytes", MEASURED, f"{source}, {by}", path=f"{place}/{key}")

    return ArenaMemory(
        version=micro.version,
        smallest=figure("arena_tflm", micro.smallest, "by bisection"),
        head=figure("arena_tflm_head", micro.allocations.head, "print_allocations"),
        tail=figure("arena_tflm_tail", micro.allocations.tail, "print_allocations"),
        total=micro.allocations.total,
    )
