"""Log-mel spectrograms of training batches, whose mel edges are drawn anew for each batch.

The field's way: hear21passt's AugmentMelSTFT in training, which builds Kaldi's bank at each call. Its masks are off,
since ours are not part of the front end.
"""

import warnings

import torch

from tests.perf.case import Case
from tests.support import originals
from tinyasc.mel import MelConfig
from tinyasc.mel_torch import LogMel
from tinyasc.models import MEL_CONFIGS

CLIPS = 64


def cases() -> list[Case]:
    """CP-Mobile's and PaSST's settings, with the ranges in which their recipes move the edges."""
    return [_case("cp_mobile", f_min_range=1, f_max_range=1000), _case("passt", f_min_range=10, f_max_range=2000)]


def augment_mel(config: MelConfig, f_min_range: int, f_max_range: int, frequency_mask: int = 0) -> torch.nn.Module:
    """hear21passt's AugmentMelSTFT of some settings, its edges moved and a band masked in training."""
    return originals.passt_mel().AugmentMelSTFT(
        n_mels=config.n_mels,
        sr=config.sample_rate,
        win_length=config.win_length,
        hopsize=config.hop_length,
        n_fft=config.n_fft,
        freqm=frequency_mask,
        timem=0,
        fmin=config.f_min,
        fmax=config.f_max,
        fmin_aug_range=f_min_range,
        fmax_aug_range=f_max_range,
    )


def _case(name: str, *, f_min_range: int, f_max_range: int) -> Case:
    config = MEL_CONFIGS[name]
    batch = 0.1 * torch.randn(CLIPS, config.sample_rate, generator=torch.Generator().manual_seed(0))
    module = LogMel(config)
    original = augment_mel(config, f_min_range, f_max_range)

    def theirs() -> torch.Tensor:
        with warnings.catch_warnings(action="ignore"):
            return original(batch)

    def ours() -> torch.Tensor:
        f_min = config.f_min + torch.randint(f_min_range, ()).item()
        f_max = config.f_max + f_max_range // 2 - torch.randint(f_max_range, ()).item()
        return module(batch, (f_min, f_max))

    return Case(f"log-mel, {CLIPS} clips of a second, {name}, new mel edges", theirs, ours, aim=2.0)
