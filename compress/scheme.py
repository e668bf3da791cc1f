"""How real numbers become integers: from the ranges of the values to their scales and zero points.

Weights are symmetric int8 per output channel, activations affine int8 per tensor, biases int32 on the grid s_x * s_w.
Where runtimes would round differently, an operation asks for scales at which they cannot (`Operation.settle`).
"""

from collections import Counter
from collections.abc import Mapping

from compress.operations.operation import Scales
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
    settled = {name: activation(found) for name, found in ranges.items()}
    # another operation than the first relies on the input's scale: whoever feeds the program
    readers = Counter(name for operation in program.operations for name in operation.inputs)
    scales = Scales(ranges, program.shapes, settled, {program.input}, readers)
    for operation in program.operations:
        operation.settle(scales)
    return settled
