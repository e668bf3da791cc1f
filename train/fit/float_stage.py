"""The stages that train a float network: a teacher, a student, what is left of a pruned student.

with open_training(job, data) as (clips, fabric):
    train_float(job, clips, out, fabric, objective_of(job, clips, adversarial))
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tinyasc import cost, front_end, models
from tinyasc.artifact import Run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs import trained
from tinyasc.runs.scores import predict
from tinyasc.runs.setup import setup_fabric
from train.data.selection import train_val_split
from train.fit.stage import Job, Parts, train
from train.targets import objectives
from train.targets.adversarial import AdversarialConfig
from train.targets.distillation import DistillationConfig
from train.targets.objective import Objective, Teacher


@contextmanager
def open_training(job: Job, data: Path) -> Iterator[tuple[Clips, Fabric]]:
    """Begin a training command: open the data set and set up what computes.

    Raises:
        UserError: no such architecture, data set, seed or device.
    """
    models.resolve(job.architecture, job.model)
    with Clips(data) as clips:
        yield clips, setup_fabric(job.compute, job.seed)


def objective_of(
    job: Job,
    clips: Clips,
    adversarial: AdversarialConfig,
    *,
    label_smoothing: float = 0.0,
    distillation: DistillationConfig | None = None,
    teacher: Teacher | None = None,
) -> Callable[[nn.Module], Objective]:
    """Describe an objective to `train_float`: arguments as for `objectives.build`, with what job and data set add."""

    def build(network: nn.Module) -> Objective:
        train, _ = train_val_split(clips, job.examples, job.seed)
        return objectives.build(
            network,
            label_smoothing=label_smoothing,
            distillation=distillation,
            teacher=teacher,
            adversarial=adversarial,
            classifier=models.ARCHITECTURES[job.architecture].classifier,
            device=clips.device[train],
        )

    return build


def train_float(
    job: Job,
    clips: Clips,
    out: Path,
    fabric: Fabric,
    objective: Callable[[nn.Module], Objective],
    *,
    initialize: Callable[[nn.Module], None] = lambda network: None,
    finish: Callable[[Run, nn.Module], None] = lambda run, network: None,
    files: Sequence[str] = (),
) -> None:
    """Build a float network, train it on the train split, score it on the test split, write the run folder `out`.

    Args:
        job: what to train.
        clips: the data set.
        out: run folder to write; `OUT.partial` holds the checkpoints until it is there.
        fabric: where to train (`tinyasc.runs.setup.setup_fabric`).
        objective: puts the new network into what is to be trained.
        initialize: called with the new network before training.
        finish: called with the run being written and the trained network, to add files.
        files: the names of those.

    Raises:
        UserError: data that does not fit the recipe, or an `out` that is no run folder.
    """
    torch.manual_seed(job.seed)
    network = models.build(job.architecture, job.model, len(clips.labels))
    counted = _measured(job, network, clips)
    initialize(network)

    def write(run: Run, others: dict[str, dict[str, Tensor]]) -> None:
        trained.save(run.path(trained.FILE), network)
        for name, state in others.items():
            trained.save_state(run.path(f"{name}.safetensors"), state)
        finish(run, network)

    parts = Parts(
        objective=objective(network),
        logits_of=lambda indices: predict(network, job.mel, clips, indices),
        write=write,
        files=[trained.FILE, *(f"{name}.safetensors" for name in job.not_kept), *files],
        cost=counted.to_dict(),
    )
    train(job, network, clips, out, fabric=fabric, parts=parts)


def _measured(job: Job, network: nn.Module, clips: Clips) -> cost.Cost:
    """What a network costs on a clip of the data set, which shows before any work whether it takes one.

    Raises:
        UserError: it does not.
    """
    models.check_front_end(job.architecture, job.mel)
    rate = models.resolve(job.architecture, job.model).get("sample_rate", clips.sample_rate)
    if rate != clips.sample_rate:
        raise UserError(f"{clips.path} has {clips.sample_rate} Hz, the network is for {rate}: set --model.sample_rate")
    rows, columns = front_end.shape(job.mel, clips.samples)
    try:
        return cost.measure(network, (1, 1, rows, columns))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{job.architecture} with these settings cannot take {rows} x {columns} ({reason})") from None
