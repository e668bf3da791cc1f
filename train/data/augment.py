"""The random changes of training batches that a recipe asks for: of the waveform, of the mel edges, of the features.

    waveform = augmentation.waveform(waveform, device)
    features = front_end(waveform, augmentation.edges())
    features, mix = augmentation.features(features)
    target = mix(target)

Random slicing, the other change of the sound, is the loader's. Everything follows from torch's state on the CPU.

Shapes: B clips, S samples, F mel bands, T frames.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models.layers.mixstyle import frequency_mixstyle, mixstyle
from train.data.augmentations import impulse_responses
from train.data.augmentations.mixup import Mix
from train.data.augmentations.roll import roll
from train.data.augmentations.spectrogram import mask_block
from train.data.augmentations.waveform import gain, noise

MIXSTYLES = {"frequency": frequency_mixstyle, "channel": mixstyle}


@dataclass(frozen=True)
class AugmentConfig:
    """What is done to training batches; 0 turns a change off."""

    impulse_response_probability: float = 0.0
    """Share of the clips that are convolved with the impulse response of a device, as if it had recorded them
    (Morocutti et al., 2023). CP-Mobile and its PaSST teacher: 0.6; CP-ResNet and TF-SepNet: 0.4."""
    impulse_responses: Path | None = None
    """Folder of sound files with recorded responses (CP-JKU: 66 of MicIRP); none = an embedded set of 16 invented
    phones."""
    impulse_response_device: str | None = None
    """Only clips of this device are convolved; none = clips of every device. CP-JKU: a, TAU's reference."""
    gain: float = 0.0
    """Each clip's level changes by up to this many dB either way, uniform in dB. EfficientAT on DCASE 2020: 12;
    CP-Mobile: 0."""
    noise_probability: float = 0.0
    """Share of the clips that get white Gaussian noise. CP-Mobile and the other recipes named here: 0."""
    noise_snr: tuple[float, float] = (5.0, 40.0)
    """Lowest and highest signal-to-noise ratio of that noise, dB; uniform between. The defaults of audiomentations."""
    time_roll: int = 0
    """Clips are rolled along time by up to this many samples either way. CP-Mobile and CP-ResNet: 4000, PaSST: 10000,
    DCASE's 2024 baseline: 3200; all at 32 kHz."""
    f_min_range: float = 0.0
    """Hz: for each batch the lower edge of the mel bands rises by 0 to this much, as in hear21passt. CP-Mobile: 0
    (there 1, which draws nothing); EfficientAT on DCASE 2020: 10."""
    f_max_range: float = 0.0
    """Hz: for each batch the upper edge moves by up to half of this either way, as in hear21passt. CP-Mobile: 1000;
    hear21passt itself: 1000; EfficientAT on DCASE 2020: 2000."""
    frequency_mask: int = 0
    """In each clip a block of 0 to this less one mel bands is blanked (SpecAugment). CP-Mobile, CP-ResNet, PaSST and
    the 2024 baseline: 48."""
    time_mask: int = 0
    """In each clip a block of 0 to this less one frames is blanked (SpecAugment). PaSST: 20; CP-Mobile: 0."""
    mixup_alpha: float = 0.0
    """Parameter of the Beta distribution by which clips and their targets are mixed in pairs (Zhang et al., 2018).
    CP-JKU's 2022 student, TF-SepNet and EfficientAT: 0.3; CP-Mobile: 0."""
    mixstyle: Literal["frequency", "channel"] = "frequency"
    """frequency: clips exchange statistics per mel band (Freq-MixStyle, Schmid et al., 2022); channel: over the whole
    spectrogram (MixStyle, Zhou et al., 2021)."""
    mixstyle_probability: float = 0.0
    """Share of the batches whose clips exchange statistics. CP-Mobile, its PaSST teacher and the 2024 baseline: 0.4;
    CP-ResNet and TF-SepNet: 0.8; CP-JKU's 2022 student: 0.6."""
    mixstyle_alpha: float = 0.3
    """Parameter of the Beta distribution of the exchange. CP-Mobile and the 2024 baseline: 0.3; CP-ResNet, PaSST and
    TF-SepNet: 0.4."""

    def __post_init__(self) -> None:
        for name in ("impulse_response_probability", "noise_probability", "mixstyle_probability"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise UserError(f"augmentation: {name} is {value}: take 0 to 1")
        amounts = ("gain", "time_roll", "f_min_range", "f_max_range", "frequency_mask", "time_mask", "mixup_alpha")
        for name in amounts:
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise UserError(f"augmentation: {name} is {value}: take 0 or more; 0 turns the change off")
        if not 0 < self.mixstyle_alpha < math.inf:
            raise UserError(
                f"augmentation: mixstyle_alpha is {self.mixstyle_alpha}: take one above zero "
                "(mixstyle_probability 0 turns the change off)"
            )
        low, high = self.noise_snr
        if not -math.inf < low <= high < math.inf:
            raise UserError(f"augmentation: noise_snr is {low}, {high}: take two ratios in dB, the lower one first")
        if self.mixstyle not in MIXSTYLES:
            raise UserError(f"augmentation: mixstyle is {self.mixstyle!r}: take {' or '.join(MIXSTYLES)}")


class Augmentation:
    """The changes of one recipe, ready for batches of one data set and one front end."""

    def __init__(
        self,
        config: AugmentConfig,
        front_end: MelConfig | None,
        devices: list[str],
        *,
        sample_rate: int,
        cached: bool = False,
    ) -> None:
        """Reads the impulse responses, if there are to be any.

        Args:
            config: the changes.
            front_end: settings of the spectrograms; none for networks that take the waveform.
            devices: names of the data set's devices.
            sample_rate: of its clips, Hz.
            cached: the features are computed once and kept. Then no change of the waveform is possible, and time_roll
                becomes a roll of the features by whole frames.

        Raises:
            UserError: the changes do not fit the data set, the front end or one another.
        """
        self.config = config
        self.front_end = front_end
        _check_front_end(config, front_end)
        self._roll_frames = _frames_to_roll(config, front_end) if cached else 0
        self._roll_samples = 0 if cached else config.time_roll
        self._device: int | None = None
        self._responses = torch.empty(0)
        if config.impulse_response_probability:
            self._device = _number_of(config.impulse_response_device, devices)
            self._responses = (
                impulse_responses.made_up(sample_rate)
                if config.impulse_responses is None
                else impulse_responses.recorded(config.impulse_responses, sample_rate)
            )

    def waveform(self, waveform: Tensor, device: Tensor) -> Tensor:
        """Impulse responses, gain, noise and roll, in this order; `waveform` itself where none is on.

        Args:
            waveform: float (B, S).
            device: int64 (B,), on the CPU, the clips' recording devices.

        Returns:
            (B, S), not clipped to full scale.
        """
        config = self.config
        if config.impulse_response_probability:
            self._responses = self._responses.to(waveform.device)
            eligible = None if self._device is None else device == self._device
            waveform = impulse_responses.through_devices(
                waveform, self._responses, config.impulse_response_probability, eligible
            )
        if config.gain:
            waveform = gain(waveform, config.gain)
        if config.noise_probability:
            waveform = noise(waveform, config.noise_probability, config.noise_snr)
        return roll(waveform, self._roll_samples) if self._roll_samples else waveform

    def edges(self) -> tuple[float, float] | None:
        """Lower and upper edge of the mel bands for one batch, Hz, drawn anew at each call; None: those of the config.

        As hear21passt draws them: f_min + 0..range, f_max +- range / 2, in steps of 1 Hz.
        """
        low_range, high_range = self.config.f_min_range, self.config.f_max_range
        if self.front_end is None or not (low_range or high_range):
            return None
        rise, fall = (torch.rand(2) * torch.tensor([low_range, high_range])).int().tolist()
        return self.front_end.f_min + rise, self.front_end.f_max + high_range // 2 - fall

    def features(self, features: Tensor) -> tuple[Tensor, Mix]:
        """Roll by frames (of cached features), masks, mixup and MixStyle, in this order.

        Args:
            features: (B, 1, F, T), left as they are.

        Returns:
            The changed features, and the mix that their targets need too.
        """
        config = self.config
        if self._roll_frames:
            features = roll(features, self._roll_frames)
        if config.frequency_mask:
            features = mask_block(features, config.frequency_mask, axis=2)
        if config.time_mask:
            features = mask_block(features, config.time_mask, axis=3)
        mix = Mix.draw(len(features), config.mixup_alpha)
        features = mix(features)
        if config.mixstyle_probability and torch.rand(()) < config.mixstyle_probability:
            features = MIXSTYLES[config.mixstyle](features, config.mixstyle_alpha)
        return features, mix


def _check_front_end(config: AugmentConfig, front_end: MelConfig | None) -> None:
    if front_end is None:
        names = ("f_min_range", "f_max_range", "frequency_mask", "time_mask", "mixstyle_probability")
        if wrong := [name for name in names if getattr(config, name)]:
            raise UserError(
                f"augmentation: the network takes the waveform, not bands and frames: turn off {', '.join(wrong)}"
            )
        return
    lowest, highest = front_end.f_max - config.f_max_range / 2, front_end.f_max + config.f_max_range / 2
    if highest > front_end.sample_rate / 2:
        raise UserError(
            f"augmentation: f_max_range takes the upper mel edge to {highest:g} Hz, beyond half the sample rate: "
            f"take {front_end.sample_rate - 2 * front_end.f_max:g} or less, or a lower mel f_max"
        )
    if front_end.f_min + config.f_min_range >= lowest:
        raise UserError("augmentation: with f_min_range and f_max_range the mel edges can meet: take smaller ranges")


def _frames_to_roll(config: AugmentConfig, front_end: MelConfig | None) -> int:
    names = ("impulse_response_probability", "gain", "noise_probability", "f_min_range", "f_max_range")
    if wrong := [name for name in names if getattr(config, name)]:
        raise UserError(
            f"augmentation: cache keeps finished spectrograms: take cache: false, or turn off {', '.join(wrong)}"
        )
    hop_length = 1 if front_end is None else front_end.hop_length
    frames = round(config.time_roll / hop_length)
    if config.time_roll and not frames:
        raise UserError(
            f"augmentation: cache keeps finished spectrograms, whose frames are {hop_length} samples apart: "
            f"take cache: false, or a time_roll of {hop_length} or more"
        )
    return frames


def _number_of(device: str | None, devices: list[str]) -> int | None:
    if device is not None and device not in devices:
        raise UserError(
            f"augmentation: impulse_response_device {device} is not in the data set: take one of {', '.join(devices)}"
        )
    return None if device is None else devices.index(device)
