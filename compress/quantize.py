"""A float program and a quantization of its values to the INT8 program."""

from collections.abc import Mapping
from dataclasses import replace

from compress.program import Program
from compress.quantization import Quantization
from tinyasc.errors import UserError


def quantize(program: Program, quantizations: Mapping[str, Quantization]) -> Program:
    """Round weights and biases to their grids.

    Args:
        program: a float program.
        quantizations: of every value, from `scheme.assign`.

    Raises:
        UserError: an operation could round differently in two runtimes or sum more than float32 holds exactly, or a
            norm is at the end of the program.
    """
    if quantizations[program.output].unit != 1:
        raise UserError(f"{program.output} is what a norm gives: put a convolution behind it")
    values = {name: replace(value, quantization=quantizations[name]) for name, value in program.values.items()}
    operations = tuple(operation.quantized(quantizations, program.shapes) for operation in program.operations)
    return Program(program.input, program.output, values, operations)
