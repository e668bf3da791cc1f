"""The one line that moves while a run trains: loss, accuracy, learning rate, clips a second, time that is left."""

from collections.abc import Mapping
from types import TracebackType

from tqdm import tqdm


class Progress:
    """A bar over all clips of a run; the time left is that of the whole run, at the mean speed since it went on."""

    def __init__(self, clips: int, done: int, *, shown: bool) -> None:
        """Args:
        clips: of all epochs.
        done: of them, in a run that goes on.
        shown: whether this process shows it.
        """
        self._bar = tqdm(
            total=clips,
            initial=done,
            smoothing=0,
            unit=" clips",
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}, {rate_fmt}{postfix}",
            disable=not shown,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def epoch(self, number: int, epochs: int) -> None:
        """Epoch `number` of `epochs` begins, from 1."""
        self._bar.set_description(f"epoch {number}/{epochs}", refresh=False)

    def add(self, clips: int) -> None:
        """So many clips are done."""
        self._bar.update(clips)

    def show(self, means: Mapping[str, float], rate: float) -> None:
        """Loss and accuracy of the epoch so far, and the learning rate."""
        self._bar.set_postfix_str(
            f"loss {means['loss']:.4f}, accuracy {means['accuracy']:.1%}, rate {rate:.2e}", refresh=False
        )
