"""Clips of the training subset that are held out of it, to see after every epoch how training goes.

Whole places are held out, so that a network cannot know one by heart: as TAU's own split has it.
"""

import numpy as np

from tinyasc.clips import Clips
from tinyasc.dcase import TauName
from tinyasc.errors import UserError


def hold_out(clips: Clips, indices: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Some places of each label, drawn from the seed.

    A place is TAU's city and location; where a file's name does not tell it, its recording.

    Args:
        clips: the data set.
        indices: int64 (n,), ascending: the training clips.
        share: of each label's places; at least one of each label is held out, and one is left.
        seed: of the choice.

    Returns:
        int64, ascending: the clips held out; none with share 0.

    Raises:
        UserError: a label has one place only.
    """
    if not share:
        return indices[:0]
    names = [_place(clips, clip) for clip in indices]
    _, place = np.unique(names, return_inverse=True)
    random = np.random.default_rng(seed)
    held = np.zeros(len(indices), bool)
    for label in np.unique(clips.label[indices]):
        of_label = clips.label[indices] == label
        places = random.permutation(np.unique(place[of_label]))
        if len(places) < 2:
            raise UserError(
                f"examples: {clips.labels[label]} was recorded at one place, none can be held out: take validation 0"
            )
        chosen = places[: min(max(1, round(share * len(places))), len(places) - 1)]
        held |= of_label & np.isin(place, chosen)
    return indices[held]


def _place(clips: Clips, clip: int) -> str:
    name = TauName.parse(clips.files[clip])
    return clips.recordings[clips.recording[clip]] if name is None else f"{name.city}-{name.location}"
