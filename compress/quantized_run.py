"""What the ways to an INT8 program share, with training and without: whose clips they may use, and the run they write.

Shapes: B batch, C channels, F mel bands, T frames, n clips, K classes.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor
from tqdm import tqdm

from compress import program, simulate
from compress.program import Program
from tinyasc import mel_torch
from tinyasc.artifact import ModelCard, Run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd
from train import trained

STAGES = ("qat", "ptq")
"""Of the runs that hold an INT8 program."""
INT8_PROGRAM, FLOAT_PROGRAM = "int8.program", "float.program"
SAMPLE, SAMPLE_CLIPS = "sample.safetensors", 32
FILES = (f"{INT8_PROGRAM}.*", f"{FLOAT_PROGRAM}.*", SAMPLE)
BATCH = 64


def check_student(model: Path, card: ModelCard, clips: Clips) -> None:
    """Whether clips of a data set may calibrate, train and score a student.

    Args:
        model: its run folder.
        card: of it.
        clips: the data set.

    Raises:
        UserError: it was trained on another one, or has other classes.
    """
    if card.data["checksum"] is None:
        trained.check_labels(card, clips)
        heard = f"whether it heard the training clips of {clips.path}, or its test clips, is not known"
        print(f"{model} was imported: {heard}")
    elif card.data["checksum"] != clips.checksum:
        raise UserError(f"{model} was trained on another data set than {clips.path}: make it again with `make student`")


def features(clips: Clips, mel: FrontEnd, indices: NDArray[np.int64]) -> Iterator[Tensor]:
    """What the network takes of some clips, on the CPU, in batches (B, 1, F, T)."""
    module = mel_torch.front_end(mel)
    parts = np.split(indices, range(BATCH, len(indices), BATCH))
    with torch.inference_mode():
        for part in tqdm(parts, "clips", leave=False, unit="batch"):
            yield module(torch.from_numpy(clips.waveform(part)))


def simulated(int8: Program, clips: Clips, mel: FrontEnd, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits (n, K) of some clips by the integer simulator, which every accuracy of an INT8 program is of."""
    return np.concatenate([simulate.logits(int8, part.numpy()) for part in features(clips, mel, indices)])


def write_programs(run: Run, int8: Program, real: Program, log_mel: Tensor) -> None:
    """Add the files of a run that is to be exported (`FILES`).

    Args:
        run: being written.
        int8: the INT8 program.
        real: the student as a float program, for comparison.
        log_mel: (B, C, F, T), of which the first `SAMPLE_CLIPS` are kept as real inputs.
    """
    program.save(int8, run.path(INT8_PROGRAM))
    program.save(real, run.path(FLOAT_PROGRAM))
    sample = simulate.quantize_input(int8, log_mel[:SAMPLE_CLIPS].numpy())
    run.path(SAMPLE).write_bytes(save({"log_mel": sample}))
