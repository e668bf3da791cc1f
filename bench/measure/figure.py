"""Figures: numbers of the report with unit and provenance. Each stands in one place of the report's tree of records."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from typing import Literal

Provenance = Literal["measured", "estimated", "quoted"]
Unit = Literal[
    "fraction",
    "bytes",
    "MACs",
    "parameters",
    "weights",
    "nats",
    "ms",
    "joules",
    "kWh",
    "instructions",
    "ratio",
    "count",
]
"""fraction: of accuracies and shares. `bench.report.compare` says which of them are compared, and how."""
MEASURED: Provenance = "measured"
ESTIMATED: Provenance = "estimated"
QUOTED: Provenance = "quoted"


@dataclass(frozen=True)
class Figure:
    """One number."""

    value: int | float | None
    """None: there is no such number, for example a teacher that nobody trained."""
    unit: Unit
    provenance: Provenance
    """MEASURED: by this run of the benchmark. ESTIMATED: by a model of the machine. QUOTED: from a document or card."""
    source: str
    interval: tuple[float, float] | None = None
    """95 % confidence interval; of an estimated time its band, which is a judgement."""
    path: str = ""
    """Its name in tables and comparisons, for example "accuracy/tflite/int8/macro"; "": of no report."""

    def __post_init__(self) -> None:
        if self.value is not None and not isfinite(self.value):  # JSON has no word for it
            raise ValueError(f"{self.path} is {self.value}")


@dataclass(frozen=True)
class Unmeasured:
    """Something that could not be measured here."""

    reason: str
    """One line: why, and what to do about it where something can be done."""


@dataclass(frozen=True)
class Origin:
    """Makes figures whose paths begin alike and which have one source."""

    place: str
    """For example "latency/tflite/int8"."""
    source: str
    provenance: Provenance = MEASURED

    def figure(self, name: str, value: float | None, unit: Unit, interval: tuple[float, float] | None = None) -> Figure:
        """The figure of that name, behind the place."""
        return Figure(value, unit, self.provenance, self.source, interval, f"{self.place}/{name}")


def figures(tree: object) -> dict[str, Figure]:
    """Every figure in a tree of dataclasses, mappings and sequences by its path, in the order of the fields."""
    return {figure.path: figure for figure in _walk(tree)}


def path_of(file: str) -> str:
    """A file's part of its figures' paths: model_float.onnx -> onnx/float, model.tflite -> tflite/int8, kws.tflite ->
    tflite/kws.
    """
    stem, suffix = file.rsplit(".", 1)
    return f"{suffix}/{'int8' if stem == 'model' else stem.removeprefix('model_')}"


def _walk(node: object) -> Iterator[Figure]:
    if isinstance(node, Figure):
        yield node
    elif is_dataclass(node):
        for field in fields(node):
            yield from _walk(getattr(node, field.name))
    elif isinstance(node, dict | list | tuple):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _walk(value)
