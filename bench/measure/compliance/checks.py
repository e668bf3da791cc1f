"""Limits of DCASE Task 1, year by year, with the counting rule of every number.

The rules count the network: every parameter at its precision, and the MACs of one second of sound. Those counts decide.
In the deciding memory every parameter of an INT8 network takes one byte, its biases too (torchinfo's count x 1 byte).
As stored, biases are int32 and take four: that count stands beside it, as the challenge's counter for .tflite files
(NeSsi) finds it in the file, with shapes, pooling that is written as a convolution, and zeros that make a layer faster.
"""

from dataclasses import dataclass
from math import ceil

from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, Figure, Provenance
from bench.measure.graph.cost import GraphCost
from bench.measure.records import Natural
from tinyasc.artifact import ModelCard
from tinyasc.dcase import LIMITS
from tinyasc.front_end import FrontEnd
from tinyasc.mel import frames


@dataclass(frozen=True)
class Window:
    """The sound of one input."""

    seconds: float | None
    """None: not known, and one inference is taken as one second."""

    @property
    def words(self) -> str:
        """Behind the way in which a number was counted; nothing where an inference hears a second anyway."""
        if self.seconds is None:
            return ", one inference taken as one second of sound"
        return "" if self.seconds == 1 else f", one inference of {self.seconds:.3g} s scaled to one second"


def window(shape: tuple[int, ...], mel: FrontEnd, sample_rate: int | None) -> Window:
    """Seconds of sound in an input of this shape, dimensions of 1 or not.

    Frames tell the length to within a hop. Where it may be a whole number of seconds it is; else each frame stands for
    one hop.

    Args:
        shape: of the model's input.
        mel: its front-end; none: it takes the waveform, or is not known.
        sample_rate: of a waveform, Hz; none: not known.
    """
    size = [length for length in shape if length != 1]
    if mel is None:
        return Window(size[0] / sample_rate if sample_rate and len(size) == 1 else None)
    if len(size) != 2 or size[0] != mel.n_mels:
        return Window(None)
    seconds = size[1] * mel.hop_length / mel.sample_rate
    whole = round(seconds)
    return Window(float(whole) if whole and frames(mel, whole * mel.sample_rate) == size[1] else seconds)


MACS_COUNTED = {
    QUOTED: "network, batch norms folded, a bias counted at every position",
    MEASURED: "network as the file shows it, since no model card counts it",
}


@dataclass(frozen=True)
class Network:
    """The network as the rules count it, batch norms folded."""

    macs: Figure
    """Of one second of sound; ESTIMATED where an inference is only taken for one second, or some are not counted."""
    parameters: Figure
    """Weights and biases, zeros too. QUOTED from a model card, or MEASURED in the file where no card has counts."""
    macs_per_inference: Natural
    window: Window
    uncounted: str = ""
    """Operations whose MACs are not in the count, which is a lower bound then: "If (2 times), MyOp (1 time)"."""


@dataclass(frozen=True)
class Check:
    """One number against one limit."""

    year: Natural
    rule: str
    counting: str
    value: Natural
    limit: Natural
    unit: str
    provenance: Provenance
    """MEASURED, QUOTED or, where the length of an inference is not known, ESTIMATED."""
    decides: bool
    """False: a count of the file, for information."""

    @property
    def share(self) -> float:
        """value / limit; above 1 fails. A limit of 0 gives 0 or 1."""
        return self.value / self.limit if self.limit else float(self.value > 0)

    @property
    def passed(self) -> bool:
        return self.value <= self.limit


def network_of(cost: GraphCost, card: ModelCard | None, window: Window) -> Network:
    """The counts of the newest card in the line that has them, else those of the file."""
    parameters, macs, missing = cost.parameters, cost.macs, uncounted(cost)
    provenance, source = MEASURED, "counted in the graph of the file"
    for entry in [] if card is None else [*card.lineage, {"stage": card.stage, "cost": card.cost}]:
        counted = entry.get("cost") or {}
        if "deployed_parameters" in counted and "deployed_macs" in counted:
            parameters, macs, missing = counted["deployed_parameters"], counted["deployed_macs"], ""
            provenance, source = QUOTED, f"model card of the {entry['stage']} run"
    of_macs = ESTIMATED if window.seconds is None or missing else provenance
    words = source + macs_words(window, missing)
    return Network(
        macs=Figure(per_second(macs, window), "MACs", of_macs, words, path="cost/network/macs"),
        parameters=Figure(parameters, "parameters", provenance, source, path="cost/network/parameters"),
        macs_per_inference=macs,
        window=window,
        uncounted=missing,
    )


def per_second(macs: int, window: Window) -> int:
    return ceil(macs / (window.seconds or 1))


def macs_words(window: Window, missing: str) -> str:
    """Behind the way in which MACs were counted."""
    return window.words + (f", a lower bound: not counted: {missing}" if missing else "")


def uncounted(cost: GraphCost) -> str:
    """Operations that are missing from the MACs of a file, in words; "": none."""
    return ", ".join(f"{name} ({count} time{'s' * (count > 1)})" for name, count in cost.uncounted.items())


def checks(cost: GraphCost, network: Network) -> list[Check]:
    """Every limit of every year in `tinyasc.dcase.LIMITS`, for one analysis segment of one second."""
    weights = sum(layer.weights for layer in cost.layers)
    bytes_each = cost.weight_bytes / max(1, weights)
    size = f"{bytes_each:.3g} byte{'s' if bytes_each != 1 else ''}"
    window, parameters, provenance = network.window, int(network.parameters.value or 0), network.parameters.provenance
    scaled = macs_words(window, network.uncounted)
    of_file = ESTIMATED if window.seconds is None or network.uncounted else MEASURED
    found: list[Check] = []
    for year, limits in sorted(LIMITS.items()):
        rows = [
            (
                ("MACs", "MACs", limits.macs),
                (MACS_COUNTED[provenance] + scaled, int(network.macs.value or 0), network.macs.provenance),
                (
                    f"in the file by NeSsi's rule: no biases, but pooling and additions{scaled}",
                    per_second(cost.macs, window),
                    of_file,
                ),
            ),
            (
                ("parameter memory", "bytes", limits.parameter_bytes),
                (f"network, every weight and bias {size}", round(parameters * bytes_each), provenance),
                (
                    "in the file by NeSsi's rule: biases as stored (int32: 4 bytes), shapes too",
                    cost.constant_bytes,
                    MEASURED,
                ),
            ),
            (
                ("parameters", "parameters", limits.parameters),
                ("network, every weight and bias, zeros too", parameters, provenance),
                ("in the file, every weight and bias, zeros too", cost.parameters, MEASURED),
            ),
        ]
        for (rule, unit, limit), (counting, value, origin), (counting_file, value_file, origin_file) in rows:
            if limit is not None:
                found.append(Check(year, rule, counting, value, limit, unit, origin, decides=True))
                found.append(Check(year, rule, counting_file, value_file, limit, unit, origin_file, decides=False))
        if limits.integer_parameters:
            counting, wide = "weights in the file that take more than one byte", cost.wide_weights
            found.append(Check(year, "weights wider than INT8", counting, wide, 0, "weights", MEASURED, decides=True))
    return found


def passed_years(found: list[Check]) -> dict[int, bool]:
    """Year -> whether every deciding check passed."""
    deciding = [check for check in found if check.decides]
    return {year: all(c.passed for c in deciding if c.year == year) for year in sorted({c.year for c in deciding})}
