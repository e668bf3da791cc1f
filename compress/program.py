"""The one quantized program: what the simulator, the TFLite emitter and the ONNX emitter all read.

A program is a straight list of operations over named values. The same description carries the float network (BN folded,
no quantization) and the INT8 network, so that both are emitted by the same code and compared like with like.

Arithmetic of the INT8 program (Jacob et al. 2018, arXiv:1712.05877, with float32 requantization as in XNNPACK's
`qs8_qc8w` kernels and ONNX Runtime's QLinearConv):

    convolution  y = clamp(round_half_even(float32(sum(w * (x - z_x)) + b) * float32(s_x * s_w / s_y)) + z_y)
    addition     y = clamp(round((a - z_a) * s_a / s_y + (b - z_b) * s_b / s_y) + z_y), never near a tie (`scheme`)
    mean         y = clamp(round(sum(x - z_x) * s_x / (s_y * n)) + z_y), never near a tie (`scheme`)

Shapes: C channels, F mel bands, T frames, O output channels, K classes. No batch dimension.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

INT8_MIN, INT8_MAX = -128, 127


@dataclass(frozen=True)
class Quantization:
    """real = scale * (integer - zero_point), for int8 integers."""

    scale: float
    """Step between neighbouring integers; exactly a float32."""
    zero_point: int
    """The integer that stands for 0.0."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0 and float(np.float32(self.scale)) == self.scale):
            raise ValueError(f"scale must be a positive float32, not {self.scale!r}")
        if not INT8_MIN <= self.zero_point <= INT8_MAX:
            raise ValueError(f"zero_point must be an int8, not {self.zero_point}")


@dataclass(frozen=True)
class Value:
    """An activation: (C, F, T), or (K,) after the mean."""

    name: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None


@dataclass(frozen=True)
class Convolution:
    """2-D convolution with zero padding and an optional ReLU; depthwise when `groups` equals its channels."""

    input: str
    output: str
    weight: NDArray[Any]
    """(O, C / groups, kernel F, kernel T); int8 or float32."""
    bias: NDArray[Any]
    """(O,); int32 on the grid s_x * s_w, or float32."""
    weight_scale: NDArray[np.float32] | None
    """(O,); None in a float program."""
    stride: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    relu: bool
    trainable: bool
    """False for a pooling written as a convolution: its weights are a definition, not parameters."""

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def depthwise(self) -> bool:
        return self.groups > 1


@dataclass(frozen=True)
class Addition:
    """Sum of two values of one shape, with an optional ReLU."""

    inputs: tuple[str, str]
    output: str
    relu: bool


@dataclass(frozen=True)
class Mean:
    """Mean over F and T: (C, F, T) -> (C,)."""

    input: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


Operation = Convolution | Addition | Mean
_KINDS = {"convolution": Convolution, "addition": Addition, "mean": Mean}
_ARRAYS = ("weight", "bias", "weight_scale")


@dataclass(frozen=True)
class Program:
    """A network as operations in running order."""

    input: str
    output: str
    values: dict[str, Value]
    operations: tuple[Operation, ...]

    @property
    def quantized(self) -> bool:
        return self.values[self.input].quantization is not None

    def convolutions(self) -> Iterator[Convolution]:
        """The convolutions in running order."""
        return (operation for operation in self.operations if isinstance(operation, Convolution))

    @property
    def parameter_count(self) -> int:
        """Weights and biases of the trained layers."""
        return sum(c.weight.size + c.bias.size for c in self.convolutions() if c.trainable)


def quantization(program: Program, name: str) -> Quantization:
    """The quantization of a value of an INT8 program.

    Raises:
        ValueError: the program is a float program.
    """
    found = program.values[name].quantization
    if found is None:
        raise ValueError(f"{name} is not quantized: an INT8 program is needed")
    return found


def multiplier(input_scale: float, weight_scale: NDArray[np.float32], output_scale: float) -> NDArray[np.float32]:
    """Requantization multipliers s_x * s_w / s_y, (O,), in the float32 order of operations that the runtimes use."""
    return np.float32(input_scale) * weight_scale / np.float32(output_scale)


def save(program: Program, stem: Path) -> None:
    """Write `STEM.json` (values, operations) and `STEM.safetensors` (weights, biases, weight scales)."""
    arrays, operations = {}, []
    for index, operation in enumerate(program.operations):
        kind = next(name for name, type_ in _KINDS.items() if isinstance(operation, type_))
        fields = {"kind": kind, **vars(operation)}
        for name in _ARRAYS:
            array = fields.pop(name, None)
            if array is not None:
                arrays[f"{index}.{name}"] = np.ascontiguousarray(array)
        operations.append(fields)
    content = {
        "input": program.input,
        "output": program.output,
        "values": [asdict(value) for value in program.values.values()],
        "operations": operations,
    }
    stem.with_name(stem.name + ".json").write_text(json.dumps(content, indent=1) + "\n")
    # save_file would make a file that only its owner can read
    stem.with_name(stem.name + ".safetensors").write_bytes(to_bytes(arrays))


def load(stem: Path) -> Program:
    """Read what `save` wrote. The run's card vouches for the files (`artifact.load_card`)."""
    content = json.loads(stem.with_name(stem.name + ".json").read_text())
    arrays = load_file(stem.with_name(stem.name + ".safetensors"))
    values = {}
    for fields in content["values"]:
        found = fields["quantization"]
        values[fields["name"]] = Value(
            fields["name"], tuple(fields["shape"]), Quantization(**found) if found is not None else None
        )
    operations = tuple(_operation(index, fields, arrays) for index, fields in enumerate(content["operations"]))
    return Program(content["input"], content["output"], values, operations)


def _operation(index: int, fields: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Operation:
    kind = fields.pop("kind")
    if kind == "addition":
        first, second = fields["inputs"]
        return Addition((first, second), fields["output"], fields["relu"])
    if kind == "mean":
        return Mean(**fields)
    fields |= {name: tuple(fields[name]) for name in ("stride", "padding")}
    return Convolution(**fields, **{name: arrays.get(f"{index}.{name}") for name in _ARRAYS})  # type: ignore[arg-type]
