"""Channel shuffle: lets halves of the channels that are processed apart see each other's results.

Source: Zhang et al., "ShuffleNet", 2018.
"""

from torch import Tensor


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channel i moves to group i mod `groups`, in order: (B, C, F, T) -> same shape; `groups` divides C."""
    clips, channels, bands, frames = x.shape
    # one axis for all positions: four axes are what every runtime transposes
    rows = x.reshape(clips, channels // groups, groups, bands * frames)
    return rows.transpose(1, 2).reshape(clips, channels, bands, frames)
