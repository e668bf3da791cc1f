"""The learning rate of published schedules at some epochs, and beside torch's own schedulers."""

import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, LinearLR, LRScheduler

from tinyasc import recipe
from tinyasc.errors import UserError
from train.fit.config import Phase, check, factor
from train.schedule import draw, read, show

CP_MOBILE = [Phase("exponential", 14), Phase("hold", 36), Phase("linear", 84, to=0.005), Phase("hold")]
BASELINE_2024 = [Phase("linear", steps=2_000), Phase("cosine")]
TF_SEPNET = [Phase("cosine", 10, restarts=3, growth=2)]
ACDNET = [Phase("hold", 600), *(Phase("hold", 600, to=level) for level in (0.1, 0.01)), Phase("hold", to=0.001)]


@pytest.mark.parametrize(
    ("schedule", "epoch", "expected"),
    [
        (CP_MOBILE, 0, math.exp(-5 * (1 - 0.5 / 14) ** 2)),
        (CP_MOBILE, 0.5, math.exp(-5 * (1 - 0.5 / 14) ** 2)),
        (CP_MOBILE, 7, math.exp(-5 / 4)),
        (CP_MOBILE, 14, 1),
        (CP_MOBILE, 49.99, 1),
        (CP_MOBILE, 92, (1 + 0.005) / 2),
        (CP_MOBILE, 133.99, 0.005 + 0.995 * 0.01 / 84),
        (CP_MOBILE, 134, 0.005),
        (CP_MOBILE, 150, 0.005),
        (BASELINE_2024, 0, 0),
        (BASELINE_2024, 1_000 / 546, 0.5),
        (BASELINE_2024, 2_000 / 546, 1),
        (BASELINE_2024, (2_000 / 546 + 150) / 2, 0.5),
        (BASELINE_2024, 150, 0),
        (TF_SEPNET, 0, 1),
        (TF_SEPNET, 5, 0.5),
        (TF_SEPNET, 10, 1),
        (TF_SEPNET, 20, 0.5),
        (TF_SEPNET, 70, 1),
        (TF_SEPNET, 110, 0.5),
        (TF_SEPNET, 150, 0),
        (ACDNET, 599, 1),
        (ACDNET, 600, 0.1),
        (ACDNET, 1_799, 0.01),
        (ACDNET, 2_000, 0.001),
        ([], 3, 1),
        ([Phase("exponential", 0.4)], 0, 1),  # shorter than the half epoch at which it sets out
        ([Phase("exponential", 4, to=0.5)], 2, 0.5 * math.exp(-5 / 4)),
        ([Phase("hold", 0), Phase("linear", 4, to=0.2)], 2, 0.6),
        ([Phase("hold", 0, to=0.25), Phase("linear", 3)], 1, 0.5),
        ([Phase("linear", 1, to=0.5), Phase("cosine", 2, to=0.1)], 2, 0.3),
        ([Phase("linear", 1, to=0.5), Phase("cosine", 2, restarts=1)], 3, 0.5),  # anew from its own beginning
    ],
)
def test_factor(schedule: list[Phase], epoch: float, expected: float) -> None:
    check(schedule)
    assert factor(schedule, epoch, steps_per_epoch=546, epochs=150) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("schedule", "scheduler", "arguments", "epochs"),
    [
        ([Phase("linear", 7)], LinearLR, {"start_factor": 1e-12, "total_iters": 7}, 10),
        ([Phase("hold", 0, to=0.3), Phase("linear", 5)], LinearLR, {"start_factor": 0.3, "total_iters": 5}, 10),
        ([Phase("hold", 0), Phase("linear", 5, to=0.1)], LinearLR, {"start_factor": 1, "end_factor": 0.1}, 10),
        ([Phase("cosine")], CosineAnnealingLR, {"T_max": 12}, 12),
        ([Phase("cosine", 3, restarts=9)], CosineAnnealingWarmRestarts, {"T_0": 3}, 25),
        ([Phase("cosine", 2, restarts=3, growth=2)], CosineAnnealingWarmRestarts, {"T_0": 2, "T_mult": 2}, 29),
        (
            [Phase("cosine", 4, to=0.02, restarts=2, growth=3)],
            CosineAnnealingWarmRestarts,
            {"T_0": 4, "T_mult": 3, "eta_min": 0.02},
            51,
        ),
    ],
)
def test_as_torch_has_it(
    schedule: Sequence[Phase], scheduler: type[LRScheduler], arguments: dict[str, Any], epochs: int
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = scheduler(optimizer, **arguments)
    for epoch in range(epochs + 1):
        found = factor(schedule, epoch, steps_per_epoch=1, epochs=epochs)
        assert found == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9), f"epoch {epoch}"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*optimizer.step.*", category=UserWarning)
            reference.step()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"shape": "step", "epochs": 3}, "shape is 'step': take hold, linear, exponential, cosine"),
        ({"shape": "linear", "epochs": 3, "steps": 4}, "both epochs and steps"),
        ({"shape": "linear", "epochs": -1}, "epochs -1: take 0 or more"),
        ({"shape": "linear", "epochs": math.nan}, "epochs nan"),
        ({"shape": "cosine", "steps": -1}, "steps -1: take 0 or more"),
        ({"shape": "hold", "epochs": 3, "to": -0.1}, "to -0.1: take 0 or more"),
        ({"shape": "cosine", "epochs": 3, "restarts": -1}, "restarts is -1"),
        ({"shape": "cosine", "epochs": 3, "restarts": 1, "growth": 0}, "a growth above 0"),
        ({"shape": "linear", "epochs": 3, "restarts": 1}, "only a cosine"),
        ({"shape": "cosine", "epochs": 3, "growth": 2}, "growth is of restarts"),
        ({"shape": "cosine", "restarts": 1}, "needs the length of the first"),
    ],
)
def test_a_wrong_phase_is_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        Phase(**arguments)


def test_only_the_last_phase_may_leave_its_length_out() -> None:
    with pytest.raises(UserError, match=r"phase 2 of 3 \(hold\) has no length"):
        check([Phase("linear", 3), Phase("hold"), Phase("cosine")])


RECIPE = """
fit:
  epochs: 9
  batch_size: 256
  learning_rate: 4.0e-3
  weight_decay: 0.0
  schedule: [{shape: linear, steps: 546}, {shape: cosine, epochs: 2, restarts: 1, growth: 2.0}]
architecture: nothing here matters for a schedule
"""


def test_the_command_prints_the_rate_at_every_border_and_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path, picture = tmp_path / "recipe.yaml", tmp_path / "schedule.png"
    path.write_text(RECIPE)
    assert recipe.run(show, [str(path), "--plot", str(picture)]) == 0
    head, _, _, *rows = capsys.readouterr().out.splitlines()
    assert head.endswith("9 epochs of 546 steps (as on TAU's training split: 139,620 / 256)")
    assert [row.split() for row in rows[:4]] == [
        ["0", "..", "1", "linear", "0", "0.004"],
        ["1", "..", "3", "cosine", "0.004", "0"],
        ["3", "..", "7", "cosine", "0.004", "0"],
        ["7", "..", "9", "stays", "0", "0"],
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")
    fit, _ = read(path)
    linear, logarithmic = draw(fit, 546, "schedule").axes
    assert [text.get_text() for text in linear.texts] == ["linear", "cosine", "cosine"]
    assert (linear.get_yscale(), logarithmic.get_yscale()) == ("linear", "log")
    middle = np.asarray(linear.lines[0].get_xydata())[1_000]
    assert middle == pytest.approx((4.5, 0.004 * (1 + math.cos(math.pi * 1.5 / 4)) / 2))


@pytest.mark.parametrize(
    ("examples", "flags", "head"),
    [
        ("", ["--steps_per_epoch", "7"], "9 epochs of 7 steps (as given)"),
        ("examples: {windows_per_recording: 1}", [], "55 steps (as on TAU's training split: 13,962 / 256)"),
    ],
)
def test_the_steps_of_an_epoch_are_given_or_follow_from_the_recipe(
    examples: str, flags: list[str], head: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE + examples)
    assert recipe.run(show, [str(tmp_path / "recipe.yaml"), *flags]) == 0
    assert head in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no recipe"),
        ("a: [", "is no YAML file"),
        ("architecture: cp_mobile", "has no section fit"),
        (RECIPE.replace("linear", "step"), "recipe.yaml: .*step"),
        (RECIPE.replace("steps: 546", "to: 1"), "phase 1 of 2"),
    ],
)
def test_what_is_no_recipe_is_one_clear_line(
    content: str | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    if content is not None:
        (tmp_path / "recipe.yaml").write_text(content)
    assert recipe.run(show, [str(tmp_path / "recipe.yaml")]) == 1
    assert re.search(reason, capsys.readouterr().err)


def test_a_folder_is_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    assert recipe.run(show, [str(tmp_path / "recipe.yaml"), "--plot", str(tmp_path)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "is a folder: name the file to write" in error


@pytest.mark.parametrize("rate", ["1e38", ".inf", ".nan", "0"])
def test_rates_that_are_none_are_refused(rate: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("4.0e-3", rate))
    assert recipe.run(show, [str(tmp_path / "recipe.yaml")]) == 1
    assert "learning_rate" in capsys.readouterr().err
