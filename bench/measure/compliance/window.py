"""How much sound one inference hears: the limits are for one second."""

from dataclasses import dataclass

from tinyasc.front_end import FrontEnd
from tinyasc.mel import frames


@dataclass(frozen=True)
class Window:
    """The sound of one input."""

    seconds: float | None
    """None: not known, and one inference is taken as one second."""

    @property
    def words(self) -> str:
        """Behind the way in which a number was counted; nothing where an inference hears a second anyway."""
        if self.seconds is None:
            return ", one inference taken as one second of sound"
        return "" if self.seconds == 1 else f", one inference of {self.seconds:.3g} s scaled to one second"


def window(shape: tuple[int, ...], mel: FrontEnd, sample_rate: int | None) -> Window:
    """What an input of this shape is in seconds.

    Frames tell the length to within a hop. Where it may be a whole number of seconds it is; else each frame stands for
    one hop.

    Args:
        shape: of the model's input, with or without dimensions of 1.
        mel: its front-end; none: it takes the waveform, or is not known.
        sample_rate: of a waveform, Hz; none: not known.
    """
    size = [length for length in shape if length != 1]
    if mel is None:
        return Window(size[0] / sample_rate if sample_rate and len(size) == 1 else None)
    if len(size) != 2 or size[0] != mel.n_mels:
        return Window(None)
    seconds = size[1] * mel.hop_length / mel.sample_rate
    whole = round(seconds)
    return Window(float(whole) if whole and frames(mel, whole * mel.sample_rate) == size[1] else seconds)
