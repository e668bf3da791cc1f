"""Command: quantization without training, the ranges and steps chosen by neural-compressor.

    python -m tests.quantizers.neural_compressor --model RUN --data FILE.h5 --out RUN

neural-compressor (extra `peers`) tries its configurations on the float student until one is as accurate as it is,
within a tolerance. What it chose becomes the one INT8 program, in a run of the same files as `compress.ptq` writes, and
autotune.json: the trials. Some places of the training subset judge the trials; ranges are taken from the others.

neural-compressor-pt 3.10 (Intel, Apache-2.0), static quantization by PyTorch 2 export: int8 weights per channel, uint8
activations, ranges by moving minimum and maximum or by histogram ("kl"), symmetric or affine. It quantizes the inputs
of convolutions, and products; sums, square roots and means, as in a response norm, stay float in its graph.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from tqdm import tqdm

from compress.opening import open_student
from compress.program import Program
from compress.quantized_run import finish_ptq, simulated, write_programs
from compress.scheme import assign, quantize
from compress.simulate import observe
from tests.quantizers.pt2e import FloatNetwork, applied, found_in
from tinyasc import artifact, metrics, recipe
from tinyasc.artifact import new_run
from tinyasc.errors import UserError
from tinyasc.runs.scores import summary
from tinyasc.runs.setup import ComputeConfig
from train.data.selection import hold_out

TRIALS = "autotune.json"
Accuracy = Callable[[nn.Module], float]


@dataclass(frozen=True)
class Trial:
    """One configuration and what the network answers with it."""

    activations: str
    """How activations get their integers: "symmetric" or "affine"."""
    ranges: str
    """How their ranges are found: "kl" or "minmax"."""
    accuracy: float
    """Of neural-compressor's own graph, a fraction."""


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search."""

    graph: GraphModule
    """The quantized graph of the best trial."""
    baseline: float
    """Accuracy of the float network, a fraction."""
    trials: tuple[Trial, ...]
    """In the order in which they were made; the search stops at one that is within the tolerance."""

    @property
    def best(self) -> Trial:
        """The trial that was kept: the most accurate, of equals the first."""
        return max(self.trials, key=lambda trial: trial.accuracy)


def quantize_tuned(
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
    artifact.check_out(out)
    compute = ComputeConfig(device="cpu", threads=threads)
    with open_student(model, data, compute, seed) as student, new_run(out) as run:
        card, clips = student.card, student.clips
        train, test = clips.labelled(student.subset), clips.labelled("test")
        validation = hold_out(clips, train, held_out, seed)
        judges = student.random.permutation(validation)[:judged_clips]
        calibration = student.random.permutation(np.setdiff1d(train, validation))[:calibration_clips]
        real = student.float_program()
        batches, judged = list(student.features(calibration)), list(student.features(judges))
        label = clips.label[judges]

        @torch.inference_mode()
        def accuracy(network: nn.Module) -> float:
            answers = [network(batch).argmax(1).numpy() for batch in tqdm(judged, "trial", leave=False, unit="batch")]
            return metrics.macro_accuracy(np.concatenate(answers) == label, label, len(clips.labels))

        tuned = tune(real, batches, accuracy, tolerance)
        int8 = to_int8(real, tuned, batches)
        write_programs(run, int8, real, student, calibration)
        run.path(TRIALS).write_text(json.dumps(_trials(tuned, len(judges)), indent=1) + "\n")
        score = finish_ptq(run, student, simulated(int8, clips, student.mel, test), seed)
    print(f"float: {100 * tuned.baseline:.1f} % of {len(judges)} training clips of places held out")
    for trial in tuned.trials:
        kept = ", kept" if trial is tuned.best else ""
        print(f"{trial.activations} activations, ranges by {trial.ranges}: {100 * trial.accuracy:.1f} %{kept}")
    print(f"ptq {card.architecture} ({card.cost['parameters']:,} parameters): {summary(score)}")
    print(f"wrote {out}")


def tune(program: Program, batches: Sequence[Tensor], accuracy: Accuracy, tolerance: float) -> Tuned:
    """Let neural-compressor choose.

    Args:
        program: a float program.
        batches: log-mel (B, C, F, T) to find ranges on.
        accuracy: of a module (B, C, F, T) -> (B, K), a fraction.
        tolerance: share of the float network's accuracy that may be lost.

    Raises:
        UserError: it is not installed.
    """
    os.environ.setdefault("LOGLEVEL", "ERROR")  # it logs every configuration in full
    try:
        from neural_compressor.torch.quantization import (  # type: ignore[import-not-found]  # noqa: PLC0415
            INT8StaticQuantConfig,
            TuningConfig,
            autotune,
        )
    except ImportError as error:
        raise UserError(
            f"neural-compressor is not installed ({error}): pip install -c constraints.txt -e '.[peers]'"
        ) from None
    logging.getLogger("neural_compressor").setLevel(logging.ERROR)
    accuracies: list[float] = []

    def evaluate(network: nn.Module) -> float:
        accuracies.append(accuracy(network))
        return accuracies[-1]

    def calibrate(network: nn.Module) -> None:
        for batch in batches:
            network(batch)

    candidates = INT8StaticQuantConfig.get_config_set_for_tuning().expand()
    config = TuningConfig(config_set=candidates, tolerable_loss=tolerance)
    graph = autotune(traced(program, batches[0]), config, evaluate, run_fn=calibrate, example_inputs=(batches[0],))
    trials = tuple(
        Trial("symmetric" if candidate.act_sym else "affine", candidate.act_algo, result)
        for candidate, result in zip(candidates, accuracies[1:], strict=False)  # it may stop before the last
    )
    return Tuned(graph, accuracies[0], trials)


def traced(program: Program, batch: Tensor) -> nn.Module:
    """The network as neural-compressor wants it, for any number of clips."""
    sizes = ({0: torch.export.Dim("clips", min=1, max=2**16)},)
    traced = torch.export.export(FloatNetwork(program), (batch,), dynamic_shapes=sizes).module()
    traced._exported, traced.dynamic_shapes = True, sizes  # type: ignore[assignment]  # it asks for both
    return traced


def to_int8(real: Program, tuned: Tuned, batches: Sequence[Tensor]) -> Program:
    """The INT8 program of what was chosen; values that neural-compressor leaves in float have the range seen."""
    changed, ranges = applied(found_in(tuned.graph, real), real, observe(real, batches))
    return quantize(changed, assign(changed, ranges))


def _trials(tuned: Tuned, clips: int) -> dict[str, object]:
    """The content of autotune.json."""
    trials = [asdict(trial) | {"kept": trial is tuned.best} for trial in tuned.trials]
    return {"judged_clips": clips, "float_accuracy": tuned.baseline, "trials": trials}


if __name__ == "__main__":
    raise SystemExit(recipe.run(quantize_tuned))
