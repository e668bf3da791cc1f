"""Peak of the memory that activations need, by liveness over what a network did.

Rule: operations run in the order of the network. An activation lives from the operation that makes it to the last one
that reads it, the clip from the start, the logits to the end. Views are free. Results that nothing reads take nothing.
An operation element by element on one activation (an activation function, a batch norm, arithmetic with constants)
writes over what it reads, if nothing reads that later: integer kernels do it while they write the result of the
operation before. A fused attention holds its scores, as the graph of a deployed network does.

The exported .onnx needs just this; a .tflite needs more where it pads in an operation of its own
(`bench.measure.graph.cost`). Nothing is said of how a runtime packs the activations: its arena is at least as large.
"""

from math import prod

from tinyasc.cost.layers import BATCH_NORMS
from tinyasc.cost.products import ATTENTION
from tinyasc.cost.trace import Operation, Trace, Value

IN_PLACE = (*BATCH_NORMS, "_softmax", "hardswish", "hardsigmoid")
"""Operations on single elements (or channels, or rows) that torch does not tag as pointwise."""
FAKE_QUANTIZATION = ("fake_quantize", "_fused_moving_avg")
"""Beginnings of the names of those that only simulate an integer type."""


def peak_activations(trace: Trace) -> int:
    """The most elements that live at one time."""
    last = dict.fromkeys((output.storage for output in trace.outputs), len(trace.operations))
    for place, operation in enumerate(trace.operations):
        for one in operation.inputs:
            last[one.storage] = max(last.get(one.storage, 0), place)
    size = {trace.clip.storage: trace.clip.room}
    peak = trace.clip.room
    for place, operation in enumerate(trace.operations):
        written = {one.storage: one.room for one in operation.outputs if one.activation and one.storage in last}
        replaced = _replaced(operation)
        if replaced is not None and last[replaced.storage] == place:
            size.pop(replaced.storage, None)
        size |= written
        peak = max(peak, sum(size.values()) + _scores(operation))
        size = {storage: elements for storage, elements in size.items() if last[storage] > place}
    return peak


def _replaced(operation: Operation) -> Value | None:
    """The activation that the result may be written over."""
    read = [one for one in operation.inputs if one.activation]
    alike = operation.pointwise or operation.name in IN_PLACE or operation.name.startswith(FAKE_QUANTIZATION)
    if not alike or len({one.storage for one in read}) != 1:
        return None
    (output, *_), one = operation.outputs, read[0]
    same = (one.shape, one.stride) == (output.shape, output.stride)  # a copy in another layout cannot be in place
    return one if same and one.room == one.elements else None


def _scores(operation: Operation) -> int:
    if not operation.name.startswith(ATTENTION):
        return 0
    query, key = operation.arguments[:2]
    return prod(query.shape[:-1]) * key.shape[-2]
