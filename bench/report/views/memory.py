"""Memory and cost of files in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.report import words

Content = Mapping[str, Any]


def parameters(layers: Sequence[Content]) -> int:
    return sum(layer["weights"] + layer["biases"] for layer in layers)


def processes(memory: Content) -> str:
    """In how many processes each file ran."""
    return words.listed(sorted({one["resident"]["processes"] for one in memory.values() if one["resident"]}) or ["no"])
