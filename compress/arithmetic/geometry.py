"""Where the axes of a map lie, channels first in torch and ONNX, last in NumPy and TFLite, and where a convolution puts
its weights.

Shapes: O output channels, C input channels, F mel bands, T frames.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axes:
    """Numbers of the axes, the batch being 0."""

    channel: int
    frequency: int
    time: int

    @property
    def places(self) -> tuple[int, int, int]:
        """Which axis each of (C, F, T) is."""
        return self.channel, self.frequency, self.time

    def per_channel(self, count: int) -> tuple[int, ...]:
        """The shape of one number per channel, broadcast over a map; of one for all channels, (1,)."""
        return tuple(count if axis == self.channel else 1 for axis in range(4)) if count > 1 else (1,)


CHANNELS_FIRST = Axes(channel=1, frequency=2, time=3)
CHANNELS_LAST = Axes(channel=3, frequency=1, time=2)


@dataclass(frozen=True)
class Geometry:
    """All of a convolution but its numbers; pairs are of F and T."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    """Zeros on either side."""
    dilation: tuple[int, int]
    """From one weight to the next."""
    groups: int
    """Of channels."""

    def depthwise(self, weight: tuple[int, ...]) -> bool:
        """Whether each group of these weights (O, C / groups, kernel F, kernel T) is one input channel."""
        return self.groups > 1 and weight[1] == 1

    def size(self, given: tuple[int, ...], weight: tuple[int, ...]) -> tuple[int, int]:
        """F and T of what these weights (O, C / groups, kernel F, kernel T) make of the F and T given."""
        axes = zip(given, weight[2:], self.stride, self.padding, self.dilation, strict=True)
        frequencies, frames = (
            (length + 2 * zeros - apart * (width - 1) - 1) // step + 1 for length, width, step, zeros, apart in axes
        )
        return frequencies, frames
