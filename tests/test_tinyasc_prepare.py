"""Sound from a folder in TAU's layout into the prepared file and out of it again (prepare, folder, clips)."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.folder import read_folder
from tinyasc.prepare import pieces_in, prepare

FILES = {  # name: label, identifier, device, seconds, split
    "audio/park-oslo-1-2-0-a.wav": ("park", "oslo-1", "a", 1.0, "train"),
    "audio/park-oslo-1-2-1-a.wav": ("park", "oslo-1", "a", 1.0, "train"),
    "audio/dog-rome-9.wav": ("dog", "rome-9", "phone", 2.7, "evaluate"),
    "audio/cat.wav": ("cat", "rome-9", "phone", 0.2, None),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four noises, 32 kHz, full scale."""
    folder = tmp_path / "set"
    (folder / "audio").mkdir(parents=True)
    (folder / "evaluation_setup").mkdir()
    random = np.random.default_rng(1)
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    splits = {"train": ["filename\tscene_label"], "evaluate": ["filename\tscene_label"]}
    for file, (label, identifier, device, seconds, split) in FILES.items():
        loudest = np.array([-(2**15), 2**15 - 1])
        samples = np.append(loudest, random.integers(-(2**15), 2**15, round(32_000 * seconds) - 2)).astype(np.int16)
        soundfile.write(folder / file, samples, 32_000, "PCM_16")
        meta.append(f"{file}\t{label}\t{identifier}\t{device}")
        if split:
            splits[split].append(f"{file}\t{label}")
    (folder / "meta.csv").write_text("\n".join(meta) + "\n")
    for split, lines in splits.items():
        (folder / f"evaluation_setup/fold1_{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_sound_and_names_come_back(root, tmp_path):
    prepare(root, tmp_path / "set.h5", processes=1)
    with Clips(tmp_path / "set.h5") as clips:
        assert (clips.labels, clips.devices, clips.cities) == (["cat", "dog", "park"], ["a", "phone"], ["oslo", "rome"])
        assert clips.files == [*list(FILES)[:2], *3 * ["audio/dog-rome-9.wav"], "audio/cat.wav"]
        assert [clips.labels[label] for label in clips.label] == ["park", "park", "dog", "dog", "dog", "cat"]
        recordings = [clips.recordings[recording] for recording in clips.recording]
        assert recordings == [*2 * ["park-oslo-1-2-a"], *3 * ["audio/dog-rome-9.wav"], "audio/cat.wav"]
        assert [clips.indices(split).tolist() for split in ("train", "test", "neither")] == [[0, 1], [2, 3, 4], [5]]
        assert clips.train_devices == ["a"]
        assert clips.source == "set"
        assert (len(clips), clips.samples, clips.sample_rate) == (6, 32_000, 32_000)
        waveform = clips.waveform(np.array([5, 0, 4]))
    assert waveform.dtype == np.float32
    assert waveform[1].min() == -1
    assert waveform[1].max() == 1 - 2**-15
    original, _ = soundfile.read(root / "audio/dog-rome-9.wav", dtype="int16")
    np.testing.assert_array_equal(waveform[2] * 2**15, np.pad(original[64_000:], (0, 9_600)))
    assert not waveform[0, 6_400:].any()


def test_the_checksum_follows_sound_and_names_only(root, tmp_path):
    def checksum() -> str:
        prepare(root, tmp_path / "set.h5", processes=2)
        return Clips(tmp_path / "set.h5").checksum

    first = checksum()
    assert checksum() == first
    meta = root / "meta.csv"
    meta.write_text(meta.read_text().replace("phone", "tablet"))
    assert checksum() != first
    meta.write_text(meta.read_text().replace("tablet", "phone"))
    soundfile.write(root / "audio/cat.wav", np.zeros(6_400), 32_000)
    assert checksum() != first


def test_a_byte_order_mark_is_no_part_of_a_table(root):
    entries = read_folder(root)
    for table in root.rglob("*.csv"):
        table.write_text(table.read_text(), encoding="utf-8-sig")
    assert read_folder(root) == entries


@pytest.mark.parametrize(
    ("samples", "pieces"), [(1, 1), (32_000, 1), (47_999, 1), (48_000, 2), (64_000, 2), (320_000, 10)]
)
def test_pieces(samples, pieces):
    assert pieces_in(samples) == pieces


def _lacking_table(root: Path) -> None:
    (root / "evaluation_setup/fold1_train.csv").unlink()


def _lacking_column(root: Path) -> None:
    meta = root / "meta.csv"
    meta.write_text(meta.read_text().replace("\t", ","))


def _latin_1(root: Path) -> None:
    meta = root / "meta.csv"
    meta.write_bytes(meta.read_text().replace("rome", "málaga").encode("latin-1"))


def _unknown_file(root: Path) -> None:
    with (root / "evaluation_setup/fold1_train.csv").open("a") as file:
        file.write("audio/ghost.wav\tpark\n")


def _both_splits(root: Path) -> None:
    with (root / "evaluation_setup/fold1_evaluate.csv").open("a") as file:
        file.write("audio/park-oslo-1-2-0-a.wav\tpark\n")


def _missing_and_broken(root: Path) -> None:
    os.truncate(root / "audio/cat.wav", 3_000)
    (root / "audio/dog-rome-9.wav").unlink()


def _damaged(root: Path) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 32_000)
    soundfile.write(root / "audio/cat.wav", noise, 32_000, format="FLAC")
    os.truncate(root / "audio/cat.wav", 20_000)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_lacking_table, "fold1_train.csv is missing"),
        (_lacking_column, "no column filename, scene_label"),
        (_latin_1, r"meta.csv is not UTF-8 text \(byte \d+ is not\): save it"),
        (_unknown_file, "fold1_train.csv names files that meta.csv does not name: audio/ghost.wav"),
        (_both_splits, "fold1_evaluate.csv names files of another split: audio/park-oslo-1-2-0-a.wav"),
        (_damaged, r"1 of 4 files .* audio/cat.wav \(damaged\)"),
        (
            _missing_and_broken,
            r"2 of 4 files .* audio/dog-rome-9.wav \(missing\), audio/cat.wav \(not a whole sound file\)",
        ),
    ],
)
def test_bad_input_is_one_clear_line_and_no_file(root, tmp_path, capsys, damage, message):
    damage(root)
    with pytest.raises(UserError, match=message):
        prepare(root, tmp_path / "set.h5", processes=1)
    assert not list(tmp_path.glob("set.h5*"))
    assert recipe.run(prepare, ["--root", str(root), "--out", str(tmp_path / "set.h5")]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if "tinyasc" in line or "set" in line]
    assert len(error) == 1


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="make data"):
        Clips(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no data")
    h5py.File(tmp_path / "empty.h5", "w").close()
    for file in ("text.h5", "empty.h5"):
        with pytest.raises(UserError, match="not a prepared data set"):
            Clips(tmp_path / file)
