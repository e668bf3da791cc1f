"""Benchmarks: our way against the field's way, measured in turn in one run.

    make perf

Ratios hold on a noisy machine, since both ways are measured side by side; the times are of this machine.
"""

import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

from tests.perf import front_end, mel, prepare, training
from tests.perf.case import measure
from tinyasc import machine

FILES = (5_000, 50_000)


def main() -> None:
    """Run all of them and print one table."""
    with tempfile.TemporaryDirectory(prefix="tinyasc-perf-") as folder:
        scratch = Path(folder)
        with training.cases(scratch) as trained:
            cases = [*prepare.cases(scratch), *mel.cases(), *front_end.cases(scratch), *trained]
            found = [measure(case) for case in tqdm(cases, "benchmarks")]
        used = {files: prepare.peaks(scratch, files) for files in tqdm(FILES, "memory")}
    print(f"\n{machine.describe().cpu}, torch with {torch.get_num_threads()} threads; median of rounds\n")
    print(f"{'':<58}{'field':>10}{'here':>10}{'ratio':>8}  {'(rounds)':<16}{'aim':>5}")
    for case, one in zip(cases, found, strict=True):
        times = f"{1e3 * one.theirs:>8.1f}ms{1e3 * one.ours:>8.1f}ms"
        spread = f"({one.low:.1f} to {one.high:.1f})"
        print(f"{case.name:<58}{times}{one.ratio:>8.1f}  {spread:<16}{case.aim:>5.1f}")
    print()
    for files, (own, worker) in used.items():
        print(f"peak memory, preparing {files:>6,} files: command {own:.0f} MB, each of its 2 workers {worker:.0f} MB")


if __name__ == "__main__":
    main()
