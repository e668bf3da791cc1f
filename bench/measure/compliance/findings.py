"""The verdict on one file: which limits it keeps, what is over, by how much, and what costs most."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measure.compliance import checks as limits
from bench.measure.compliance import words
from bench.measure.compliance.checks import Check, Network
from bench.measure.compliance.dearest import MEASURES, Dear, dearest
from bench.measure.compliance.window import Window
from bench.measure.figure import ESTIMATED, MEASURED, Figure
from bench.measure.graph import cost as graph_cost
from bench.measure.graph.cost import GraphCost
from tinyasc.artifact import ModelCard
from tinyasc.dcase import LIMITS

FRONT_END = "the front-end inside of a drop-in is no part of the rules, which bind the network: shown for information"


@dataclass(frozen=True)
class FrontEndCost:
    """What a drop-in has above the network it was made of: the spectrogram, and the softmax at its end."""

    network: str
    """File name."""
    macs: int
    parameters: int
    constant_bytes: int
    file_bytes: int


@dataclass(frozen=True)
class Verdict:
    """What was found out about one file."""

    file: str
    """Its name."""
    cost: GraphCost
    network: Network
    checks: list[Check]
    dearest: dict[str, tuple[Dear, ...]]
    """By rule, for every rule that some year has, and "peak activations"."""
    front_ends: dict[str, FrontEndCost]
    """By file name of the drop-in."""


def judge(file: Path, card: ModelCard | None, window: Window, drop_ins: Mapping[Path, Path]) -> Verdict:
    """Hold one file against the limits of every year.

    Args:
        file: .tflite or .onnx.
        card: of its run, whose count of the network decides; none: the file is counted.
        window: the sound that one inference hears.
        drop_ins: drop-in -> the network it was made of, where there are any.

    Raises:
        UserError: a file that cannot be counted.
    """
    cost = graph_cost.read(file)
    network = limits.network_of(cost, card, window)
    return Verdict(
        file=file.name,
        cost=cost,
        network=network,
        checks=limits.checks(cost, network),
        dearest={rule: dearest(cost, rule) for rule in MEASURES},
        front_ends={drop_in.name: _front_end(drop_in, of) for drop_in, of in drop_ins.items()},
    )


def content(found: Verdict) -> dict[str, Any]:
    """What report.json holds of it.

    file        which file is judged
    words       fits or breaks which years' limits, in words, behind "the model"
    nearest     the deciding check that is nearest to its limit, or farthest above it, as under `checks`
    years       year -> passed, limits (the fields of `tinyasc.dcase.Limits`, with the source)
    checks      one entry for each year, rule and way of counting: year, rule, counting, value, limit, unit, how,
                decides, share (value / limit), passed, over (value - limit, at least 0)
    over        one entry for each rule that is broken: rule, years, over, share, text
    network     parameters, macs (of one inference), how, source, seconds (of sound in one inference; null: not known),
                macs_per_second, uncounted (operations that are missing from the MACs, in words; "": none)
    dearest     rule, or "peak activations" -> unit, operations: place, operation, name, value, share
    front_end   note, files: drop-in -> network, macs, parameters, constant_bytes, file_bytes above that network
    """
    network = found.network
    deciding = [check for check in found.checks if check.decides]
    return {
        "file": found.file,
        "words": words.fits(limits.passed_years(found.checks), network.uncounted),
        "nearest": max(deciding, key=lambda check: check.share).to_dict(),
        "years": {
            str(year): {"passed": passed, "limits": asdict(LIMITS[year])}
            for year, passed in limits.passed_years(found.checks).items()
        },
        "checks": [check.to_dict() for check in found.checks],
        "over": [asdict(one) for one in words.broken(found.checks, found.dearest)],
        "network": {
            "parameters": network.parameters,
            "macs": network.macs,
            "how": network.how,
            "source": network.source,
            "seconds": network.window.seconds,
            "macs_per_second": network.per_second(network.macs),
            "uncounted": network.uncounted,
        },
        "dearest": {
            rule: {"unit": MEASURES[rule][0], "operations": [asdict(one) for one in dear]}
            for rule, dear in found.dearest.items()
        },
        "front_end": {"note": FRONT_END, "files": {file: asdict(cost) for file, cost in found.front_ends.items()}},
    }


def figures(found: Verdict, path: Callable[[str], str]) -> dict[str, Figure]:
    """cost/network/macs (of one second) and parameters; cost/PATH/... of the file; cost/PATH/front_end/... of drop-ins.

    Args:
        found: of `judge`.
        path: of a file name, for example model.tflite -> tflite/int8.
    """
    network, cost = found.network, found.cost
    macs, source = network.per_second(network.macs), network.source + network.macs_words
    made = {
        "cost/network/macs": Figure(macs, "MACs", network.macs_how, source),
        "cost/network/parameters": Figure(network.parameters, "parameters", network.how, network.source),
    }
    place, counted = f"cost/{path(found.file)}", f"counted in the graph of {found.file}"
    for name, unit in (
        ("macs", "MACs"),
        ("parameters", "parameters"),
        ("weight_bytes", "bytes"),
        ("bias_bytes", "bytes"),
        ("constant_bytes", "bytes"),
        ("float_operations", "count"),
    ):
        made[f"{place}/{name}"] = Figure(getattr(cost, name), unit, MEASURED, counted)
    if missing := limits.uncounted(cost):
        source = f"{counted}, a lower bound: not counted: {missing}"
        made[f"{place}/macs"] = Figure(cost.macs, "MACs", ESTIMATED, source)
    for file, above in found.front_ends.items():
        units = {"macs": "MACs", "parameters": "parameters", "constant_bytes": "bytes", "file_bytes": "bytes"}
        for name, unit in units.items():
            source = f"{file} less {above.network}"
            made[f"cost/{path(file)}/front_end/{name}"] = Figure(getattr(above, name), unit, MEASURED, source)
    return made


def _front_end(drop_in: Path, network: Path) -> FrontEndCost:
    whole, part = graph_cost.read(drop_in), graph_cost.read(network)
    return FrontEndCost(
        network=network.name,
        macs=whole.macs - part.macs,
        parameters=whole.parameters - part.parameters,
        constant_bytes=whole.constant_bytes - part.constant_bytes,
        file_bytes=whole.file_bytes - part.file_bytes,
    )
