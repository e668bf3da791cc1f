"""The tables of a folder: splits, subsets, sets without labels, and what is wrong with tables."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import tiny_folder
from tests.support.tiny_folder import FILES, run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.prepare.folder import Entry, read_folder, splits_by_place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of four noises."""
    return tiny_folder.write(tmp_path / "set")


def test_a_byte_order_mark_is_no_part_of_a_table(root: Path) -> None:
    entries = read_folder(root).entries
    for table in root.rglob("*.csv"):
        table.write_text(table.read_text(), encoding="utf-8-sig")
    assert read_folder(root).entries == entries


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
