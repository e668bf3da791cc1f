"""What the ways to an INT8 program share, with training and without: what they feed a network, and the run they write.

Shapes: B batch, C channels, F mel bands, T frames, n clips, K classes.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor
from tqdm import tqdm

from compress import program, simulate
from compress.program import Program
from tinyasc import mel_torch
from tinyasc.artifact import Run
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd

STAGES = ("qat", "ptq")
"""Of the runs that hold an INT8 program."""
INT8_PROGRAM, FLOAT_PROGRAM = "int8.program", "float.program"
SAMPLE, SAMPLE_CLIPS = "sample.safetensors", 32
FILES = (f"{INT8_PROGRAM}.*", f"{FLOAT_PROGRAM}.*", SAMPLE)
BATCH = 64


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


def write_programs(
    run: Run, int8: Program, real: Program, *, clips: Clips, mel: FrontEnd, indices: NDArray[np.int64]
) -> None:
    """Add the files of a run that is to be exported (`FILES`).

    Args:
        run: being written.
        int8: the INT8 program.
        real: the float program of the same values, for comparison.
        clips: the data set.
        mel: the student's front-end.
        indices: of clips; the first `SAMPLE_CLIPS` of them are kept as real inputs, with the sound they are made from.
    """
    program.save(int8, run.path(INT8_PROGRAM))
    program.save(real, run.path(FLOAT_PROGRAM))
    (log_mel,) = features(clips, mel, indices[:SAMPLE_CLIPS])
    sample = {
        "log_mel": simulate.quantize_input(int8, log_mel.numpy()),
        "waveform": clips.waveform(indices[:SAMPLE_CLIPS]),
    }
    run.path(SAMPLE).write_bytes(save(sample))
