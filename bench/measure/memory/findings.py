"""The memory of one or more model files, as the report holds it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measure import environments
from bench.measure.figure import ESTIMATED, MEASURED, Figure
from bench.measure.graph import cost as graph_cost
from bench.measure.graph.cost import GraphCost
from bench.measure.memory import arena, resident
from bench.measure.memory.arena import Arena
from bench.measure.memory.resident import Resident, Spread
from bench.measure.unmeasured import Unmeasured

TIMELINE = ("operation", "name", "live_bytes")
"""What the report holds of each operation; the rest is the cost of the graph."""


@dataclass(frozen=True)
class FileMemory:
    """What was found out about one file."""

    cost: GraphCost
    """Of its graph, with the bytes that live at each operation."""
    resident: Resident | Unmeasured
    arena: Arena | Unmeasured

    @property
    def peak(self) -> int:
        """Index of the operation at which most bytes live, the first of several; -1: there is no operation."""
        layers = self.cost.layers
        return max(range(len(layers)), key=lambda place: layers[place].live_bytes, default=-1)


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
    return {name: FileMemory(costs[name], processes[name], arena.measure(path, folder)) for name, path in files.items()}


def content(found: Mapping[str, FileMemory]) -> dict[str, Any]:
    """JSON-able, by file name:

    bytes       of the file
    timeline    operation by operation in running order: operation, name, live_bytes (of activations, counted in the
                graph: an estimate)
    peak        index in the timeline of the operation that needs most; -1 where there is none
    resident    null, or: runtime; kind ("resident", or "peak so far" where the system has no /proc); processes; stages:
                started, imported, loaded, first, last, peak -> median, least, greatest (bytes in memory); in the same
                form, over the imported runtime, increment (after the last inference), peak_increment and
                anonymous_increment (heap and stack alone; null where the system does not tell); and runtime_increment,
                what importing the runtime costs over Python and numpy
    arena       null, or: version of tflite-micro; as it says, total, head (activations) and tail (what stays); and
                smallest, the smallest arena in which the file ran; bytes
    resident_unmeasured, arena_unmeasured    one line that says why the part is null, else null
    """
    return {name: _file_content(one) for name, one in found.items()}


def figures(found: Mapping[str, FileMemory], path_of: Callable[[str], str]) -> dict[str, Figure]:
    """Every number by its path: memory/{path_of(file)}/peak_activations and so on."""
    figures: dict[str, Figure] = {}
    for name, one in found.items():
        place = f"memory/{path_of(name)}"
        source = f"counted in the graph of {name}, perfect packing assumed"
        figures[f"{place}/peak_activations"] = Figure(one.cost.peak_activation_bytes, "bytes", ESTIMATED, source)
        if isinstance(one.resident, Resident):
            figures |= {f"{place}/{key}": figure for key, figure in _resident_figures(name, one.resident).items()}
        if isinstance(one.arena, Arena):
            source = f"{name} in tflite-micro {one.arena.version}, 64-bit"
            figures[f"{place}/arena_tflm"] = Figure(one.arena.smallest, "bytes", MEASURED, f"{source}, by bisection")
            for part in ("head", "tail"):
                size = getattr(one.arena.allocations, part)
                figures[f"{place}/arena_tflm_{part}"] = Figure(size, "bytes", MEASURED, f"{source}, print_allocations")
    return figures


def _resident_figures(name: str, found: Resident) -> dict[str, Figure]:
    spreads: dict[str, tuple[Spread | None, str]] = {
        "resident_increment": (found.increment("last"), "over the imported runtime"),
        "resident_anonymous_increment": (found.anonymous_increment, "over the imported runtime, heap and stack alone"),
        "resident_peak": (found.stage("peak"), "the whole process at its peak"),
        "resident_runtime": (found.runtime_increment, "the imported runtime over Python and numpy"),
    }
    processes = len(found.readings)
    figures = {}
    for key, (spread, what) in spreads.items():
        if spread is not None:
            source = f"{name} in {found.runtime}, one thread, {found.kind}, {what}, median of {processes} processes"
            # fewer readings than REPEATS: their range is no interval of 95 %
            interval = (spread.least, spread.greatest) if processes >= resident.REPEATS else None
            figures[key] = Figure(spread.median, "bytes", MEASURED, source, interval)
    return figures


def _file_content(one: FileMemory) -> dict[str, Any]:
    return {
        "bytes": one.cost.file_bytes,
        "timeline": [{key: getattr(layer, key) for key in TIMELINE} for layer in one.cost.layers],
        "peak": one.peak,
        "resident": _resident_content(one.resident) if isinstance(one.resident, Resident) else None,
        "resident_unmeasured": _reason(one.resident),
        "arena": _arena_content(one.arena) if isinstance(one.arena, Arena) else None,
        "arena_unmeasured": _reason(one.arena),
    }


def _resident_content(found: Resident) -> dict[str, Any]:
    anonymous = found.anonymous_increment
    return {
        "runtime": found.runtime,
        "kind": found.kind,
        "processes": len(found.readings),
        "stages": {stage: asdict(found.stage(stage)) for stage in (*resident.STAGES, "peak")},
        "increment": asdict(found.increment("last")),
        "peak_increment": asdict(found.increment("peak")),
        "anonymous_increment": None if anonymous is None else asdict(anonymous),
        "runtime_increment": asdict(found.runtime_increment),
    }


def _arena_content(found: Arena) -> dict[str, Any]:
    return {"version": found.version, **asdict(found.allocations), "smallest": found.smallest}


def _reason(found: object) -> str | None:
    return found.reason if isinstance(found, Unmeasured) else None
