"""Impulse responses of recording devices: recorded ones from a folder or an embedded set.

A clip convolved with the response of another device sounds as if that device had recorded it.
Source: Morocutti et al., "Device-robust acoustic scene classification via impulse response augmentation", 2023.

Shapes: B clips, n of them chosen, S samples of a clip, R responses, L samples of the longest response.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from tinyasc import sound
from tinyasc.errors import UserError
from train.data.augmentations import Context, Preview, WaveformAugmentation, register

SUFFIXES = (".wav", ".flac", ".ogg", ".aif", ".aiff", ".mp3")
PHONES = 16
"""Size of the embedded set."""
_LEAD = 128
"""Silence put before a response that is resampled, samples: the filter rings both ways, and what rings before the first
sample would be cut off, at a cost of several dB here and there. The delay of 3 ms that remains does no harm."""


@dataclass(frozen=True)
class ImpulseResponseConfig:
    """Which clips are convolved with what."""

    impulse_response_probability: float = 0.0
    """Share of the clips that are convolved with the impulse response of a device, as if it had recorded them
    (Morocutti et al., 2023). CP-Mobile and its PaSST teacher: 0.6; CP-ResNet and TF-SepNet: 0.4."""
    impulse_responses: Path | None = None
    """Folder of sound files with recorded responses (CP-JKU: 66 of MicIRP); none = an embedded set of 16 invented
    phones."""
    impulse_response_device: str | None = None
    """Only clips of this device are convolved; none = clips of every device. CP-JKU: a, TAU's reference."""


@register(order=10)
class ImpulseResponse(WaveformAugmentation):
    """A random response for each of a share of the clips."""

    Config = ImpulseResponseConfig
    config: ImpulseResponseConfig
    switches = ("impulse_response_probability",)
    previews = (
        Preview(
            "Impulse response",
            "of an invented phone\n(CP-Mobile: 60 % of\ndevice a's clips)",
            {"impulse_response_probability": 1},
        ),
    )

    def __init__(self, config: ImpulseResponseConfig, context: Context) -> None:
        super().__init__(config, context)
        self.device = None
        if (name := config.impulse_response_device) is not None:
            if name not in context.devices:
                raise UserError(
                    f"augmentation: impulse_response_device {name} is not in the data set: "
                    f"take one of {', '.join(context.devices)}"
                )
            self.device = context.devices.index(name)
        folder, rate = config.impulse_responses, context.sample_rate
        self.responses = made_up(rate) if folder is None else recorded(folder, rate)

    @classmethod
    def files(cls, config: ImpulseResponseConfig) -> list[Path]:
        """The recorded responses."""
        return [] if config.impulse_responses is None else files_in(config.impulse_responses)

    def apply(self, waveform: Tensor, device: Tensor) -> Tensor:
        self.responses = self.responses.to(waveform.device)
        eligible = None if self.device is None else device == self.device
        return through_devices(waveform, self.responses, self.config.impulse_response_probability, eligible)


def files_in(folder: Path) -> list[Path]:
    """All sound files in and below a folder, by their SUFFIXES, in order: what `recorded` reads."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


@lru_cache(maxsize=4)
def recorded(folder: Path, sample_rate: int) -> Tensor:
    """All sound files in and below a folder, e.g. of MicIRP, as responses; read and resampled once in a process.

    Returns:
        float32 (R, L) at `sample_rate`, Hz, each of unit energy, in the order of the file names, padded with zeros.

    Raises:
        UserError: there is none, or one of them is unreadable, silent or not finite.
    """
    files = files_in(folder)
    if not files:
        raise UserError(
            f"augmentation: no sound files ({' '.join(SUFFIXES)}) in {folder}: give a folder of impulse responses, "
            "or leave impulse_responses out and take the embedded ones"
        )
    responses = []
    for file in files:
        try:
            waveform, source_rate = sound.decoded(file)
        except (OSError, EOFError) as error:
            raise UserError(f"augmentation: unreadable impulse response: {error}") from None
        energy = float(np.sum(np.square(waveform, dtype=np.float64)))
        if not 0 < energy < np.inf:
            raise UserError(f"augmentation: the impulse response {file} is silent or not finite: remove it")
        responses.append(_ready(waveform, source_rate, sample_rate))
    return _stacked(responses)


@lru_cache(maxsize=4)
def made_up(sample_rate: int) -> Tensor:
    """The embedded set, always the same: PHONES invented phones, none of them a device of the embedded data set.

    Each is quiet in the bass and at the top, has bumps of a few dB between, and echoes of its case.

    Returns:
        float32 (R, L) at `sample_rate`, each of unit energy.
    """
    # Takes most of a second to import, and only those who have no recorded responses need it.
    from tinyasc.scenes.devices import Device, impulse_response  # noqa: PLC0415
    from tinyasc.scenes.synthesis import RATE  # noqa: PLC0415

    random = np.random.default_rng(81)
    responses = []
    for _ in range(PHONES):
        points = (
            (20.0, random.uniform(-26, -4)),
            (random.uniform(90, 300), random.uniform(-10, 3)),
            (random.uniform(450, 900), random.uniform(-7, 7)),
            (random.uniform(1_300, 2_200), random.uniform(-8, 8)),
            (random.uniform(2_800, 4_500), random.uniform(-8, 9)),
            (random.uniform(5_500, 8_500), random.uniform(-9, 8)),
            (random.uniform(10_500, 14_000), random.uniform(-14, 4)),
            (20_000.0, random.uniform(-30, -6)),
        )
        phone = Device(points, echoes=random.uniform(-18, -8))
        responses.append(_ready(impulse_response(phone, 1.0), RATE, sample_rate))
    return _stacked(responses)


def through_devices(waveform: Tensor, responses: Tensor, probability: float, eligible: Tensor | None = None) -> Tensor:
    """Convolve some clips (B, S) each with a random one of the responses (R, L), all on one device: (B, S).

    The others stay as they are, as do those that are not `eligible`, bool (B,) on the CPU. What rings on past the end
    is cut off.
    """
    chosen = torch.rand(len(waveform)) < probability
    which = torch.randint(len(responses), (len(waveform),))
    if eligible is not None:
        chosen &= eligible
    if not chosen.any():
        return waveform
    which = which[chosen].to(waveform.device, non_blocking=True)
    places = chosen.nonzero().flatten().to(waveform.device, non_blocking=True)  # (n,)
    return waveform.index_copy(0, places, convolve(waveform[places], responses[which]))


def convolve(waveform: Tensor, response: Tensor) -> Tensor:
    """Clips (n, S) by responses (n, L), one each, cut to the clips' length: (n, S)."""
    samples = waveform.shape[1]
    response = response[:, :samples]
    size = next_fast_len(samples + response.shape[1] - 1, real=True)
    spectrum = torch.fft.rfft(waveform, size) * torch.fft.rfft(response, size)
    return torch.fft.irfft(spectrum, size)[:, :samples]


def _ready(response: np.ndarray, source_rate: int, sample_rate: int) -> np.ndarray:
    """At another rate and of unit energy: white noise keeps its level."""
    if source_rate != sample_rate:
        response = sound.resampled(np.pad(response, (_LEAD, 0)), source_rate, sample_rate)
    return response / np.sqrt(np.sum(np.square(response, dtype=np.float64)))


def _stacked(responses: list[np.ndarray]) -> Tensor:
    longest = max(map(len, responses))
    return torch.from_numpy(np.stack([np.pad(one, (0, longest - len(one))) for one in responses]).astype(np.float32))
