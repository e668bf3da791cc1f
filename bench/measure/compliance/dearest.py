"""Which operations of a file cost most, in what each rule counts."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.measure.graph.cost import GraphCost, Layer

MOST = 5
"""How many operations are named."""
MEASURES: dict[str, tuple[str, Callable[[Layer], int]]] = {
    "MACs": ("MACs", lambda layer: layer.macs),
    "parameter memory": ("bytes", lambda layer: layer.constant_bytes),
    "parameters": ("parameters", lambda layer: layer.weights + layer.biases),
    "weights wider than INT8": ("weights", lambda layer: layer.weights if layer.weight_bytes > layer.weights else 0),
    "peak activations": ("bytes", lambda layer: layer.live_bytes),
}
"""By rule: unit, and what an operation adds to it, in the file. No rule limits activations: their peak is that of one
operation, and the others have shares of it."""


@dataclass(frozen=True)
class Dear:
    """One operation and what it takes."""

    place: int
    """Its place in running order, from 0."""
    operation: str
    """The format's name for it, for example CONV_2D."""
    name: str
    """Of its first output."""
    value: int
    share: float
    """Of the file's total; of activations, of the peak."""


def dearest(cost: GraphCost, rule: str) -> tuple[Dear, ...]:
    """The operations that cost most, the dearest first; none where nothing costs anything."""
    _, measure = MEASURES[rule]
    values = [measure(layer) for layer in cost.layers]
    whole = max(values, default=0) if rule == "peak activations" else sum(values)
    order = sorted(range(len(values)), key=lambda place: -values[place])[:MOST]
    return tuple(
        Dear(place, cost.layers[place].operation, _short(cost.layers[place].name), values[place], values[place] / whole)
        for place in order
        if values[place]
    )


def _short(name: str) -> str:
    """TensorFlow's converter joins the names of all that it has merged: the first is enough."""
    return name.partition(";")[0]
