"""The goldens come from hear21passt 0.0.26 (AugmentMelSTFT in evaluation) and torchaudio 2.11, run here, not stored.

The noise is tilted as that of recordings is, and lies under the tone and the sweep: float32 itself is not good to 1e-4
in faint bands beside a loud sound.
"""

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, frames, log_mel, mel_bank, mel_corners, mel_groups

# without torch the published front ends are not at hand, nor are the originals of most
MEL_CONFIGS = import_module("tinyasc.models").MEL_CONFIGS if find_spec("torch") else {}
SHAPES = {
    "cp_mobile": (256, 64),
    "passt": (128, 100),
    "passt_2023": (128, 100),
    "cp_resnet": (256, 43),
    "cp_resnet_2022": (256, 44),
    "baseline_2024": (256, 65),
    "mobileast_light": (256, 64),
    "seed_128": (128, 64),
    "seed_passt": (128, 100),
    "tf_sepnet": (512, 64),
    "bc_resnet": (40, 101),
}
NARROW = MelConfig(n_mels=40, n_fft=2048, win_length=1280, hop_length=640, f_min=50.0)
HTK = MelConfig(f_max=16_000.0, pre_emphasis=0.0, shift=0.0, scale=1.0, bank="htk", window="periodic")


@pytest.fixture(scope="module")
def waveforms() -> np.ndarray:
    """Loud noise, faint noise, a loud tone over noise, a sweep over noise, silence: float32 (5, 32000)."""
    white = np.fft.rfft(np.random.default_rng(0).normal(size=32_000))
    noise = np.fft.irfft(white / np.sqrt(1 + np.arange(16_001) / 100))  # pink above 100 Hz
    noise /= noise.std()
    seconds = np.arange(32_000) / 32_000
    tone, sweep = np.sin(2 * np.pi * 440 * seconds), np.sin(2 * np.pi * (100 + 6000 * seconds) * seconds)
    return np.stack(
        [0.3 * noise, 1e-3 * noise, 0.5 * tone + 0.03 * noise, 0.2 * sweep + 0.1 * noise, 0 * noise]
    ).astype(np.float32)


@pytest.fixture(scope="module")
def mel_torch():
    pytest.importorskip("torch")
    from tinyasc import mel_torch  # noqa: PLC0415

    return mel_torch


def original(config: MelConfig, waveforms: np.ndarray) -> np.ndarray:
    """What the field's own code gives, (B, S) -> (B, F, T)."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("hear21passt")
    from tests.support import originals  # noqa: PLC0415

    torch.ones(1).cos().log()  # for their windows and logarithms: see LogMel
    batch = torch.from_numpy(waveforms)
    named = {"n_mels": config.n_mels, "n_fft": config.n_fft, "win_length": config.win_length}
    if config.bank == "htk":
        mel = originals.torchaudio().transforms.MelSpectrogram(
            config.sample_rate, hop_length=config.hop_length, f_min=config.f_min, f_max=config.f_max, **named
        )
        return (mel(batch) + config.log_offset).log().numpy()
    named |= {"hopsize": config.hop_length, "fmin": config.f_min, "fmax": config.f_max, "freqm": 0, "timem": 0}
    return originals.passt_mel().AugmentMelSTFT(**named).eval()(batch).numpy()


@pytest.mark.parametrize(
    ("config", "shape"),
    [pytest.param(config, SHAPES.get(name), id=name) for name, config in MEL_CONFIGS.items()]
    + [pytest.param(NARROW, (40, 50), id="narrow"), pytest.param(replace(HTK, f_min=90.0), (256, 65), id="htk_f_min")],
)
def test_numpy_torch_and_the_original_agree(config, shape, waveforms, mel_torch):
    waveforms = waveforms[:, : config.sample_rate]  # one second
    golden = original(config, waveforms)
    assert golden.shape[1:] == (shape or golden.shape[1:])
    assert (config.n_mels, frames(config, waveforms.shape[1])) == golden.shape[1:]
    defined = log_mel(waveforms, config)
    # the originals compute the sides of the filters in float32, which costs narrow bands the most
    atol = 1e-4 * max(1, config.n_mels / 256)
    np.testing.assert_allclose(defined, golden, atol=atol)
    module = mel_torch.LogMel(config)
    batched = module(mel_torch.torch.from_numpy(waveforms))
    assert batched.is_contiguous()
    np.testing.assert_allclose(batched[:, 0], golden, atol=atol)
    np.testing.assert_allclose(batched[:, 0], defined, atol=1e-4)
    assert not module.state_dict()


@pytest.mark.parametrize("config", [NARROW, HTK], ids=["kaldi", "htk"])
@pytest.mark.parametrize("edges", [(0.0, 16_000.0), (7.0, 14_001.0)])
def test_other_edges_are_those_of_another_config(config, edges, waveforms, mel_torch):
    batch = mel_torch.torch.from_numpy(waveforms)
    other = replace(config, f_min=edges[0], f_max=edges[1])
    moved = mel_torch.LogMel(config)(batch, edges)
    assert moved.equal(mel_torch.LogMel(other)(batch))
    np.testing.assert_allclose(moved[:, 0], log_mel(waveforms, other), atol=1e-4)
    with pytest.raises(UserError, match="f_max 17000 Hz"):
        mel_torch.LogMel(config)(batch, (0.0, 17_000.0))


@pytest.mark.parametrize("name", ["cp_mobile", "passt", "baseline_2024"])
def test_a_clip_alone_and_in_a_batch_gives_the_same_bits(name, waveforms, mel_torch):
    module = mel_torch.LogMel(MEL_CONFIGS[name])
    batch = mel_torch.torch.from_numpy(np.tile(waveforms, (3, 1))[:11])
    together = module(batch)
    for clip, alone in zip(together, batch, strict=True):
        assert module(alone[None])[0].equal(clip)


def test_half_precision_around_it_changes_nothing(waveforms, mel_torch):
    torch = mel_torch.torch
    module, batch = mel_torch.LogMel(MelConfig()), torch.from_numpy(waveforms)
    full, chosen = module(batch), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            assert module(batch).equal(full)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(chosen)


def test_silence_and_a_tone_land_where_arithmetic_says():
    config = MelConfig()
    seconds = np.arange(32_000) / 32_000
    silence, tone = log_mel(np.stack([0 * seconds, np.sin(2 * np.pi * 1000 * seconds)]), config)
    np.testing.assert_allclose(silence, (np.log(1e-5) + 4.5) / 5, atol=1e-6)
    highest = config.f_max
    width = 1127 * np.log1p(highest / 700) / (config.n_mels + 1)
    assert abs(tone[:, 32].argmax() - (1127 * np.log1p(1000 / 700) / width - 1)) < 1


@pytest.mark.parametrize("config", [MelConfig(), HTK, MelConfig(n_mels=250)], ids=["kaldi", "htk", "uneven"])
def test_the_bank_has_unit_triangles_that_its_groups_cover(config):
    bank = mel_bank(config)
    assert bank.shape == (config.n_mels, 2049)
    assert 0 <= bank.min() < 0.9 < bank.max() <= 1
    assert bank[:, -1].max() < 1e-12
    assert bank.any(axis=1).all()
    frequency = np.arange(2049) * 32_000 / 4096
    np.testing.assert_allclose(bank.sum(axis=0)[(frequency > 20) & (frequency < 15_000)], 1, atol=1e-6)
    covered = np.zeros_like(bank)
    for group in mel_groups(config):
        covered[group] += bank[group]
    np.testing.assert_array_equal(covered, bank)


@pytest.mark.parametrize("config", [replace(MelConfig(), f_max=15_123.0), HTK], ids=["kaldi", "htk"])
def test_the_bank_that_a_gpu_makes_of_the_corners_is_the_same(config, mel_torch):
    torch = pytest.importorskip("torch")
    made = mel_torch.triangles(*map(torch.from_numpy, mel_corners(config)))
    np.testing.assert_array_equal(made.numpy(), mel_bank(config))


@pytest.mark.parametrize(
    "wrong",
    [
        {"win_length": 5000},
        {"f_max": 17_000.0},
        {"hop_length": 0},
        {"n_fft": 4095},
        {"pre_emphasis": -0.97},
        {"bank": "slaney"},
        {"window": "hamming"},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=f"^mel: .*{next(iter(wrong))}"):
        MelConfig(**wrong)


@pytest.mark.parametrize(("config", "least"), [(MelConfig(), 2050), (HTK, 2049)])
def test_clips_too_short_for_a_window_are_refused(config, least):
    log_mel(np.zeros((1, least), np.float32), config)
    with pytest.raises(ValueError, match=f"need waveforms .* S >= {least}"):
        log_mel(np.zeros((1, least - 1), np.float32), config)
