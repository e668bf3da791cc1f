"""What every row is held against: the test split and what the float files of the student answer to it.

Shapes: n test clips, F mel bands, T frames, S samples, K classes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from compress import quantized_run
from compress.quantized_run import BATCH
from deploy import runtime
from deploy.runtime import Model
from tests.quantizers.source import Files
from tinyasc import front_end
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips


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
        """What networks take of the test split: (n, 1, F, T), or the waveforms (n, 1, 1, S)."""
        config, indices = front_end.from_card(self.card.mel), self.clips.labelled("test")
        return torch.cat(list(quantized_run.features(self.clips, config, indices))).numpy()

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """What float answers, (n, K)."""
        return self.logits_of(runtime.load(self.files[".tflite"]))

    def logits_of(self, model: Model) -> NDArray[np.float32]:
        """What a model answers, (n, K)."""
        parts = np.split(self.features, range(BATCH, len(self.features), BATCH))
        progress = tqdm(parts, model.path.name, unit="batch", leave=False)
        return np.concatenate([model.logits(part) for part in progress])
