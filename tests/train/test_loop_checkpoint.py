"""Checkpoints: whole or refused, and the one before is always there."""

import os
from pathlib import Path

import pytest
import torch

from tinyasc.errors import UserError
from train.fit.checkpoint import Checkpoints


def saved(folder: Path, *numbers: int) -> Checkpoints:
    checkpoints = Checkpoints(folder)
    for number in numbers:
        checkpoints.save({"number": number, "tensor": torch.full((50,), float(number))})
    return checkpoints


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def test_what_was_saved_last_is_read(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "new").load() is None
    state = saved(tmp_path, 1, 2, 3).load()
    assert state is not None
    assert state["number"] == 3
    assert torch.equal(state["tensor"], torch.full((50,), 3.0))


@pytest.mark.parametrize("place", [0.0, 0.03, 0.5, 1.0])
def test_one_wrong_bit_anywhere_and_the_one_before_is_read(
    tmp_path: Path, place: float, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    flip(checkpoints.newest, place)
    state = checkpoints.load()
    assert state is not None
    assert state["number"] == 1
    assert capsys.readouterr().out.count("checkpoint.pt is damaged") == 1
    flip(checkpoints.before, place)
    with pytest.raises(UserError, match="remove that folder to start over"):
        checkpoints.load()


def test_what_is_damaged_does_not_take_the_place_of_the_one_before(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    flip(checkpoints.newest, 0.5)
    checkpoints.load()
    checkpoints.save({"number": 3})
    flip(checkpoints.newest, 0.5)
    state = checkpoints.load()
    assert state is not None
    assert state["number"] == 1


@pytest.mark.parametrize(("nth", "newest"), [(1, 2), (2, 3), (3, 3)])
def test_stopped_amid_a_save_the_newest_whole_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int, newest: int
) -> None:
    checkpoints, replace, calls = saved(tmp_path, 1, 2), os.replace, []

    def stopped(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == nth:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save({"number": 3})
    monkeypatch.undo()
    later = Checkpoints(tmp_path)
    state = later.load()
    assert state is not None
    assert state["number"] == newest
    later.save({"number": 4})
    flip(later.newest, 0.5)
    state = later.load()
    assert state is not None
    assert state["number"] == newest  # it is the one before
    assert not (tmp_path / "checkpoint.new").exists()
