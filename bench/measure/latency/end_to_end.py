"""From the waveform to the scores: front-end, quantization, network, dequantization, against a drop-in's one call."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.measure.figure import MEASURED, Figure, Unit, path_of
from bench.measure.latency import rounds
from bench.measure.latency.stopwatch import Stopwatch, settled
from deploy import runtime
from deploy.runtime import Model
from tinyasc import front_end
from tinyasc.front_end import FrontEnd

LEAST_ROUNDS = 20
PARTS = ("front_end", "quantize", "network", "dequantize", "whole")


@dataclass(frozen=True)
class Sound:
    """What one inference hears."""

    samples: int
    front_end: FrontEnd


@dataclass(frozen=True)
class EndToEnd:
    """Of one network on one thread, and of its drop-in where it has one; all timed in the same rounds."""

    parts: dict[str, Figure]
    """By PARTS; "whole" is one call of all of them, not their sum."""
    front_end_share: Figure
    drop_in_milliseconds: float | None
    """Median of the drop-in's one call."""
    drop_in_over_whole: Figure | None


def measure(name: str, network: Path, drop_in: Path | None, sound: Sound, *, seconds: float, cpu: str) -> EndToEnd:
    """Time a network, `name` in the paths of the figures, with its front-end, and its drop-in where it has one.

    Raises:
        UserError: a file that does not load, or takes something else than the front-end gives.
    """
    waveform = np.random.default_rng(0).normal(0, 0.1, (1, sound.samples)).astype(np.float32)
    watches = _stopwatches(runtime.load(network), waveform, sound.front_end)
    if drop_in is not None:
        whole = runtime.load(drop_in)
        watches["drop_in"] = Stopwatch(whole.kernels, settled(lambda: whole.scores(waveform)))
    timing = rounds.interleaved(watches, seconds, LEAST_ROUNDS)
    place = f"latency/{path_of(name)}/end_to_end"

    def time(part: str) -> Figure:
        latency = timing.latency(part)
        source = f"{latency.kernels}, one thread, {latency.runs} interleaved runs, {cpu}"
        return Figure(latency.median, "ms", MEASURED, source, latency.interval, f"{place}/{part}")

    def quotient(part: str, unit: Unit, figure: str) -> Figure:
        median, source = timing.quotient(part, "whole"), f"median of paired quotients, one thread, {cpu}"
        return Figure(median.value, unit, MEASURED, source, median.interval, f"{place}/{figure}")

    return EndToEnd(
        parts={part: time(part) for part in PARTS},
        front_end_share=quotient("front_end", "fraction", "front_end_share"),
        drop_in_milliseconds=None if drop_in is None else timing.latency("drop_in").median,
        drop_in_over_whole=None if drop_in is None else quotient("drop_in", "ratio", "drop_in_over_whole"),
    )


def _stopwatches(network: Model, waveform: np.ndarray, settings: FrontEnd) -> dict[str, Stopwatch]:
    features = front_end.features(waveform, settings)
    (raw,) = network.quantize(features)
    held = network.run(raw)
    ours = f"numpy {np.__version__}"
    return {
        "front_end": Stopwatch(ours, settled(lambda: front_end.features(waveform, settings))),
        "quantize": Stopwatch(ours, settled(lambda: network.quantize(features))),
        "network": Stopwatch(network.kernels, settled(lambda: network.run(raw))),
        "dequantize": Stopwatch(ours, settled(lambda: network.output.dequantize(held))),
        "whole": Stopwatch(network.kernels, settled(lambda: network.logits(front_end.features(waveform, settings)))),
    }
