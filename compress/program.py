"""The one quantized program: what the simulator, the TFLite emitter and the ONNX emitter all read.

A program is a straight list of operations over named values. The same description carries the float network (BN folded,
no quantization) and the INT8 network, so that both are emitted by the same code and compared like with like. Every kind
of operation is a file of `compress.operations`; the arithmetic of its INT8 form stands at the head of it.

Shapes: C channels, F mel bands, T frames, K classes. No batch dimension.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from compress.operations import register_all
from compress.operations.convolution import Convolution
from compress.operations.operation import KINDS, Operation, Value
from compress.quantization import Quantization, quantized_part


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

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every value."""
        return {name: value.shape for name, value in self.values.items()}

    @property
    def quantizations(self) -> dict[str, Quantization]:
        """Of every value of an INT8 program; none of a float program."""
        return {name: value.quantization for name, value in self.values.items() if value.quantization is not None}

    def quantization(self, name: str) -> Quantization:
        """The quantization of a value of an INT8 program.

        Raises:
            ValueError: this is a float program.
        """
        return quantized_part(name, self.values[name].quantization)

    def convolutions(self) -> Iterator[Convolution]:
        """The convolutions in running order."""
        return (operation for operation in self.operations if isinstance(operation, Convolution))

    @property
    def parameter_count(self) -> int:
        """Weights, biases and other numbers that training changes."""
        return sum(array.size for operation in self.operations for array in operation.parameters.values())


def save(program: Program, stem: Path) -> None:
    """Write `STEM.json` (values, operations) and `STEM.safetensors` (weights, biases, weight scales)."""
    arrays, operations = {}, []
    for index, operation in enumerate(program.operations):
        fields: dict[str, Any] = {"kind": operation.kind}
        for name, field in vars(operation).items():
            if isinstance(field, np.ndarray):
                arrays[f"{index}.{name}"] = np.ascontiguousarray(field)
            else:
                fields[name] = asdict(field) if is_dataclass(field) and not isinstance(field, type) else field
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
    register_all()
    content = json.loads(stem.with_name(stem.name + ".json").read_text())
    arrays = load_file(stem.with_name(stem.name + ".safetensors"))
    values = {}
    for fields in content["values"]:
        found = fields["quantization"]
        values[fields["name"]] = Value(
            fields["name"],
            tuple(fields["shape"]),
            Quantization(**found) if found is not None else None,
            fields.get("layer", ""),
        )
    operations = tuple(_operation(index, fields, arrays) for index, fields in enumerate(content["operations"]))
    return Program(content["input"], content["output"], values, operations)


def _operation(index: int, fields: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Operation:
    kind = fields.pop("kind")
    plain = {name: tuple(field) if isinstance(field, list) else field for name, field in fields.items()}
    found = {name.partition(".")[2]: array for name, array in arrays.items() if name.partition(".")[0] == str(index)}
    return KINDS[kind](**plain, **found)
