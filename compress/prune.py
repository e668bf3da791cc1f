"""Command: prune channels of a student until it costs no more than a target, and train what is left.

    python -m compress.prune --config compress/recipes/prune_acdnet.yaml --model RUN --data FILE.h5 --out RUN

Round by round the least important channels are removed (`compress.pruning`) and the rest is trained again; the last
round is the longest. `--teacher RUN` distils in all of them. Writes a student run like any other, whose card's `config`
lists the channels that are left. The rounds before lie in OUT.partial, each a student run too, until OUT is there.
Stopped anywhere, the same command goes on from there.

Shapes: C channels, F mel bands, T frames.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from compress.opening import open_student
from compress.pruning.cut import Cut, PruningConfig, cut, deployed
from compress.pruning.selection import Costs, on_the_way
from tinyasc import artifact, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs import trained
from tinyasc.runs.setup import ComputeConfig
from train.data.augment import AugmentConfig
from train.data.selection import ExamplesConfig
from train.fit.config import FitConfig
from train.fit.history import RECIPE
from train.fit.stage import Job, train_float
from train.fit.task import partial_of
from train.targets import objectives
from train.targets.distillation import DistillationConfig
from train.targets.objective import Objective
from train.targets.teachers import open_teacher

BATCH = 32
"""Clips of a gradient of the criterion taylor."""


def prune_student(
    *,
    model: Path,
    data: Path,
    out: Path,
    pruning: PruningConfig,
    round_fit: FitConfig,
    fit: FitConfig,
    augmentation: AugmentConfig,
    examples: ExamplesConfig,
    distillation: DistillationConfig,
    compute: ComputeConfig,
    teacher: Path | None = None,
    seed: int = 0,
    dry_run: bool = False,
) -> None:
    """Prune channels of a float student until it costs no more than a target, train it again, and score it.

    Args:
        model: run folder of a float student.
        data: the data set it was trained on (.h5).
        out: run folder to write.
        pruning: what is pruned away, and on what grounds.
        round_fit: length and pace of the training in each round but the last.
        fit: length and pace of the training in the last round.
        augmentation: random changes of the training clips.
        examples: which clips it trains on.
        distillation: how much the network listens to the teacher.
        compute: what computes it: one device.
        teacher: run folder of a teacher of the same data set; none = train on the labels alone.
        seed: of every random choice.
        dry_run: remove all at once, measure a few steps of the last round, and write nothing.
    """
    if compute.processes > 1:
        raise UserError("compute: one process decides what is pruned: take devices 1 and nodes 1")
    artifact.check_out(out)
    with open_student(model, data, compute, seed, examples.subset) as student:
        clips, fabric, shape = student.clips, student.fabric, student.shape
        chosen = np.sort(student.choose(pruning.clips))
        label = torch.from_numpy(clips.label[chosen]).split(BATCH)
        listened = open_teacher(teacher, distillation, clips, examples, fabric.device)
        target = Costs(pruning.parameters, pruning.macs)

        def objective(network: nn.Module) -> Objective:
            return objectives.build(network, distillation=distillation, teacher=listened)

        parent = model
        for number in [pruning.rounds] if dry_run else range(1, pruning.rounds + 1):
            left = pruning.rounds + 1 - number
            place = out if left == 1 else partial_of(out) / f"round-{number}"
            if left > 1 and _is_done(place, parent, clips):
                parent = place
                continue
            network, _, card = trained.load(parent, "student")
            now = deployed(network, shape)
            if now <= target:
                raise UserError(f"{model} has {now}, which is within {target}: there is nothing to prune")
            batches = zip(student.features(chosen, BATCH), label, strict=True)
            next_target = on_the_way(now, target, left)
            found = cut(network, card, shape, batches=batches, target=next_target, pruning=pruning)
            print(f"round {number} of {pruning.rounds}\n{_table(found)}")
            job = Job(
                "student",
                card.architecture,
                found.config,
                student.mel,
                round_fit if left > 1 else fit,
                examples,
                augmentation,
                compute,
                seed,
                [*([] if teacher is None else [teacher]), parent],
                dry_run=dry_run,
            )
            train_float(job, clips, place, fabric, objective, initialize=partial(_load, state=found.state))
            parent = place
    if not dry_run:
        print(_course(artifact.load_card(out), pruning.rounds))


def _is_done(place: Path, parent: Path, clips: Clips) -> bool:
    """Whether a round was finished when this command was stopped.

    Raises:
        UserError: it was one of another command.
    """
    if not (place / artifact.CARD).is_file():
        return False
    card = artifact.load_card(place, "student")
    own = recipe.resolved()
    if (
        card.lineage[-1]["sha256"] != artifact.file_sha256(parent / artifact.CARD)
        or card.data["checksum"] != clips.checksum
        or (own is not None and (place / RECIPE).read_text() != own)
    ):
        raise UserError(
            f"{place} is of another recipe, data set or student: give the command that began it, or remove "
            f"{place.parent} to start over"
        )
    return True


def _load(network: nn.Module, state: dict[str, Tensor]) -> None:
    network.load_state_dict(state)


def _table(found: Cut) -> str:
    """What a cut does to each layer, and to the whole."""
    rows = [(layer, *numbers) for layer, numbers in found.channels.items()]
    rows += [("parameters", found.before.parameters, found.after.parameters)]
    rows += [("MACs", found.before.macs, found.after.macs)]
    width = max(len(name) for name, *_ in rows)
    lines = [f"{'channels':{width}} {'before':>12} {'after':>12}"]
    lines += [f"{name:{width}} {before:>12,} {after:>12,}" for name, before, after in rows]
    return "\n".join(lines)


def _course(card: ModelCard, rounds: int) -> str:
    """What the student was and what each round left, on the test split."""
    students = [entry for entry in card.lineage if entry["stage"] == "student"][-rounds:]
    figures = [(entry["cost"], entry["accuracy"]) for entry in students] + [(card.cost, card.accuracy)]
    lines = [f"{'':10} {'parameters':>12} {'MACs':>12} {'accuracy':>9} {'log loss':>9}  devices"]
    for number, (cost, score) in enumerate(figures):
        name = f"round {number}" if number else "before"
        macro, loss = (f"{100 * score['macro']:.1f} %", f"{score['log_loss']:.3f}") if score else ("", "")
        groups = ", ".join(f"{group} {100 * share:.1f} %" for group, share in score.get("groups", {}).items())
        sizes = f"{cost['deployed_parameters']:>12,} {cost['deployed_macs']:>12,}"
        lines.append(f"{name:10} {sizes} {macro:>9} {loss:>9}  {groups}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(recipe.run(prune_student))
