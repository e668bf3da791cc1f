"""Published PaSST weights made to fit another input and other classes.

AudioSet's PaSST hears ten seconds (12 x 99 patches) and tells 527 classes apart. Time and frequency position
embeddings are averaged down to the patches of the new input, and the classes' rows of both classifiers to the new
number of classes, all by adaptive average pooling, as the seed of this project did (KmjGeorge/DCASE2023). The averages
of neighbouring classes mean nothing by themselves: they start a classifier at the scale of a trained one.
"""

from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from tinyasc import weights
from tinyasc.errors import UserError
from tinyasc.models.passt import Passt, PasstS

POOLED = {
    # name -> axis, what lies along it, what to do where there is too little of it
    "time_new_pos_embed": (3, "columns of patches", "lower --model.frames or raise the time --model.stride"),
    "freq_new_pos_embed": (2, "rows of patches", "raise the frequency --model.stride"),
    "head.1.weight": (0, "classes", "take weights of more classes"),
    "head.1.bias": (0, "classes", "take weights of more classes"),
    "head_dist.weight": (0, "classes", "take weights of more classes"),
    "head_dist.bias": (0, "classes", "take weights of more classes"),
}


def load_weights(model: Passt | PasstS, path: Path) -> None:
    """Start from published weights, in place.

    Raises:
        UserError: the file cannot be read, is of another architecture, or has less than the model needs of what can
            only be averaged down.
    """
    own: dict[str, Tensor] = model.net.state_dict()
    if "patch_embed.proj.weight" not in own:
        raise UserError("published weights are of patches, not of a stem: leave out --model.stem_channels or --weights")
    found = weights.read(path)
    for name, (axis, what, advice) in POOLED.items():
        if name not in found or found[name].ndim != own[name].ndim:
            continue  # said below
        given, needed = found[name].shape[axis], own[name].shape[axis]
        if given < needed:
            raise UserError(
                f"{path} is of {given} {what} and cannot start a PaSST of {needed}, it can only be averaged: "
                f"{advice}, or train without --weights"
            )
        found[name] = pooled(found[name], axis, needed)
    model.net.load_state_dict(weights.fitted(found, own, path, "this PaSST"))


def pooled(tensor: Tensor, axis: int, length: int) -> Tensor:
    """Neighbours along one axis averaged, so that `length` are left: (..., L, ...) -> (..., length, ...)."""
    rows = tensor.movedim(axis, -1)  # (..., L)
    averaged = F.adaptive_avg_pool1d(rows.reshape(-1, rows.shape[-1]).float(), length)
    return averaged.reshape(*rows.shape[:-1], length).movedim(-1, axis)
