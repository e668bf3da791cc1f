"""A .tflite cut off behind one of its operations: what was computed by then becomes its outputs."""

from collections import Counter
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from bench.measure.graph.graph import Graph, Key

PADDINGS = ("PAD", "PADV2")


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
