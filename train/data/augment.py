"""The augmentations that a recipe asks for, put together for batches of one data set and one front end.

    waveform = augmenter.waveform(waveform, device)
    features = front_end(waveform, augmenter.edges())
    features, mix = augmenter.features(features)
    target = mix(target)

Random slicing, the other change of the sound, is the loader's. Everything follows from torch's state on the CPU.

Shapes: B clips, S samples, F mel bands, T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from train.data.augmentations import (
    AUGMENTATIONS,
    Augmentation,
    BatchAugmentation,
    Context,
    FrontEndAugmentation,
    Mix,
    SpectrogramAugmentation,
    WaveformAugmentation,
)


@dataclass(frozen=True)
class AugmentConfig(*(kind.Config for kind in reversed(AUGMENTATIONS))):  # the fields of the last base come first
    """What is done to training batches; 0 turns a change off."""

    def __post_init__(self) -> None:
        for kind in AUGMENTATIONS:
            kind.check(self)

    def files(self) -> list[Path]:
        """The files that the changes depend on."""
        return [file for kind in AUGMENTATIONS if kind.active(self) for file in kind.files(self)]


class Augmenter:
    """The changes of one recipe."""

    def __init__(
        self,
        config: AugmentConfig,
        front_end: MelConfig | None,
        devices: list[str],
        *,
        sample_rate: int,
        cached: bool = False,
    ) -> None:
        """Read what the changes need, e.g. the impulse responses; sample_rate in Hz.

        Of cached features, computed once and kept, no change of the waveform is possible; time_roll becomes a roll of
        the features by whole frames.

        Raises:
            UserError: the changes do not fit the data set, the front end or one another.
        """
        kinds = [kind for kind in AUGMENTATIONS if kind.active(config)]
        if front_end is None:
            of_bands = [kind for kind in kinds if issubclass(kind, FrontEndAugmentation | SpectrogramAugmentation)]
            _refuse("the network takes the waveform, not bands and frames:", of_bands, config)
        if cached:
            kinds = [getattr(kind, "on_features", None) or kind for kind in kinds]
            of_sound = [kind for kind in kinds if issubclass(kind, WaveformAugmentation | FrontEndAugmentation)]
            _refuse("cache keeps finished spectrograms: take cache: false, or", of_sound, config)
        if len(mixed := [kind.active(config)[0] for kind in kinds if issubclass(kind, BatchAugmentation)]) > 1:
            raise UserError(f"augmentation: {' and '.join(mixed)} each mix clips: keep one of them")
        self.front_end = front_end
        """Settings of the spectrograms."""
        self._augmentations = [kind(config, Context(front_end, devices, sample_rate)) for kind in kinds]

    def waveform(self, waveform: Tensor, device: Tensor) -> Tensor:
        """Change the sound (B, S); `waveform` itself where nothing does. The result is not clipped to full scale.

        `device` int64 (B,), on the CPU, are the clips' recording devices.
        """
        for augmentation in self._augmentations:
            if isinstance(augmentation, WaveformAugmentation):
                waveform = augmentation.apply(waveform, device)
        return waveform

    def edges(self) -> tuple[float, float] | None:
        """Draw the lower and upper edge of the mel bands for one batch, Hz; None: those of the config."""
        changes = [each for each in self._augmentations if isinstance(each, FrontEndAugmentation)]
        if not changes or self.front_end is None:
            return None
        edges = self.front_end.f_min, self.front_end.f_max
        for augmentation in changes:
            edges = augmentation.apply(edges)
        return edges

    def features(self, features: Tensor) -> tuple[Tensor, Mix]:
        """Change features (B, 1, F, T) and mix those of different clips; also the mix that their targets need too."""
        mix = Mix()
        for augmentation in self._augmentations:
            if isinstance(augmentation, SpectrogramAugmentation):
                features = augmentation.apply(features)
            elif isinstance(augmentation, BatchAugmentation):
                features, mix = augmentation.apply(features)
        return features, mix

    def notes(self, before: Tensor, after: Tensor, sample_rate: int) -> list[str]:
        """Measure what was drawn for each clip from the waveforms (B, S) before and after: B words, or none."""
        changes = [each for each in self._augmentations if isinstance(each, WaveformAugmentation)]
        return [note for augmentation in changes for note in augmentation.notes(before, after, sample_rate)]


def _refuse(reason: str, kinds: Sequence[type[Augmentation]], config: AugmentConfig) -> None:
    """Raise UserError where there are any."""
    if names := [name for kind in kinds for name in kind.active(config)]:
        raise UserError(f"augmentation: {reason} turn off {', '.join(names)}")
