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
    waveform = sound.read(tmp_path / "tone.wav", 32_000)
    assert waveform.dtype == np.float32
    assert len(waveform) == sound.samples_at(tmp_path / "tone.wav", 32_000) == 32_000
    expected = 0.375 * np.sin(2 * np.pi * 1000 * np.arange(32_000) / 32_000)
    np.testing.assert_allclose(waveform[1000:-1000], expected[1000:-1000], atol=1e-3)


def test_a_damaged_file_is_an_error(tmp_path):
    soundfile.write(tmp_path / "whole.wav", np.zeros(44_100), 44_100, "PCM_24")
    (tmp_path / "text.wav").write_text("no sound")
    os.truncate(tmp_path / "whole.wav", 50_000)
    for file in ("text.wav", "absent.wav", "whole.wav"):
        with pytest.raises(OSError, match=file):
            sound.read(tmp_path / file, 32_000)
