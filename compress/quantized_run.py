"""What the ways to an INT8 program share, with training and without: its answers, and the run they write.

Shapes: n clips, K classes.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from compress import program, simulate
from compress.opening import OpenRun, features
from compress.program import Program
from tinyasc import artifact, metrics
from tinyasc.artifact import Run
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.metrics import Score

STAGES = ("qat", "ptq")
"""Of the runs that hold an INT8 program."""
INT8_PROGRAM, FLOAT_PROGRAM = "int8.program", "float.program"
SAMPLE, SAMPLE_CLIPS = "sample.safetensors", 32
FILES = (f"{INT8_PROGRAM}.*", f"{FLOAT_PROGRAM}.*", SAMPLE)


def simulated(int8: Program, clips: Clips, mel: FrontEnd, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits (n, K) of some clips by the integer simulator, which every accuracy of an INT8 program is of."""
    return np.concatenate([simulate.logits(int8, batch.numpy()) for batch in features(clips, mel, indices)])


def write_programs(run: Run, int8: Program, real: Program, student: OpenRun, indices: NDArray[np.int64]) -> None:
    """Add the files of a run that is to be exported (`FILES`).

    Args:
        run: being written.
        int8: the INT8 program.
        real: the float program of the same values, for comparison.
        student: what both were made from.
        indices: of clips; the first `SAMPLE_CLIPS` of them are kept as real inputs, with the sound they are made from.
    """
    program.save(int8, run.path(INT8_PROGRAM))
    program.save(real, run.path(FLOAT_PROGRAM))
    (log_mel,) = student.features(indices[:SAMPLE_CLIPS])
    sample = {
        "log_mel": simulate.quantize_input(int8, log_mel.numpy()),
        "waveform": student.clips.waveform(indices[:SAMPLE_CLIPS]),
    }
    run.path(SAMPLE).write_bytes(save(sample))


def finish_ptq(run: Run, student: OpenRun, logits: NDArray[np.float32], seed: int) -> Score:
    """Score an INT8 program that was made without training, and set the card of its run.

    Args:
        run: being written, the programs in it.
        student: what it was made from.
        logits: (n, K), what the program answers to the test split.
        seed: of the choice of clips.
    """
    card = student.card
    score = metrics.score_test(logits, student.clips, card.data["train_devices"])
    lineage = artifact.lineage_of([student.folder])
    run.card = replace(card, stage="ptq", accuracy=score.to_dict(), lineage=lineage, seed=seed)
    return score
