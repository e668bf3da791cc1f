"""The rows of the study: what the files of a quantizer answer to the test split, their sizes and times; as a table.

Shapes: n test clips, F mel bands, T frames, S samples, K classes.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from bench.measure.latency import rounds as latency
from bench.measure.latency import stopwatch
from compress.opening import BATCH, OpenRun
from deploy import runtime
from deploy.runtime import Model
from tests.quantizers.sources import SUFFIXES, Files, Made, Source
from tinyasc import artifact, metrics

Logits = NDArray[np.float32]
SIMULATED_CLIPS = 256
"""Test clips on which files are held against the integer simulator: it is slow, and `export` proves more."""
COLUMNS = ("accuracy, %", "unseen, %", "log loss", "agreement, %", "mean logit difference")
COLUMNS += tuple(f"{suffix}, bytes" for suffix in SUFFIXES) + tuple(f"{suffix} / float" for suffix in SUFFIXES)
COLUMNS += ("logits off the simulator",)
NONE = "–"


@dataclass
class Reference:
    """The test split and the student's answers, which rows are compared with; computed at the first new row."""

    student: OpenRun
    """The float student."""
    files: Files
    """Its float files."""

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """What networks take of the test split: (n, 1, F, T), or the waveforms (n, 1, 1, S)."""
        return torch.cat(list(self.student.features(self.student.clips.labelled("test")))).numpy()

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """What float answers, (n, K)."""
        return self.logits_of(runtime.load(self.files[".tflite"]))

    def logits_of(self, model: Model) -> NDArray[np.float32]:
        """What a model answers, (n, K)."""
        parts = np.split(self.features, range(BATCH, len(self.features), BATCH))
        progress = tqdm(parts, model.path.name, unit="batch", leave=False)
        return np.concatenate([model.logits(part) for part in progress])


@dataclass(frozen=True)
class FileFigures:
    """Of one file."""

    bytes: int
    kernels: str
    """Runtime and kernels that ran it."""
    milliseconds: float
    """Median of one inference on one thread; a shared machine blurs it."""
    ratio: float
    """Of that to the float file of the same format, in the same rounds (`bench.measure.latency.rounds`)."""


@dataclass(frozen=True)
class Row:
    """One quantizer. The answers are those of its .tflite, where it has one, else of its .onnx."""

    name: str
    key: str = ""
    """sha256 of all that it was made from: with another one, it is made again."""
    failure: str = ""
    """Why there are no figures."""
    macro: float = float("nan")
    """Macro accuracy, a fraction."""
    unseen: float | None = None
    """Macro accuracy on devices that were not heard in training, a fraction; none where all were."""
    log_loss: float = float("nan")
    """Nats."""
    agreement: float = float("nan")
    """Share of clips on which it answers what float answers."""
    difference: float = float("nan")
    """Mean |logit - float's logit|."""
    compared: int = 0
    """Logits of its files that were held against those of the integer simulator; 0: it has no simulator."""
    differing: int = 0
    """Those of them that are not equal."""
    files: dict[str, FileFigures] = field(default_factory=dict)
    """By suffix."""


def measure(name: str, made: Made, reference: Reference, seconds: float) -> Row:
    """Run the files on the whole test split, and time them against the float ones.

    Args:
        name: of the row.
        made: the files and what they must equal.
        reference: the test split and the float files.
        seconds: to time each file.
    """
    models = {suffix: runtime.load(made.files[suffix]) for suffix in SUFFIXES if suffix in made.files}
    answers = {suffix: reference.logits_of(model) for suffix, model in models.items()}
    logits, *_ = answers.values()
    score = metrics.score_test(logits, reference.student.clips, reference.student.card.data.get("train_devices"))
    unseen = score.groups.get("unseen")
    off = _off_the_simulator(list(answers.values()), made.simulator, reference)
    return Row(
        name,
        macro=score.macro,
        unseen=None if unseen is None else unseen.macro,
        log_loss=score.log_loss,
        agreement=float((logits.argmax(1) == reference.logits.argmax(1)).mean()),
        difference=float(np.abs(logits - reference.logits).mean()),
        compared=off.size,
        differing=int(off.sum()),
        files={suffix: _timed(model, reference.files[suffix], seconds) for suffix, model in models.items()},
    )


def row_of(source: Source, given: str, folder: Path, measured: Callable[[Made], Row]) -> Row:
    """The row of a source: from a folder of rows, if it was made of the same, else a new one written there.

    A failure is a row too, but it is not kept: the next time it is tried again.

    Args:
        source: where its files come from.
        given: what all rows of the study depend on.
        folder: of rows.
        measured: what makes a row of files.
    """
    path = folder / f"{source.name}.json"
    try:
        key = hashlib.sha256(f"{given}\n{source.fingerprint()}".encode()).hexdigest()
        content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"key": None}
        if content["key"] == key:
            files = {suffix: FileFigures(**figures) for suffix, figures in content.pop("files").items()}
            return Row(**content, files=files)
        row = replace(measured(source.make()), key=key)
    except Exception as error:  # quantizers and runtimes fail in whatever way they do: the table says how
        return Row(source.name, failure=" ".join(str(error).split()) or type(error).__name__)
    path.parent.mkdir(parents=True, exist_ok=True)
    artifact.atomic_write(path, (json.dumps(asdict(row), indent=1) + "\n").encode())
    return row


def _off_the_simulator(answers: list[Logits], simulator: Model | None, reference: Reference) -> NDArray[np.bool_]:
    """Which logits of some clips, spread over the test split, are not the simulator's: (files, clips, K)."""
    if simulator is None:
        return np.zeros(0, bool)
    clips = len(reference.features)
    spread = np.unique(np.linspace(0, clips - 1, min(clips, SIMULATED_CLIPS)).astype(int))
    return np.stack(answers)[:, spread] != simulator.logits(reference.features[spread])


def _timed(model: Model, real: Path, seconds: float) -> FileFigures:
    models = {"this": model, "float": runtime.load(real)}
    timing = latency.interleaved({name: stopwatch.of_model(one) for name, one in models.items()}, seconds)
    milliseconds = timing.latency("this").median
    return FileFigures(model.bytes, model.kernels, milliseconds, timing.quotient("this", "float").value)


def markdown(rows: Sequence[Row]) -> str:
    """A line a row; of a row without figures, the reason stands below the table."""
    lines = [["", *COLUMNS], ["---"] * (len(COLUMNS) + 1), *([row.name, *_cells(row)] for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    failures = "".join(f"\n- {row.name}: {row.failure}" for row in rows if row.failure)
    return f"{table}\n" + (f"{failures}\n" if failures else "")


def _cells(row: Row) -> list[str]:
    if row.failure:
        return [NONE] * len(COLUMNS)
    found = [row.files.get(suffix) for suffix in SUFFIXES]
    return [
        f"{100 * row.macro:.1f}",
        NONE if row.unseen is None else f"{100 * row.unseen:.1f}",
        f"{row.log_loss:.3f}",
        f"{100 * row.agreement:.1f}",
        f"{row.difference:.4f}",
        *(NONE if one is None else f"{one.bytes:,}" for one in found),
        *(NONE if one is None else f"{one.ratio:.2f}" for one in found),
        f"{row.differing:,} of {row.compared:,}" if row.compared else NONE,
    ]
