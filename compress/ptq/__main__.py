"""Command: post-training quantization of a student into the one INT8 program, without training.

    python -m compress.ptq --config compress/recipes/ptq.yaml --model RUN --data FILE.h5 --out RUN

Takes minutes where quantization-aware training (`compress.qat`) takes hours, and gives a run of the same files, for the
same export: int8.program.*, float.program.* (the student for comparison, its channels scaled like the INT8 program's),
sample.safetensors (a few real inputs of the program), recipe.yaml, model_card.json. Every method can be left out:
ranges of activations and weights (`compress.ptq.ranges`, `weight_ranges`), cross-layer equalization, AdaRound, bias
correction.

Shapes: n clips, K classes.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from compress.lower import lower
from compress.observe import run_float
from compress.program import Program
from compress.ptq.calibrate import calibrate
from compress.ptq.config import PtqConfig
from compress.quantized_run import features, simulated, write_programs
from compress.scheme import DEFAULT, Scheme
from tinyasc import artifact, front_end, metrics, recipe
from tinyasc.artifact import new_run
from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.runs import trained
from tinyasc.runs.scores import summary
from tinyasc.runs.setup import ComputeConfig, setup_fabric


def quantize_trained(
    *,
    model: Path,
    data: Path,
    out: Path,
    ptq: PtqConfig,
    scheme: Scheme = DEFAULT,
    seed: int = 0,
    threads: int = 2,
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
    setup_fabric(ComputeConfig(device="cpu", threads=threads), seed)
    student, mel, card = trained.load(model, "student")
    artifact.check_out(out)
    with Clips(data) as clips, new_run(out) as run:
        subset = card.data.get("subset") or "train"
        trained.check_data(card, model, clips, subset)
        heard, test = clips.labelled(subset), clips.labelled("test")
        chosen = np.random.default_rng(seed).permutation(heard)[: ptq.calibration_clips]
        lowered = lower(student, (1, *front_end.shape(mel, clips.samples)))
        scheme.bits(lowered)  # what the program does not have is refused before any clip is heard
        batches = list(features(clips, mel, chosen))
        real, int8 = calibrate(lowered, batches, ptq, scheme)
        logits, wanted = simulated(int8, clips, mel, test), _float_logits(lowered, clips, mel, test)
        score = metrics.score_test(logits, clips, card.data["train_devices"])
        before = metrics.score_test(wanted, clips, card.data["train_devices"])
        write_programs(run, int8, real, clips=clips, mel=mel, indices=chosen)
        run.card = replace(card, stage="ptq", accuracy=score.to_dict(), lineage=artifact.lineage_of([model]), seed=seed)
    agree = 100 * np.mean(logits.argmax(1) == wanted.argmax(1))
    print(f"float student {card.architecture}: {summary(before)}")
    print(f"ptq {card.architecture} ({card.cost['parameters']:,} parameters): {summary(score)}")
    print(f"top-1 agreement {agree:.2f} %, mean |logit difference| {np.abs(logits - wanted).mean():.4f}")
    print(f"wrote {out}")


def _float_logits(program: Program, clips: Clips, mel: FrontEnd, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits (n, K) of the float program."""
    parts = [run_float(program, part)[program.output] for part in features(clips, mel, indices)]
    return torch.cat(parts).numpy()


if __name__ == "__main__":
    raise SystemExit(recipe.run(quantize_trained))
