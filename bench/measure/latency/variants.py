"""In which ways a file is timed: with which kernels, on how many threads.

Built-in kernels round differently from XNNPACK: they are timed here, their answers are not judged.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.measure.latency import stopwatch
from bench.measure.latency.stopwatch import Stopwatch
from bench.measure.latency.worker import worker
from deploy import runtime
from tinyasc.errors import UserError

Kernels = Literal["default", "built_in", "tflite_runtime"]
"""What `deploy.runtime` takes, its built-in kernels without XNNPACK, or the last tflite-runtime in its environment."""
THREADS = (1, 2, 4)


@dataclass(frozen=True)
class Variant:
    """One file in one way."""

    file: str
    kernels: Kernels = "default"
    threads: int = 1

    @property
    def way(self) -> str:
        """ "" for default kernels on one thread, else what differs, as in its figures' paths: "built_in/2_threads"."""
        parts = [self.kernels] if self.kernels != "default" else []
        return "/".join([*parts, *([f"{self.threads}_threads"] if self.threads != 1 else [])])

    @property
    def name(self) -> str:
        return f"{self.file}/{self.way}".rstrip("/")


@dataclass(frozen=True)
class Skipped:
    """Something that was not timed."""

    name: str
    reason: str


def variants(
    files: Collection[str], thorough: Collection[str], threads: Sequence[int], tflite_runtime: bool
) -> list[Variant]:
    """Every file in the usual way, and the thorough ones in all ways that there are for them."""
    kernels: list[Kernels] = ["default", "built_in", *(["tflite_runtime"] if tflite_runtime else [])]
    return [
        Variant(file, one, count)
        for file in files
        for one in (kernels if file in thorough and file.endswith(".tflite") else kernels[:1])
        for count in (threads if file in thorough else [1])
    ]


def opened(
    asked: Sequence[Variant], files: Mapping[str, Path], python: Path | None, open_: ExitStack
) -> tuple[dict[str, Stopwatch], list[Skipped]]:
    """Stopwatches by the variant's name, and what does not run.

    `python` is that of tflite-runtime's environment; `open_` ends its processes.

    Raises:
        UserError: a file that does not load in the usual way.
    """
    found, skipped = {}, []
    for variant in asked:
        path = files[variant.file]
        try:
            if variant.kernels == "tflite_runtime":
                assert python is not None
                found[variant.name] = open_.enter_context(worker(python, path, variant.threads))
            else:
                kernels = "built-in" if variant.kernels == "built_in" else "default"
                found[variant.name] = stopwatch.of_model(runtime.load(path, variant.threads, kernels))
        except UserError as error:
            if variant.kernels == "default":
                raise
            skipped.append(Skipped(variant.name, str(error)))
    return found, skipped
