"""The picture of histories: which panels it has, in whose colours, and that it is written whole."""

from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tinyasc import drawing
from train.fit import history

ALONE = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.2, "learning_rate": 1e-3, "clips_per_second": 90.0, "seconds": 3.0},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.6, "learning_rate": 5e-4, "clips_per_second": 95.0, "seconds": 3.0},
]
WITH_PARTS = [{**row, "loss_hard": 0.5, "loss_distillation": 0.7} for row in ALONE]
WITH_VALIDATION = [{**row, "validation_accuracy": 0.4, "validation_log_loss": 1.9} for row in ALONE]


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures that were written, in place of files."""
    figures: list[Figure] = []
    monkeypatch.setattr(drawing, "write", lambda figure, path: figures.append(figure))
    return figures


@pytest.mark.parametrize(
    ("histories", "titles"),
    [
        ({"one": ALONE}, ["Loss", "Accuracy", "Learning rate", "Clips per second"]),
        (
            {"one": ALONE, "two": WITH_PARTS},
            ["Loss", "Loss: hard", "Loss: distillation", "Accuracy", "Learning rate", "Clips per second"],
        ),
        (
            {"one": WITH_VALIDATION},
            ["Loss", "Log loss, validation", "Accuracy", "Learning rate", "Clips per second"],
        ),
    ],
    ids=["alone", "parts", "validation"],
)
def test_a_panel_for_all_that_some_run_has(drawn, histories, titles):
    history.draw_curves(histories, Path("unused"))
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == titles
    loss = drawn[0].axes[0].lines
    assert [line.get_xydata().tolist() for line in loss] == [[[1, 2], [2, 1]]] * len(histories)


def test_one_colour_a_run_or_a_group(drawn):
    runs = {f"{kind}-{seed}": ALONE for kind in ("kd", "alone") for seed in range(6)}
    history.draw_curves(runs, Path("unused"))
    history.draw_curves(runs, Path("unused"), {name: name[:-2] for name in runs})
    for figure, names, count in [(drawn[0], list(runs), 12), (drawn[1], ["kd", "alone"], 2)]:
        assert [text.get_text() for text in figure.legends[0].get_texts()] == names
        assert len({to_hex(line.get_color()) for line in figure.axes[0].lines}) == count


def test_values_that_are_no_numbers_leave_a_gap_and_no_epoch_no_picture(drawn):
    history.draw_curves({"stopped": [], "broken": [{**ALONE[0], "loss": float("nan")}, ALONE[1]]}, Path("unused"))
    assert [line.get_xydata().tolist() for line in drawn[0].axes[0].lines] == [[[2, 1]]]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["broken"]
    history.draw_curves({"stopped": []}, Path("unused"))
    assert len(drawn) == 1


def test_totals_of_different_objectives_have_no_panel(drawn):
    history.draw_curves({"one": ALONE, "two": WITH_PARTS}, Path("unused"), total=False)
    assert [axes.get_title(loc="left") for axes in drawn[0].axes][:3] == [
        "Loss: hard",
        "Loss: distillation",
        "Accuracy",
    ]


def test_written_whole_the_same_bytes_and_no_trace_in_pyplot(tmp_path):
    before = dict(mpl.rcParams)
    for name in ("first", "second"):
        history.draw_curves({"one": WITH_PARTS}, tmp_path / name / "curves.png")
    first, second = (tmp_path / name / "curves.png" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.rglob("*.*")] == ["curves.png"] * 2
    assert dict(mpl.rcParams) == before
