"""Every recipe is a whole, valid configuration of its command."""

from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser

from compress.qat import train_qat
from tinyasc import front_end, models
from tinyasc.mel import MEL_CONFIGS
from train.schedule import stretches
from train.student import train_student
from train.teacher import train_teacher

ROOT = Path(__file__).parent.parent
RECIPES = {
    "train/recipes/teacher_demo.yaml": train_teacher,
    "train/recipes/passt_s.yaml": train_teacher,
    "train/recipes/student_demo.yaml": train_student,
    "train/recipes/cp_mobile.yaml": train_student,
    "compress/recipes/qat_demo.yaml": train_qat,
}


def parsed(path: str) -> Any:
    parser = ArgumentParser(default_config_files=[str(ROOT / path)])
    parser.add_function_arguments(RECIPES[path])
    given = ["--data", "data.h5", "--out", "run", *(["--model", "run"] if RECIPES[path] is train_qat else [])]
    return parser.instantiate(parser.parse_args(given))


@pytest.mark.parametrize("path", RECIPES)
def test_recipe_parses_and_its_schedule_fits_its_epochs(path: str) -> None:
    fit = parsed(path).fit
    assert all(stretch.end <= fit.epochs for stretch in stretches(fit.schedule, 546, fit.epochs))


@pytest.mark.parametrize("path", [path for path in RECIPES if path.startswith("train/")])
def test_recipe_names_a_network_that_fits_its_spectrograms(path: str) -> None:
    recipe = parsed(path)
    resolved = models.resolve(recipe.architecture, recipe.model)
    assert resolved.get("frames", 64) == front_end.shape(recipe.mel, 32_000)[1]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train/recipes/cp_mobile.yaml", "cp_mobile"),
        ("train/recipes/student_demo.yaml", "cp_mobile"),
        ("train/recipes/passt_s.yaml", "passt_2023"),
        ("train/recipes/teacher_demo.yaml", "passt"),
    ],
)
def test_recipe_has_the_front_end_that_its_comment_names(path: str, name: str) -> None:
    assert parsed(path).mel == MEL_CONFIGS[name]


def test_ranges_are_frozen_before_quantized_training_ends() -> None:
    recipe = parsed("compress/recipes/qat_demo.yaml")
    assert 0 < recipe.observe_epochs < recipe.fit.epochs


def test_every_recipe_is_tested() -> None:
    assert sorted(RECIPES) == sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/recipes/*.yaml"))
