"""The table of the ways to set a range, and ranges for a whole program by one of them.

Shapes: B batch, C channels, F mel bands, T frames.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from torch import Tensor
from tqdm import tqdm

from compress.observe import observe
from compress.program import Program
from compress.ptq.ranges.entropy import entropy
from compress.ptq.ranges.histogram import Histogram, histograms
from compress.ptq.ranges.percentile import percentile
from compress.ptq.ranges.squared_error import squared_error
from compress.quantization import Range

Way = Literal["min_max", "percentile", "mse", "entropy"]


def set_ranges(program: Program, batches: Sequence[Tensor], way: Way, percent: float) -> dict[str, Range]:
    """A range for every value of a float program.

    What operations have inside keeps its whole range: it is no int8 that could be finer for being clipped.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T), at least one.
        way: how.
        percent: for percentile.
    """
    if way == "min_max":
        return observe(program, batches)
    ways: dict[str, Callable[[Histogram], Range]] = {
        "percentile": partial(percentile, percent=percent),
        "mse": squared_error,
        "entropy": entropy,
    }
    inside = {name for operation in program.operations for name in operation.inside}
    seen = tqdm(histograms(program, batches).items(), "ranges", leave=False, unit="value")
    return {name: found.range if name in inside else ways[way](found) for name, found in seen}
