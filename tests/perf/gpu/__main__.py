"""Command: measure what training reaches on a GPU, and what bounds it.

    python -m tests.perf.gpu [--out DIR]

Writes DIR/gpu.json and DIR/gpu.txt after each variant, so that nothing is lost if it is stopped.
"""

import json
import tempfile
import time
from contextlib import closing
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from tests.perf import made_up
from tests.perf.gpu import report
from tests.perf.gpu.peak import peak
from tests.perf.gpu.training import speed
from tests.perf.gpu.worker import Worker, WorkerError
from tests.perf.gpu.workloads import FULL, FULL_PACE, Pace, Setting, Variant, Workload
from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from train.targets import stored

LONGEST = 400.0
"""Seconds after which a variant is given up; compiling takes one or two minutes."""


def measure(
    *,
    out: Path = Path("runs/gpu"),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    clips: int = report.TAU,
    minutes: float = 25.0,
) -> None:
    """Train the full recipes of teacher and student for a while, in variants, on made-up data; write what was found.

    Args:
        out: folder to write gpu.json and gpu.txt into.
        device: cpu is for trying it out.
        clips: seconds of sound, a multiple of ten; as many as TAU's training split take 9 GB of disk for a while.
        minutes: after so many no variant is begun.
    """
    if clips < made_up.PIECES or clips % made_up.PIECES:
        raise UserError(f"clips is {clips}: give a multiple of {made_up.PIECES}, which are a recording")
    chosen = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    print(run(FULL, FULL_PACE, device=chosen, clips=clips, out=out, minutes=minutes))
    print(f"wrote {out / 'gpu.json'} and {out / 'gpu.txt'}")


def run(workloads: tuple[Workload, ...], pace: Pace, *, device: str, clips: int, out: Path, minutes: float) -> str:
    """Measure every variant that there is time for, and write gpu.json and gpu.txt.

    Returns:
        The table.
    """
    end = time.monotonic() + 60 * minutes
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tinyasc-gpu-") as scratch, closing(Worker()) as worker:
        folder = Path(scratch)
        found: dict[str, Any] = {"data": _data(folder, clips)}
        try:
            found["peak"] = asdict(worker.call(peak, device, seconds=LONGEST))
        except WorkerError as error:
            found["peak"] = {"failed": str(error)}
        best = None if "failed" in found["peak"] else found["peak"]
        setting = Setting(device, folder / "data.h5", folder / "logits.h5", pace)
        found["workloads"] = {one.name: {"recipe": one.recipe, "variants": {}} for one in workloads}
        for workload, variant in tqdm(_ordered(workloads), "variants"):
            left = end - time.monotonic()
            try:
                if left <= 0:
                    raise WorkerError(f"no time left of {minutes:g} minutes")
                seconds = min(LONGEST, max(left, 60.0))
                measured = worker.call(speed, workload, variant, setting, seconds=seconds)
                result = report.entry(workload, measured, best)
            except WorkerError as error:
                result = {"failed": str(error)}
            found["workloads"][workload.name]["variants"][variant.name] = result
            (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
            (out / "gpu.txt").write_text(report.table(found))
    return report.table(found)


def _ordered(workloads: tuple[Workload, ...]) -> list[tuple[Workload, Variant]]:
    """The most important variant of every workload first, then their second ones, and so on."""
    ranks = zip_longest(*([(one, variant) for variant in one.variants] for one in workloads))
    return [pair for rank in ranks for pair in rank if pair is not None]


def _data(folder: Path, clips: int) -> dict[str, float]:
    """Sound, and a teacher's answers to it."""
    started = time.monotonic()
    path = made_up.write(folder / "data.h5", clips)
    with Clips(path) as made:
        logits = np.random.default_rng(0).standard_normal((len(made), len(made.labels)), np.float32)
        stored.write(folder / "logits.h5", made, np.arange(len(made)), logits)
    return {"clips": clips, "bytes": path.stat().st_size, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    raise SystemExit(recipe.run(measure))
