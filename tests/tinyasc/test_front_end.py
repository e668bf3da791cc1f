"""The front ends behind one interface, in NumPy and in torch."""

import subprocess
import sys

import numpy as np
import pytest

from tinyasc import front_end
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig, log_mel

MEL_CONFIGS = {  # as tinyasc.models has them, for which torch is needed
    "cp_mobile": MelConfig(),
    "passt": MelConfig(n_fft=1024, win_length=800, hop_length=320, n_mels=128, f_max=15_000.0),
    "baseline_2024": MelConfig(f_max=16_000.0, pre_emphasis=0.0, shift=0.0, scale=1.0, bank="htk", window="periodic"),
}
CLIPS = np.random.default_rng(0).normal(0, 0.1, (3, 16_000))


@pytest.mark.parametrize(
    ("name", "samples", "shape"),
    [
        ("cp_mobile", 32_000, (256, 64)),
        ("cp_mobile", 320_000, (256, 640)),
        ("passt", 320_000, (128, 1000)),
        ("baseline_2024", 32_000, (256, 65)),
        ("baseline_2024", 2049, (256, 5)),
        (None, 32_000, (1, 32_000)),
    ],
)
def test_shapes(name, samples, shape):
    config = MEL_CONFIGS[name] if name else None
    assert front_end.shape(config, samples) == shape
    assert front_end.features(np.zeros((2, samples)), config).shape == (2, *shape)


@pytest.mark.parametrize("name", ["passt", None])
def test_numpy_and_torch_give_the_same(name):
    torch = pytest.importorskip("torch")
    from tinyasc import mel_torch  # noqa: PLC0415

    config = MEL_CONFIGS[name] if name else None
    module = mel_torch.front_end(config)
    given = front_end.features(CLIPS, config)
    assert given.dtype == np.float32
    assert module.config is config
    assert not list(module.parameters())
    assert not module.state_dict()
    batched = module(torch.from_numpy(CLIPS))
    assert batched.dtype == torch.float32
    np.testing.assert_allclose(batched[:, 0], given, atol=1e-4)


def test_log_mel_is_the_definition():
    config = MEL_CONFIGS["cp_mobile"]
    np.testing.assert_array_equal(front_end.features(CLIPS, config), log_mel(CLIPS, config))


def test_a_clip_too_short_is_refused_with_what_to_take():
    with pytest.raises(UserError, match=r"2000 samples is too short for n_fft 4096: take clips of at least 2050"):
        front_end.shape(MEL_CONFIGS["cp_mobile"], 2000)
    with pytest.raises(ValueError, match="need waveforms"):
        front_end.features(CLIPS[0], None)


def test_a_waveform_has_no_edges():
    torch = pytest.importorskip("torch")
    from tinyasc import mel_torch  # noqa: PLC0415

    with pytest.raises(UserError, match="no mel edges"):
        mel_torch.front_end(None)(torch.from_numpy(CLIPS), (0.0, 15_000.0))


def test_the_device_half_needs_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import sys, tinyasc.front_end; sys.exit('torch' in sys.modules)"], check=True
    )
