"""Every training recipe is a whole, valid configuration of its command."""

from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser

import train
from tinyasc import mel, models
from train.student import train_student
from train.teacher import train_teacher

RECIPES = sorted((Path(train.__file__).parent / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_parses_and_names_a_network_that_fits_its_spectrograms(path):
    command = train_student if "distillation:" in path.read_text() else train_teacher
    parser = ArgumentParser(default_config_files=[str(path)])
    parser.add_function_arguments(command)
    parsed: Any = parser.instantiate_classes(parser.parse_args(["--data", "data.h5", "--out", "run"]))
    resolved = models.resolve(parsed.architecture, parsed.model)
    assert resolved.get("frames", 64) == mel.frames(parsed.mel, 32_000)
    assert parsed.fit.schedule.ramp_down_start + parsed.fit.schedule.ramp_down <= parsed.fit.epochs


def test_recipes_are_there():
    assert [path.stem for path in RECIPES] == ["cp_mobile", "passt_s", "student_demo", "teacher_demo"]
