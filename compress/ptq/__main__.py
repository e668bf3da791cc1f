"""Command: post-training quantization of a student into the one INT8 program, without training.

    python -m compress.ptq --config compress/recipes/ptq.yaml --model RUN --data FILE.h5 --out RUN

Takes minutes where quantization-aware training (`compress.qat`) takes hours, and gives a run of the same files, for the
same export: int8.program.*, float.program.* (the student for comparison, its channels scaled like the INT8 program's),
sample.safetensors (a few real inputs of the program), recipe.yaml, model_card.json. Every method can be left out:
ranges of activations and weights (`compress.ptq.ranges`), cross-layer equalization, AdaRound, bias correction.
"""

from pathlib import Path

import numpy as np
import torch

from compress.opening import open_student
from compress.ptq.calibrate import PtqConfig, calibrate
from compress.quantized_run import finish_ptq, simulated, write_programs
from compress.scheme import DEFAULT, Scheme
from compress.simulate import run_float
from tinyasc import artifact, metrics, recipe
from tinyasc.artifact import new_run
from tinyasc.runs.scores import summary
from tinyasc.runs.setup import ComputeConfig


def quantize_trained(
    *, model: Path, data: Path, out: Path, ptq: PtqConfig, scheme: Scheme = DEFAULT, seed: int = 0, threads: int = 2
) -> None:
    """Turn a float student into an INT8 program without training, and score the program itself.

    Args:
        model: run folder of a float student.
        data: the data set it was trained on (.h5).
        out: run folder to write.
        ptq: which methods, and how.
        scheme: how real numbers become integers.
        seed: of the choice of the calibration clips.
        threads: CPU threads; the last bits of sums depend on it.
    """
    artifact.check_out(out)
    compute = ComputeConfig(device="cpu", threads=threads)
    with open_student(model, data, compute, seed) as student, new_run(out) as run:
        card, clips = student.card, student.clips
        calibration, test = student.choose(ptq.calibration_clips), clips.labelled("test")
        lowered = student.float_program()
        scheme.bits(lowered)  # what the program does not have is refused before any clip is heard
        real, int8 = calibrate(lowered, list(student.features(calibration)), ptq, scheme)
        logits = simulated(int8, clips, student.mel, test)
        batches = [run_float(lowered, batch)[lowered.output] for batch in student.features(test)]
        float_logits = torch.cat(batches).numpy()
        before = metrics.score_test(float_logits, clips, card.data["train_devices"])
        write_programs(run, int8, real, student, calibration)
        score = finish_ptq(run, student, logits, seed)
    agree = 100 * np.mean(logits.argmax(1) == float_logits.argmax(1))
    print(f"float student {card.architecture}: {summary(before)}")
    print(f"ptq {card.architecture} ({card.cost['parameters']:,} parameters): {summary(score)}")
    print(f"top-1 agreement {agree:.2f} %, mean |logit difference| {np.abs(logits - float_logits).mean():.4f}")
    print(f"wrote {out}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(quantize_trained))
