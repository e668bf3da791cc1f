"""Time per operation of an .onnx, by the profiler of ONNX Runtime.

It writes one event per node and run, in whole microseconds; so a step is given as the mean of the middle half of its
runs. Nodes are those of the graph as ONNX Runtime made it: what it fused is one of them, and it may add transpositions
and reorderings of its own. A node is joined with a layer of the file by the name that it keeps the beginning of; a
layer that no node is joined with was fused into another, as additions are into the convolution before them. The
profiler takes time itself, and the more the shorter the operations are: the same rounds time the file without it.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from bench.measure.graph import cost
from bench.measure.graph.cost import Layer
from bench.measure.graph.read_onnx import ACTIVATIONS
from bench.measure.latency import order_statistics, rounds, stopwatch
from bench.measure.latency.profile import Profile, Step
from bench.measure.latency.stopwatch import Stopwatch, settled
from deploy import runtime

METHOD = "the profiler of ONNX Runtime, whose own time is in it; means of the middle half of the runs"
EVENT = "_kernel_time"
"""How the events of nodes end."""


def measure(path: Path, seconds: float) -> Profile:
    """Profile one file on one thread.

    Raises:
        UserError: a file that cannot be counted.
    """
    layers = cost.read(path).layers
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
    steps = [Step.of(layers, _joined(node, known), node, _middle_half(runs), None) for node, runs in taken.items()]
    whole = order_statistics.median(1e3 * timing.milliseconds["plain"])
    noise = whole.uncertainty * whole.value
    return Profile(METHOD, steps, None, whole.value, noise, min(map(len, taken.values()), default=0))


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


def _middle_half(runs: list[float]) -> float:
    ordered, quarter = np.sort(runs), len(runs) // 4
    return float(ordered[quarter : len(runs) - quarter].mean())
