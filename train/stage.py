"""What all training stages have in common: fit, score, and write one run folder.

Shapes: n clips, K classes.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tinyasc import artifact, cost, front_end, models, recipe
from tinyasc.artifact import ModelCard, Run, new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from train import trained
from train.augment import Augmentation, AugmentConfig
from train.augmentations.impulse_responses import files_in
from train.evaluate import predict, score_test, summary
from train.loader import Batch, Batches, ExamplesConfig
from train.loop.fit import FitConfig, fit, partial_of, write_history


@dataclass(frozen=True)
class Job:
    """One float training run, as its command describes it."""

    stage: str
    """teacher, student or qat."""
    architecture: str
    """A name in tinyasc.models."""
    model: dict[str, Any]
    """Settings of the architecture."""
    mel: MelConfig | None
    """Front-end; none: the network takes the waveform."""
    fit: FitConfig
    """Length and pace."""
    examples: ExamplesConfig
    """Which clips it trains on."""
    augmentation: AugmentConfig
    """Random changes of them."""
    seed: int
    """Of every random choice."""
    parents: Sequence[Path] = ()
    """Run folders that this one builds on."""
    weights: Path | None = None
    """File that the weights start from."""


@dataclass(frozen=True)
class Parts:
    """What one stage does in its own way."""

    loss: Callable[[nn.Module, Batch], Tensor]
    """Of one batch, a scalar."""
    logits_of: Callable[[np.ndarray], np.ndarray]
    """Clip numbers (n,) -> logits float32 (n, K) of the trained network: what is scored."""
    write: Callable[[Run], None]
    """Adds the stage's files to the run being written."""
    cost: dict[str, Any]
    """Parameters and MACs, as the card holds them."""
    before_epoch: Callable[[int], None] | None = None
    """Called with the number of each epoch, e.g. to freeze parts of the network."""


def train_float(
    job: Job,
    clips: Clips,
    out: Path,
    device: torch.device,
    loss: Callable[[nn.Module, Batch], Tensor],
    *,
    initialize: Callable[[nn.Module], None] = lambda network: None,
    finish: Callable[[Run, nn.Module], None] = lambda run, network: None,
) -> None:
    """Build a float network, train it on the train split, score it on the test split, write the run folder `out`.

    Args:
        job: what to train.
        clips: the data set.
        out: run folder to write; `OUT.partial` holds the checkpoint until it is there.
        device: where to train (`reproducible.settle`).
        loss: of one batch.
        initialize: called with the new network before training.
        finish: called with the run being written and the trained network, to add files.

    Raises:
        UserError: data that does not fit the recipe, or an `out` that is no run folder.
    """
    torch.manual_seed(job.seed)
    network = models.build(job.architecture, job.model, len(clips.labels))
    counted = _measured(job, network, clips)
    initialize(network)

    def write(run: Run) -> None:
        trained.save(run.path(trained.FILE), network)
        finish(run, network)

    parts = Parts(loss, lambda indices: predict(network, job.mel, clips, indices), write, counted.to_dict())
    train(job, network, clips, out, device=device, parts=parts)


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


def train(job: Job, network: nn.Module, clips: Clips, out: Path, *, device: torch.device, parts: Parts) -> None:
    """Train a network in place on the train split, score it on the test split, write the run folder `out`.

    Args:
        job: what to train.
        network: (B, 1, F, T) -> (B, K).
        clips: the data set.
        out: run folder to write; `OUT.partial` holds the checkpoint until it is there.
        device: where to train.
        parts: what the stage does in its own way.

    Raises:
        UserError: data that does not fit the recipe, or an `out` that is no run folder.
    """
    if job.mel is not None and job.mel.sample_rate != clips.sample_rate:
        raise UserError(f"{clips.path} has {clips.sample_rate} Hz, the recipe's mel {job.mel.sample_rate} Hz")
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    augmentation = Augmentation(
        job.augmentation, job.mel, clips.devices, sample_rate=clips.sample_rate, cached=job.examples.cache
    )
    batches = Batches(clips, job.examples, augmentation, batch_size=job.fit.batch_size, seed=job.seed, device=device)
    partial = partial_of(out)
    identity, lineage = _identity(job, clips), artifact.lineage_of(job.parents)
    with new_run(out) as run:
        history = fit(
            network,
            batches,
            parts.loss,
            job.fit,
            partial=partial,
            identity=identity,
            seed=job.seed,
            before_epoch=parts.before_epoch,
        )
        score = score_test(parts.logits_of, clips, clips.devices_of(job.examples.subset))
        parts.write(run)
        write_history(run.path("metrics.csv"), history)
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
    shutil.rmtree(partial, ignore_errors=True)
    print(f"{job.stage} {job.architecture} ({parts.cost['parameters']:,} parameters): {summary(score)}")
    print(f"wrote {out}")


def _identity(job: Job, clips: Clips) -> str:
    """Everything the weights depend on: the recipe and the files it names, data, parents, torch and its threads."""
    parents = [artifact.file_sha256(parent / artifact.CARD) for parent in job.parents]
    changes = job.augmentation
    responses = changes.impulse_responses if changes.impulse_response_probability else None
    files = [*([job.weights] if job.weights else []), *(files_in(responses) if responses else [])]
    given = [artifact.file_sha256(file) for file in files]
    parts = [job, clips.checksum, parents, given, torch.__version__, torch.get_num_threads(), recipe.resolved()]
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()
