"""What teacher and student have in common: build, fit, score, and write one run folder."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tinyasc import artifact, cost, models, recipe
from tinyasc.artifact import ModelCard, Run, new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames
from tinyasc.mel_torch import LogMel
from train import loop, trained
from train.evaluate import score_test, summary
from train.loader import Batch, Batches


@dataclass(frozen=True)
class Job:
    """One float training run, as its command describes it."""

    stage: str
    """teacher or student."""
    architecture: str
    """A name in tinyasc.models."""
    model: dict[str, Any]
    """Settings of the architecture."""
    mel: MelConfig
    """Front-end."""
    fit: loop.FitConfig
    """Length and pace."""
    cache: bool
    """Keep all spectrograms in memory."""
    seed: int
    """Of every random choice."""
    parents: Sequence[Path] = ()
    """Run folders that this one builds on."""


def train_float(
    job: Job,
    clips: Clips,
    out: Path,
    device: torch.device,
    loss: Callable[[nn.Module, Batch], Tensor],
    *,
    initialize: Callable[[nn.Module], None] = lambda network: None,
    finish: Callable[[Run, nn.Module, LogMel], None] = lambda run, network, log_mel: None,
) -> None:
    """Train on the train split, score on the test split, write the run folder `out`.

    Args:
        job: what to train.
        clips: the data set.
        out: run folder to write; `OUT.partial` holds the checkpoint until it is there.
        device: where to train (`reproducible.settle`).
        loss: of one batch.
        initialize: called with the new network before training.
        finish: called with the run being written, the trained network and its front-end, to add files.

    Raises:
        UserError: data that does not fit the recipe, or an `out` that is no run folder.
    """
    train = clips.indices("train")
    if not len(train):
        raise UserError(f"{clips.path} has no training clips: prepare it from a folder with evaluation_setup/")
    if job.mel.sample_rate != clips.sample_rate:
        raise UserError(f"{clips.path} has {clips.sample_rate} Hz, the recipe's mel {job.mel.sample_rate} Hz")
    torch.manual_seed(job.seed)
    network = models.build(job.architecture, job.model, len(clips.labels))
    initialize(network)
    counted = cost.measure(network, (1, 1, job.mel.n_mels, frames(job.mel, clips.samples)))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = Batches(
        clips, train, job.mel, batch_size=job.fit.batch_size, seed=job.seed, device=device, cache=job.cache
    )
    partial = loop.partial_of(out)
    with new_run(out) as run:
        history = loop.fit(
            network, batches, loss, job.fit, partial=partial, identity=_identity(job, clips), seed=job.seed
        )
        score = score_test(network, batches.log_mel, clips)
        trained.save(run.path(trained.FILE), network)
        loop.write_history(run.path("metrics.csv"), history)
        finish(run, network, batches.log_mel)
        run.card = ModelCard(
            stage=job.stage,
            architecture=job.architecture,
            config=models.resolve(job.architecture, job.model),
            mel=asdict(job.mel),
            labels=clips.labels,
            cost=counted.to_dict(),
            accuracy=score.to_dict(),
            data={"checksum": clips.checksum, "source": clips.source, "train_devices": clips.train_devices},
            lineage=artifact.lineage_of(job.parents),
            seed=job.seed,
        )
    shutil.rmtree(partial, ignore_errors=True)
    print(f"{job.stage} {job.architecture} ({counted.parameters:,} parameters): {summary(score)}")
    print(f"wrote {out}")


def _identity(job: Job, clips: Clips) -> str:
    """Everything the weights depend on: the recipe, the data, the parents, torch and its number of threads."""
    parents = [artifact.file_sha256(parent / artifact.CARD) for parent in job.parents]
    parts = [job, clips.checksum, parents, torch.__version__, torch.get_num_threads(), recipe.resolved()]
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()
