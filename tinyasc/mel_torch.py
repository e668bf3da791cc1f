"""The log-mel spectrogram of `tinyasc.mel` as a torch module, for batches on any device.

Shapes: B clips, S samples, F mel bands, T frames, K = n_fft / 2 + 1 frequency bins.
"""

import torch
from torch import Tensor, nn

from tinyasc.mel import MelConfig, mel_bank


class LogMel(nn.Module):
    """(B, S) waveforms -> (B, 1, F, T) normalised log-mel spectrograms; nothing to train, nothing in the state dict."""

    bank: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("bank", torch.from_numpy(mel_bank(config).copy()), persistent=False)  # (F, K)
        self.register_buffer("window", torch.hann_window(config.win_length, periodic=False), persistent=False)

    @torch.no_grad()
    def forward(self, waveform: Tensor) -> Tensor:
        config = self.config
        emphasised = waveform[:, 1:] - config.pre_emphasis * waveform[:, :-1]
        spectrum = torch.stft(
            emphasised,
            config.n_fft,
            hop_length=config.hop_length,
            win_length=config.win_length,
            window=self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )  # (B, K, T)
        power = spectrum.real**2 + spectrum.imag**2
        # Half precision cannot hold the range of a power spectrum.
        with torch.autocast(waveform.device.type, enabled=False):
            mel = self.bank @ power
        normalised = ((mel + config.log_offset).log() + config.shift) / config.scale
        return normalised.unsqueeze(1)
