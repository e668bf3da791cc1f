"""The inference package that 2025 asks for beside the answers: a Python package by the team's name, a module a system.

It is made of the drop-in file, which has the front-end inside, so that it needs nothing of this project. Its module
returns tensors of torch, as the challenge's scripts want them, and is therefore no code of this half but a file that
is copied. Its answers differ from output.csv where the drop-in differs from its network (parity.json of the run says
by how much), and by the 16 bits that a prepared data set rounds sound to.

Source: the module functions that CPJKU/dcase2025_task1_inference calls.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.challenge.submission.system import System

DROP_IN = "drop_in.tflite"
MODULE = Path(__file__).with_name("inference_module.py.txt")
COMPLEXITY_DEVICES = ("a", "b", "c", *(f"s{number}" for number in range(1, 11)))
"""Those that the challenge's complexity script goes through."""


def package_name(label: str) -> str:
    """Of all systems of a team: Lee_KU_task1_2 -> Lee_KU_task1."""
    return label.rpartition("_")[0]


def files(label: str, system: System, complexity: Mapping[str, int]) -> dict[str, bytes]:
    """Contents by path: the package with this system's module, its .tflite and settings, and complexity.json.

    Nothing where the run has no drop-in.

    Args:
        label: of the submission.
        system: what is submitted.
        complexity: its counts (`system.complexity`).
    """
    drop_in = system.run / DROP_IN
    if DROP_IN not in system.card.files or system.card.mel is None:
        return {}
    settings = {"labels": system.card.labels, "sample_rate": system.card.mel["sample_rate"]}
    counts = {"MACs": complexity["macs"], "Params": complexity["total_model_size"]}
    summary = {
        "per_device": dict.fromkeys(COMPLEXITY_DEVICES, counts),
        "max_MACs": counts["MACs"],
        "max_Params": counts["Params"],
    }
    package = package_name(label)
    return {
        f"{package}/__init__.py": b"",
        f"{package}/{label}.py": MODULE.read_bytes(),
        f"{package}/{label}.json": _json(settings),
        f"{package}/{label}.tflite": drop_in.read_bytes(),
        f"predictions/{label}/complexity.json": _json(summary),
    }


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
