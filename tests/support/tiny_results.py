"""Results of targets for the tests, as small as their form allows."""

from typing import Any

HASHES = {"model.tflite": "a" * 64, "other.tflite": "b" * 64}


def result(kind: str, processor: str = "cortex-a72", **parts: Any) -> dict[str, Any]:
    """A result without findings but those given."""
    return {
        "format": 1,
        "target": "pi4",
        "kind": kind,
        "board": {
            "name": "Raspberry Pi 4 Model B Rev 1.4",
            "processor": processor,
            "cores": 4,
            "architecture": "aarch64",
            "bits": 64,
            "clock_hz": 1.5e9,
            "during": {
                "lowest_frequency_hz": 1.5e9,
                "median_frequency_hz": 1.5e9,
                "middle_frequencies_hz": [1.5e9, 1.5e9],
                "highest_temperature_c": 50.0,
            },
            "runtimes": {},
        },
        "made": "2026-01-01T00:00:00+00:00",
        "command": "python -m bench",
        "models": HASHES,
        "latency": [],
        "equality": [],
        "instructions": [],
        "estimates": [],
        "phases": [],
        "warnings": [],
        **parts,
    }


def configuration(file: str = "model.tflite", threads: int = 1, kernels: str = "XNNPACK") -> dict[str, Any]:
    """What an entry is of."""
    return {"file": file, "runtime": "ai-edge-litert 2.3.0", "kernels": kernels, "threads": threads}


def latency(median: float, **of: Any) -> dict[str, Any]:
    """An entry of the part "latency", milliseconds."""
    times = {"median": median, "p95": 2 * median, "p99": 3 * median, "load": 9.0, "first": 4 * median}
    rest = {"runs": 200, "warm_up": 50, "interval": [0.9 * median, 1.1 * median], "resident_growth_bytes": 0}
    return {**configuration(**of), **times, **rest}


def instructions(total: int, integer: bool = True, processor: str = "cortex-a72", **of: Any) -> dict[str, Any]:
    """An entry of the part "instructions"."""
    counted = {"processor": processor, "integer": integer, "total": total, "classes": {"integer": total}}
    return {**configuration(**of), **counted}
