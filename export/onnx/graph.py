"""Nodes and constants of one ONNX graph, on their way to a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10

End = tuple[str, int, tuple[int, ...]]
"""An input or output: its name, its type (`onnx.TensorProto`) and its shape."""


class Graph:
    """A graph being built; values are named by their name."""

    float16 = False
    """Whether constants of float32 are stored as float16, and converted by a Cast of their own."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A value with data; one of a name that is there already is that one."""
        if self.float16 and values.dtype == np.float32:
            return self._halved(name, values)
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name

    def _halved(self, name: str, values: NDArray[np.float32]) -> str:
        stored = f"{name}/float16"
        if stored not in self._constants:
            self.constant(stored, values.astype(np.float16))
            self.node("Cast", [stored], name, to=TensorProto.FLOAT)
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """An operator of `kind` that makes the value `output`."""
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def write(self, path: Path, inputs: Sequence[End], outputs: Sequence[End], metadata: Mapping[str, str]) -> None:
        """Write the finished, checked .onnx file; `metadata` are its metadata_props."""
        taken, given = ([helper.make_tensor_value_info(*end) for end in side] for side in (inputs, outputs))
        graph = helper.make_graph(self._nodes, "tinyasc", taken, given, list(self._constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="tinyasc"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
