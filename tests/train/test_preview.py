"""The picture of all augmentations: what its rows hold, and that it is written whole."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.mel import MelConfig
from train.preview import PREVIEWS, chosen, loudest_moment, preview, rows


@pytest.fixture
def data(tiny_h5: Path) -> Path:
    return tiny_h5


def test_every_change_is_shown_on_the_same_clips(data, monkeypatch):
    with Clips(data) as clips:
        batch = chosen(clips, clips.indices("train"), 0)
        assert len(set(batch)) == 16
        assert clips.label[batch[0]] != clips.label[batch[1]]
        assert set(clips.split[batch]) == {0}
        original, slicing, *changed = rows(clips, batch, MelConfig(), 0)
        np.testing.assert_array_equal(original.waveform, clips.waveform(batch))
        assert not torch.equal(slicing.waveform, original.waveform)
        assert [row.title for row in changed] == [change.title for change in PREVIEWS]
        for row in changed:
            assert torch.equal(row.waveform, original.waveform) == (row.first == "bands")
            assert row.log_mel.shape == original.log_mel.shape
            assert not torch.equal(row.log_mel, original.log_mel)
            assert len(row.notes) in (0, len(batch))
        again = rows(clips, batch, MelConfig(), 0)
        for row, same in zip([original, slicing, *changed], again, strict=True):
            assert torch.equal(row.log_mel, same.log_mel)
        # Clips that are recordings of their own leave no room.
        monkeypatch.setattr(Clips, "window_range", lambda self, indices: (self.starts(indices),) * 2)
        assert "Random slicing" not in [row.title for row in rows(clips, batch, MelConfig(), 0)]


def test_one_picture_is_written_whole(data, tmp_path):
    out = tmp_path / "preview.png"
    assert recipe.run(preview, ["--data", str(data), "--out", str(out), "--clips", "1"]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["preview.png"]


@pytest.mark.parametrize("loudest", [3, 500, 996])
def test_the_moment_lies_around_the_loudest_sample(loudest):
    waveform = np.zeros(1000)
    waveform[loudest] = -1
    shown = loudest_moment(waveform, 8000)
    assert shown.start >= 0
    assert len(waveform[shown]) == 80
    assert np.abs(waveform[shown]).max() == 1
    assert loudest != 500 or np.abs(waveform[shown]).argmax() == 40


def test_a_folder_is_no_picture(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Clips, "__init__", None)  # so that nothing can be read
    out = tmp_path / "folder"
    out.mkdir()
    assert recipe.run(preview, ["--data", str(data), "--out", str(out)]) == 1
    assert f"--out {out} is a folder: name the picture, e.g. {out}/preview.png\n" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_negative_seeds_are_refused(data, tmp_path, capsys):
    assert recipe.run(preview, ["--data", str(data), "--out", str(tmp_path / "preview.png"), "--seed", "-1"]) == 1
    assert "--seed is -1" in capsys.readouterr().err


@pytest.mark.parametrize("clips", [0, 9])
def test_pictures_without_room_are_refused(data, tmp_path, capsys, clips):
    out = tmp_path / "preview.png"
    assert recipe.run(preview, ["--data", str(data), "--out", str(out), "--clips", str(clips)]) == 1
    assert "take 1 to 8" in capsys.readouterr().err
    assert not out.exists()
