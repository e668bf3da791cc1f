"""How real numbers become integers: from the ranges of the values to their scales and zero points.

Weights are symmetric int8 per output channel, activations affine int8 per tensor, biases int32 on the grid s_x * s_w.
Where runtimes would round differently, an operation asks for scales at which they cannot (`Operation.settle`).
"""

from collections.abc import Iterable, Mapping

from compress.operations.scales import Scales
from compress.program import Program
from compress.quantization import Quantization, Range, activation


def assign(program: Program, ranges: Mapping[str, Range]) -> dict[str, Quantization]:
    """A quantization for every value of a program, tie-free where two integers meet.

    Values are settled in running order: each operation changes what the ranges alone would give.

    Args:
        program: the operations (their weights are not looked at).
        ranges: of every value, by name.

    Raises:
        UserError: earlier operations leave one no choice.
    """
    sets = _shared(program)
    common = {name: _union([ranges[value] for value in values]) for values in sets for name in values}
    settled = {name: activation(found) for name, found in {**ranges, **common}.items()}
    # another operation than the first relies on the input's scale: whoever feeds the program
    scales = Scales(ranges, program.shapes, settled, sets, fixed=program.input, output=program.output)
    for operation in program.operations:
        operation.settle(scales)
    for operation in program.operations:
        operation.refine(scales)
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
