"""Time per operation of a .tflite, as differences between the network cut off before it and behind it.

The Python package of ai-edge-litert gives no access to a profiler (2.3: neither the interpreter nor `litert-benchmark`
does), and XNNPACK runs all operations as one. So prefixes of the network are run, each as a file of its own, all in
the same rounds; a step's time is the median over rounds of the difference between two neighbours. Nothing is cut
between operations that are fused (`prefixes.cuts`). The sum of all is held against the whole file, timed in the same
rounds.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure.graph.read_tflite import read_tflite
from bench.measure.latency import order_statistics, prefixes, rounds
from bench.measure.latency.profile import Profile, Step
from bench.measure.latency.stopwatch import Stopwatch, settled
from deploy import runtime
from tinyasc.errors import UserError

METHOD = "differences between prefixes of the network, each run as a file of its own"
LEAST_ROUNDS = 20
MOST_BYTES = 2**30
"""Of all prefixes together; each holds its weights."""


def measure(path: Path, seconds: float) -> Profile:
    """Profile one file on one thread.

    Raises:
        UserError: so large that its prefixes do not fit in memory, or a prefix that does not load.
    """
    content = path.read_bytes()
    graph = read_tflite(content)
    cuts = prefixes.cuts(graph)
    if len(cuts) * len(content) > MOST_BYTES:
        raise UserError(f"{path.name}: {len(cuts)} prefixes of {len(content):,} bytes take too much memory")
    watches = {str(count): _stopwatch(path, prefixes.cut(content, graph, count)) for count in cuts}
    watches["whole"] = _stopwatch(path, content)
    # Differences are taken within rounds, so all stay in all of them.
    timing = rounds.interleaved(watches, seconds, least=LEAST_ROUNDS, enough=None)
    microseconds = {name: 1e3 * times for name, times in timing.milliseconds.items()}
    steps, noise = [], 0.0
    for before, behind in pairwise(cuts):
        taken = order_statistics.median(microseconds[str(behind)] - microseconds[str(before)])
        name = graph.tensors[graph.operations[behind - 1].outputs[0]].name
        steps.append(Step(tuple(range(before, behind)), name, taken.value, taken.interval))
        noise += _half(taken.interval) ** 2
    whole = order_statistics.median(microseconds["whole"])
    return Profile(
        method=METHOD,
        steps=tuple(steps),
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
