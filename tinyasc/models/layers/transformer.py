"""The transformer of MobileViT, which looks from each pixel at its fellows all over the feature map.

The map is cut into patches of 2 x 2 pixels. Attention is among the pixels that have the same place in their patches, so
there are four sequences, each as long as there are patches. No position embeddings.

Source: Mehta and Rastegari, "MobileViT: light-weight, general-purpose, and mobile-friendly vision transformer", 2022.
Shapes: B clips, C channels, F x T feature map, P = 4 pixels of a patch, N patches, H heads.
"""

from torch import Tensor, nn

from tinyasc.errors import UserError

PATCH = 2
PIXELS = PATCH * PATCH


class PatchTransformer(nn.Module):
    """`depth` transformer blocks on the patches of a feature map: (B, C, F, T) -> same shape.

    Args:
        channels: C, a multiple of heads.
        depth: number of blocks.
        heads: H.
        mlp_channels: between the two layers of a block's perceptron.
        bias: whether queries, keys and values have one.
        final_norm: whether a layer norm follows the last block.
        activation: of the perceptron.

    Raises:
        UserError: the map does not divide into patches.
    """

    def __init__(
        self,
        channels: int,
        *,
        depth: int,
        heads: int,
        mlp_channels: int,
        bias: bool,
        final_norm: bool,
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential()
        for _ in range(depth):
            self.blocks.append(TransformerBlock(channels, heads, mlp_channels, bias, activation))
        self.norm = nn.LayerNorm(channels) if final_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        bands, frames = x.shape[2:]
        if bands % PATCH or frames % PATCH:
            raise UserError(
                f"a feature map of {bands} x {frames} does not divide into patches of {PATCH} x {PATCH}: "
                "set other --mel.n_mels or --mel.hop_length (256 bands and 64 frames fit)"
            )
        x = self.norm(self.blocks(unfold(x)))  # (B, P, N, C)
        return fold(x, bands, frames)


class TransformerBlock(nn.Module):
    """Attention and a two-layer perceptron, each added to its input and each after a layer norm: (B, P, N, C)."""

    def __init__(self, channels: int, heads: int, mlp_channels: int, bias: bool, activation: type[nn.Module]) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(channels), Attention(channels, heads, bias))
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, mlp_channels),
            activation(),
            nn.Linear(mlp_channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp(x)


# No tensor here or below has more than four axes, which is as far as the kernels of small devices go.


class Attention(nn.Module):
    """Self-attention of several heads along N: (B, P, N, C) -> same shape."""

    def __init__(self, channels: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.queries_keys_values = nn.Linear(channels, 3 * channels, bias=bias)
        self.projection = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        _, pixels, patches, channels = x.shape
        queries, keys, values = (
            part.reshape(-1, patches, self.heads, channels // self.heads).transpose(1, 2)  # (B P, H, N, C / H)
            for part in self.queries_keys_values(x).chunk(3, dim=-1)
        )
        weights = (queries @ keys.transpose(2, 3) * self.scale).softmax(-1)  # (B P, H, N, N)
        return self.projection((weights @ values).transpose(1, 2).reshape(-1, pixels, patches, channels))


def unfold(x: Tensor) -> Tensor:
    """(B, C, F, T) -> (B, P, N, C)."""
    _, channels, bands, frames = x.shape
    x = x.reshape(-1, PATCH, frames // PATCH, PATCH).transpose(1, 2)  # (B C F / 2, T / 2, 2, 2)
    return x.reshape(-1, channels, bands * frames // PIXELS, PIXELS).permute(0, 3, 2, 1)


def fold(x: Tensor, bands: int, frames: int) -> Tensor:
    """(B, P, N, C) -> (B, C, F, T), the inverse of `unfold`."""
    channels = x.shape[3]
    x = x.permute(0, 3, 2, 1)  # (B, C, N, P)
    x = x.reshape(-1, frames // PATCH, PATCH, PATCH).transpose(1, 2)  # (B C F / 2, 2, T / 2, 2)
    return x.reshape(-1, channels, bands, frames)
