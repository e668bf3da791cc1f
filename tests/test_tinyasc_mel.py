"""The goldens come from hear21passt 0.0.26 (AugmentMelSTFT in evaluation), run here, not stored.

The sweep has noise under it: float32 itself is not good to 1e-4 in the empty bands beside a loud sound.
"""

import numpy as np
import pytest

from tinyasc.errors import UserError
from tinyasc.mel import PASST, MelConfig, frames, log_mel, mel_bank

SETTINGS = [
    pytest.param(MelConfig(), (256, 64), id="cp_mobile"),
    pytest.param(PASST, (128, 100), id="passt"),
    pytest.param(MelConfig(n_mels=40, n_fft=2048, win_length=1280, hop_length=640, f_min=50.0), (40, 50), id="small"),
]


@pytest.fixture(scope="module")
def waveforms() -> np.ndarray:
    """Loud noise, faint noise, a loud tone over noise, a sweep over noise, silence: float32 (5, 32000)."""
    random = np.random.default_rng(0)
    noise = random.normal(size=32_000)
    seconds = np.arange(32_000) / 32_000
    tone, sweep = np.sin(2 * np.pi * 440 * seconds), np.sin(2 * np.pi * (100 + 6000 * seconds) * seconds)
    return np.stack(
        [0.3 * noise, 1e-3 * noise, 0.8 * tone + 0.01 * noise, 0.2 * sweep + 0.1 * noise, 0 * noise]
    ).astype(np.float32)


@pytest.mark.parametrize(("config", "shape"), SETTINGS)
def test_numpy_torch_and_hear21passt_agree(config, shape, waveforms):
    torch = pytest.importorskip("torch")
    pytest.importorskip("hear21passt")
    from tinyasc import third_party  # noqa: PLC0415
    from tinyasc.mel_torch import LogMel  # noqa: PLC0415

    original = third_party.passt_mel().AugmentMelSTFT(
        n_mels=config.n_mels,
        win_length=config.win_length,
        hopsize=config.hop_length,
        n_fft=config.n_fft,
        freqm=0,
        timem=0,
        fmin=config.f_min,
        fmax=config.f_max,
    )
    batch = torch.from_numpy(waveforms)
    golden = original.eval()(batch).numpy()
    assert golden.shape[1:] == shape
    assert frames(config, waveforms.shape[1]) == shape[1]
    np.testing.assert_allclose(log_mel(waveforms, config), golden, atol=1e-4)
    module = LogMel(config)
    np.testing.assert_allclose(module(batch).numpy()[:, 0], golden, atol=1e-4)
    assert not module.state_dict()


def test_silence_and_a_tone_land_where_arithmetic_says():
    config = MelConfig()
    seconds = np.arange(32_000) / 32_000
    silence, tone = log_mel(np.stack([0 * seconds, np.sin(2 * np.pi * 1000 * seconds)]), config)
    np.testing.assert_allclose(silence, (np.log(1e-5) + 4.5) / 5, atol=1e-6)
    highest = config.f_max
    width = 1127 * np.log1p(highest / 700) / (config.n_mels + 1)
    assert abs(tone[:, 32].argmax() - (1127 * np.log1p(1000 / 700) / width - 1)) < 1


def test_the_bank_has_unit_triangles_and_no_weight_at_nyquist():
    bank = mel_bank(MelConfig())
    assert bank.shape == (256, 2049)
    assert bank.max() <= 1
    assert not bank[:, -1].any()
    assert bank.any(axis=1).all()


@pytest.mark.parametrize("wrong", [{"win_length": 5000}, {"f_max": 17_000.0}, {"hop_length": 0}, {"n_fft": 4095}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=f"^mel: .*{next(iter(wrong))}"):
        MelConfig(**wrong)


def test_clips_too_short_for_a_window_are_refused():
    with pytest.raises(ValueError, match="need waveforms"):
        log_mel(np.zeros((1, 2000), np.float32), MelConfig())
