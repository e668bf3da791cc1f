"""Training stages: fit, score, and write one run folder (`train`), of a float network (`train_float`) or another.

Shapes: n clips, K classes.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tinyasc import artifact, cost, front_end, metrics, models, recipe
from tinyasc.artifact import ModelCard, Run, new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.runs import trained
from tinyasc.runs.scores import predict, summary
from tinyasc.runs.setup import ComputeConfig, launch, setup_fabric
from train.data.augment import AugmentConfig, Augmenter
from train.data.loader import Batches
from train.data.selection import ExamplesConfig, train_val_split
from train.fit import history
from train.fit.config import FitConfig
from train.fit.history import CSV, CURVES, JSON_LINES, TENSORBOARD, Row
from train.fit.loop import fit
from train.fit.task import Task, dry_run, partial_of
from train.targets import objectives
from train.targets.adversarial import AdversarialConfig
from train.targets.distillation import DistillationConfig
from train.targets.objective import Objective, Teacher


@dataclass(frozen=True)
class Job:
    """One training run, as its command describes it."""

    stage: str
    """teacher, student or qat."""
    architecture: str
    model: dict[str, Any]
    mel: MelConfig | None
    """Front-end; none: the network takes the waveform."""
    fit: FitConfig
    examples: ExamplesConfig
    augmentation: AugmentConfig
    compute: ComputeConfig
    seed: int
    parents: Sequence[Path] = ()
    """Run folders that this one builds on."""
    weights: Path | None = None
    """File that the weights start from."""
    dry_run: bool = False
    """Say what the run would be, and write nothing."""

    @property
    def not_kept(self) -> list[str]:
        """Whose epoch's weights are written besides those that the run is (`FitConfig.keep`)."""
        return [name for name in ("best", "last") if self.examples.validation and name != self.fit.keep]


@dataclass(frozen=True)
class Parts:
    """What one stage does in its own way."""

    objective: Objective
    """What is trained, around the network."""
    logits_of: Callable[[np.ndarray], np.ndarray]
    """Clip numbers (n,) -> logits float32 (n, K) of the trained network: what is scored."""
    write: Callable[[Run, dict[str, dict[str, Tensor]]], None]
    """Adds the stage's files to the run being written; given the states of the network that are not kept, by name."""
    files: Sequence[str]
    """Their names."""
    cost: dict[str, Any]
    """Parameters and MACs, as the card holds them."""
    before_epoch: Callable[[int], None] = lambda epoch: None
    """Called with the number of each epoch, e.g. to freeze parts of the network."""


def train(job: Job, network: nn.Module, clips: Clips, out: Path, *, fabric: Fabric, parts: Parts) -> None:
    """Train a network in place on the train split, score it on the test split, write the run folder `out`.

    `OUT.partial` holds the checkpoints until that is there. `fabric` is launched when nothing speaks against the run.

    Raises:
        UserError: data that does not fit the recipe, or an `out` that is no run folder.
    """
    if job.mel is not None and job.mel.sample_rate != clips.sample_rate:
        raise UserError(f"{clips.path} has {clips.sample_rate} Hz, the recipe's mel {job.mel.sample_rate} Hz")
    artifact.check_out(out)
    test, lineage = clips.labelled("test"), artifact.lineage_of(job.parents)
    network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    task = _task(job, clips, out, fabric, parts)
    launch(fabric)
    task.batches.process = fabric.global_rank
    if job.dry_run:
        files = [*parts.files, CSV, JSON_LINES, CURVES, "recipe.yaml", artifact.CARD]
        dry_run(fabric, task, title=f"{job.stage} {job.architecture}", out=out, files=files, scored=len(test))
        return
    fitted = fit(fabric, task)
    if fitted is None:
        return
    network.load_state_dict(fitted.weights.pop(job.fit.keep))
    with new_run(out) as run, torch.compiler.set_stance("force_eager"):  # few batches, nothing is worth compiling anew
        score = metrics.score_test(_finite(parts.logits_of(test), task), clips, clips.devices_of(job.examples.subset))
        parts.write(run, fitted.weights)
        history.write_history(run.folder, fitted.history)
        history.draw_curves({out.name: fitted.history}, run.path(CURVES))
        if job.fit.tensorboard:
            shutil.copytree(task.partial / TENSORBOARD, run.path(TENSORBOARD))
        run.card = ModelCard(
            stage=job.stage,
            architecture=job.architecture,
            config=models.resolve(job.architecture, job.model),
            mel=None if job.mel is None else asdict(job.mel),
            labels=clips.labels,
            cost=parts.cost,
            accuracy=score.to_dict(),
            data={
                "checksum": clips.checksum,
                "source": clips.source,
                "subset": job.examples.subset,
                "train_devices": clips.devices_of(job.examples.subset),
            },
            lineage=lineage,
            seed=job.seed,
        )
    shutil.rmtree(task.partial, ignore_errors=True)
    print(f"{job.stage} {job.architecture} ({parts.cost['parameters']:,} parameters): {summary(score)}")
    print(f"wrote {out}")


def _finite(logits: np.ndarray, task: Task) -> np.ndarray:
    """The logits; raises UserError where they are not finite, which those of finite weights may be."""
    if not np.isfinite(logits).all():
        raise UserError(
            "what the trained network answers to the test clips is not finite: lower --fit.learning_rate; "
            f"the checkpoint is kept in {task.partial}: with a new recipe remove {task.partial} or give another --out"
        )
    return logits


def _task(job: Job, clips: Clips, out: Path, fabric: Fabric, parts: Parts) -> Task:
    """The job as the loop takes it."""
    augmenter = Augmenter(
        job.augmentation, job.mel, clips.devices, sample_rate=clips.sample_rate, cached=job.examples.cache
    )
    batches = Batches(
        clips,
        job.examples,
        augmenter,
        batch_size=job.fit.batch_size,
        seed=job.seed,
        device=fabric.device,
        keep_waveform=parts.objective.needs_waveform,
        parts=job.fit.accumulate,
        processes=job.compute.processes,
    )

    def validate(network: nn.Module) -> Row:
        logits, label = predict(network, job.mel, clips, batches.validation), clips.label[batches.validation]
        loss = -metrics.log_softmax(logits)[np.arange(len(label)), label]
        macro = metrics.macro_accuracy(logits.argmax(1) == label, label, len(clips.labels))
        return {"validation_accuracy": macro, "validation_log_loss": float(loss.mean())}

    return Task(
        objective=parts.objective,
        batches=batches,
        config=job.fit,
        partial=partial_of(out),
        identity=_identity(job, clips, fabric.device),
        seed=job.seed,
        compiled=job.compute.compile,
        validate=validate if len(batches.validation) else None,
        before_epoch=parts.before_epoch,
    )


def _identity(job: Job, clips: Clips, device: torch.device) -> str:
    """Everything the weights depend on: the recipe and the files it names, data, parents, torch and what computes."""
    parents = [artifact.file_sha256(parent / artifact.CARD) for parent in job.parents]
    files = [*([job.weights] if job.weights else []), *job.augmentation.files()]
    given = [artifact.file_sha256(file) for file in files]
    parts = [job, clips.checksum, parents, given, torch.__version__, device.type, recipe.resolved()]
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()


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

    `objective` puts the network into what is trained; `initialize` is called with the new network. `finish` adds more
    `files` to the run being written, from the trained network.

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
    """What a network costs on a clip of the data set; raises UserError, before any work, where it does not take one."""
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
