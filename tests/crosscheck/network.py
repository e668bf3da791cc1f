"""model.tflite as a list of operators over numbered tensors, for the referees that build it anew in real numbers.

The integers' meaning is what is built: a convolution's weights times their scales, and behind every operator the scale
and zero point of what it gives. Between DEQUANTIZE and QUANTIZE a graph is in real numbers already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from logits import EXACT, Comparison, outputs  # type: ignore[import-not-found]

SKIPPED = 77
"""Exit code of a referee that has nothing to judge, as automake has it."""

KINDS = {"CONV_2D", "DEPTHWISE_CONV_2D", "PAD", "RESHAPE", "MEAN", "ADD", "DEQUANTIZE", "QUANTIZE"}
"""Of operators that the twins build; and those of REAL_NUMBERS."""
REAL_NUMBERS = {"MUL", "DIV", "SUM", "FLOOR", "SQRT", "MINIMUM"}


@dataclass(frozen=True)
class Operator:
    """One operator; tensors are numbers."""

    kind: str
    options: Any
    inputs: list[int]
    output: int


class Network:
    """A .tflite."""

    def __init__(self, content: bytes, schema: Any):
        """Read a file with a package's `schema_py_generated`."""
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
        graph = model.subgraphs[0]
        names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
        kinds = [names[code.builtinCode] for code in model.operatorCodes]
        self.tensors, self.buffers = graph.tensors, model.buffers
        (self.input,), (self.output,) = graph.inputs, graph.outputs
        self.operators = [
            Operator(kinds[one.opcodeIndex], one.builtinOptions, list(one.inputs), one.outputs[0])
            for one in graph.operators
        ]
        types = schema.TensorType
        self.types = {types.INT8: np.int8, types.INT32: np.int32, types.FLOAT32: np.float32}
        self.relu, self.same = schema.ActivationFunctionType.RELU, schema.Padding.SAME

    @property
    def unknown(self) -> set[str]:
        """Kinds of operators that the twins do not build."""
        return {one.kind for one in self.operators} - KINDS - REAL_NUMBERS

    def rectified(self, operator: Operator) -> bool:
        """Whether a ReLU is part of it."""
        return getattr(operator.options, "fusedActivationFunction", None) == self.relu

    def shape(self, tensor: int) -> list[int]:
        """Its lengths, with the batch of 1."""
        return [int(length) for length in self.tensors[tensor].shape]

    def quantization(self, tensor: int) -> tuple[float, int] | None:
        """(scale, zero point) of an int8 activation; None for real numbers."""
        found = self.tensors[tensor].quantization
        if found is None or found.scale is None:
            return None
        return float(np.float32(found.scale[0])), int(found.zeroPoint[0])

    def scales(self, tensor: int) -> np.ndarray:
        """Of a constant's channels, float32."""
        return np.asarray(self.tensors[tensor].quantization.scale, np.float32)

    def integers(self, tensor: int) -> np.ndarray:
        """A constant that is a shape, axes or paddings."""
        found = self.constant(tensor)
        assert found is not None, f"tensor {tensor} is an activation"
        return found

    def constant(self, tensor: int) -> np.ndarray | None:
        """A constant in real numbers; shapes, axes and paddings as they are; None for an activation."""
        found = self.tensors[tensor]
        data = self.buffers[found.buffer].data
        if data is None:
            return None
        values = np.frombuffer(bytes(data), self.types[found.type]).reshape(found.shape)
        if self.quantization(tensor) is None:
            return values
        axes = [1] * values.ndim
        axes[found.quantization.quantizedDimension] = -1
        return values.astype(np.float32) * self.scales(tensor).reshape(axes)


def judge(
    folder: Path, schema: Any, convert: Callable[[Network], bytes], interpreter: Callable[[bytes], Any], converter: str
) -> int:
    """Compare the file that a converter makes of a twin of model.tflite with that file, and print one line.

    Args:
        folder: with model.tflite and cases.npz.
        schema: a package's `schema_py_generated`.
        convert: builds the twin and converts it.
        interpreter: opens the result.
        converter: its name and version.

    Returns:
        The referee's exit code.
    """
    cases, ours = np.load(folder / "cases.npz"), (folder / "model.tflite").read_bytes()
    network = Network(ours, schema)
    if network.unknown:
        print(f"skipped, the twin has no {', '.join(sorted(network.unknown))}")
        return SKIPPED
    theirs = convert(network)
    compared = Comparison(outputs(interpreter(theirs), cases["features"]), cases["logits"], EXACT)
    print(f"{converter}: {compared}; its file is {len(theirs):,} bytes, ours {len(ours):,}")
    return 0 if compared.agreed else 1
