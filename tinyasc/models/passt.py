"""PaSST teachers: hear21passt's own transformer behind the registry's interface.

Notable features: a vision transformer on overlapping 16x16 patches of log-mel (stride 10), separate frequency and
time position embeddings, a class and a distillation token. Structured patchout drops whole rows (frequency) or columns
(time) of the patch grid in training, which shortens the sequence and regularizes.

Source: Koutini et al., "Efficient training of audio transformers with patchout", 2022; code of the hear21passt package.
Shapes: B clips, F = 128 mel bands, T frames (100 for one second), K classes.
"""

import contextlib
import io
import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tinyasc import third_party
from tinyasc.errors import UserError

N_MELS = 128
STRIDE = (10, 10)  # of the 16x16 patches, (frequency, time)


@dataclass(frozen=True)
class PasstConfig:
    """A PaSST of any size, to be trained from scratch."""

    embed_dim: int = 96
    """Width of the transformer."""
    depth: int = 4
    """Transformer blocks."""
    num_heads: int = 4
    """Attention heads; must divide embed_dim."""
    frames: int = 100
    """Frames of a clip, for the time position embeddings."""
    s_patchout_f: int = 0
    """Rows (frequency) of the patch grid dropped in training; there are 12 without a stem."""
    s_patchout_t: int = 0
    """Columns (time) of the patch grid dropped in training; 9 for one second without a stem."""
    drop_rate: float = 0.0
    """Dropout after the position embeddings and inside the blocks."""
    stem_channels: tuple[int, ...] = ()
    """Channels of the 3x3 convolutions of stride 2 before the one to embed_dim that make the tokens; none = PaSST's own
    16x16 patches. A transformer that starts from convolutions needs far less data to learn from scratch."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem_channels", tuple(self.stem_channels))  # JSON and YAML know lists only
        if self.embed_dim % self.num_heads:
            raise UserError(f"embed_dim {self.embed_dim} is no multiple of num_heads {self.num_heads}")


@dataclass(frozen=True)
class PasstSConfig:
    """The published passt_s_swa_p16_128_ap476 (width 768, depth 12), meant to start from its AudioSet weights."""

    frames: int = 100
    """Frames of a clip, for the time position embeddings."""
    s_patchout_f: int = 6
    """Rows (frequency) of the patch grid dropped in training, of 12."""
    s_patchout_t: int = 0
    """Columns (time) of the patch grid dropped in training, of 9 for one second."""


class _Wrapped(nn.Module):
    """Log-mel (B, 1, 128, T) -> logits (B, K) of a hear21passt network, which gives features too.

    Raises:
        UserError: spectrograms of another size.
    """

    def __init__(self, net: Any, frames: int) -> None:
        super().__init__()
        self.net = net  # hear21passt's PaSST, which has no types
        self.frames = frames

    def forward(self, log_mel: Tensor) -> Tensor:
        bands, frames = log_mel.shape[2:]
        if (bands, frames) != (N_MELS, self.frames):  # hear21passt cuts or fails, depending on which is larger
            raise UserError(
                f"PaSST takes {N_MELS} x {self.frames} spectrograms, these are {bands} x {frames}: "
                f"set --mel.n_mels {N_MELS} and --model.frames {frames}"
            )
        logits, _features = self.net(log_mel)
        return logits


class Passt(_Wrapped):
    """A transformer of the configured size."""

    def __init__(self, config: PasstConfig, n_classes: int) -> None:
        net = third_party.passt().PaSST(
            img_size=(N_MELS, config.frames),
            patch_size=16,
            stride=STRIDE,
            in_chans=1,
            num_classes=n_classes,
            embed_dim=config.embed_dim,
            depth=config.depth,
            num_heads=config.num_heads,
            distilled=True,
            drop_rate=config.drop_rate,
            s_patchout_f=config.s_patchout_f,
            s_patchout_t=config.s_patchout_t,
            **({"embed_layer": partial(ConvolutionalStem, config.stem_channels)} if config.stem_channels else {}),
        )
        with torch.no_grad():  # PaSST draws with deviation 0.02, made for width 768; narrower, it hardly learns
            for layer in net.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(math.sqrt(768 / config.embed_dim))
        super().__init__(net, config.frames)


class ConvolutionalStem(nn.Module):
    """In the place of PaSST's patch embedding: (B, 1, F, T) -> (B, C, rows, columns) by strided convolutions.

    Source: Xiao et al., "Early convolutions help transformers see better", 2021.
    """

    def __init__(self, channels: tuple[int, ...], *, img_size: tuple[int, int], embed_dim: int, **_: object) -> None:
        super().__init__()
        widths = [1, *channels]
        self.layers = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            self.layers.append(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False))
            self.layers.append(nn.BatchNorm2d(outputs))
            self.layers.append(nn.ReLU())
        self.layers.append(nn.Conv2d(widths[-1], embed_dim, 3, stride=2, padding=1))
        halvings = len(widths)
        # what PaSST asks of its patch embedding, to size the position embeddings
        self.grid_size = (-(-img_size[0] // 2**halvings), -(-img_size[1] // 2**halvings))
        self.num_patches = self.grid_size[0] * self.grid_size[1]

    def forward(self, log_mel: Tensor) -> Tensor:
        return self.layers(log_mel)


class PasstS(_Wrapped):
    """The published architecture with fresh weights."""

    def __init__(self, config: PasstSConfig, n_classes: int) -> None:
        with contextlib.redirect_stdout(io.StringIO()):  # get_model prints the whole network
            net = third_party.passt().get_model(
                arch="passt_s_swa_p16_128_ap476",
                pretrained=False,
                n_classes=n_classes,
                in_channels=1,
                fstride=STRIDE[0],
                tstride=STRIDE[1],
                input_fdim=N_MELS,
                input_tdim=config.frames,
                s_patchout_f=config.s_patchout_f,
                s_patchout_t=config.s_patchout_t,
            )
        super().__init__(net, config.frames)


def load_weights(model: Passt | PasstS, path: Path) -> None:
    """Start from published PaSST weights (AudioSet, 10 s, 527 classes), in place.

    The time position embeddings (99 columns) are averaged down to the model's; the two classifiers stay fresh when the
    number of classes differs.

    Raises:
        UserError: the file is not there, is no state dict, or is of another architecture.
    """
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"{path} cannot be read as PyTorch weights ({error.__class__.__name__}): give the .pt file"
        ) from None
    own = model.net.state_dict()
    time = "time_new_pos_embed"
    if not isinstance(weights, dict) or time not in weights:
        raise UserError(f"{path} holds no PaSST state dict (no {time})")
    columns = own[time].shape[-1]
    if weights[time].shape[-1] != columns:
        weights[time] = nn.functional.adaptive_avg_pool2d(weights[time], (1, columns))
    classifiers = ("head.1.", "head_dist.")
    kept = {
        name: value
        for name, value in weights.items()
        if not (name.startswith(classifiers) and name in own and value.shape != own[name].shape)
    }
    try:
        missing, unexpected = model.net.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise UserError(f"{path} does not fit this PaSST: {str(error).splitlines()[-1].strip()}") from None
    missing = [name for name in missing if not name.startswith(classifiers)]
    if missing or unexpected:
        raise UserError(f"{path} does not fit this PaSST: {(missing + unexpected)[0]} is missing or unknown")
