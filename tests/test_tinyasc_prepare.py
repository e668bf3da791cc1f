"""Sound from a folder in TAU's layout into the prepared file: what is read, joined, reported, resumed and refused."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tinyasc import recipe, sound
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.prepare import command, partial, prepare
from tinyasc.prepare.convert import ClipFormat, pieces_in
from tinyasc.prepare.folder import Entry, read_folder, splits_by_place
from tinyasc.verify import verify

ROOT = Path(__file__).parent.parent
FILES = {  # name: label, identifier, device, seconds, split
    "audio/park-oslo-1-2-0-a.wav": ("park", "oslo-1", "a", 1.0, "train"),
    "audio/park-oslo-1-2-1-a.wav": ("park", "oslo-1", "a", 1.0, "train"),
    "audio/dog-rome-9.wav": ("dog", "rome-9", "phone", 2.7, "evaluate"),
    "audio/cat.wav": ("cat", "rome-8", "phone", 0.2, None),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four noises, 32 kHz, full scale."""
    folder = tmp_path / "set"
    (folder / "audio").mkdir(parents=True)
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
    (folder / "evaluation_setup").mkdir()
    for split, lines in splits.items():
        (folder / f"evaluation_setup/fold1_{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def run(root: Path, *flags: str) -> int:
    """The command with one process, to set.h5 beside the folder."""
    return recipe.run(prepare, ["--root", str(root), "--out", f"{root}.h5", "--processes", "1", *flags])


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
        whole = clips.recording_waveform(int(clips.recording[0]))
    assert whole.shape == (64_000,)
    expected = 0.5 * np.cos(2 * np.pi * 997 * np.arange(64_000) / 32_000)
    np.testing.assert_allclose(whole[500:-500], expected[500:-500], atol=2e-4)
    apart = np.concatenate([sound.read(root / file, 32_000) for file in pieces])
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


def test_a_byte_order_mark_is_no_part_of_a_table(root: Path) -> None:
    entries = read_folder(root).entries
    for table in root.rglob("*.csv"):
        table.write_text(table.read_text(), encoding="utf-8-sig")
    assert read_folder(root).entries == entries


@pytest.mark.parametrize(
    ("length", "pieces"), [(1, 1), (32_000, 1), (47_999, 1), (48_000, 2), (64_000, 2), (320_000, 10)]
)
def test_pieces(length: int, pieces: int) -> None:
    assert pieces_in(length, 32_000) == pieces


def test_subsets_of_the_training_split(root: Path, tmp_path: Path) -> None:
    table = "filename\tscene_label\naudio/park-oslo-1-2-{}-a.wav\tpark\n"
    (root / "evaluation_setup/split5.csv").write_text(table.format(1))
    (tmp_path / "more").mkdir()
    (tmp_path / "more/split10.csv").write_text(table.format(0))
    assert run(root, "--subsets", str(tmp_path / "more")) == 0
    with Clips(f"{root}.h5") as clips:
        assert [clips.indices(name).tolist() for name in ("split5", "split10")] == [[1], [0]]
        with pytest.raises(UserError, match="no subset split7: choose from train, test, neither, split10, split5"):
            clips.indices("split7")


@pytest.mark.parametrize("table", ["meta.csv", "evaluation_setup/fold1_test.csv"])
def test_an_evaluation_set_without_labels(root: Path, table: str) -> None:
    for name in ("meta.csv", "evaluation_setup/fold1_train.csv", "evaluation_setup/fold1_evaluate.csv"):
        (root / name).unlink()
    rows = [f"{file}\t{device}" for file, device in zip(FILES, ("a", "a", "s9", "s9"), strict=True)]
    (root / table).write_text("\n".join(["filename\tdevice_id", *rows]) + "\n")
    assert run(root) == 0
    with Clips(f"{root}.h5") as clips:
        assert (clips.labels, set(clips.label), clips.devices) == ([], {-1}, ["a", "s9"])
        assert clips.indices("test").tolist() == list(range(6))
        with pytest.raises(UserError, match="has no labels for its test clips"):
            clips.labelled("test")


def test_a_folder_without_split_tables_is_split_by_place(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for table in (root / "evaluation_setup").iterdir():
        table.unlink()
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    for number in range(20):
        soundfile.write(root / f"audio/{number}.wav", np.full(3_200, 0.1), 32_000)
        meta.append(f"audio/{number}.wav\t{'ab'[number % 2]}\trome-{number // 2 * 2 + number % 2}\tphone")
    (root / "meta.csv").write_text("\n".join(meta) + "\n")
    assert run(root) == 0
    assert "a fifth of each label's places is the test split" in capsys.readouterr().out
    with Clips(f"{root}.h5") as clips:
        tested = clips.indices("test")
        assert np.bincount(clips.label[tested]).tolist() == [2, 2]
        assert len(clips.indices("train")) == 16


def test_no_label_loses_its_last_place_to_the_test_split() -> None:
    places = {"park": ["oslo", "rome"], "bus": ["rome"], "tram": ["oslo", "paris", "lyon"]}
    for world in range(40):
        entries = [
            Entry(f"{label}{place}", label, "a", "c", f"{place}{world}", f"{label}{place}", None)
            for label, found in places.items()
            for place in found
        ]
        splits = splits_by_place(entries)
        assert {entry.label for entry in entries if splits[entry.file] == "train"} == set(places)
        assert len({(entry.place, splits[entry.file]) for entry in entries}) == 4


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


def test_an_incomplete_recording_is_reported_and_cannot_be_read_whole(root: Path) -> None:
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
        with pytest.raises(UserError, match=r"the recording park-oslo-1-2-a in .* is not whole"):
            clips.recording_waveform(int(clips.recording[0]))


KILLED = """
import os, signal, sys
from tinyasc import recipe
from tinyasc.prepare import partial, prepare

name, after = sys.argv[1], int(sys.argv[2])
work, calls = getattr(partial.Partial, name), 0

def work_and_die(*arguments, **named):
    global calls
    calls += 1
    if calls == after:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(*arguments, **named)

setattr(partial.Partial, name, work_and_die)
recipe.run(prepare, sys.argv[3:])
"""


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are converted from here on."""
    seen: list[str] = []
    honest = command.convert

    def watched(root, clip, entries):
        seen.extend(entry.file for entry in entries)
        return honest(root, clip, entries)

    monkeypatch.setattr(command, "convert", watched)
    return seen


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    ("killed_in", "call", "left"),
    [
        pytest.param("append", 2, ["audio/dog-rome-9.wav", "audio/cat.wav"], id="between two recordings"),
        pytest.param("_write_line", 3, ["audio/dog-rome-9.wav", "audio/cat.wav"], id="before the journal knows"),
        pytest.param("finish", 1, [], id="before the end"),
    ],
)
def test_killed_at_any_moment_it_goes_on(
    root: Path, converted: list[str], *, processes: str, killed_in: str, call: int, left: list[str]
) -> None:
    assert run(root) == 0
    whole = Path(f"{root}.h5").read_bytes()
    Path(f"{root}.h5").unlink()
    flags = ["--root", str(root), "--out", f"{root}.h5", "--processes", processes]
    process = subprocess.run([sys.executable, "-c", KILLED, killed_in, str(call), *flags], cwd=ROOT, check=False)
    assert process.returncode == -signal.SIGKILL
    assert not Path(f"{root}.h5").exists()
    assert Path(f"{root}.h5.partial").exists()
    converted.clear()
    assert run(root) == 0
    assert converted == left
    assert Path(f"{root}.h5").read_bytes() == whole
    assert [path.name for path in root.parent.iterdir() if path != root] == ["set.h5"]


def test_a_torn_journal_and_lost_pages_cost_only_what_they_hold(root: Path, converted: list[str]) -> None:
    flags = ["--root", str(root), "--out", f"{root}.h5", "--processes", "1"]
    subprocess.run([sys.executable, "-c", KILLED, "finish", "1", *flags], cwd=ROOT, check=False)
    journal, pcm = Path(f"{root}.h5.partial.journal"), Path(f"{root}.h5.partial")
    journal.write_bytes(journal.read_bytes()[:-7])  # a power cut in the middle of the last line
    assert run(root) == 0
    assert converted == ["audio/cat.wav"]
    Path(f"{root}.h5").unlink()
    subprocess.run([sys.executable, "-c", KILLED, "finish", "1", *flags], cwd=ROOT, check=False)
    os.truncate(pcm, pcm.stat().st_size - 100_000)  # the last two clips never reached the disk
    converted.clear()
    assert run(root) == 0
    assert converted == ["audio/dog-rome-9.wav", "audio/cat.wav"]


def test_a_journal_alone_is_worth_nothing(root: Path, converted: list[str]) -> None:
    flags = ["--root", str(root), "--out", f"{root}.h5", "--processes", "1"]
    subprocess.run([sys.executable, "-c", KILLED, "finish", "1", *flags], cwd=ROOT, check=False)
    journal, pcm = Path(f"{root}.h5.partial.journal"), Path(f"{root}.h5.partial")
    with journal.open("a") as lines:
        lines.write('{"synced": true}\n')  # what is before it is not read again
    for damage in (pcm.unlink, lambda: os.truncate(pcm, pcm.stat().st_size - 1)):
        kept = journal.read_bytes(), pcm.read_bytes()
        damage()
        converted.clear()
        assert run(root) == 0
        assert "audio/cat.wav" in converted
        verify(Clips(f"{root}.h5"))
        Path(f"{root}.h5").unlink()
        journal.write_bytes(kept[0])
        pcm.write_bytes(kept[1])
    journal.write_text("no journal\n" + journal.read_text())
    assert run(root) == 0
    verify(Clips(f"{root}.h5"))


def test_a_disk_that_takes_less_than_it_is_given_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reluctant(FileIO):
        def write(self, content) -> int:  # type: ignore[override]
            return super().write(memoryview(content)[: 1 + len(content) // 2])

    monkeypatch.setattr(partial, "FileIO", Reluctant)
    assert run(root) == 0
    verify(Clips(f"{root}.h5"))


def test_only_one_process_writes_and_only_with_the_settings_it_began_with(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with partial.Partial(Path(f"{root}.h5"), ClipFormat()):
        other = [sys.executable, "-m", "tinyasc.prepare", "--root", str(root), "--out", f"{root}.h5"]
        done = subprocess.run(other, cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == 1
        assert "is being written by another process: wait for it" in done.stderr
    assert run(root, "--clip-seconds", "0.5") == 1
    assert "was begun with other settings or versions" in capsys.readouterr().err
    assert run(root) == 0


def test_a_killed_worker_and_a_full_disk_are_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tinyasc.prepare.disk.shutil.disk_usage", lambda place: SimpleNamespace(free=100_000))
    assert run(root) == 1
    assert "100kB free and 384kB are needed for set.h5" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(command, "convert", _die)
    assert run(root, "--processes", "2") == 1
    assert "the system killed a process (out of memory?)" in capsys.readouterr().err


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_names_may_be_as_many_as_they_like(root: Path) -> None:
    meta = root / "meta.csv"
    more = "".join(f"audio/cat.wav\tcat{n}\tplace{n}-of-a-long-name-{'x' * 30}\tphone{n}\n" for n in range(3000))
    meta.write_text(meta.read_text() + more.replace("audio/cat.wav", "audio/absent.wav"))
    rows = meta.read_text().splitlines()
    meta.write_text("\n".join([rows[0], *(row.replace("absent", f"{n}") for n, row in enumerate(rows[1:]))]) + "\n")
    for number in range(4, 3004):
        os.link(root / "audio/cat.wav", root / f"audio/{number}.wav")
    assert run(root) == 0
    with Clips(f"{root}.h5") as clips:
        assert len(clips.labels) == 3003


def test_what_cannot_be_joined_or_is_left_over_is_reported(root: Path) -> None:
    assert run(root, "--clip-seconds", "0.5") == 0
    table = Path(f"{root}.h5.problems.tsv").read_text()
    assert "park-oslo-1-2-a\tnot joined\tnote\tits pieces are not consecutive" in table
    assert "audio/dog-rome-9.wav\trest\tnote\tthe last 0.20 s, less than half a clip, are left out" in table


def test_repaired_files_alone_are_converted_again(root: Path, converted: list[str]) -> None:
    good = (root / "audio/dog-rome-9.wav").read_bytes()
    (root / "audio/dog-rome-9.wav").write_text("no sound")
    assert run(root) == 1
    (root / "audio/dog-rome-9.wav").write_bytes(good)
    converted.clear()
    assert run(root) == 0
    assert converted == ["audio/dog-rome-9.wav"]
    repaired = Clips(f"{root}.h5")
    assert run(root) == 0
    assert Clips(f"{root}.h5").checksum == repaired.checksum
    np.testing.assert_array_equal(repaired.waveform(np.arange(6)), Clips(f"{root}.h5").waveform(np.arange(6)))


def test_a_dry_run_tells_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "audio/cat.wav").unlink()
    assert run(root, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "4 files of 3 recordings" in told
    assert "missing: audio/cat.wav" in told
    assert "time" in told
    assert [path.name for path in root.parent.iterdir()] == ["set"]


def _lacking_table(root: Path) -> None:
    (root / "evaluation_setup/fold1_train.csv").unlink()


def _lacking_column(root: Path) -> None:
    meta = root / "meta.csv"
    meta.write_text(meta.read_text().replace("\t", ","))


def _spaced_column(root: Path) -> None:
    meta = root / "meta.csv"
    meta.write_text(meta.read_text().replace("source_label", "source label"))


def _latin_1(root: Path) -> None:
    meta = root / "meta.csv"
    meta.write_bytes(meta.read_text().replace("rome", "málaga").encode("latin-1"))


def _unknown_file(root: Path) -> None:
    with (root / "evaluation_setup/fold1_train.csv").open("a") as file:
        file.write("audio/ghost.wav\tpark\n")


def _both_splits(root: Path) -> None:
    with (root / "evaluation_setup/fold1_evaluate.csv").open("a") as file:
        file.write("audio/park-oslo-1-2-0-a.wav\tpark\n")


def _parted_recording(root: Path) -> None:
    _both_splits(root)
    train = root / "evaluation_setup/fold1_train.csv"
    train.write_text(train.read_text().replace("audio/park-oslo-1-2-0-a.wav\tpark\n", ""))


def _subset_of_the_test_split(root: Path) -> None:
    (root / "evaluation_setup/split5.csv").write_text("filename\naudio/dog-rome-9.wav\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_lacking_table, "fold1_train.csv is missing"),
        (_lacking_column, "no column filename, scene_label"),
        (_spaced_column, "no column source_label"),
        (_latin_1, r"meta.csv is not UTF-8 text \(byte \d+ is not\): save it"),
        (_unknown_file, "fold1_train.csv names files that meta.csv does not name: audio/ghost.wav"),
        (_both_splits, "fold1_evaluate.csv names files of another split: audio/park-oslo-1-2-0-a.wav"),
        (_parted_recording, "fold1_evaluate.csv names recordings that are also in training: park-oslo-1-2-a"),
        (_subset_of_the_test_split, "split5.csv names files that are not in the training split: audio/dog-rome-9.wav"),
    ],
)
def test_bad_tables_are_one_clear_line_and_no_file(
    root: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], message: str
) -> None:
    damage(root)
    with pytest.raises(UserError, match=message):
        read_folder(root)
    assert run(root) == 1
    assert not list(root.parent.glob("set.h5*"))
    assert len(capsys.readouterr().err.splitlines()) == 1


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
    monkeypatch.setattr(command.downloading, "download", lambda folder, record: asked.append((folder, record)) or root)
    flags = ["--download", str(root.parent), "--record", "http://127.0.0.1/records/7"]
    assert recipe.run(prepare, flags) == 0
    assert not Path(f"{root}.h5").exists()
    assert recipe.run(prepare, [*flags, "--out", f"{root}.h5", "--processes", "1"]) == 0
    assert asked == 2 * [(root.parent, "http://127.0.0.1/records/7")]
    assert len(Clips(f"{root}.h5")) == 6
