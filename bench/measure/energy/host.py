"""The energy of inferences on this machine, by codecarbon, as the challenge's baselines report it.

codecarbon counts the whole machine. Where the processor counts its own energy (RAPL and its like), that part is
measured; elsewhere it is the load of all cores times a power that is assumed for the processor. Memory is always an
assumed power. So the net energy of an inference is of the processor alone, and memory and graphics are in the gross.

Rounds alternate rest and every model, in an order drawn anew, so that what else the machine does hits all alike; the
interval says how much that blurs them. Nothing is written and nothing sent: emissions are not asked for.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.measure.energy.per_inference import PerInference, Powers
from bench.measure.figure import Unmeasured
from deploy.runtime import Model
from tinyasc.errors import UserError

MISSING = "codecarbon is not there: pip install -e '.[energy]'"
ROUNDS = 10
LEAST_SECONDS = 10.0
"""Of each model, and of rest: codecarbon looks once a second where it estimates, so a round is a second at least."""
COUNTERS = ("CPU(Intel Rapl)", "CPU(Windows Emi)", "CPU(Intel Power Gadget)", "AppleSiliconChip", "Raspberry")
"""What codecarbon calls hardware whose energy or power it reads; all else it estimates."""
JOULES = 3.6e6
"""Of a kWh."""


@dataclass(frozen=True)
class Host:
    """What codecarbon says of this machine, by model."""

    processor: dict[str, PerInference]
    """Of the processor."""
    whole: dict[str, PerInference]
    """Of processor, memory and graphics: what codecarbon reports as the energy consumed."""
    counted: bool
    """Whether the processor counted its energy itself."""
    means: str
    """How codecarbon got the processor's energy, and the version."""


@dataclass
class _Blocks:
    """What is collected of one activity."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    inferences: int = 0

    def powers(self, watts: list[float]) -> Powers:
        return Powers(tuple(watts), tuple(self.seconds))


def check(seconds: float) -> None:
    """Whether there is time enough, before any work.

    Raises:
        UserError: fewer seconds than LEAST_SECONDS.
    """
    if seconds < LEAST_SECONDS:
        raise UserError(f"energy over {seconds:g} s is too short a time for codecarbon: take {LEAST_SECONDS:g} or more")


def measure(models: Mapping[str, Model], seconds: float, seed: int = 0) -> Host | Unmeasured:
    """Run every model for so long, and rest as long.

    Args:
        models: by name, each loaded with one thread.
        seconds: of each model under load, all rounds together; LEAST_SECONDS at least.
        seed: of the inputs and of the orders.

    Raises:
        UserError: fewer seconds.
    """
    check(seconds)
    try:
        from codecarbon import OfflineEmissionsTracker  # type: ignore[import-not-found]  # noqa: PLC0415 (an extra)
    except ImportError:
        return Unmeasured(MISSING)
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    generator = np.random.default_rng(seed)
    inputs = {
        name: model.input.quantize(generator.standard_normal(model.input.shape)) for name, model in models.items()
    }
    names: list[str | None] = [None, *models]  # None: rest
    collected = {name: _Blocks() for name in names}
    hardware: list[Any] = []
    with tqdm(total=ROUNDS * len(names), desc="energy", unit="block", leave=False) as bar:
        for _ in range(ROUNDS):
            for place in generator.permutation(len(names)):
                name = names[place]
                tracker = _tracker(OfflineEmissionsTracker, seconds)
                tracker.start()
                try:
                    count = _run(models[name], inputs[name], seconds / ROUNDS) if name else _rest(seconds / ROUNDS)
                finally:
                    tracker.stop()
                _collect(collected[name], tracker.final_emissions_data, count)
                hardware = tracker._hardware
                bar.update()
    rest = collected[None]
    runs = {name: collected[name] for name in models}
    counted, means = _means(hardware)
    return Host(
        {n: PerInference(b.powers(b.processor), rest.powers(rest.processor), b.inferences) for n, b in runs.items()},
        {n: PerInference(b.powers(b.whole), rest.powers(rest.whole), b.inferences) for n, b in runs.items()},
        counted,
        means,
    )


def _tracker(tracker_of: Any, seconds: float) -> Any:
    """One for a block that is much shorter than `seconds`: it adds up once, when it is stopped.

    Adding up in between, in a thread of its own, it may count a stretch twice (seen with 3.3.2 where the two coincide).
    What a configuration file of the user's might turn on is turned off by name.
    """
    return tracker_of(
        output_methods=[],
        emissions_endpoint=None,
        force_carbon_intensity_g_co2e_kwh=0,
        allow_multiple_runs=True,
        tracking_mode="machine",
        measure_power_secs=seconds,
        pue=1.0,
        log_level="critical",
    )


def _run(model: Model, raw: np.ndarray, seconds: float) -> int:
    """Infer until the time is over; returns how often."""
    end, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        model.run(raw)
        count += 1
    return count


def _rest(seconds: float) -> int:
    time.sleep(seconds)
    return 0


def _collect(blocks: _Blocks, said: Any, count: int) -> None:
    blocks.seconds.append(said.duration)
    blocks.processor.append(JOULES * said.cpu_energy / said.duration)
    blocks.whole.append(JOULES * said.energy_consumed / said.duration)
    blocks.inferences += count


def _means(hardware: list[Any]) -> tuple[bool, str]:
    """Whether the processor's energy was counted, and in words how codecarbon got it."""
    version = f"codecarbon {metadata.version('codecarbon')}"
    described = [(one.description(), getattr(one, "_tdp", None)) for one in hardware]
    for name, _ in described:
        if name.startswith(COUNTERS):
            return True, f"{version}, {name}"
    assumed = next((watts for name, watts in described if name.startswith("CPU(") and watts), None)
    return False, f"{version}, load of all cores times {assumed} W that it assumes for this processor at full load"
