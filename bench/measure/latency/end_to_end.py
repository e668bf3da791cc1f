"""From the waveform to the scores: front-end, quantization, network, dequantization, against a drop-in's one call."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.measure.latency import rounds
from bench.measure.latency.order_statistics import Median
from bench.measure.latency.rounds import Latency
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
    """Settings of what the network takes."""


@dataclass(frozen=True)
class EndToEnd:
    """Of one network on one thread, and of its drop-in where it has one; all timed in the same rounds."""

    parts: dict[str, Latency]
    """By PARTS; "whole" is one call of all of them, not their sum."""
    front_end_share: Median
    """Of the whole, a fraction."""
    drop_in: Latency | None
    drop_in_over_whole: Median | None
    """Quotient of the drop-in's time and the whole's."""


def measure(network: Path, drop_in: Path | None, sound: Sound, seconds: float) -> EndToEnd:
    """Time a network with its front-end, and its drop-in.

    Raises:
        UserError: a file that does not load, or takes something else than the front-end gives.
    """
    waveform = np.random.default_rng(0).normal(0, 0.1, (1, sound.samples)).astype(np.float32)
    watches = _stopwatches(runtime.load(network), waveform, sound.front_end)
    if drop_in is not None:
        whole = runtime.load(drop_in)
        watches["drop_in"] = Stopwatch(whole.kernels, settled(lambda: whole.scores(waveform)))
    timing = rounds.interleaved(watches, seconds, LEAST_ROUNDS)
    return EndToEnd(
        parts={part: timing.latency(part) for part in PARTS},
        front_end_share=timing.quotient("front_end", "whole"),
        drop_in=None if drop_in is None else timing.latency("drop_in"),
        drop_in_over_whole=None if drop_in is None else timing.quotient("drop_in", "whole"),
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
