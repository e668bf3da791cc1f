"""Command: quantization-aware training of a student into the one INT8 program.

    python -m compress.qat --config compress/recipes/qat_demo.yaml --model RUN --data FILE.h5 --teacher RUN --out RUN

Batch norm is folded first, then the network trains as the integer program it will be (`compress.quantized_network`).
Writes int8.program.*, float.program.* (the student before this stage, for comparison), sample.safetensors (a few real
inputs of the program and the sound they were made from), metrics.csv, recipe.yaml, model_card.json; with validation
also last.program.* or best.program.*, the INT8 program of the epoch that is not kept. Stopped anywhere, the same
command goes on from there.

Shapes: B batch, C channels, F mel bands, T frames, n clips, K classes, S samples.
"""

from copy import deepcopy
from pathlib import Path

from torch import Tensor

from compress import program
from compress.opening import open_student
from compress.quantized_network import QuantizedNetwork
from compress.quantized_run import FILES, simulated, write_programs
from compress.scheme import DEFAULT, Scheme
from compress.simulate import observe
from tinyasc import recipe
from tinyasc.artifact import Run
from tinyasc.errors import UserError
from tinyasc.runs.setup import ComputeConfig
from train.data.augment import AugmentConfig
from train.data.selection import ExamplesConfig
from train.fit import stage
from train.fit.config import FitConfig
from train.targets import objectives
from train.targets.distillation import DistillationConfig
from train.targets.teachers import open_teacher


def train_qat(
    *,
    model: Path,
    data: Path,
    out: Path,
    fit: FitConfig,
    augmentation: AugmentConfig,
    examples: ExamplesConfig,
    distillation: DistillationConfig,
    observe_epochs: int,
    compute: ComputeConfig,
    scheme: Scheme = DEFAULT,
    learn_steps: bool = False,
    range_momentum: float = 0.05,
    calibration_clips: int = 256,
    teacher: Path | None = None,
    seed: int = 0,
    dry_run: bool = False,
) -> None:
    """Turn a float student into an INT8 program by quantization-aware training, and score the program itself.

    Batch norm is folded into the weights before the first step, so it has no statistics to freeze.

    Args:
        model: run folder of a float student.
        data: the data set it was trained on (.h5).
        out: run folder to write.
        fit: length and pace.
        augmentation: random changes of the training clips.
        examples: which clips it trains on.
        distillation: how much the network listens to the teacher.
        observe_epochs: epochs in which the ranges of the activations still move; after them they are frozen.
        compute: what computes it: one device, in float32, not compiled.
        scheme: how real numbers become integers.
        learn_steps: train the steps of weights and activations too (LSQ); from the observed ranges, which should then
            soon be frozen: observe_epochs 0 or 1.
        range_momentum: share of a batch in the moving average of the ranges.
        calibration_clips: training clips from which the ranges start.
        teacher: run folder of the student's teacher; with distillation.source live any student too, such as the model
            itself, which keeps the network near to what it was; none = train on the labels alone.
        seed: of every random choice.
        dry_run: measure a few steps, say what the run would be, and write nothing.
    """
    _check_integer(compute, fit)
    if observe_epochs < 0 or calibration_clips < 1:
        raise UserError(
            f"observe_epochs is {observe_epochs}, calibration_clips {calibration_clips}: take 0 or more, and 1 or more"
        )
    if not 0 < range_momentum <= 1:
        raise UserError(f"range_momentum is {range_momentum}: take more than 0, at most 1")
    with open_student(model, data, compute, seed, examples.subset) as student:
        card, clips, mel, fabric = student.card, student.clips, student.mel, student.fabric
        calibration, float_program = student.choose(calibration_clips), student.float_program()
        scheme.bits(float_program)  # what the program does not have is refused before any clip is heard
        ranges = observe(float_program, student.features(calibration))
        network = QuantizedNetwork(float_program, ranges, range_momentum, scheme, learn_steps)

        def write(run: Run, others: dict[str, dict[str, Tensor]]) -> None:
            write_programs(run, network.to_program(), float_program, student, calibration)
            for name, state in others.items():
                other = deepcopy(network)
                other.load_state_dict(state)
                program.save(other.to_program(), run.path(f"{name}.program"))

        def freeze(epoch: int) -> None:
            network.observing = epoch < observe_epochs

        listened = open_teacher(teacher, distillation, clips, examples, fabric.device)
        parents = [*([] if teacher is None else [teacher]), model]
        job = stage.Job(
            "qat",
            card.architecture,
            card.config,
            mel,
            fit,
            examples,
            augmentation,
            compute,
            seed,
            parents,
            dry_run=dry_run,
        )
        parts = stage.Parts(
            objective=objectives.build(network, distillation=distillation, teacher=listened),
            logits_of=lambda indices: simulated(network.to_program(), clips, mel, indices),
            write=write,
            files=[*FILES, *(f"{name}.program.*" for name in job.not_kept)],
            cost=card.cost,
            before_epoch=freeze,
        )
        stage.train(job, network, clips, out, fabric=fabric, parts=parts)


def _check_integer(compute: ComputeConfig, fit: FitConfig) -> None:
    """Whether the network can train as the integer program that it will be.

    Raises:
        UserError: settings under which its numbers would not be the program's, or its ranges not those of all clips.
    """
    if compute.processes > 1:
        raise UserError("compute: the ranges of the activations are observed on one device: take devices 1 and nodes 1")
    if compute.precision != "float32":
        raise UserError(f"compute: {compute.precision} cannot hold the integers of the program: take precision float32")
    if compute.compile:
        raise UserError("compute: the integer network decides its scales anew at every step: take compile false")
    if fit.average:
        raise UserError(
            "fit: an average of weights rounds to other integers than those that were trained: take average 0"
        )


if __name__ == "__main__":
    raise SystemExit(recipe.run(train_qat))
