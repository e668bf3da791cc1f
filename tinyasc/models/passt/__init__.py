"""PaSST teachers: hear21passt's own transformer behind the registry's interface.

Notable features: a vision transformer on overlapping 16x16 patches of log-mel (stride 10), separate frequency and
time position embeddings, a class and a distillation token. Patchout leaves patches out in training, which shortens the
sequence and regularizes: whole rows (frequency) or columns (time) of the patch grid, or single patches (unstructured).

Source: Koutini et al., "Efficient training of audio transformers with patchout", 2022; code of the hear21passt package.
Shapes: B clips, F = 128 mel bands, T frames (100 for one second), R x C patches (12 x 9), N tokens, E width, K classes.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tinyasc import third_party
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.registry import Size, architecture

N_MELS = 128
PATCH = 16
"""Mel bands and frames of a patch."""
MEL = MelConfig(n_fft=1024, win_length=800, hop_length=320, n_mels=128, f_max=15_000.0)
"""As hear21passt runs it and as it was trained on AudioSet: 128 x 100."""
STRIDE = (10, 10)


@dataclass(frozen=True)
class PatchConfig:
    """How a PaSST of any size cuts a clip into patches, and which of them it leaves out in training."""

    frames: int = 100
    """Frames of the longest clip, for the time position embeddings; of shorter clips the first ones are used."""
    stride: tuple[int, int] = STRIDE
    """(frequency, time) step from patch to patch, mel bands and frames."""
    s_patchout_f: int = 0
    """Rows (frequency) of the patch grid dropped in training; there are 12 at a stride of 10."""
    s_patchout_t: int = 0
    """Columns (time) of the patch grid dropped in training; there are 9 in one second at a stride of 10."""
    u_patchout: int = 0
    """Single patches dropped in training, of those that are left."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", tuple(self.stride))  # JSON and YAML know lists only
        frequency, time = self.stride
        # hear21passt has 128 // stride rows of embeddings, which are as many as there are patches from 10 on
        if not (STRIDE[0] <= frequency <= PATCH and 1 <= time <= PATCH):
            raise UserError(f"stride is {frequency}, {time}: take 10 to 16 mel bands and 1 to 16 frames")
        if min(self.s_patchout_f, self.s_patchout_t, self.u_patchout) < 0:
            raise UserError("patchout is a number of rows, columns or patches: take 0 (none) or more")
        self.check(self.frames, training=True)

    def grid(self, frames: int) -> tuple[int, int]:
        """Rows and columns of patches in a clip of `frames` frames."""
        return (N_MELS - PATCH) // self.stride[0] + 1, (frames - PATCH) // self.stride[1] + 1

    def check(self, frames: int, training: bool) -> None:
        """Whether there is a patch in a clip of `frames` frames, and one left in training.

        Raises:
            UserError: there is none.
        """
        rows, columns = self.grid(frames)
        if columns < 1:
            raise UserError(f"clips of {frames} frames hold no patch of PaSST: take longer ones, or a smaller hop")
        rows_left, columns_left = rows - self.s_patchout_f, columns - self.s_patchout_t
        if training and (min(rows_left, columns_left) < 1 or rows_left * columns_left <= self.u_patchout):
            raise UserError(
                f"patchout leaves nothing of {rows} x {columns} patches in {frames} frames: "
                "lower s_patchout_f, s_patchout_t or u_patchout"
            )


@dataclass(frozen=True)
class PasstConfig(PatchConfig):
    """A PaSST of any size, to be trained from scratch."""

    embed_dim: int = 96
    """Width of the transformer."""
    depth: int = 4
    """Transformer blocks."""
    num_heads: int = 4
    """Attention heads; must divide embed_dim."""
    drop_rate: float = 0.0
    """Dropout after the position embeddings and inside the blocks."""
    stem_channels: tuple[int, ...] = ()
    """Channels of the 3x3 convolutions of stride 2 before the one to embed_dim that make the tokens; none = PaSST's own
    16x16 patches. A transformer that starts from convolutions needs far less data to learn from scratch."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem_channels", tuple(self.stem_channels))
        super().__post_init__()
        if min(self.embed_dim, self.depth, self.num_heads, *self.stem_channels) < 1 or not 0 <= self.drop_rate < 1:
            raise UserError(
                "take embed_dim, depth, num_heads, stem_channels above zero, and drop_rate from 0 to below 1"
            )
        if self.embed_dim % self.num_heads:
            raise UserError(f"embed_dim {self.embed_dim} is no multiple of num_heads {self.num_heads}")
        if self.stem_channels and self.stride != STRIDE:
            raise UserError("stride is of patches and stem_channels of convolutions in their place: give one of them")

    def grid(self, frames: int) -> tuple[int, int]:
        return halved((N_MELS, frames), self.stem_channels) if self.stem_channels else super().grid(frames)


@dataclass(frozen=True)
class PasstSConfig(PatchConfig):
    """The published passt_s_swa_p16_128_ap476 (width 768, depth 12), meant to start from its AudioSet weights."""

    s_patchout_f: int = 6


class _Wrapped(nn.Module):
    """Log-mel (B, 1, 128, T) -> logits (B, K) by a transformer of hear21passt, which gives features too.

    Raises:
        UserError: in `forward`, spectrograms that do not fit.
    """

    def __init__(self, config: PatchConfig, n_classes: int, **size: Any) -> None:
        super().__init__()
        self.config = config
        self.net: Any = third_party.passt().PaSST(  # which has no types
            img_size=(N_MELS, config.frames),
            patch_size=PATCH,
            stride=config.stride,
            in_chans=1,
            num_classes=n_classes,
            distilled=True,
            **size,
        )
        patchout = Patchout(
            config.grid(config.frames)[0],
            rows=config.s_patchout_f,
            columns=config.s_patchout_t,
            patches=config.u_patchout,
            leading=self.net.num_tokens,
        )
        self.net.pos_drop = nn.Sequential(patchout, self.net.pos_drop)  # where the tokens have their positions
        self.net.head_dist.requires_grad_(False)  # a second classifier that is never run: nothing to train

    def forward(self, log_mel: Tensor) -> Tensor:
        bands, frames = log_mel.shape[2:]
        if bands != N_MELS:
            raise UserError(f"PaSST takes {N_MELS} mel bands, these clips have {bands}: set --mel.n_mels {N_MELS}")
        if frames > self.config.frames:
            raise UserError(
                f"these clips have {frames} frames, this PaSST's time position embeddings end at {self.config.frames}: "
                f"set --model.frames {frames}, or take shorter clips"
            )
        self.config.check(frames, self.training)
        logits, _features = self.net(log_mel)  # (B, 1, F, T) -> (B, 2 + R C, E) -> (B, K)
        return logits


@architecture(
    "passt",
    PasstConfig,
    classifier="net.head",
    front_ends={
        "passt": MEL,
        # The PaSST teachers of CP-JKU in 2022 and 2023, whose upper edge moves by 500 Hz either way, not 1,000.
        "passt_2023": replace(MEL, f_max=15_500.0),
        # The PaSST teacher of KmjGeorge/DCASE2023, the system that this project took as its seed.
        "seed_passt": replace(MEL, f_max=16_000.0),
    },
    order=5,
)
class Passt(_Wrapped):
    """A transformer of the configured size."""

    def __init__(self, config: PasstConfig, n_classes: int) -> None:
        size: dict[str, Any] = {"embed_dim": config.embed_dim, "depth": config.depth, "num_heads": config.num_heads}
        if config.stem_channels:
            size["embed_layer"] = partial(ConvolutionalStem, config.stem_channels)
        super().__init__(config, n_classes, drop_rate=config.drop_rate, **size)
        with torch.no_grad():  # PaSST draws with deviation 0.02, made for width 768; narrower, it hardly learns
            for layer in self.net.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(math.sqrt(768 / config.embed_dim))


@architecture(
    "passt_s",
    PasstSConfig,
    classifier="net.head",
    sizes={"passt_s": Size("PaSST (Koutini et al., 2022), for one second", {}, MEL)},
    order=5,
)
class PasstS(_Wrapped):
    """The published architecture with fresh weights."""

    def __init__(self, config: PasstSConfig, n_classes: int) -> None:
        super().__init__(config, n_classes, embed_dim=768, depth=12, num_heads=12)


class Patchout(nn.Module):
    """(B, leading + R C, E) -> (B, leading + N, E) in training; in evaluation all tokens pass.

    What stays is drawn on the CPU, so that it is the same on every device, and its numbers are sent there without
    waiting: indexing with numbers that lie on the CPU makes a GPU's queue run empty, and does not go into CUDA graphs.
    It is not compiled: for CUDA graphs, torch 2.11 moves a part of the drawing to the GPU and fails to join the parts.

    Args:
        grid_rows: R.
        rows: of them are left out, chosen at random (frequency).
        columns: of the C are left out (time).
        patches: single ones are left out of those that remain.
        leading: tokens before the patches, which stay.
    """

    def __init__(self, grid_rows: int, *, rows: int, columns: int, patches: int, leading: int) -> None:
        super().__init__()
        self.grid_rows, self.leading = grid_rows, leading
        self.rows, self.columns, self.patches = rows, columns, patches

    @torch.compiler.disable
    def forward(self, tokens: Tensor) -> Tensor:
        if not (self.training and (self.rows or self.columns or self.patches)):
            return tokens
        grid = torch.arange(self.leading, tokens.shape[1]).view(self.grid_rows, -1)
        if self.columns:
            grid = grid[:, _staying(grid.shape[1], self.columns)]
        if self.rows:
            grid = grid[_staying(grid.shape[0], self.rows)]
        kept = grid.flatten()
        if self.patches:
            kept = kept[_staying(len(kept), self.patches)]
        kept = torch.cat([torch.arange(self.leading), kept])
        return tokens.index_select(1, kept.to(tokens.device, non_blocking=True))


class ConvolutionalStem(nn.Module):
    """In the place of PaSST's patch embedding: (B, 1, F, T) -> (B, E, R, C) by strided convolutions.

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
        # what PaSST asks of its patch embedding, to size the position embeddings
        self.grid_size = halved(img_size, channels)
        self.num_patches = self.grid_size[0] * self.grid_size[1]

    def forward(self, log_mel: Tensor) -> Tensor:
        return self.layers(log_mel)


def halved(size: tuple[int, int], channels: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns that a ConvolutionalStem makes of a spectrogram: every convolution halves both axes."""
    halvings = len(channels) + 1
    return -(-size[0] // 2**halvings), -(-size[1] // 2**halvings)


def _staying(of: int, out: int) -> Tensor:
    return torch.randperm(of)[: of - out].sort().values
