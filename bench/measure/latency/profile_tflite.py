"""Time per operation of a .tflite, as differences between the network cut off before it and behind it.

The Python package of ai-edge-litert gives no access to a profiler (2.3: neither the interpreter nor `litert-benchmark`
does), and XNNPACK runs all operations as one. So prefixes of the network are run, each as a file of its own, all in
the same rounds; a step's time is the median over rounds of the difference between two neighbours. Nothing is cut
between operations that are fused (`cuts`). The sum of all is held against the whole file, timed in the same
rounds.
"""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bench.measure.graph import cost
from bench.measure.graph.graph import Graph, Key
from bench.measure.graph.read_tflite import read_tflite
from bench.measure.latency import order_statistics, rounds
from bench.measure.latency.profile import Profile, Step
from bench.measure.latency.stopwatch import Stopwatch, settled
from deploy import runtime
from tinyasc.errors import UserError

METHOD = "differences between prefixes of the network, each run as a file of its own"
LEAST_ROUNDS = 20
PADDINGS = ("PAD", "PADV2")
MOST_BYTES = 2**30
"""Of all prefixes together; each holds its weights."""


def measure(path: Path, seconds: float) -> Profile:
    """Profile one file on one thread.

    Raises:
        UserError: so large that its prefixes do not fit in memory, or a prefix that does not load.
    """
    content = path.read_bytes()
    graph = read_tflite(content)
    places, layers = cuts(graph), cost.read(path).layers
    if len(places) * len(content) > MOST_BYTES:
        raise UserError(f"{path.name}: {len(places)} prefixes of {len(content):,} bytes take too much memory")
    watches = {str(count): _stopwatch(path, cut(content, graph, count)) for count in places}
    watches["whole"] = _stopwatch(path, content)
    # Differences are taken within rounds, so all stay in all of them.
    timing = rounds.interleaved(watches, seconds, least=LEAST_ROUNDS, enough=None)
    microseconds = {name: 1e3 * times for name, times in timing.milliseconds.items()}
    steps, noise = [], 0.0
    for before, behind in pairwise(places):
        taken = order_statistics.median(microseconds[str(behind)] - microseconds[str(before)])
        name = graph.tensors[graph.operations[behind - 1].outputs[0]].name
        steps.append(Step.of(layers, range(before, behind), name, taken.value, taken.interval))
        noise += _half(taken.interval) ** 2
    whole = order_statistics.median(microseconds["whole"])
    return Profile(
        method=METHOD,
        steps=steps,
        call=float(np.median(microseconds["0"])),
        whole=whole.value,
        noise=(noise + _half(whole.interval) ** 2) ** 0.5,
        runs=len(microseconds["whole"]),
    )


def _stopwatch(path: Path, content: bytes) -> Stopwatch:
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


def _half(interval: tuple[float, float] | None) -> float:
    return 0.0 if interval is None else (interval[1] - interval[0]) / 2


def cut(content: bytes, graph: Graph, count: int) -> bytes:
    """The file of the first `count` operations.

    Args:
        content: the whole file.
        graph: what `bench.measure.graph.read_tflite` reads in it.
        count: from 0, which only hands its input on.

    Returns:
        A file with the same inputs; its outputs are all tensors that the rest of the network would read.
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
