"""The verdict on one file: limits kept and broken, by how much, and the operations that cost most."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure.compliance import checks as limits
from bench.measure.compliance.checks import Check, Network, Window
from bench.measure.figure import ESTIMATED, Figure, Origin, path_of
from bench.measure.graph import cost as graph_cost
from bench.measure.graph.cost import GraphCost, Layer
from bench.measure.records import Natural
from tinyasc.artifact import ModelCard
from tinyasc.dcase import LIMITS, Limits

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
class Hotspot:
    """One operation and what it takes."""

    place: Natural
    """In running order, from 0."""
    operation: str
    name: str
    """Of its first output."""
    value: Natural
    share: float
    """Of the file's total; of activations, of the peak."""


@dataclass(frozen=True)
class Year:
    """The limits of one year, and whether every check that decides keeps them."""

    passed: bool
    limits: Limits


@dataclass(frozen=True)
class Violation:
    """One rule that is broken, alike in some years."""

    rule: str
    years: list[Natural]
    over: Natural
    """In the rule's unit."""
    share: float | None
    """Value / limit; None: the limit is 0."""
    text: str


@dataclass(frozen=True)
class FileCost:
    """What the file itself holds, counted in its graph."""

    macs: Figure
    """Of one inference."""
    parameters: Figure
    weight_bytes: Figure
    bias_bytes: Figure
    constant_bytes: Figure
    float_operations: Figure


@dataclass(frozen=True)
class FrontEndCost:
    """What a drop-in has above the network it was made of, for information: spectrogram and softmax bind no rule."""

    network: str
    macs: Figure
    parameters: Figure
    constant_bytes: Figure
    file_bytes: Figure


@dataclass(frozen=True)
class Compliance:
    """The verdict on one file."""

    file: str
    words: str
    """Fits or breaks which years' limits, in words, behind "the model"."""
    years: dict[int, Year]
    network: Network
    cost: FileCost
    front_ends: dict[str, FrontEndCost]
    """By file name of the drop-in."""
    checks: list[Check]
    violations: list[Violation]
    hotspots: dict[str, list[Hotspot]]
    """By MEASURES, the greatest first."""

    @property
    def nearest(self) -> Check:
        """The deciding check that is nearest to its limit, or farthest above it."""
        return max((check for check in self.checks if check.decides), key=lambda check: check.share)


def judge(file: Path, card: ModelCard | None, window: Window, drop_ins: Mapping[Path, Path]) -> Compliance:
    """Hold one file against the limits of every year.

    The count of the network on its run's card decides, else that of the file. `drop_ins`: drop-in -> its network.

    Raises:
        UserError: a file that cannot be counted.
    """
    cost = graph_cost.read(file)
    network = limits.network_of(cost, card, window)
    checks = limits.checks(cost, network)
    passed, operations = limits.passed_years(checks), {rule: hotspots(cost, rule) for rule in MEASURES}
    return Compliance(
        file=file.name,
        words=fits(passed, network.uncounted),
        years={year: Year(ok, LIMITS[year]) for year, ok in passed.items()},
        network=network,
        cost=_file_cost(file.name, cost),
        front_ends={drop_in.name: _front_end(drop_in, of) for drop_in, of in drop_ins.items()},
        checks=checks,
        violations=violations(checks, operations),
        hotspots=operations,
    )


def hotspots(cost: GraphCost, rule: str) -> list[Hotspot]:
    """The operations that cost most by one of MEASURES, the greatest first; none where nothing costs anything."""
    _, measure = MEASURES[rule]
    values = [measure(layer) for layer in cost.layers]
    whole = max(values, default=0) if rule == "peak activations" else sum(values)
    order = sorted(range(len(values)), key=lambda place: -values[place])[:MOST]
    return [
        # TensorFlow's converter joins the names of all that it has merged: the first is enough
        Hotspot(place, layer.operation, layer.name.partition(";")[0], values[place], values[place] / whole)
        for place in order
        if values[place] and (layer := cost.layers[place])
    ]


def fits(passed: Mapping[int, bool], uncounted: str = "") -> str:
    """What comes behind "the model": fits or breaks which years' limits, by year in ascending order.

    `uncounted`: operations that are missing from the MACs, in words; "": none.
    """
    if uncounted and any(passed.values()):
        return f"{fits(passed)} as far as it was counted: its MACs are a lower bound without {uncounted}"
    kept, failed = [year for year, ok in passed.items() if ok], [year for year, ok in passed.items() if not ok]
    if not failed:
        return f"fits the DCASE Task 1 limits of every year from {kept[0]} to {kept[-1]}"
    if kept:
        return f"fits the DCASE Task 1 limits of {listed(kept)} but breaks those of {listed(failed)}"
    return f"breaks the DCASE Task 1 limits of every year from {failed[0]} to {failed[-1]}"


def violations(checks: Sequence[Check], operations: Mapping[str, Sequence[Hotspot]]) -> list[Violation]:
    """Each broken rule once, with the operation that takes most of it in the file (`operations`: hotspots by rule)."""
    years: dict[tuple[str, str, int, int], list[int]] = {}
    for check in checks:
        if check.decides and not check.passed:
            years.setdefault((check.rule, check.unit, check.value, check.limit), []).append(check.year)
    return [
        Violation(
            rule,
            those,
            value - limit,
            value / limit if limit else None,
            _text(rule, unit, value, limit, operations[rule]),
        )
        for (rule, unit, value, limit), those in years.items()
    ]


def listed(words: Sequence[object]) -> str:
    """[2022, 2023, 2025] -> 2022, 2023 and 2025."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def _text(rule: str, unit: str, value: int, limit: int, operations: Sequence[Hotspot]) -> str:
    """MACs over by 1,200,000 (4.0 %); CONV_2D blocks.3.expand takes 31 % of those in the file."""
    over = f"{value - limit:,}" + (f" {unit}" if unit != rule else "")
    text = f"{rule} over by {over} ({100 * (value / limit - 1):.1f} %)" if limit else f"{value:,} {rule}"
    if not operations:
        return text
    most = operations[0]
    return f"{text}; {most.operation} {most.name} takes {100 * most.share:.0f} % of those in the file"


def _file_cost(file: str, cost: GraphCost) -> FileCost:
    place, counted = f"cost/{path_of(file)}", f"counted in the graph of {file}"
    of_file = of_macs = Origin(place, counted)
    if missing := limits.uncounted(cost):
        of_macs = Origin(place, f"{counted}, a lower bound: not counted: {missing}", ESTIMATED)
    figure = of_file.figure
    return FileCost(
        macs=of_macs.figure("macs", cost.macs, "MACs"),
        parameters=figure("parameters", cost.parameters, "parameters"),
        weight_bytes=figure("weight_bytes", cost.weight_bytes, "bytes"),
        bias_bytes=figure("bias_bytes", cost.bias_bytes, "bytes"),
        constant_bytes=figure("constant_bytes", cost.constant_bytes, "bytes"),
        float_operations=figure("float_operations", cost.float_operations, "count"),
    )


def _front_end(drop_in: Path, network: Path) -> FrontEndCost:
    whole, part = graph_cost.read(drop_in), graph_cost.read(network)
    figure = Origin(f"cost/{path_of(drop_in.name)}/front_end", f"{drop_in.name} less {network.name}").figure
    return FrontEndCost(
        network=network.name,
        macs=figure("macs", whole.macs - part.macs, "MACs"),
        parameters=figure("parameters", whole.parameters - part.parameters, "parameters"),
        constant_bytes=figure("constant_bytes", whole.constant_bytes - part.constant_bytes, "bytes"),
        file_bytes=figure("file_bytes", whole.file_bytes - part.file_bytes, "bytes"),
    )
