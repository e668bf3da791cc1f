"""The front ends as torch modules, for batches on any device: the log-mel of `tinyasc.mel`, or the waveform as it is.

Shapes: B clips, S samples, F mel bands, T frames, K = n_fft / 2 + 1 frequency bins.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames, hann, mel_bank, mel_corners, mel_groups

CHUNK = 2**20
"""Samples of overlapping frames that a CPU works on at a time: few enough to stay in its cache."""


def warm_up() -> None:
    """Call once what a process may get wrong in the last bits at its first call (pytorch issue 188792)."""
    one = torch.ones(1)
    for function in (torch.log, torch.exp, torch.sqrt, torch.cos, torch.sin, torch.tanh):
        function(one)


class LogMel(nn.Module):
    """Normalised log-mel spectrograms; nothing to train, nothing in the state dict."""

    bank: Tensor
    window: Tensor
    frequencies: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("bank", torch.from_numpy(mel_bank(config).copy()), persistent=False)  # (F, K)
        self.register_buffer("window", torch.from_numpy(hann(config).copy()), persistent=False)
        self.register_buffer("frequencies", torch.from_numpy(mel_corners(config)[1]), persistent=False)  # (K,) float64
        warm_up()  # else the first batch would differ in some processes

    @torch.no_grad()
    def forward(self, waveform: Tensor, edges: tuple[float, float] | None = None) -> Tensor:
        """Spectrograms of a batch; on a CPU those of a clip do not depend on the others, to the last bit.

        Args:
            waveform: (B, S) at config.sample_rate, full scale = 1, on the module's device.
            edges: f_min and f_max in Hz, for this batch in the place of the config's.

        Returns:
            float32 (B, 1, F, T).

        Raises:
            UserError: edges that no MelConfig can have.
        """
        config, bank = self.config, self.bank
        if edges is not None:
            config = replace(config, f_min=edges[0], f_max=edges[1])
            bank = bank_of(config, self.frequencies)
        groups = [(bank[bands, bins], bins) for bands, bins in mel_groups(config)]
        batch, n_frames = len(waveform), frames(config, waveform.shape[1])
        clips = max(1, CHUNK // (n_frames * config.n_fft)) if waveform.device.type == "cpu" else batch
        output = torch.empty((batch, config.n_mels, n_frames), device=waveform.device)
        with _full_precision(waveform.device):
            for chunk, mel in zip(waveform.float().split(clips), output.split(clips), strict=True):
                power = self._power(chunk)
                torch.cat([weights @ power[:, bins] for weights, bins in groups], dim=1, out=mel)
                mel.add_(config.log_offset).log_().add_(config.shift).div_(config.scale)
        return output.unsqueeze(1)

    def _power(self, waveform: Tensor) -> Tensor:
        """Power spectra, (B, S) -> (B, K, T)."""
        config = self.config
        if config.pre_emphasis:
            waveform = torch.sub(waveform[:, 1:], waveform[:, :-1], alpha=config.pre_emphasis)
        spectrum = torch.stft(
            waveform,
            config.n_fft,
            hop_length=config.hop_length,
            win_length=config.win_length,
            window=self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        ).transpose(1, 2)  # (B, T, K), as it lies in memory
        return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag).transpose(1, 2)


class Waveform(nn.Module):
    """The front end of networks that take the waveform itself, such as ACDNet."""

    config = None

    def forward(self, waveform: Tensor, edges: tuple[float, float] | None = None) -> Tensor:
        """(B, S) -> float32 (B, 1, 1, S).

        Raises:
            UserError: edges, which a waveform does not have.
        """
        if edges is not None:
            raise UserError("a network that takes the waveform has no mel edges: take f_min_range 0 and f_max_range 0")
        return waveform.float()[:, None, None]


def front_end(config: MelConfig | None) -> LogMel | Waveform:
    """The module of a front end; none = the network takes the waveform itself."""
    return Waveform() if config is None else LogMel(config)


def bank_of(config: MelConfig, frequencies: Tensor) -> Tensor:
    """`mel_bank`, to the last bit, on the device of `frequencies`: only the corners of the triangles go to a GPU.

    Args:
        config: the settings.
        frequencies: float64 (K,), the bins (`mel_corners`).

    Returns:
        float32 (F, K).
    """
    if frequencies.device.type == "cpu":  # which would take longer over all bins of every band
        return torch.from_numpy(mel_bank(config).copy())
    return triangles(torch.from_numpy(mel_corners(config)[0]).to(frequencies.device, non_blocking=True), frequencies)


def triangles(corners: Tensor, frequencies: Tensor) -> Tensor:
    """Triangles of height 1 over their corners, float64 (F + 2,), at the bins, float64 (K,): float32 (F, K)."""
    corner = corners[:, None]
    width = corner.diff(dim=0)
    rising = (frequencies - corner[:-2]) / width[:-1]
    falling = (corner[2:] - frequencies) / width[1:]
    return torch.minimum(rising, falling).clamp(min=0.0).float()


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """float32 products in the block, whatever training has chosen: bfloat16 and TF32 cannot hold a power spectrum."""
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(chosen)
