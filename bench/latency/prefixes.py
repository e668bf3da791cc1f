"""A .tflite cut off behind one of its operations: what was computed by then becomes its outputs."""

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from bench.graph.graph import Graph, Key


def cut(content: bytes, graph: Graph, count: int) -> bytes:
    """The file of the first `count` operations.

    Args:
        content: the whole file.
        graph: what `bench.graph.read_tflite` reads in it.
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
    """Tensors that the first `count` operations leave to the others and to whoever asked; the input behind none."""
    if count == 0:
        return graph.inputs
    made = [key for operation in graph.operations[:count] for key in operation.outputs]
    read = {key for operation in graph.operations[count:] for key in operation.inputs} | set(graph.outputs)
    last = graph.operations[count - 1].outputs
    return tuple(key for key in made if key in read or key in last)


def cuts(graph: Graph) -> list[int]:
    """Behind how many operations it makes sense to cut: 0, ..., all.

    Not behind a padding, which XNNPACK takes into the convolution that reads it, and not behind what is computed from
    constants alone, which is done once: cut off there, they would take a time that they do not take in the whole.
    """
    flowing = set(graph.inputs)
    found = [0]
    for count, operation in enumerate(graph.operations, start=1):
        flows = not flowing.isdisjoint(operation.inputs)
        flowing.update(operation.outputs if flows else ())
        if count == len(graph.operations) or (flows and operation.kind not in ("PAD", "PADV2")):
            found.append(count)
    return found
