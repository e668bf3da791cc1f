"""Command: average the answers of several teachers into one, which students learn from like from any teacher.

    python -m train.ensemble --teachers RUN RUN FILE --data FILE.h5 --average probabilities --out RUN

Teachers are runs of train.teacher or of this command, their logits.h5 alone, or DCASE's output.csv. Writes logits.h5
(train.targets.stored), recipe.yaml, model_card.json: a run of the stage teacher, architecture "ensemble".

Shapes: N clips of the data set, n clips that all teachers answer to, K classes.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinyasc import artifact, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.metrics import score_test
from tinyasc.runs import trained
from tinyasc.runs.scores import summary
from train.targets import stored
from train.targets.teachers import Average, averaged, described


def make_ensemble(*, teachers: list[Path], data: Path, out: Path, average: Average = "probabilities") -> None:
    """Average the answers of several teachers into one, and score it on the test split.

    Args:
        teachers: run folders of teachers, files of logits (.h5), or DCASE's output.csv.
        data: prepared data set (.h5) that all of them answered to.
        out: run folder to write.
        average: of the teachers' probabilities, or of their logits.

    Raises:
        UserError: no such teachers, one of them twice, one that `out` would replace, or answers that do not fit.
    """
    if not teachers:
        raise UserError("an ensemble needs teachers: give --teachers RUN RUN ...")
    for teacher in teachers:
        if not teacher.exists():
            raise UserError(f"there is no teacher {teacher}: give a run folder, logits (.h5) or an output.csv")
        if out.resolve() in (teacher.resolve(), *teacher.resolve().parents):
            raise UserError(f"the ensemble would replace {out}, one of its own teachers: give another --out")
    with Clips(data) as clips:
        test = clips.labelled("test")
        cards = [artifact.load_card(teacher, "teacher") for teacher in teachers if teacher.is_dir()]
        given = [_answers(teacher, clips, test) for teacher in teachers]
        _check_different(teachers, given)
        logits = (
            averaged([torch.from_numpy(answers).double() for answers in given], average).float().numpy()
        )  # (N, K), not a number where one gave none
        index = np.flatnonzero(~np.isnan(logits).any(axis=1))
        whole = len(cards) == len(teachers)  # nothing is known of teachers that are files
        train_devices = _train_devices(cards) if whole else None
        score = score_test(logits[test], clips, train_devices)
        members = [described(teacher, out) for teacher in teachers]
        with artifact.new_run(out) as run:
            stored.write(run.path(stored.FILE), clips, index, logits[index], teachers=members, average=average)
            subsets = {card.data.get("subset") for card in cards}
            run.card = ModelCard(
                stage="teacher",
                architecture=trained.ENSEMBLE,
                config={"average": average, "teachers": members},
                mel=None,
                labels=clips.labels,
                cost=_cost(cards) if whole else {},
                accuracy=score.to_dict(),
                data={
                    "checksum": clips.checksum,
                    "source": clips.source,
                    "subset": subsets.pop() if whole and len(subsets) == 1 else None,
                    "train_devices": train_devices,
                },
                lineage=artifact.lineage_of([teacher for teacher in teachers if teacher.is_dir()]),
                seed=0,
            )
    training = len(np.setdiff1d(index, test))
    print(f"{len(teachers)} teachers on {training:,} training and {len(test):,} test clips: {summary(score)}")
    print(f"wrote {out}")


def _answers(teacher: Path, clips: Clips, test: np.ndarray) -> np.ndarray:
    """Logits (N, K) of one teacher, not a number where it gave none; the test clips are always among them."""
    if teacher.is_dir() or teacher.suffix == ".h5":
        return stored.load(teacher, clips, test)
    return stored.load_output_csv(teacher, clips, test)


def _check_different(teachers: Sequence[Path], answers: Sequence[np.ndarray]) -> None:
    """No answers (N, K) count double, wherever they lie."""
    first: dict[str, Path] = {}
    for teacher, given in zip(teachers, answers, strict=True):
        same = first.setdefault(hashlib.sha256(given.tobytes()).hexdigest(), teacher)
        if same is not teacher:
            raise UserError(f"{same} and {teacher} have the same logits, which would count double: give one of them")


def _train_devices(cards: Sequence[ModelCard]) -> list[str] | None:
    heard = [card.data["train_devices"] for card in cards]
    return None if None in heard else sorted({device for devices in heard for device in devices})


def _cost(cards: Sequence[ModelCard]) -> dict[str, Any]:
    """Sums over networks that run one after the other: of what is alive at one time, the most."""
    names = [name for name in cards[0].cost if all(name in card.cost for card in cards)]
    return {name: (max if name.startswith("peak") else sum)(card.cost[name] for card in cards) for name in names}


if __name__ == "__main__":
    raise SystemExit(recipe.run(make_ensemble))
