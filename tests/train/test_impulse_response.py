"""Recorded and made-up impulse responses, and the clips that go through them."""

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import fftconvolve

from tinyasc import sound
from tinyasc.errors import UserError
from tinyasc.scenes.devices import DEVICES, impulse_response
from tinyasc.scenes.synthesis import RATE
from train.data.augmentations.impulse_response import PHONES, convolve, files_in, made_up, recorded, through_devices


def curve(response: np.ndarray, sample_rate: int) -> np.ndarray:
    """Its level at 60 frequencies from 60 Hz to 14 kHz, in dB."""
    amplitude = np.abs(np.fft.rfft(response, 8192))
    grid = np.geomspace(60, 14_000, 60)
    return 20 * np.log10(np.interp(grid, np.fft.rfftfreq(8192, 1 / sample_rate), amplitude))


@pytest.mark.parametrize("length", [1, 37, 2500])
def test_convolution_is_that_of_scipy_cut_to_the_clip(length):
    random = np.random.default_rng(length)
    clips, responses = random.normal(size=(3, 2000)), random.normal(size=(3, length))
    expected = fftconvolve(clips, responses, axes=1)[:, :2000]
    found = convolve(torch.from_numpy(clips), torch.from_numpy(responses))
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_the_asked_share_of_the_eligible_clips_is_convolved_each_with_its_own_response():
    torch.manual_seed(0)
    clips = torch.rand(4000, 16) + 0.5
    eligible = torch.arange(4000) % 4 != 0
    responses = torch.zeros(5, 3)
    responses[:, 0] = torch.arange(2, 7)  # each multiplies by a number of its own
    factor = through_devices(clips, responses, 0.6, eligible) / clips
    torch.testing.assert_close(factor, factor[:, :1].round().expand_as(factor), atol=1e-3, rtol=0)
    which = factor[:, 0].round()
    assert (which[~eligible] == 1).all()
    convolved = which[eligible] > 1
    assert abs(convolved.sum() - 1800) < 4 * (3000 * 0.6 * 0.4) ** 0.5
    counts = torch.bincount(which[which > 1].int())[2:]
    assert (counts - 360).abs().max() < 4 * 360**0.5
    assert (through_devices(clips, responses, 1.0) != clips).any(1).all()
    assert through_devices(clips, responses, 1.0, torch.zeros(4000, dtype=torch.bool)) is clips


def test_the_embedded_phones_are_sixteen_of_their_own():
    phones = made_up(32_000)
    assert len(phones) == PHONES
    torch.testing.assert_close(phones.square().sum(1), torch.ones(PHONES))
    made_up.cache_clear()
    assert torch.equal(made_up(32_000), phones)
    own = [curve(phone, 32_000) for phone in phones.numpy()]
    others = [curve(impulse_response(device, 1.0), RATE) for device in DEVICES.values()]
    curves = np.array(own + others) - np.mean(own + others, axis=1, keepdims=True)
    difference = np.sqrt(np.mean(np.square(curves[:PHONES, None] - curves[None]), axis=2))  # dB
    difference[range(PHONES), range(PHONES)] = np.inf
    assert difference.min() > 2  # from one another and from the data set's devices
    heard = [row for name, row in zip(DEVICES, curves[PHONES:], strict=True) if name != "a"]  # `a` is flat
    assert np.corrcoef(curves[:PHONES], heard)[:PHONES, PHONES:].max() < 0.9


def test_a_folder_is_read_and_resampled_once(tmp_path, monkeypatch):
    read = []
    decoded = sound.decoded
    monkeypatch.setattr(sound, "decoded", lambda file: read.append(file.name) or decoded(file))
    device = impulse_response(DEVICES["s1"], 1.0)
    (tmp_path / "deeper").mkdir()
    soundfile.write(tmp_path / "deeper" / "b.WAV", device, RATE, "FLOAT", format="WAV")
    soundfile.write(tmp_path / "z.flac", 0.5 * np.eye(1, 100)[0], 32_000)
    (tmp_path / "LICENCE.txt").write_text("not a sound")
    for _ in range(2):
        responses = recorded(tmp_path, 32_000).numpy()
    assert read == ["b.WAV", "z.flac"]
    assert files_in(tmp_path) == [tmp_path / "deeper" / "b.WAV", tmp_path / "z.flac"]
    np.testing.assert_allclose(np.square(responses).sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(responses[1], np.eye(1, responses.shape[1])[0])  # of the clips' rate: untouched
    found, wanted = curve(responses[0], 32_000), curve(device, RATE)
    assert np.ptp(found - wanted) < 0.5  # dB; the level alone is another
    lag = np.argmax(np.abs(responses[0]))
    assert 80 < lag < 110  # 3 ms


@pytest.mark.parametrize("content", [None, b"no sound", np.zeros(9), np.array([1.0, np.nan]), np.zeros(0)])
def test_a_folder_without_usable_responses_is_refused(tmp_path, content):
    if isinstance(content, bytes):
        (tmp_path / "x.wav").write_bytes(content)
    elif content is not None:
        soundfile.write(tmp_path / "x.wav", content, 32_000, "FLOAT")
    with pytest.raises(UserError, match=r"^augmentation: .*(no sound files|x\.wav)") as refused:
        recorded(tmp_path, 32_000)
    assert "\n" not in str(refused.value)
