"""A trained float network as a run folder: `model.safetensors` and the card that rebuilds it."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from tinyasc import artifact, front_end, models
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

FILE = "model.safetensors"
ENSEMBLE = "ensemble"
"""What the card of an average of teachers (`train.ensemble`) has as its architecture."""


def save(path: Path, model: nn.Module) -> None:
    """Write the weights and batch norm statistics of a model."""
    save_state(path, model.state_dict())


def save_state(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write the state of a model, always in the same memory order."""
    tensors = {name: value.cpu().contiguous() for name, value in state.items()}
    path.write_bytes(safetensors.torch.save(tensors))  # save_file makes files that only their owner can read


def load(run: Path, *stages: str) -> tuple[nn.Module, FrontEnd, ModelCard]:
    """The network of a run on the CPU in eval mode, the settings of its front-end, and its card.

    Raises:
        UserError: no such run or none of `stages`, files that its card does not vouch for, or no float network in it.
    """
    card = artifact.load_card(run, *stages)
    if card.architecture == ENSEMBLE:
        raise UserError(f"{run} is an ensemble, which has answers but no network of its own: give one of its teachers")
    if FILE not in card.files:
        raise UserError(f"{run} is a {card.stage} run, it holds no float network: give a teacher or student run")
    model = models.build(card.architecture, card.config, len(card.labels))
    model.load_state_dict(safetensors.torch.load_file(run / FILE))
    return model.eval(), front_end.from_card(card.mel), card


def check_fits(card: ModelCard, clips: Clips) -> None:
    """Raise UserError unless a run names a data set's classes, in their order, and takes sound of its rate."""
    _check_labels(card, clips)
    rate = (card.config if card.mel is None else card.mel).get("sample_rate", clips.sample_rate)
    if rate != clips.sample_rate:
        raise UserError(
            f"{clips.path} has {clips.sample_rate} Hz, the {card.stage} takes {rate} Hz: prepare the data at that rate"
        )


def _check_labels(card: ModelCard, clips: Clips) -> None:
    if card.labels != clips.labels:
        raise UserError(
            f"{clips.path} has the classes {', '.join(clips.labels)}; the {card.stage} was trained on "
            f"{', '.join(card.labels)}: train it again on this data set"
        )


def check_data(card: ModelCard, run: Path, clips: Clips, subset: str) -> None:
    """Check that the student at `run` is trained further on the clips it was trained on.

    Of an imported one they are not known, which is printed.

    Raises:
        UserError: it was trained on other clips, or knows other classes.
    """
    if card.data["checksum"] is None:
        _check_labels(card, clips)
        print(
            f"{run} was imported: whether it heard the training clips of {clips.path}, or its test clips, is not known"
        )
    elif card.data["checksum"] != clips.checksum:
        raise UserError(f"{run} was trained on another data set than {clips.path}: make it again with `make student`")
    if (own := card.data.get("subset") or subset) != subset:
        raise UserError(f"{run} was trained on {own}: give --examples.subset {own}")
