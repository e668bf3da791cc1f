import os

import numpy as np
import pytest
import soundfile

from tinyasc import sound


@pytest.mark.parametrize(
    ("rate", "subtype"), [(32_000, "PCM_16"), (44_100, "PCM_24"), (8_000, "PCM_16"), (48_000, "FLOAT")]
)
def test_any_rate_and_depth_gives_the_same_tone(tmp_path, rate, subtype):
    seconds = np.arange(rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 1000 * seconds)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, 0.5 * tone], axis=1), rate, subtype)
    waveform = sound.resampled(*sound.decoded(tmp_path / "tone.wav"), 32_000)
    assert waveform.dtype == np.float32
    assert len(waveform) == 32_000
    expected = 0.375 * np.sin(2 * np.pi * 1000 * np.arange(32_000) / 32_000)
    np.testing.assert_allclose(waveform[1000:-1000], expected[1000:-1000], atol=1e-3)


def test_a_damaged_file_is_an_error(tmp_path):
    soundfile.write(tmp_path / "whole.wav", np.zeros(44_100), 44_100, "PCM_24")
    (tmp_path / "text.wav").write_text("no sound")
    os.truncate(tmp_path / "whole.wav", 50_000)
    for file in ("text.wav", "absent.wav", "whole.wav"):
        with pytest.raises(OSError, match=file):
            sound.resampled(*sound.decoded(tmp_path / file), 32_000)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2])
def test_plain_wav_files_are_read_as_libsndfile_reads_them(tmp_path, subtype, channels):
    noise = np.random.default_rng(0).uniform(-1, 1, (5_001, channels))
    soundfile.write(tmp_path / "noise.wav", noise, 44_100, subtype)
    expected, _ = soundfile.read(tmp_path / "noise.wav", dtype="float32", always_2d=True)
    waveform, rate = sound.decoded(tmp_path / "noise.wav")
    assert (waveform.dtype, rate) == (np.float32, 44_100)
    np.testing.assert_array_equal(waveform, expected.mean(axis=1, dtype=np.float32))
