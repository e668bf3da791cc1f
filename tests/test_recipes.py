"""Every recipe is a whole, valid configuration of its command, with the figures that its source published.

The figures are written out here as they stand in the sources named by each recipe's first line; where a recipe takes
another one, its own comment says why.
"""

import csv
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import ArgumentParser

from compress.prune import prune_student
from compress.ptq.__main__ import quantize_trained
from compress.ptq.calibrate import PtqConfig
from compress.qat import train_qat
from tests.support import tiny_data
from tinyasc import front_end, models, recipe
from tinyasc.dcase import LIMITS
from tinyasc.models import MEL_CONFIGS, SIZES
from train.fit.config import Phase, factor, stretches
from train.student import train_student
from train.teacher import train_teacher

ROOT = Path(__file__).parent.parent
PTQ = "compress/recipes/ptq.yaml"  # the one that trains nothing
RECIPES = sorted({str(path.relative_to(ROOT)) for path in ROOT.glob("*/recipes/**/*.yaml")} - {PTQ})
FULL = [path for path in RECIPES if path.startswith("train/") and "/demo/" not in path]
DEMOS = [path for path in RECIPES if path.startswith("train/") and "/demo/" in path]

# The published size, its parameters, and the front end of each network.
NETWORKS = {
    "acdnet": ("acdnet", 4_712_378, None),
    "baseline_2024": ("baseline_2024", 61_148, "baseline_2024"),
    "cp_mobile": ("cp_mobile", 126_952, "cp_mobile"),
    "cp_mobile_s1": ("cp_mobile_s1", 6_086, "cp_mobile"),
    "cp_mobile_s2": ("cp_mobile_s2", 12_892, "cp_mobile"),
    "cp_mobile_s3": ("cp_mobile_s3", 31_058, "cp_mobile"),
    "cp_mobile_s4": ("cp_mobile_s4", 55_464, "cp_mobile"),
    "cp_resnet_freq_damp_teacher": ("cp_resnet_base128", 2_376_292, "cp_resnet"),  # damping has no parameters
    "cp_resnet_student": ("cp_resnet_2022", 127_684, "cp_resnet_2022"),
    "cp_resnet_teacher": ("cp_resnet_2023_teacher", 127_684, "cp_resnet"),
    "cpjku_passt": ("passt_s", 85_290_260, "passt_2023"),
    "mobileast_light": ("mobileast_light2_silu", 47_520, "mobileast_light"),
    "seed_passt": ("passt_s", 85_290_260, "seed_passt"),
    "tf_sepnet": ("tf_sepnet_64", 126_858, "tf_sepnet"),
}

DEVICE_RESPONSES = {"impulse_response_device": "a", "f_max_range": 1_000, "frequency_mask": 48}
CP_RESNET_TEACHER = {
    "fit": {"epochs": 150, "batch_size": 256, "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 1e-3},
    "augmentation": DEVICE_RESPONSES
    | {"impulse_response_probability": 0.4, "time_roll": 4_000, "mixstyle_probability": 0.8, "mixstyle_alpha": 0.4},
    "schedule": {15: 1, 50: 1, 92.5: (1 + 0.005) / 2, 135: 0.005, 150: 0.005},
}
CP_MOBILE = {
    "fit": {"epochs": 150, "batch_size": 256, "optimizer": "adam", "learning_rate": 9e-4, "weight_decay": 1e-4},
    "augmentation": DEVICE_RESPONSES
    | {"impulse_response_probability": 0.6, "time_roll": 4_000, "mixstyle_probability": 0.4, "mixstyle_alpha": 0.3},
    "distillation": {"kind": "kd", "temperature": 2, "hard_weight": 0.02, "reduction": "mean_over_elements"},
    "schedule": {0: math.exp(-5 * (1 - 0.5 / 14) ** 2), 14: 1, 50: 1, 92: (1 + 0.005) / 2, 134: 0.005, 150: 0.005},
}
SEED_MIXES = {"mixup_alpha": 0.3, "mixstyle_probability": 0.6, "mixstyle_alpha": 0.3, "impulse_response_probability": 0}
PUBLISHED: dict[str, dict[str, dict[Any, Any]]] = {
    "train/recipes/acdnet.yaml": {
        "fit": {"epochs": 2_000, "batch_size": 64, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 5e-4},
        "augmentation": {"gain": 6, "mixup_alpha": 1, "mixstyle_probability": 0},
        "schedule": {0: 0.1, 9: 0.1, 10: 1, 599: 1, 600: 0.1, 1_200: 0.01, 1_800: 0.001, 2_000: 0.001},
    },
    "train/recipes/baseline_2024.yaml": {
        "fit": {"epochs": 150, "batch_size": 256, "optimizer": "adamw", "learning_rate": 5e-3, "weight_decay": 1e-4},
        "augmentation": {"time_roll": 3_200, "frequency_mask": 48, "mixstyle_probability": 0.4, "mixstyle_alpha": 0.3},
        "schedule": {0: 0, 1_000 / 546: 0.5, 2_000 / 546: 1, (2_000 / 546 + 150) / 2: 0.5, 150: 0},
    },
    **{f"train/recipes/{name}.yaml": CP_MOBILE for name in NETWORKS if name.startswith("cp_mobile")},
    "train/recipes/cp_resnet_teacher.yaml": CP_RESNET_TEACHER,
    "train/recipes/cp_resnet_freq_damp_teacher.yaml": CP_RESNET_TEACHER | {"model": {"frequency_damping": 0.01}},
    "train/recipes/cp_resnet_student.yaml": {
        "fit": {"epochs": 750, "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3},
        "augmentation": {"mixstyle_probability": 0.6, "mixstyle_alpha": 0.3, "frequency_mask": 0, "mixup_alpha": 0},
        "distillation": {"kind": "kd", "temperature": 1, "reduction": "mean_over_elements", "source": "live"},
        "examples": {"windows_per_recording": 1},
        "schedule": {100: 1, 250: 1, 450: (1 + 0.005) / 2, 650: 0.005, 750: 0.005},
    },
    "train/recipes/cpjku_passt.yaml": {
        "fit": {"epochs": 25, "batch_size": 80, "optimizer": "adam", "learning_rate": 1e-5, "weight_decay": 1e-3},
        "augmentation": DEVICE_RESPONSES
        | {"impulse_response_probability": 0.6, "time_roll": 10_000, "time_mask": 20, "mixstyle_probability": 0.4}
        | {"mixstyle_alpha": 0.4},
        "model": {"s_patchout_f": 6, "s_patchout_t": 0},
        "schedule": {3: 1, 8: (1 + 0.01) / 2, 13: 0.01, 25: 0.01},
    },
    "train/recipes/mobileast_light.yaml": {
        "fit": {"epochs": 600, "optimizer": "adam", "learning_rate": 1e-3},
        "augmentation": SEED_MIXES,
        "distillation": {"kind": "dkd", "temperature": 2, "target_weight": 1, "non_target_weight": 8},
        "schedule": {30: 1, 430: 0.01, 600: 0.01},
    },
    "train/recipes/seed_passt.yaml": {
        "fit": {"epochs": 250, "optimizer": "adamw", "learning_rate": 1e-5, "weight_decay": 1e-3},
        "augmentation": SEED_MIXES | {"frequency_mask": 48, "time_mask": 20},
        "model": {"s_patchout_f": 6},
        "examples": {"windows_per_recording": 1},
        "schedule": {0: 0, 15: 0.5, 30: 1, 140: (1 + 0.01) / 2, 250: 0.01},
    },
    "train/recipes/tf_sepnet.yaml": {
        "fit": {"epochs": 150, "batch_size": 256, "optimizer": "adam", "learning_rate": 4e-3},
        "augmentation": {"impulse_response_probability": 0.4, "impulse_response_device": "a", "mixup_alpha": 0.3}
        | {"mixstyle_probability": 0.8, "mixstyle_alpha": 0.4},
        "distillation": {"kind": "kd", "temperature": 2, "hard_weight": 0.02, "reduction": "mean_over_elements"},
        "schedule": {0: 1, 5: 0.5, 10: 1, 20: 0.5, 30: 1, 50: 0.5, 70: 1, 110: 0.5, 150: 0},
    },
    "compress/recipes/cp_mobile_qat.yaml": {
        "fit": {"epochs": 20, "batch_size": 256, "optimizer": "adam", "learning_rate": 5e-5, "weight_decay": 1e-4},
        "augmentation": CP_MOBILE["augmentation"],
        "distillation": CP_MOBILE["distillation"],
        "schedule": {0: 1, 1: 1, 9: (1 + 0.1) / 2, 17: 0.1, 20: 0.1},
    },
}

# Demo -> the recipe that it is a small form of, where that has another name.
SIBLINGS = {"teacher": "cpjku_passt", "student": "cp_mobile"} | dict.fromkeys(
    ("student_dkd", "student_adversarial"), "cp_mobile"
)


def command(path: str) -> Any:
    """The training command that a recipe is of, by the section that it alone has."""
    sections = yaml.safe_load((ROOT / path).read_text())
    own = {"label_smoothing": train_teacher, "observe_epochs": train_qat, "pruning": prune_student}
    return next((run for section, run in own.items() if section in sections), train_student)


@cache
def parsed(path: str) -> Any:
    parser = ArgumentParser(default_config_files=[str(ROOT / path)])
    parser.add_function_arguments(command(path))
    given = ["--data", "data.h5", "--out", "run", *(["--model", "run"] if path.startswith("compress/") else [])]
    return parser.instantiate(parser.parse_args(given))


@cache
def parameters(size: str) -> int:
    network = models.build(SIZES[size].architecture, SIZES[size].config, SIZES[size].n_classes)
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("path", RECIPES)
def test_recipe_parses_and_its_schedule_ends_with_its_epochs(path: str) -> None:
    fit = parsed(path).fit
    assert max(stretch.end for stretch in stretches(fit.schedule, 546, fit.epochs)) == pytest.approx(fit.epochs)


@pytest.mark.parametrize("path", FULL + DEMOS)
def test_recipe_names_a_network_that_fits_its_spectrograms(path: str) -> None:
    one = parsed(path)
    resolved = models.resolve(one.architecture, one.model)
    models.check_front_end(one.architecture, one.mel)
    assert resolved.get("frames", front_end.shape(one.mel, 32_000)[1]) == front_end.shape(one.mel, 32_000)[1]


@pytest.mark.parametrize("path", FULL)
def test_recipe_has_a_published_network_and_front_end(path: str) -> None:
    one = parsed(path)
    size, count, mel = NETWORKS[Path(path).stem]
    published = models.resolve(SIZES[size].architecture, SIZES[size].config)
    own = models.resolve(one.architecture, one.model)
    if Path(path).stem == "cp_resnet_freq_damp_teacher":
        published["frequency_damping"] = 0.01
    assert (one.architecture, own) == (SIZES[size].architecture, published)
    assert parameters(size) == count
    assert f"model:  # {count:,} parameters\n" in (ROOT / path).read_text()
    assert one.mel == (None if mel is None else MEL_CONFIGS[mel])


@pytest.mark.parametrize("path", [*FULL, "compress/recipes/cp_mobile_qat.yaml"])
def test_recipe_has_the_published_figures(path: str) -> None:
    one = parsed(path)
    for section, figures in PUBLISHED[path].items():
        if section == "schedule":
            found = {epoch: factor(one.fit.schedule, epoch, 546, one.fit.epochs) for epoch in figures}
        elif section == "model":
            found = {name: one.model[name] for name in figures}
        else:
            found = {name: getattr(one[section], name) for name in figures}
        assert found == {
            name: pytest.approx(value) if isinstance(value, float) else value for name, value in figures.items()
        }


@pytest.mark.parametrize(
    ("path", "labels", "teacher", "weight_decay"),
    [("train/recipes/cp_resnet_student.yaml", 1, 50, 1e-3), ("train/recipes/mobileast_light.yaml", 1, 1, 1e-3)],
)
def test_weights_that_do_not_sum_to_one_are_kept_in_proportion(
    path: str, labels: float, teacher: float, weight_decay: float
) -> None:
    one = parsed(path)
    assert one.distillation.hard_weight / (1 - one.distillation.hard_weight) == pytest.approx(
        labels / teacher, rel=1e-2
    )
    # Adam adds the penalty to the gradient, so it has to shrink with the loss.
    assert one.fit.weight_decay == pytest.approx(weight_decay / (labels + teacher), rel=1e-2)


@pytest.mark.parametrize("flag", [["--schedule", "[{shape: cosine}]"], ["--schedule=[ {shape: cosine}]"]])
def test_a_schedule_given_as_a_flag_replaces_the_whole_of_the_recipes(flag: list[str], tmp_path: Path) -> None:
    """jsonargparse fills what items of a list leave out from the items of the recipe, where there are as many."""
    (tmp_path / "recipe.yaml").write_text("schedule: [{shape: cosine, epochs: 10, restarts: 3}]")
    given: list[Phase] = []

    def command(*, schedule: list[Phase]) -> None:
        given.extend(schedule)

    assert recipe.run(command, ["--config", str(tmp_path / "recipe.yaml"), *flag]) == 0
    assert given == [Phase(shape="cosine")]


@pytest.mark.parametrize("path", [path for path in RECIPES if "qat" in path])
def test_ranges_are_frozen_before_quantized_training_ends(path: str) -> None:
    one = parsed(path)
    assert 0 < one.observe_epochs < one.fit.epochs
    assert path != "compress/recipes/cp_mobile_qat.yaml" or one.fit.epochs - one.observe_epochs == 4


@pytest.mark.parametrize("path", [path for path in RECIPES if "prune" in path])
def test_pruning_aims_at_the_limits_and_trains_longest_at_the_end(path: str) -> None:
    one = parsed(path)
    assert (one.pruning.parameters, one.pruning.macs) == (LIMITS[2025].parameter_bytes, LIMITS[2025].macs)
    ends = [stretch.end for stretch in stretches(one.round_fit.schedule, 546, one.round_fit.epochs)]
    assert max(ends) == one.round_fit.epochs < one.fit.epochs


def test_the_recipe_of_post_training_quantization_is_its_defaults() -> None:
    parser = ArgumentParser(default_config_files=[str(ROOT / PTQ)])
    parser.add_function_arguments(quantize_trained)
    one = parser.instantiate(parser.parse_args(["--model", "run", "--data", "data.h5", "--out", "run"]))
    assert one.ptq == PtqConfig()


@pytest.mark.parametrize("path", DEMOS)
def test_demo_is_a_small_form_of_a_full_recipe(path: str) -> None:
    name = Path(path).stem
    full = f"train/recipes/{SIBLINGS.get(name, name)}.yaml"
    demo, sibling = parsed(path), parsed(full)
    assert command(path) is command(full)
    assert demo.architecture.removesuffix("_s") == sibling.architecture.removesuffix("_s")
    assert demo.fit.optimizer == sibling.fit.optimizer
    assert bool(demo.examples.windows_per_recording) == bool(sibling.examples.windows_per_recording)
    assert demo.augmentation.mixup_alpha == sibling.augmentation.mixup_alpha
    assert demo.augmentation.mixstyle == sibling.augmentation.mixstyle
    assert demo.fit.epochs * max(1, demo.examples.windows_per_recording) <= sibling.fit.epochs
    if command(path) is train_student:
        kind = "dkd" if name == "student_dkd" else sibling.distillation.kind
        assert (demo.distillation.kind, demo.distillation.source) == (kind, sibling.distillation.source)
        assert bool(demo.adversarial.weight) == (name == "student_adversarial")


def test_every_full_recipe_has_a_demo() -> None:
    shown = {SIBLINGS.get(Path(path).stem, Path(path).stem) for path in DEMOS}
    assert {Path(path).stem for path in FULL} - {f"cp_mobile_s{size}" for size in range(1, 5)} == shown


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with data.h5 and `teacher`, a run of the demo's teacher."""
    folder = tmp_path_factory.mktemp("recipes")
    tiny_data.write(folder, train_devices="ab")
    train("train/recipes/demo/teacher.yaml", folder)
    return folder


def train(path: str, folder: Path, *more: str) -> list[dict[str, str]]:
    """The history of a recipe after an epoch on the tiny data set."""
    out = folder / Path(path).stem
    given = ["--config", str(ROOT / path), "--data", str(folder / "data.h5"), "--out", str(out)]
    shorter = ["--fit.epochs", "1", "--compute.device", "cpu", "--compute.threads", "1"]
    if parsed(path).examples.windows_per_recording:
        shorter += ["--examples.windows_per_recording", "1"]
    assert recipe.run(command(path), [*given, *shorter, *more]) == 0
    with (out / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", [path for path in DEMOS if not path.endswith("/teacher.yaml")])
def test_demo_trains(path: str, trained: Path) -> None:
    distilled = command(path) is train_student and Path(path).stem not in ("acdnet", "baseline_2024")
    (row,) = train(path, trained, *(["--teacher", str(trained / "teacher")] if distilled else []))
    assert 0 < float(row["loss"]) < math.inf
    assert ("loss_teacher" in row) == distilled
    assert ("loss_devices" in row) == ("adversarial" in path)
