"""The quantization scheme: how real numbers become integers, from the ranges of the values to scales and zero points.

Weights are symmetric int8, biases int32 on the grid s_x * s_w, activations int8 per tensor, or 16 bits where a layer
needs them. Where runtimes would round differently, an operation asks for scales at which they cannot
(`Operation.settle`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from compress.operations.convolution import Convolution
from compress.operations.scales import Scales
from compress.operations.wide import TakesWide
from compress.program import Program
from compress.quantization import NARROW, WIDE, Quantization, Range, activation
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Scheme:
    """How real numbers become integers."""

    weights: Literal["per_channel", "per_tensor"] = "per_channel"
    """A step for the weights of each output channel, or one for all weights of a convolution."""
    activations: Literal["affine", "symmetric"] = "affine"
    """Integers that span the range of a value, or the integer 0 for 0.0 where a value has both signs. Behind a ReLU 0.0
    is the lowest integer in both, since that clamp at 0.0 costs nothing in any file."""
    wide: list[str] = field(default_factory=list)
    """Values that are carried in 16 bits, by name or pattern (conv2d_2, add*): what a convolution, an addition or a
    mean gives or takes. The files compute what reads or writes one in float32 over integers, equal to the last bit and
    slower."""

    def applied(self, program: Program) -> Program:
        """The float program with its convolutions told whether their channels share a step."""
        shared = self.weights == "per_tensor"
        operations: list[Any] = list(program.operations)
        operations = [replace(one, shared_step=shared) if isinstance(one, Convolution) else one for one in operations]
        return replace(program, operations=tuple(operations))

    def bits(self, program: Program) -> dict[str, int]:
        """Of every value.

        Raises:
            UserError: a pattern that matches no value, or a value that cannot be carried in 16 bits.
        """
        ends = {program.input, program.output}
        for pattern in self.wide:
            matched = {name for name in program.values if fnmatchcase(name, pattern)}
            if not matched - ends:
                known = ", ".join(name for name in program.values if name not in ends)
                what = "are int8 in every file" if matched else "is no value of the program"
                raise UserError(f"scheme: wide {pattern} {what}: choose from {known}")
        wide = {name for name in program.values if name not in ends and any(fnmatchcase(name, p) for p in self.wide)}
        for operation in program.operations:
            touched = wide.intersection((*operation.inputs, *operation.inside, operation.output))
            if touched and not isinstance(operation, TakesWide):
                kind = type(operation).__name__
                raise UserError(
                    f"scheme: wide {touched.pop()} meets {operation.output}, a {kind}, which takes and gives int8: "
                    "leave it out"
                )
        return {name: WIDE if name in wide else NARROW for name in program.values}


DEFAULT = Scheme()
PASSES = 8
"""Of refinement at most: what one operation changes may be bound to what another is content with. Two or three do."""


def assign(program: Program, ranges: Mapping[str, Range], scheme: Scheme = DEFAULT) -> dict[str, Quantization]:
    """A quantization for every value of a program, tie-free where two integers meet.

    Values are settled in running order: each operation changes what the ranges alone would give. Weights are not looked
    at.

    Raises:
        UserError: earlier operations leave one no choice, or the scheme asks for what the program does not have.
    """
    bits, symmetric = scheme.bits(program), scheme.activations == "symmetric"
    sets = _shared(program)
    common = {name: _union([ranges[value] for value in values]) for values in sets for name in values}
    settled = {
        name: activation(common.get(name, ranges[name]), symmetric=symmetric, bits=bits[name])
        for name in program.values
    }
    # another operation than the first relies on the input's scale: whoever feeds the program
    scales = Scales(ranges, program.shapes, settled, sets, fixed=program.input, output=program.output)
    for operation in program.operations:
        operation.settle(scales)
    for _ in range(PASSES):
        before = dict(settled)
        for operation in program.operations:
            operation.refine(scales)
        if settled == before:
            break
    return settled


def _shared(program: Program) -> list[set[str]]:
    """Disjoint sets of values that operations give one quantization."""
    sets: list[set[str]] = []
    for operation in program.operations:
        if operation.shared:
            touched = [values for values in sets if values.intersection(operation.shared)]
            sets = [values for values in sets if values not in touched]
            sets.append({*operation.shared}.union(*touched))
    return sets


def _union(ranges: Iterable[Range]) -> Range:
    parts = list(ranges)
    return Range(min(part.low for part in parts), max(part.high for part in parts))


def quantize(program: Program, quantizations: Mapping[str, Quantization]) -> Program:
    """Round weights and biases of a float program to their grids, by the quantizations of `assign`.

    Raises:
        UserError: an operation could round differently in two runtimes or sum more than float32 holds exactly, or a
            norm is at the end of the program.
    """
    if quantizations[program.output].unit != 1:
        raise UserError(f"{program.output} is what a norm gives: put a convolution behind it")
    values = {name: replace(value, quantization=quantizations[name]) for name, value in program.values.items()}
    operations = tuple(operation.quantized(quantizations, program.shapes) for operation in program.operations)
    return Program(program.input, program.output, values, operations)
