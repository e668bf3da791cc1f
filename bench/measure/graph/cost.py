"""What a .tflite or .onnx file costs, counted from its graph: MACs, parameters, constant and live bytes per layer.

MACs follow NeSsi, the counter of DCASE Task 1: convolutions, fully connected layers and pooling by their kernels, means
and additions by their elements, every other operation and every bias 0. Deviations: products that NeSsi leaves out
(batched matrix products, transposed convolutions, recurrent layers, attention) count, and a fully connected layer
counts all of its weights; NeSsi multiplies by the last input dimension only, which is too few when the input is not
flattened. Where nobody says how often an operation multiplies (a loop, a custom operation), it counts 0 and is named:
the sum is a lower bound then. Against the deployed MACs of `tinyasc.cost`, an exported .onnx has those of the biases
less, and those of poolings, means and additions more.

The two formats of one exported program agree but for the layout of the .tflite. Its first convolution may be regrouped
over columns of frames for speed, which adds weights and multiplications by zeros: `macs - zero_macs` is equal. And its
paddings are operations of their own, whose padded copies count as live beside their originals; the .onnx pads inside of
the convolution, so its peak is that of the network (`tinyasc.cost`).
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.measure.graph.graph import Graph, Key, Tensor
from bench.measure.graph.read_onnx import read_onnx
from bench.measure.graph.read_tflite import is_tflite, read_tflite
from bench.measure.records import Natural
from tinyasc.errors import UserError

STRUCTURE_TYPES = ("INT32", "INT64", "UINT32", "BOOL", "STRING")
"""Constants of these types that are no bias are shapes, axes and paddings: bytes, but no parameters. So are single
numbers that are no weight of a product: what a norm is scaled and moved by."""
FLOAT_TYPES = ("FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64")


@dataclass(frozen=True)
class Layer:
    """One operation of the graph, in running order."""

    operation: str
    """The format's name for it: CONV_2D or Conv, or the name of a custom operation."""
    name: str
    """Name of its first output; "": it has none, and only sets a state."""
    output_shape: tuple[int, ...]
    output_type: str
    macs: Natural
    """Of one inference; 0 where they are not counted."""
    weights: Natural
    biases: Natural
    weight_bytes: Natural
    bias_bytes: Natural
    structure_bytes: Natural
    """Of shapes, axes and paddings."""
    live_bytes: Natural
    """Bytes of all activations that must exist while it runs: inputs, outputs and what later layers still need."""
    zero_macs: Natural = 0
    """Those of the MACs that multiply by a weight of 0."""
    counted: bool = True
    """False: it may multiply, and how often is not known."""

    @property
    def constant_bytes(self) -> int:
        """Bytes of every constant it reads, as NeSsi counts "parameters"."""
        return self.weight_bytes + self.bias_bytes + self.structure_bytes


@dataclass(frozen=True)
class GraphCost:
    """Cost of one file. A constant that several operations read counts once, at the first of them."""

    layers: tuple[Layer, ...]
    file_bytes: Natural

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def uncounted(self) -> dict[str, int]:
        """Operations without a count of MACs and how many there are; where there are any, `macs` is a lower bound."""
        return Counter(layer.operation for layer in self.layers if not layer.counted)

    @property
    def zero_macs(self) -> int:
        """Those of the MACs that multiply by a weight of 0, learned or put there by the layout of the file."""
        return sum(layer.zero_macs for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights and biases, elements."""
        return sum(layer.weights + layer.biases for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def bias_bytes(self) -> int:
        return sum(layer.bias_bytes for layer in self.layers)

    @property
    def constant_bytes(self) -> int:
        """Weights, biases, shapes, axes and paddings: what NeSsi prints as parameters of a .tflite."""
        return sum(layer.constant_bytes for layer in self.layers)

    @property
    def peak_activation_bytes(self) -> int:
        """Least activation memory with perfect packing; a runtime's arena is at least this."""
        return max((layer.live_bytes for layer in self.layers), default=0)

    @property
    def wide_weights(self) -> int:
        """Weights of operations whose weights take more than one byte each."""
        return sum(layer.weights for layer in self.layers if layer.weight_bytes > layer.weights)

    @property
    def float_operations(self) -> int:
        """Operations whose output is a float tensor; 0 in a network that is INT8 from end to end."""
        return sum(layer.output_type in FLOAT_TYPES for layer in self.layers)


def read(path: Path) -> GraphCost:
    """Count one .tflite or .onnx file.

    Raises:
        UserError: no such file, neither format, or a model that cannot be counted.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    kind = "ONNX" if path.suffix == ".onnx" else "TFLite"
    if kind == "TFLite" and not is_tflite(content):
        raise UserError(f"{path} is not a TFLite model: give a .tflite or an .onnx file")
    try:
        graph = read_onnx(path) if kind == "ONNX" else read_tflite(content)
    except UserError:
        raise
    except Exception as error:  # the readers of both formats fail in whatever way the bytes lead them
        raise UserError(f"{path} is a damaged {kind} model ({type(error).__name__}): write it again") from error
    return GraphCost(_layers(graph), len(content))


def _layers(graph: Graph) -> tuple[Layer, ...]:
    counted: set[Key] = set()
    layers = []
    for operation, live_bytes in zip(graph.operations, graph.live_bytes(), strict=True):
        elements = {"weights": 0, "biases": 0}
        size = {"weight_bytes": 0, "bias_bytes": 0, "structure_bytes": 0}
        for key in operation.inputs:
            tensor = graph.tensors[key]
            if not tensor.constant or key in counted:
                continue
            counted.add(key)
            if key in operation.biases:
                elements["biases"] += tensor.elements
                size["bias_bytes"] += tensor.bytes
            elif tensor.type in STRUCTURE_TYPES or (tensor.elements == 1 and key not in operation.weights):
                size["structure_bytes"] += tensor.bytes
            else:
                elements["weights"] += tensor.elements
                size["weight_bytes"] += tensor.bytes
        first = graph.tensors[operation.outputs[0]] if operation.outputs else Tensor("", (0,), "UNKNOWN")
        weights = [graph.tensors[key] for key in operation.weights]
        macs, zeros = operation.macs or 0, sum(weight.zeros for weight in weights)
        layers.append(
            Layer(
                operation=operation.kind,
                name=first.name,
                output_shape=first.shape,
                output_type=first.type,
                macs=macs,
                live_bytes=live_bytes,
                zero_macs=macs * zeros // max(1, sum(weight.elements for weight in weights)),
                counted=operation.macs is not None,
                **elements,
                **size,
            )
        )
    return tuple(layers)
