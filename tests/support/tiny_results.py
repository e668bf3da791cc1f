"""Results of targets for the tests, as small as their form allows."""

from dataclasses import replace
from typing import Any, Literal

from bench.boards.device.result import (
    BoardState,
    Configuration,
    During,
    Equality,
    Instructions,
    State,
    TargetEstimate,
    TargetLatency,
    TargetResult,
    Throttled,
)
from bench.measure.figure import ESTIMATED, MEASURED, Figure, Provenance, Unit, path_of

HASHES = {"model.tflite": "a" * 64, "other.tflite": "b" * 64}
STEADY = During(1.5e9, 1.5e9, (1.5e9, 1.5e9), 50.0)


def result(
    kind: Literal["emulated", "device"], processor: str = "cortex-a72", target: str = "pi4", **parts: Any
) -> TargetResult:
    """A result without findings but those given."""
    board = BoardState(
        name="Raspberry Pi 4 Model B Rev 1.4",
        processor=processor,
        cores=4,
        architecture="aarch64",
        bits=64,
        clock_hz=1.5e9,
        during=STEADY,
        runtimes={},
    )
    made = "2026-01-01T00:00:00+00:00"
    known = {"board": board, "made": made, "command": "python -m bench", "models": HASHES}
    return TargetResult(target=target, kind=kind, **known | parts)


def configuration(file: str = "model.tflite", threads: int = 1, kernels: str = "XNNPACK") -> Configuration:
    """What an entry is of."""
    return Configuration(file=file, runtime="ai-edge-litert 2.3.0", kernels=kernels, threads=threads)


def figure(
    of: Configuration,
    name: str,
    value: float | None,
    unit: Unit = "ms",
    *,
    interval: tuple[float, float] | None = None,
    provenance: Provenance = MEASURED,
) -> Figure:
    return Figure(value, unit, provenance, "a test", interval, f"target/pi4/{path_of(of.file)}/{name}")


def latency(median: float, **of: Any) -> TargetLatency:
    """An entry of the part "latency", milliseconds."""
    what = configuration(**of)
    return TargetLatency(
        **vars(what),
        runs=200,
        warm_up=50,
        median=figure(what, "median", median, interval=(0.9 * median, 1.1 * median)),
        p95=figure(what, "p95", 2 * median),
        p99=figure(what, "p99", 3 * median),
        load=figure(what, "load", 9.0),
        first=figure(what, "first", 4 * median),
        resident_growth_bytes=0,
    )


def instructions(total: int, integer: bool = True, processor: str = "cortex-a72", **of: Any) -> Instructions:
    """An entry of the part "instructions"."""
    what = configuration(**of)
    counted = figure(what, "instructions", total, "instructions")
    return Instructions(
        **vars(what),
        processor=processor,
        integer=integer,
        total=counted,
        classes={"integer": total},
        inferences=5,
        spread=0.0,
    )


def equality(same: int = 64, allowed: float | None = 1.0, **of: Any) -> Equality:
    """An entry of the part "equality", on 64 inputs."""
    what = configuration(**of)
    return Equality(
        **vars(what),
        reference="here",
        inputs=64,
        differing=figure(what, "differing", 0.0005, "fraction"),
        largest_difference=1.0,
        same_top1=same,
        same_share=figure(what, "same_top1", same / 64, "fraction"),
        allowed=allowed,
        agreed=same == 64,
    )


def estimate(milliseconds: float | None, **of: Any) -> TargetEstimate:
    """An entry of the part "estimates"."""
    what, known = configuration(**of), milliseconds is not None
    band = (0.7 * milliseconds, 1.5 * milliseconds) if milliseconds is not None else None
    return TargetEstimate(
        **vars(what),
        board="Raspberry Pi 4 Model B",
        clock_hz=1.5e9,
        milliseconds=figure(what, "estimate", milliseconds, interval=band, provenance=ESTIMATED),
        instructions_per_cycle=1.16 if known else None,
        sources=["a published table"] if known else [],
        reason=None if known else "no constants for these kernels",
    )


def both() -> list[TargetResult]:
    """An emulated board whose instructions were counted, and a hot one that was timed."""
    counted = replace(instructions(500), classes={"load": 300, "sdot": 200})
    guesses = [estimate(5.67), estimate(None, kernels="built-in kernels")]
    emulated = result("emulated", equality=[equality()], instructions=[counted], estimates=guesses)
    emulated = replace(emulated, board=replace(emulated.board, during=None, runtimes={"python": "3.11.2"}))
    state = State("ondemand", 6e8, 48.3, 0.1)
    hot = Throttled("0x50005", ["under-voltage"], ["under-voltage", "throttled"])
    board = replace(
        emulated.board,
        name="Raspberry Pi 3",
        before=state,
        during=During(lowest_frequency_hz=1.2e9, highest_temperature_c=63.0),
        after=replace(state, throttled=hot),
    )
    device = result("device", target="kitchen", board=board, latency=[latency(7.9)])
    same = equality(same=60, allowed=None)
    return [emulated, replace(device, equality=[same], warnings=["The board was throttled."])]
