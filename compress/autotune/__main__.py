"""Command: quantization without training, the ranges and steps chosen by neural-compressor.

    python -m compress.autotune --model RUN --data FILE.h5 --out RUN

neural-compressor tries its configurations on the float student until one is as accurate as it is, within a tolerance.
What it chose becomes the one INT8 program. Some places of the training subset judge the trials; the ranges are taken
from the others. Writes what `compress.qat` writes but for the course of training, and autotune.json: the trials.

Shapes: B batch, C channels, F mel bands, T frames, n clips, K classes.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor, nn
from tqdm import tqdm

from compress import program, simulate
from compress.autotune.found import applied, found_in
from compress.autotune.search import Tuned, tune
from compress.lower import lower
from compress.observe import observe
from compress.qat import BATCH, FLOAT_PROGRAM, INT8_PROGRAM, SAMPLE, SAMPLE_CLIPS
from compress.quantize import quantize
from compress.scheme import assign
from tinyasc import artifact, front_end, mel_torch, metrics, recipe
from tinyasc.artifact import ModelCard, new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd
from train import trained
from train.evaluate import score_test
from train.score_table import summary
from train.validation import hold_out

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
    threads: int = 2,
    seed: int = 0,
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
        threads: of the CPU.
        seed: of the choice of clips.
    """
    if not 0 <= tolerance < 1 or not 0 < held_out < 1 or min(judged_clips, calibration_clips, threads) < 1:
        raise UserError(
            "tolerance must lie in 0..1, held_out between 0 and 1, judged_clips, calibration_clips and threads above 0"
        )
    artifact.check_out(out)
    torch.set_num_threads(threads)
    student, mel, card = trained.load(model, "student")
    with Clips(data) as clips:
        trained.check_labels(card, clips)
        trained.check_sample_rate(card, clips)
        subset = card.data.get("subset") or "train"
        indices = clips.labelled(subset)
        held = hold_out(clips, indices, held_out, seed)
        random = np.random.default_rng(seed)
        judges = random.permutation(held)[:judged_clips]
        calibration = random.permutation(np.setdiff1d(indices, held))[:calibration_clips]
        real = lower(student, (1, *front_end.shape(mel, clips.samples)))
        batches, judged = _features(clips, mel, calibration), _features(clips, mel, judges)
        label = clips.label[judges]

        @torch.inference_mode()
        def accuracy(network: nn.Module) -> float:
            answers = [network(batch).argmax(1).numpy() for batch in tqdm(judged, "trial", leave=False, unit="batch")]
            return metrics.macro_accuracy(np.concatenate(answers) == label, label, len(clips.labels))

        tuned = tune(real, batches, accuracy, tolerance)
        int8 = to_int8(real, tuned, batches)

        def simulated(chosen: np.ndarray) -> np.ndarray:
            parts = np.split(chosen, range(BATCH, len(chosen), BATCH))
            return np.concatenate(
                [
                    simulate.logits(int8, batch.numpy())
                    for part in tqdm(parts, "simulate", leave=False, unit="batch")
                    for batch in _features(clips, mel, part)
                ]
            )

        score = score_test(simulated, clips, clips.devices_of(subset))
        with new_run(out) as run:
            program.save(int8, run.path(INT8_PROGRAM))
            program.save(real, run.path(FLOAT_PROGRAM))
            sample = torch.cat(batches)[:SAMPLE_CLIPS].numpy()
            run.path(SAMPLE).write_bytes(save({"log_mel": simulate.quantize_input(int8, sample)}))
            run.path(TRIALS).write_text(json.dumps(_told(tuned, len(judges)), indent=1) + "\n")
            run.card = ModelCard(
                stage="qat",
                architecture=card.architecture,
                config=card.config,
                mel=card.mel,
                labels=card.labels,
                cost=card.cost,
                accuracy=score.to_dict(),
                data={**card.data, "subset": subset},
                lineage=artifact.lineage_of([model]),
                seed=seed,
            )
    print(f"float: {100 * tuned.baseline:.1f} % of {len(judges)} training clips of held-out places")
    for trial in tuned.trials:
        kept = ", kept" if trial is tuned.best else ""
        print(f"{trial.activations} activations, ranges by {trial.ranges}: {100 * trial.accuracy:.1f} %{kept}")
    print(f"INT8 program: {summary(score)}")
    print(f"wrote {out}")


def to_int8(real: program.Program, tuned: Tuned, batches: list[Tensor]) -> program.Program:
    """The INT8 program of what was chosen; values that neural-compressor leaves in float have the range seen."""
    changed, ranges = applied(found_in(tuned.graph, real), real, observe(real, batches))
    return quantize(changed, assign(changed, ranges))


def _told(tuned: Tuned, clips: int) -> dict[str, object]:
    trials = [asdict(trial) | {"kept": trial is tuned.best} for trial in tuned.trials]
    return {"judged_clips": clips, "float_accuracy": tuned.baseline, "trials": trials}


def _features(clips: Clips, mel: FrontEnd, indices: np.ndarray) -> list[Tensor]:
    """What the network takes of some clips, in batches (B, 1, F, T)."""
    module = mel_torch.front_end(mel)
    parts = np.split(indices, range(BATCH, len(indices), BATCH))
    with torch.inference_mode():
        return [module(torch.from_numpy(clips.waveform(part))) for part in parts]


if __name__ == "__main__":
    raise SystemExit(recipe.run(autotune))
