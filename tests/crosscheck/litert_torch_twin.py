"""litert-torch's converter on a torch twin of model.tflite: does it come to the same integers?

    python litert_torch_twin.py FOLDER        (needs litert-torch)

The twin is the network in real numbers, with a quantization and its inverse behind every operator, as torch's own
quantization of exported graphs (PT2E) leaves it. litert-torch quantizes and writes it on its own; the logits of its
file in ai-edge-litert are compared with ours.
"""

import sys
import tempfile
from importlib.metadata import version
from operator import add, mul, truediv
from pathlib import Path

import litert_torch  # type: ignore[import-not-found]
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from litert_torch.quantize import pt2e_quantizer, quant_config  # type: ignore[import-not-found]
from network import Network, Operator, judge  # type: ignore[import-not-found]
from torch import Tensor, nn
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers the operators
from torch.nn import functional as F

ELEMENTWISE = {
    "ADD": add,
    "MUL": mul,
    "DIV": truediv,
    "FLOOR": torch.floor,
    "SQRT": torch.sqrt,
    "MINIMUM": torch.minimum,
}
QUANTIZED = quant_config.QuantConfig(
    pt2e_quantizer=pt2e_quantizer.PT2EQuantizer().set_global(pt2e_quantizer.get_symmetric_quantization_config())
)
"""Tells the converter to take the quantizations in the graph for its integers; it chooses none itself."""
decomposed = torch.ops.quantized_decomposed


class Twin(nn.Module):
    """A .tflite's graph in real numbers; maps are channels last, as in the file."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        for operator in network.operators:
            for tensor in operator.inputs:
                constant = network.constant(tensor)
                if constant is not None:
                    self.register_buffer(f"constant_{tensor}", torch.from_numpy(constant.copy()))
            if "CONV_2D" in operator.kind:
                scales = torch.from_numpy(network.scales(operator.inputs[1]).astype(np.float64))
                self.register_buffer(f"scales_{operator.inputs[1]}", scales)
                self.register_buffer(f"zero_points_{operator.inputs[1]}", torch.zeros(len(scales), dtype=torch.int64))

    def quantized(self, real: Tensor, tensor: int) -> Tensor:
        """To a tensor's integers and back; real numbers as they are."""
        found = self.network.quantization(tensor)
        if found is None:
            return real
        integers = decomposed.quantize_per_tensor(real, *found, -128, 127, torch.int8)
        return decomposed.dequantize_per_tensor(integers, *found, -128, 127, torch.int8)

    def forward(self, features: Tensor) -> Tensor:
        values = {self.network.input: self.quantized(features, self.network.input)}
        for operator in self.network.operators:
            inputs = [values[one] if one in values else getattr(self, f"constant_{one}") for one in operator.inputs]
            values[operator.output] = self.quantized(self.run(operator, inputs), operator.output)
        return values[self.network.output]

    def run(self, operator: Operator, inputs: list[Tensor]) -> Tensor:
        """One operator in real numbers."""
        first, integers = inputs[0], self.network.integers
        options = operator.options
        match operator.kind:
            case "DEQUANTIZE" | "QUANTIZE":
                real = first
            case "PAD":
                real = F.pad(first, integers(operator.inputs[1])[::-1].flatten().tolist())
            case "RESHAPE":
                real = first.reshape(self.network.shape(operator.output))
            case "MEAN":
                real = first.mean(integers(operator.inputs[1]).tolist(), options.keepDims)
            case "SUM":
                real = first.sum(integers(operator.inputs[1]).tolist(), options.keepDims)
            case kind if kind in ELEMENTWISE:
                real = ELEMENTWISE[kind](*inputs)
            case _:
                real = self.convolved(operator, first)
        return real.relu() if self.network.rectified(operator) else real

    def convolved(self, operator: Operator, source: Tensor) -> Tensor:
        """A convolution, its weights on their grid."""
        weight, bias = (getattr(self, f"constant_{one}") for one in operator.inputs[1:])
        depthwise, options = operator.kind == "DEPTHWISE_CONV_2D", operator.options
        weight = weight.permute(3, 0, 1, 2) if depthwise else weight.permute(0, 3, 1, 2)
        scales, zero_points = (getattr(self, f"{name}_{operator.inputs[1]}") for name in ("scales", "zero_points"))
        grid = (scales, zero_points, 0, -127, 127, torch.int8)
        weight = decomposed.quantize_per_channel(weight, *grid)
        weight = decomposed.dequantize_per_channel(weight, *grid)
        padding = "same" if options.padding == self.network.same else "valid"
        strides, groups = (options.strideH, options.strideW), len(weight) if depthwise else 1
        return F.conv2d(source.permute(0, 3, 1, 2), weight, bias, strides, padding, 1, groups).permute(0, 2, 3, 1)


def converted(network: Network) -> bytes:
    """What litert-torch makes of the twin."""
    given = torch.zeros(network.shape(network.input))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "twin.tflite")
        litert_torch.convert(Twin(network).eval(), (given,), quant_config=QUANTIZED).export(str(path))
        return path.read_bytes()


def main(folder: Path) -> int:
    converter = f"litert-torch {version('litert-torch')}, convert"
    return judge(folder, schema, converted, lambda content: Interpreter(model_content=content), converter)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
