"""Run folders are written whole or not at all, and nothing is believed that the card does not vouch for."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyasc import artifact
from tinyasc.artifact import CARD, ModelCard, file_sha256, lineage_of, load_card, new_run
from tinyasc.errors import UserError

EMPTY: dict[str, Any] = {"config": {}, "mel": {}, "cost": {}, "accuracy": {}, "data": {}}


def write(out: Path, content: str, stage: str = "student", parents: tuple[Path, ...] = ()) -> Path:
    """A run of one file, in a sub-folder."""
    with new_run(out) as run:
        run.path("part").mkdir()
        run.path("part/model").write_text(content)
        run.card = ModelCard(stage, "tiny", labels=["a", "b"], seed=0, lineage=lineage_of(parents), **EMPTY)
    return out


def break_off(out: Path, error: BaseException) -> None:
    """A run that fails after its first bytes."""
    with new_run(out) as run:
        run.path("model").write_text("half")
        raise error


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything under a folder: contents of files, None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", "first")


def test_the_card_names_every_file(run: Path) -> None:
    card = load_card(run, "student")
    assert card.files == {"part/model": {"sha256": file_sha256(run / "part/model"), "bytes": len("first")}}
    assert list(run.parent.iterdir()) == [run]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_run_that_breaks_off_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        break_off(tmp_path / "deep" / "run", error())
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_run_without_a_card_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="needs a model card"), new_run(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_breaks_off_keeps_the_older_one(run: Path) -> None:
    before = tree(run.parent)
    with pytest.raises(ValueError, match="stop"):
        break_off(run, ValueError("stop"))
    assert tree(run.parent) == before


def test_the_older_run_stays_until_the_newer_is_complete(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(run)

    def full(path: Path) -> None:
        raise OSError(f"no space left for {path}")

    monkeypatch.setattr(artifact, "_sync", full)
    with pytest.raises(OSError, match="no space left"):
        write(run, "second")
    assert tree(run) == before
    assert list(run.parent.iterdir()) == [run]


def test_a_finished_run_replaces_the_older_one(run: Path) -> None:
    (run / "forgotten").write_text("of the older run")
    for rest in ("run.tmp", "run.old"):  # of a process that was killed
        (run.with_name(rest) / "part").mkdir(parents=True)
        (run.with_name(rest) / "stale").write_text("")
    write(run, "second")
    assert (run / "part/model").read_text() == "second"
    assert list(load_card(run).files) == ["part/model"]
    assert sorted(tree(run)) == sorted([CARD, "part", "part/model"])
    assert list(run.parent.iterdir()) == [run]


def test_a_kill_between_the_renames_loses_nothing(run: Path) -> None:
    before = tree(run.parent)
    run.rename(run.with_name("run.old"))
    with pytest.raises(ValueError, match="stop"):
        break_off(run, ValueError("stop"))
    assert tree(run.parent) == before


def test_a_link_to_an_older_run_stays_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    link = tmp_path / "here" / "link"
    link.symlink_to(run)
    write(link, "second")
    assert link.readlink() == run
    assert (run / "part/model").read_text() == "second"
    load_card(link)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "here", run]
    assert list((tmp_path / "here").iterdir()) == [link]


def test_an_empty_folder_becomes_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    load_card(write(tmp_path / "run", "first"))


@pytest.mark.parametrize("file", ["out", "out/notes.txt"])
def test_what_is_no_run_is_left_alone(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(UserError, match="not a run folder"):
        write(tmp_path / "out", "first")
    assert tree(tmp_path) == before


def edit(**changes: Any) -> Callable[[Path], None]:
    """Changes fields of a run's card; None removes one."""

    def change(run: Path) -> None:
        content = json.loads((run / CARD).read_text()) | changes
        (run / CARD).write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / CARD).unlink(), "no student run at .*`make student`"),
        (edit(stage="teacher"), "stage teacher, .*student is needed: `make student`"),
        (edit(format=2), "has format 2, this version reads 1"),
        (edit(format="1"), "has format 1, this version reads 1"),
        (edit(format=None), "not a model card .*format"),
        (edit(labels=None), "not a model card .*labels"),
        (edit(files=["part/model"]), "not a model card"),
        (edit(files={"part/model": {"bytes": 5}}), "not a model card .*sha256"),
        (edit(colour="red"), "not a model card .*colour"),
        (lambda run: (run / CARD).write_text("{"), "not a model card"),
        (lambda run: (run / CARD).write_text("[]"), "not a model card"),
        (lambda run: (run / "part/model").write_text("First"), "not the file its card describes.*`make student`"),
        (lambda run: (run / "part/model").unlink(), "part/model is missing.*`make student`"),
    ],
)
def test_a_run_that_cannot_be_trusted_is_refused(run: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(run)
    with pytest.raises(UserError) as refused:
        load_card(run, "student")
    assert re.search(message, str(refused.value))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("stages", "target"), [(["teacher"], "teacher"), (["qat"], "qat"), (["qat", "ptq"], "qat"), ([], "student")]
)
def test_a_missing_run_says_what_makes_it(tmp_path: Path, stages: list[str], target: str) -> None:
    with pytest.raises(UserError, match=f"`make {target}`"):
        load_card(tmp_path / "nowhere", *stages)


def test_a_run_is_of_one_of_the_stages_or_refused(tmp_path: Path) -> None:
    run = write(tmp_path / "run", "p", "ptq")
    assert load_card(run, "qat", "ptq").stage == "ptq"
    with pytest.raises(UserError, match="of the stage ptq, one of teacher or qat is needed"):
        load_card(run, "teacher", "qat")


def test_lineage_lists_ancestors_oldest_first_each_once(tmp_path: Path) -> None:
    teacher = write(tmp_path / "teacher", "t", "teacher")
    student = write(tmp_path / "student", "s", "student", (teacher,))
    qat = write(tmp_path / "qat", "q", "qat", (teacher, student))
    lineage = lineage_of([student, teacher, qat])
    assert [entry["stage"] for entry in lineage] == ["teacher", "student", "qat"]
    assert [entry["sha256"] for entry in lineage] == [file_sha256(run / CARD) for run in (teacher, student, qat)]
