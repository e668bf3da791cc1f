"""Command: quantization without training, the ranges and steps chosen by neural-compressor.

    python -m compress.autotune --model RUN --data FILE.h5 --out RUN

neural-compressor (extra `peers`) tries its configurations on the float student until one is as accurate as it is,
within a tolerance. What it chose becomes the one INT8 program, in a run of the same files as `compress.ptq` writes, and
autotune.json: the trials. Some places of the training subset judge the trials; ranges are taken from the others.

Shapes: B batch, C channels, F mel bands, T frames, n clips, K classes.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from compress.autotune.found import applied, found_in
from compress.autotune.search import Tuned, tune
from compress.lower import lower
from compress.observe import observe
from compress.program import Program
from compress.quantize import quantize
from compress.quantized_run import features, simulated, write_programs
from compress.scheme import assign
from tinyasc import artifact, front_end, metrics, recipe
from tinyasc.artifact import new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs import trained
from tinyasc.runs.scores import summary
from tinyasc.runs.setup import ComputeConfig, setup_fabric
from train.data.selection import hold_out

TRIALS = "autotune.json"


def autotune(
    *,
    model: Path,
    data: Path,
    out: Path,
    tolerance: float = 0.01,
    held_out: float = 0.2,
    judged_clips: int = 1024,
    calibration_clips: int = 256,
    seed: int = 0,
    threads: int = 2,
) -> None:
    """Let neural-compressor choose how a float student is quantized, make the INT8 program of it, and score that.

    Args:
        model: run folder of a float student.
        data: the data set it was trained on (.h5).
        out: run folder to write.
        tolerance: share of the float student's accuracy that a trial may lose; the first such trial ends the search.
        held_out: share of the places of the training subset that judge the trials.
        judged_clips: clips of those places that judge them, at most.
        calibration_clips: training clips of other places, from which ranges are taken.
        seed: of the choice of clips.
        threads: CPU threads; the last bits of sums depend on it.
    """
    if not (0 <= tolerance < 1 and 0 < held_out < 1):
        raise UserError(f"tolerance is {tolerance}, held_out {held_out}: take 0 or more, and more than 0; both below 1")
    if judged_clips < 1 or calibration_clips < 1:
        raise UserError(f"judged_clips is {judged_clips}, calibration_clips {calibration_clips}: take 1 or more")
    setup_fabric(ComputeConfig(device="cpu", threads=threads), seed)
    student, mel, card = trained.load(model, "student")
    artifact.check_out(out)
    with Clips(data) as clips, new_run(out) as run:
        subset = card.data.get("subset") or "train"
        trained.check_data(card, model, clips, subset)
        heard, test = clips.labelled(subset), clips.labelled("test")
        held = hold_out(clips, heard, held_out, seed)
        random = np.random.default_rng(seed)
        judges = random.permutation(held)[:judged_clips]
        calibration = random.permutation(np.setdiff1d(heard, held))[:calibration_clips]
        real = lower(student, (1, *front_end.shape(mel, clips.samples)))
        batches, judged = list(features(clips, mel, calibration)), list(features(clips, mel, judges))
        label = clips.label[judges]

        @torch.inference_mode()
        def accuracy(network: nn.Module) -> float:
            answers = [network(batch).argmax(1).numpy() for batch in tqdm(judged, "trial", leave=False, unit="batch")]
            return metrics.macro_accuracy(np.concatenate(answers) == label, label, len(clips.labels))

        tuned = tune(real, batches, accuracy, tolerance)
        int8 = to_int8(real, tuned, batches)
        score = metrics.score_test(simulated(int8, clips, mel, test), clips, card.data["train_devices"])
        write_programs(run, int8, real, clips=clips, mel=mel, indices=calibration)
        run.path(TRIALS).write_text(json.dumps(_told(tuned, len(judges)), indent=1) + "\n")
        run.card = replace(card, stage="ptq", accuracy=score.to_dict(), lineage=artifact.lineage_of([model]), seed=seed)
    print(f"float: {100 * tuned.baseline:.1f} % of {len(judges)} training clips of places held out")
    for trial in tuned.trials:
        kept = ", kept" if trial is tuned.best else ""
        print(f"{trial.activations} activations, ranges by {trial.ranges}: {100 * trial.accuracy:.1f} %{kept}")
    print(f"ptq {card.architecture} ({card.cost['parameters']:,} parameters): {summary(score)}")
    print(f"wrote {out}")


def to_int8(real: Program, tuned: Tuned, batches: Sequence[Tensor]) -> Program:
    """The INT8 program of what was chosen; values that neural-compressor leaves in float have the range seen."""
    changed, ranges = applied(found_in(tuned.graph, real), real, observe(real, batches))
    return quantize(changed, assign(changed, ranges))


def _told(tuned: Tuned, clips: int) -> dict[str, object]:
    trials = [asdict(trial) | {"kept": trial is tuned.best} for trial in tuned.trials]
    return {"judged_clips": clips, "float_accuracy": tuned.baseline, "trials": trials}


if __name__ == "__main__":
    raise SystemExit(recipe.run(autotune))
