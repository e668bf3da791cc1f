"""Where the axes of a map lie: channels first in torch and ONNX, last in NumPy and TFLite."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axes:
    """Numbers of the axes, the batch being 0."""

    channel: int
    frequency: int
    time: int

    def per_channel(self, count: int) -> tuple[int, ...]:
        """The shape of one number per channel, broadcast over a map; of one for all channels, (1,)."""
        return tuple(count if axis == self.channel else 1 for axis in range(4)) if count > 1 else (1,)


CHANNELS_FIRST = Axes(channel=1, frequency=2, time=3)
CHANNELS_LAST = Axes(channel=3, frequency=1, time=2)
