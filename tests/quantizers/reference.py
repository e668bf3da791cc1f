"""What every row is held against: the test split and what the float files of the student answer to it.

Shapes: n test clips, F mel bands, T frames, K classes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deploy import runtime
from deploy.runtime import Model
from tests.quantizers.source import Files
from tinyasc import front_end
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips

BATCH = 64


@dataclass
class Reference:
    """Computed at the first row that is not there yet."""

    clips: Clips
    card: ModelCard
    """Of the float student."""
    files: Files
    """Its float files."""

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """What networks take of the test split: (n, F, T), or the waveforms."""
        config, indices = front_end.from_card(self.card.mel), self.clips.labelled("test")
        parts = np.split(indices, range(BATCH, len(indices), BATCH))
        progress = tqdm(parts, "features", unit="batch", leave=False)
        return np.concatenate([front_end.features(self.clips.waveform(part), config) for part in progress])

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """What float answers, (n, K)."""
        return self.logits_of(runtime.load(self.files[".tflite"]))

    def logits_of(self, model: Model) -> NDArray[np.float32]:
        """What a model answers, (n, K)."""
        parts = np.split(self.features, range(BATCH, len(self.features), BATCH))
        progress = tqdm(parts, model.path.name, unit="batch", leave=False)
        return np.concatenate([model.logits(part) for part in progress])
