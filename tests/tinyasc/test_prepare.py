"""Sound from a folder in TAU's layout into the prepared file: what is read, joined, reported and refused."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tiny_folder
from tests.support.tiny_folder import FILES, run
from tinyasc import recipe, sound
from tinyasc.clips import Clips
from tinyasc.prepare import download, prepare
from tinyasc.prepare.convert import pieces_in


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four noises."""
    return tiny_folder.write(tmp_path / "set")


def test_sound_and_names_come_back(root: Path) -> None:
    assert run(root) == 0
    with Clips(f"{root}.h5") as clips:
        assert (clips.labels, clips.devices, clips.cities) == (["cat", "dog", "park"], ["a", "phone"], ["oslo", "rome"])
        assert clips.files == [*list(FILES)[:2], *3 * ["audio/dog-rome-9.wav"], "audio/cat.wav"]
        assert [clips.labels[label] for label in clips.label] == ["park", "park", "dog", "dog", "dog", "cat"]
        recordings = [clips.recordings[recording] for recording in clips.recording]
        assert recordings == [*2 * ["park-oslo-1-2-a"], *3 * ["audio/dog-rome-9.wav"], "audio/cat.wav"]
        assert [clips.indices(split).tolist() for split in ("train", "test", "neither")] == [[0, 1], [2, 3, 4], [5]]
        assert clips.length.tolist() == [32_000, 32_000, 32_000, 32_000, 22_400, 6_400]
        assert clips.joined.tolist() == [0, 1, 0, 1, 1, 0]
        assert clips.source_rate.tolist() == 6 * [32_000]
        assert (clips.source, set(clips.versions)) == ("set", {"tinyasc", "numpy", "h5py", "soundfile", "soxr"})
        waveform = clips.waveform(np.arange(6))
    for row, file, offset in ((0, 0, 0), (1, 1, 0), (2, 2, 0), (4, 2, 64_000), (5, 3, 0)):
        original, _ = soundfile.read(root / list(FILES)[file], dtype="int16")
        expected = np.zeros(32_000, np.int16)
        expected[: len(original) - offset] = original[offset : offset + 32_000]
        np.testing.assert_array_equal(waveform[row] * 2**15, expected)


def test_neighbouring_pieces_are_joined_before_they_are_resampled(root: Path) -> None:
    pieces = list(FILES)[:2]
    time = np.arange(2 * 44_100) / 44_100
    tone = 0.5 * np.cos(2 * np.pi * 997 * time)
    for file, half in zip(pieces, np.split(tone, 2), strict=True):
        soundfile.write(root / file, half, 44_100, "PCM_24")
    assert run(root) == 0
    with Clips(f"{root}.h5") as clips:
        whole = clips.waveform(np.flatnonzero(clips.recording == clips.recording[0])).reshape(-1)
    assert whole.shape == (64_000,)
    expected = 0.5 * np.cos(2 * np.pi * 997 * np.arange(64_000) / 32_000)
    np.testing.assert_allclose(whole[500:-500], expected[500:-500], atol=2e-4)
    apart = np.concatenate([sound.resampled(*sound.decoded(root / file), 32_000) for file in pieces])
    assert np.abs(apart - expected)[31_900:32_100].max() > 0.05  # what two filters would have put into the middle


def test_the_checksum_follows_sound_and_names_only(root: Path) -> None:
    def checksum(*flags: str) -> str:
        assert run(root, *flags) == 0
        return Clips(f"{root}.h5").checksum

    first, content = checksum(), Path(f"{root}.h5").read_bytes()
    assert checksum("--processes", "2") == first
    assert Path(f"{root}.h5").read_bytes() == content
    meta = root / "meta.csv"
    meta.write_text(meta.read_text().replace("phone", "tablet"))
    assert checksum() != first
    meta.write_text(meta.read_text().replace("tablet", "phone"))
    assert checksum() == first
    soundfile.write(root / "audio/cat.wav", np.full(6_400, 0.1), 32_000)
    assert checksum() != first


def test_another_rate_and_length(root: Path) -> None:
    assert run(root, "--sample-rate", "20000", "--clip-seconds", "1.5") == 0
    with Clips(f"{root}.h5") as clips:
        assert (clips.sample_rate, clips.samples, len(clips)) == (20_000, 30_000, 5)
        assert clips.joined.tolist() == [0, 0, 0, 1, 0]  # pieces shorter than a clip cannot be joined


@pytest.mark.parametrize(
    ("length", "pieces"), [(1, 1), (32_000, 1), (47_999, 1), (48_000, 2), (64_000, 2), (320_000, 10)]
)
def test_pieces(length: int, pieces: int) -> None:
    assert pieces_in(length, 32_000) == pieces


def _damage(root: Path) -> dict[str, str]:
    """Every kind of bad file once, and what each is called."""
    meta = (root / "meta.csv").read_text()
    noise = np.random.default_rng(2).normal(0, 0.1, 32_000)
    bad: dict[str, Callable[[Path], object]] = {
        "truncated": lambda path: (soundfile.write(path, noise, 32_000), os.truncate(path, 3_000)),
        "not audio": lambda path: path.write_text("no sound"),
        "silent": lambda path: soundfile.write(path, 0 * noise, 32_000),
        "NaN": lambda path: soundfile.write(path, np.append(noise, np.nan), 32_000, "FLOAT"),
        "empty": lambda path: soundfile.write(path, noise[:0], 32_000),
        "wrong rate": lambda path: soundfile.write(path, noise, 100),
        "missing": lambda path: None,
    }
    for kind, make in bad.items():
        file = f"audio/{kind.replace(' ', '_')}.wav"
        make(root / file)
        meta += f"{file}\tpark\toslo-1\ta\n"
    flac = root / "audio/damaged.flac"
    soundfile.write(flac, noise, 32_000, format="FLAC")
    os.truncate(flac, 20_000)
    meta += "audio/damaged.flac\tpark\toslo-1\ta\n"
    meta += "audio/cat.wav\tcat\trome-8\tphone\n"  # as before
    meta += "audio/dog-rome-9.wav\tdog\trome-9\ttablet\n"  # not as before
    (root / "meta.csv").write_text(meta)
    soundfile.write(root / "audio/extra.wav", noise, 32_000)
    soundfile.write(root / "audio/park-oslo-1-2-1-a.wav", noise, 44_100)
    return {f"audio/{kind.replace(' ', '_')}.wav": kind for kind in bad} | {
        "audio/damaged.flac": "not audio",
        "audio/cat.wav": "listed twice",
        "audio/dog-rome-9.wav": "listed twice",
        "audio/extra.wav": "not listed",
        "audio/park-oslo-1-2-1-a.wav": "other rate",
        "park-oslo-1-2-a": "not joined",
    }


def test_bad_files_are_one_table_and_left_out_on_demand(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = _damage(root)
    with (root / "evaluation_setup/fold1_evaluate.csv").open("a") as table:
        table.write("audio/cat.wav\n")
    assert run(root) == 1
    assert not Path(f"{root}.h5").exists()
    told = capsys.readouterr()
    assert "9 files in" in told.err
    assert "repair them and give the same command again" in told.err
    assert all(f" {kind} " in told.out and file in told.out for file, kind in expected.items())
    table = [line.split("\t") for line in Path(f"{root}.h5.problems.tsv").read_text().splitlines()]
    assert table[0] == ["file", "problem", "severity", "detail"]
    assert {file: kind for file, kind, *_ in table[1:]} == expected
    assert {kind for _, kind, severity, _ in table[1:] if severity == "note"} == {
        "listed twice",
        "not listed",
        "not joined",
        "other rate",
    }
    assert run(root, "--on-error", "skip") == 0
    with Clips(f"{root}.h5") as clips:
        assert sorted(set(clips.files)) == sorted([*list(FILES)[:2], "audio/cat.wav"])
        assert clips.joined.tolist() == [0, 0, 0]


def test_longer_files_are_refused_on_demand(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "--longer", "refuse") == 1
    assert "1 files in" in capsys.readouterr().err
    assert "too long" in Path(f"{root}.h5.problems.tsv").read_text()


def test_an_incomplete_recording_is_reported_and_not_whole(root: Path) -> None:
    for index in (2, 3):
        soundfile.write(root / f"audio/park-oslo-1-2-{index}-a.wav", np.full(32_000, 0.1), 32_000)
    with (root / "meta.csv").open("a") as meta:
        meta.writelines(f"audio/park-oslo-1-2-{index}-a.wav\tpark\toslo-1\ta\n" for index in (2, 3))
    with (root / "evaluation_setup/fold1_train.csv").open("a") as train:
        train.writelines(f"audio/park-oslo-1-2-{index}-a.wav\tpark\n" for index in (2, 3))
    os.truncate(root / "audio/park-oslo-1-2-1-a.wav", 100)
    assert run(root, "--on-error", "skip") == 0
    assert "park-oslo-1-2-a\tincomplete\tnote\t3 of 4 pieces" in Path(f"{root}.h5.problems.tsv").read_text()
    with Clips(f"{root}.h5") as clips:
        assert clips.joined[clips.indices("train")].tolist() == [0, 0, 1]
        assert clips.recordings[clips.recording[0]] == "park-oslo-1-2-a"
        assert not clips.whole[clips.recording[0]]


def test_what_cannot_be_joined_or_is_left_over_is_reported(root: Path) -> None:
    assert run(root, "--clip-seconds", "0.5") == 0
    table = Path(f"{root}.h5.problems.tsv").read_text()
    assert "park-oslo-1-2-a\tnot joined\tnote\tits pieces are not consecutive" in table
    assert "audio/dog-rome-9.wav\trest\tnote\tthe last 0.20 s, less than half a clip, are left out" in table


def test_a_dry_run_tells_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "audio/cat.wav").unlink()
    assert run(root, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "4 files of 3 recordings" in told
    assert "missing: audio/cat.wav" in told
    assert "time" in told
    assert [path.name for path in root.parent.iterdir()] == ["set"]


def test_the_command_needs_a_folder(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags, message in (
        (["--root", str(root)], "give --out FILE.h5"),
        (["--out", "x.h5"], "give either --root DIR or --download DIR"),
        (["--root", str(root), "--download", str(root)], "give either"),
        (["--download", str(root), "--out", "x.h5", "--dry-run"], "--dry-run writes nothing"),
        (["--root", str(root), "--out", str(root)], "is a folder: --out is the file to write"),
        (["--root", str(root), "--out", "x.h5", "--processes", "-1"], "processes is -1"),
        (["--root", str(root), "--out", "x.h5", "--clip-seconds", "1e9"], "up to 600 s"),
    ):
        assert recipe.run(prepare, flags) == 1
        error = capsys.readouterr().err
        assert message in error
        assert len(error.splitlines()) == 1
    assert run(root.parent) == 1
    assert "meta.csv is missing" in capsys.readouterr().err


def test_a_downloaded_folder_is_prepared_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, str]] = []
    monkeypatch.setattr(download, "download", lambda folder, record: asked.append((folder, record)) or root)
    flags = ["--download", str(root.parent), "--record", "http://127.0.0.1/records/7"]
    assert recipe.run(prepare, flags) == 0
    assert not Path(f"{root}.h5").exists()
    assert recipe.run(prepare, [*flags, "--out", f"{root}.h5", "--processes", "1"]) == 0
    assert asked == 2 * [(root.parent, "http://127.0.0.1/records/7")]
    assert len(Clips(f"{root}.h5")) == 6
