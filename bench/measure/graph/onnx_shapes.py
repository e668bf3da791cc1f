"""Types and shapes of everything that the nodes of an .onnx compute.

ONNX infers most of them. What it does not find, behind operators of other domains or shapes that are computed, is seen
in one inference of ONNX Runtime.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TypeProto, helper

from deploy import runtime
from tinyasc.errors import UserError

ONNX_TYPES = {"float": "float32", "double": "float64"}
"""ONNX Runtime's names of types that are not NumPy's."""


def shapes(path: Path, model: onnx.ModelProto) -> dict[str, TypeProto.Tensor]:
    """By name; what is no tensor, and what no one finds, is left out. An open batch becomes 1 in `model`.

    Raises:
        UserError: an input that is open in more than its batch, or a file that does not run where it has to.
    """
    held = {one.name for one in model.graph.initializer}
    for given in model.graph.input:
        if given.name not in held:
            _close_batch(path, given)
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found = {
        one.name: one.type.tensor_type
        for one in (*graph.value_info, *graph.input, *graph.output)
        if _is_known(one.type.tensor_type)
    }
    computed = [name for node in model.graph.node for name in node.output if name]
    missing = [name for name in computed if name not in found]
    return found | (_seen(path, model, missing) if missing else {})


def _close_batch(path: Path, given: onnx.ValueInfoProto) -> None:
    """An open size is one with a name, without a value, or, of some converters, below 1."""
    if given.type.HasField("tensor_type") and not given.type.tensor_type.HasField("shape"):
        raise UserError(f"{path} does not say which shape its input {given.name} has: write it with fixed sizes")
    sizes = given.type.tensor_type.shape.dim
    if sizes and sizes[0].dim_value < 1:
        sizes[0].dim_value = 1
    if any(size.dim_value < 1 for size in sizes):
        raise UserError(f"{path} leaves the size of its input {given.name} open: write it with fixed sizes")


def _is_known(tensor: TypeProto.Tensor) -> bool:
    return tensor.HasField("shape") and all(size.dim_value > 0 for size in tensor.shape.dim)


def _seen(path: Path, model: onnx.ModelProto, names: list[str]) -> dict[str, TypeProto.Tensor]:
    """What one inference with zeros gives these names."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    given = {one.name for one in opened.graph.output}
    opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
    session = runtime.onnx_session(path, content=opened.SerializeToString())
    zeros = {}
    for one in session.get_inputs():
        kind = one.type.removeprefix("tensor(").removesuffix(")")
        zeros[one.name] = np.zeros(one.shape, ONNX_TYPES.get(kind, kind))
    try:
        results = session.run(names, zeros)
    except Exception as error:  # its exceptions derive from nothing but Exception
        first = str(error).strip().splitlines()[0]
        raise UserError(
            f"{path} does not say which shape {names[0]} has, and does not run on zeros: {first}"
        ) from error
    return {
        name: helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(result.dtype), result.shape).tensor_type
        for name, result in zip(names, results, strict=True)
        if isinstance(result, np.ndarray)
    }
