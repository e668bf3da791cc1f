"""Time of each operation of a file, beside the layers that `bench.measure.graph.cost` counts.

.tflite: the Python package of ai-edge-litert gives no access to a profiler (2.3: neither the interpreter nor
`litert-benchmark` does), and XNNPACK runs all operations as one. So prefixes of the network are run, each as a file of
its own, all in the same rounds; a step's time is the median over rounds of the difference between two neighbours.

.onnx: the profiler of ONNX Runtime writes one event per node and run, in whole microseconds; so a step is given as the
mean of the middle half of its runs. Nodes are those of the graph as ONNX Runtime made it, with what it fused or added.
A node is joined with a layer of the file by the name that it keeps the beginning of; a layer that no node is joined
with was fused into another. The profiler takes time itself, and the more the shorter the operations are.

The sum of all steps is held against the whole file, timed without any of this in the same rounds.
"""

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema

from bench.measure.graph import cost
from bench.measure.graph.cost import Layer
from bench.measure.graph.graph import Graph, Key
from bench.measure.graph.read_onnx import ACTIVATIONS
from bench.measure.graph.read_tflite import read_tflite
from bench.measure.latency import order_statistics, rounds, stopwatch
from bench.measure.latency.order_statistics import Median
from bench.measure.latency.stopwatch import Stopwatch, settled
from bench.measure.records import Natural
from deploy import runtime
from tinyasc.errors import UserError

ADDS_UP = 0.1
"""How far the sum of the steps may be off the whole, as a share of it, before a profile is not believed."""
OF_PREFIXES = "differences between prefixes of the network, each run as a file of its own"
OF_ONNX_RUNTIME = "the profiler of ONNX Runtime, whose own time is in it; means of the middle half of the runs"
LEAST_ROUNDS = 20
PADDINGS = ("PAD", "PADV2")
MOST_BYTES = 2**30
"""Of all prefixes together; each holds its weights."""
EVENT = "_kernel_time"


@dataclass(frozen=True)
class Step:
    """Operations that are timed together, mostly one."""

    layers: list[Natural]
    """Places of the file's layers; none: something that the runtime put in."""
    operations: list[str]
    macs: Natural
    name: str
    """Of the last of them, or what the runtime calls it."""
    microseconds: float
    interval: tuple[float, float] | None
    """95 %."""


@dataclass(frozen=True)
class Profile:
    """Of one file on one thread with default kernels."""

    method: str
    steps: list[Step]
    call: float | None
    """Microseconds of the call around them; None: the method does not tell."""
    whole: float
    """Microseconds of the file in one call, not profiled."""
    noise: float
    """Microseconds by which the sum may be off the whole by chance."""
    runs: Natural

    @property
    def sum(self) -> float:
        """Microseconds of all steps and the call."""
        return (self.call or 0.0) + sum(step.microseconds for step in self.steps)

    @property
    def adds_up(self) -> bool:
        """Whether the sum is that of the whole file, but for chance and ADDS_UP."""
        return abs(self.sum - self.whole) <= max(self.noise, ADDS_UP * self.whole)

    def share(self, microseconds: float) -> float:
        """Of the sum; 0 where that is 0: ONNX Runtime counts whole microseconds."""
        return microseconds / self.sum if self.sum else 0.0


def measure(path: Path, seconds: float) -> Profile:
    """Profile one .tflite or .onnx file on one thread.

    Raises:
        UserError: a file that cannot be counted, a .tflite so large that its prefixes do not fit in memory, or a prefix
            that does not load.
    """
    layers = cost.read(path).layers
    return _of_prefixes(path, layers, seconds) if path.suffix == ".tflite" else _of_onnx_runtime(path, layers, seconds)


def _step(layers: Sequence[Layer], places: Sequence[int], name: str, taken: Median) -> Step:
    operations, macs = [layers[place].operation for place in places], sum(layers[place].macs for place in places)
    return Step(list(places), operations, macs, name, taken.value, taken.interval)


def _of_prefixes(path: Path, layers: Sequence[Layer], seconds: float) -> Profile:
    content = path.read_bytes()
    graph = read_tflite(content)
    places = cuts(graph)
    if len(places) * len(content) > MOST_BYTES:
        raise UserError(f"{path.name}: {len(places)} prefixes of {len(content):,} bytes take too much memory")
    watches = {str(count): _invocation(path, cut(content, graph, count)) for count in places}
    watches["whole"] = _invocation(path, content)
    # Differences are taken within rounds, so all stay in all of them.
    timing = rounds.interleaved(watches, seconds, least=LEAST_ROUNDS, enough=None)
    microseconds = {name: 1e3 * times for name, times in timing.milliseconds.items()}
    whole = order_statistics.median(microseconds["whole"])
    steps, variance = [], _half(whole) ** 2
    for before, behind in pairwise(places):
        taken = order_statistics.median(microseconds[str(behind)] - microseconds[str(before)])
        name = graph.tensors[graph.operations[behind - 1].outputs[0]].name
        steps.append(_step(layers, range(before, behind), name, taken))
        variance += _half(taken) ** 2
    call, runs = float(np.median(microseconds["0"])), len(microseconds["whole"])
    return Profile(OF_PREFIXES, steps, call, whole.value, variance**0.5, runs)


def _invocation(path: Path, content: bytes) -> Stopwatch:
    """Of the invocation alone: a prefix has several outputs, and copying them is no part of any operation."""
    interpreter, version = runtime.tflite_interpreter(path, content=content)
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], _noise(details))
    return Stopwatch(version, settled(interpreter.invoke))


def _noise(details: dict[str, Any]) -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal(details["shape"])
    if np.dtype(details["dtype"]).kind in "iu":
        scale, zero_point = details["quantization"]
        return runtime.Port(drawn.shape, np.dtype(details["dtype"]), scale or 1.0, zero_point).quantize(drawn)
    return drawn.astype(details["dtype"])


def _half(median: Median) -> float:
    return 0.0 if median.interval is None else (median.interval[1] - median.interval[0]) / 2


def cut(content: bytes, graph: Graph, count: int) -> bytes:
    """Cut a file, read as `graph`, behind its first `count` operations; behind none, it only hands its input on.

    The inputs stay; outputs are all tensors that the rest of the network would read.
    """
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    model.signatureDefs = None  # they name the outputs of the whole
    main = model.subgraphs[0]
    main.operators, main.outputs = main.operators[:count], list(live(graph, count))
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def live(graph: Graph, count: int) -> tuple[Key, ...]:
    """Tensors that the first `count` operations leave to the others and to whoever asked; the input behind none.

    What is computed from constants alone is none of them: a runtime does that once, when it loads the file.
    """
    if count == 0:
        return graph.inputs
    flowing = _flowing(graph)
    made = [key for operation in graph.operations[:count] for key in operation.outputs if key in flowing]
    read = {key for operation in graph.operations[count:] for key in operation.inputs} | set(graph.outputs)
    last = graph.operations[count - 1].outputs
    return tuple(key for key in made if key in read or key in last)


def cuts(graph: Graph) -> list[int]:
    """Behind how many operations it makes sense to cut: 0, ..., all.

    Not behind what is computed from constants alone, and not between a padding and its only reader, into which XNNPACK
    takes it: cut off there, it would take a time that it does not take in the whole.
    """
    flowing, readers = _flowing(graph), Counter(key for one in graph.operations for key in one.inputs)
    padded = {
        key for one in graph.operations if one.kind in PADDINGS for key in one.outputs if readers[key] == 1
    } - set(graph.outputs)
    found = [0]
    for count, operation in enumerate(graph.operations, start=1):
        apart = not flowing.isdisjoint(operation.outputs) and padded.isdisjoint(live(graph, count))
        if apart or count == len(graph.operations):
            found.append(count)
    return found


def _flowing(graph: Graph) -> set[Key]:
    """The input and all that depends on it."""
    found = set(graph.inputs)
    for operation in graph.operations:
        if not found.isdisjoint(operation.inputs):
            found.update(operation.outputs)
    return found


def _of_onnx_runtime(path: Path, layers: Sequence[Layer], seconds: float) -> Profile:
    known = _layers_by_node(path, layers)
    plain = runtime.load(path)
    raw = plain.input.quantize(np.random.default_rng(0).standard_normal(plain.input.shape))
    with tempfile.TemporaryDirectory(prefix="tinyasc-profile-") as folder:
        session = runtime.onnx_session(path, profile=Path(folder) / "run")
        name = session.get_inputs()[0].name
        profiled = Stopwatch(plain.kernels, settled(lambda: session.run(None, {name: raw})))
        timing = rounds.interleaved({"plain": stopwatch.of_model(plain), "profiled": profiled}, seconds)
        events = json.loads(Path(session.end_profiling()).read_text())
    taken: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(EVENT):
            taken[event["name"].removesuffix(EVENT)].append(event["dur"])
    steps = [_step(layers, _joined(node, known), node, _middle_half(times)) for node, times in taken.items()]
    whole = order_statistics.median(1e3 * timing.milliseconds["plain"])
    runs = min(map(len, taken.values()), default=0)
    return Profile(OF_ONNX_RUNTIME, steps, None, whole.value, whole.uncertainty * whole.value, runs)


def _layers_by_node(path: Path, layers: Sequence[Layer]) -> dict[str, int]:
    """Layer by the names of the nodes that make it up, one that computes and what is fused behind it, and of their
    outputs."""
    places = {layer.name: place for place, layer in enumerate(layers)}
    nodes = onnx.load(path, load_external_data=False).graph.node
    fused = {node.input[0]: node.output[0] for node in nodes if node.op_type in ("QuantizeLinear", *ACTIVATIONS)}
    found: dict[str, int] = {}
    for node in nodes:
        name = node.output[0]
        while name not in places and name in fused:
            name = fused[name]
        if name in places:
            found |= dict.fromkeys(filter(None, [node.name, node.output[0]]), places[name])
    return found


def _joined(node: str, known: dict[str, int]) -> tuple[int, ...]:
    """The layer of the node that ONNX Runtime named one after: the longest such name."""
    names = [name for name in known if node == name or node.startswith(f"{name}_")]
    return (known[max(names, key=len)],) if names else ()


def _middle_half(times: list[float]) -> Median:
    ordered, quarter = np.sort(times), len(times) // 4
    return Median(float(ordered[quarter : len(times) - quarter].mean()), None)
