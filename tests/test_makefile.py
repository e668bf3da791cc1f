"""What `make` runs and what it leaves alone: the real Makefile over a stand-in for python that writes empty results."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"
MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")

# Logs its arguments and makes the file that the stage would have made.
PYTHON = """#!/bin/sh
echo "$*" >> log
module=$2
while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
case $module in
    tinyasc.scenes) file=$out/meta.csv ;;
    tinyasc.prepare) file=$out ;;
    bench) file=$out/report.json ;;
    *) file=$out/model_card.json ;;
esac
mkdir -p "$(dirname "$file")" && echo made > "$file"
"""
RECIPES = {
    "teacher": "train/recipes/demo/teacher.yaml",
    "student": "train/recipes/demo/student.yaml",
    "qat": "compress/recipes/qat_demo.yaml",
    "ptq": "compress/recipes/ptq.yaml",
}
MODULES = {
    "data": "tinyasc.prepare",
    "teacher": "train.teacher",
    "student": "train.student",
    "qat": "compress.qat",
    "export": "export",
    "bench": "bench",
    "ptq": "compress.ptq",
}
LINE = [module for stage, module in MODULES.items() if stage != "ptq"]


class Workplace:
    """A folder with the Makefile, the recipes, an environment that is ready, and the stand-in."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copy(MAKEFILE, folder)
        (folder / "python").write_text(PYTHON)
        (folder / "python").chmod(0o755)
        for name in ("own.yaml", "tau/meta.csv", "tau/evaluation_setup/fold1_train.csv", *RECIPES.values()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

    def call(self, *arguments: str) -> tuple[int, list[str], str]:
        """Exit code of a `make`, the commands it ran, and what it said."""
        (self.folder / "log").write_text("")
        # `make test` hands its own variables down in the environment: they are not for this make.
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        command = [str(MAKE), "-o", ".venv/.ready", "PY=./python", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        commands = [line.removeprefix("-m ") for line in (self.folder / "log").read_text().splitlines()]
        return done.returncode, commands, done.stdout + done.stderr

    def commands(self, *arguments: str) -> list[str]:
        """The commands that a successful `make` ran."""
        code, commands, said = self.call(*arguments)
        assert code == 0, said
        return commands

    def modules(self, *arguments: str) -> list[str]:
        """Their modules."""
        return [command.split()[0] for command in self.commands(*arguments)]

    def touch(self, name: str) -> None:
        """Makes one file newer than all others, which keep their order."""
        for path in self.folder.rglob("*"):
            time = path.stat().st_mtime_ns - 60 * 10**9
            os.utime(path, ns=(time, time))
        os.utime(self.folder / name)


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def made(workplace: Workplace) -> Workplace:
    """After a first `make`."""
    workplace.commands()
    return workplace


@pytest.mark.parametrize("goal", [[], ["demo"]])
def test_demo_is_the_whole_line_in_order_and_once(workplace: Workplace, goal: list[str]) -> None:
    assert workplace.modules(*goal) == ["tinyasc.scenes", *LINE]
    assert workplace.modules(*goal) == []


@pytest.mark.parametrize("stage", MODULES)
def test_a_stage_makes_itself_alone(workplace: Workplace, stage: str) -> None:
    scenes = ["tinyasc.scenes"] if stage == "data" else []
    assert workplace.modules(stage) == [*scenes, MODULES[stage]]
    assert "is up to date" in workplace.call(stage)[2]
    assert workplace.modules(stage) == []


def test_what_was_quantized_without_training_is_exported_when_it_is_asked_for(made: Workplace) -> None:
    (ptq,) = made.commands("ptq")
    assert ptq.startswith("compress.ptq --config compress/recipes/ptq.yaml --model runs/student ")
    (export,) = made.commands("export", "QUANTIZED=ptq")
    assert export == "export --model runs/ptq --out runs/export"
    assert made.modules("export", "QUANTIZED=ptq") == []
    code, _, said = made.call("export")
    assert code == 2
    assert "was made with QUANTIZED" in said


def test_every_path_follows_runs(workplace: Workplace) -> None:
    commands = workplace.commands("RUNS=deep/er")
    assert len(commands) == 1 + len(LINE)
    assert all("deep/er/" in command and "runs" not in command for command in commands)
    assert not (workplace.folder / "runs").exists()


@pytest.mark.parametrize(
    ("touched", "first"),
    [
        ("runs/scenes/meta.csv", "data"),
        ("runs/data.h5", "teacher"),
        (RECIPES["teacher"], "teacher"),
        ("runs/teacher/model_card.json", "student"),
        (RECIPES["student"], "student"),
        ("runs/student/model_card.json", "qat"),
        (RECIPES["qat"], "qat"),
        ("runs/qat/model_card.json", "export"),
        ("runs/export/model_card.json", "bench"),
    ],
)
def test_a_newer_input_makes_what_follows_from_it(made: Workplace, touched: str, first: str) -> None:
    made.touch(touched)
    assert made.modules("demo") == LINE[LINE.index(MODULES[first]) :]
    made.touch(touched)
    assert made.modules(first) == [MODULES[first]]


@pytest.mark.parametrize("stage", RECIPES)
def test_a_recipe_goes_to_its_stage_and_makes_it_again(made: Workplace, stage: str) -> None:
    (command,) = made.commands(stage, "RECIPE=own.yaml")
    assert command.startswith(f"{MODULES[stage]} --config own.yaml ")
    assert made.modules(stage, "RECIPE=own.yaml") == []
    made.touch("own.yaml")
    assert made.modules(stage, "RECIPE=own.yaml") == [MODULES[stage]]


def test_a_target_is_measured_whenever_it_is_asked_for(made: Workplace) -> None:
    for _ in range(2):
        (command,) = made.commands("bench", "TARGET=ssh:pi@pi.local", "ARGS=--keep")
        assert command.endswith("--out runs/bench --target ssh:pi@pi.local --keep")
    assert made.modules("bench") == []  # the report of this machine is as it was
    made.touch("runs/qat/model_card.json")
    assert made.modules("export", "bench", "TARGET=pi4") == ["export", "bench"]


def test_flags_go_to_their_stage_and_make_it_again(made: Workplace) -> None:
    flags = """ARGS=--note "it's 5, %s \\$$HOME" --seed 1"""
    (command,) = made.commands("student", flags)
    assert command.endswith("--out runs/student --note it's 5, %s $HOME --seed 1")
    assert made.modules("student", flags) == []
    assert made.modules("student", flags + "2") == ["train.student"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RECIPE=own.yaml"], "RECIPE is the recipe of one stage"),
        (["teacher", "student", "RECIPE=own.yaml"], "RECIPE is the recipe of one stage"),
        (["export", "RECIPE=own.yaml"], "RECIPE is the recipe of one stage"),
        (["ARGS=--seed 1"], "ARGS are flags of one stage"),
        (["export", "bench", "ARGS=--seed 1"], "ARGS are flags of one stage"),
        (["export", "TARGET=pi4"], "TARGET is where bench measures"),
    ],
)
def test_variables_of_one_stage_are_refused_for_more(workplace: Workplace, arguments: list[str], message: str) -> None:
    code, commands, said = workplace.call(*arguments)
    assert (code, commands) == (2, [])
    assert message in said


def test_tau_is_read_where_it_lies(workplace: Workplace) -> None:
    tau = f"TAU={workplace.folder}/tau"
    assert workplace.modules("demo", tau) == LINE
    assert not (workplace.folder / "runs/scenes").exists()
    assert workplace.commands("demo", tau) == []
    workplace.touch("tau/evaluation_setup/fold1_train.csv")
    assert workplace.commands("data", tau) == [f"tinyasc.prepare --root {workplace.folder}/tau --out runs/data.h5"]


@pytest.mark.parametrize(
    ("stage", "own"),
    [
        ("data", "TAU=tau"),
        ("teacher", "RECIPE=own.yaml"),
        ("student", "RECIPE=own.yaml"),
        ("qat", "ARGS=--note it\\'s"),
        ("bench", "ARGS=--target own"),
    ],
)
def test_a_run_of_your_own_is_not_replaced_because_a_variable_was_left_out(
    made: Workplace, stage: str, own: str
) -> None:
    assert made.modules(stage, own) == [MODULES[stage]]
    for goal in (stage, "demo", stage):
        code, commands, said = made.call(goal)
        assert code == 2
        assert MODULES[stage] not in [command.split()[0] for command in commands]
        name, value = own.split("=")
        assert f"was made with {name}, which is not given now" in said
        (old,) = [line for line in said.splitlines() if line.startswith("  ")]
        assert MODULES[stage] in old
        assert value in old
        assert all(way in said for way in ("Give it again", "another RUNS", "REPLACE=yes"))
    assert made.modules(stage, own) == []
    assert made.modules(stage, "RUNS=other")[-1] == MODULES[stage]
    assert made.modules(stage, "REPLACE=yes") == [MODULES[stage]]
    assert made.modules(stage) == []


@pytest.mark.parametrize(
    ("stage", "own", "other"),
    [
        ("data", "TAU=tau", "ARGS=--processes 2"),
        ("student", "RECIPE=own.yaml", "ARGS=--seed 1"),
        ("student", "DATA=own.h5", "RECIPE=own.yaml"),
    ],
)
def test_one_variable_does_not_stand_for_another(made: Workplace, stage: str, own: str, other: str) -> None:
    assert made.modules(stage, own) == [MODULES[stage]]
    code, _, said = made.call(stage, other)
    assert code == 2
    assert f"was made with {own.split('=', maxsplit=1)[0]}" in said
    assert made.modules(stage, own, other) == [MODULES[stage]]


def test_a_stage_that_failed_leaves_the_older_run_to_its_own_command(made: Workplace) -> None:
    (made.folder / "false").write_text("#!/bin/sh\nexit 1\n")
    (made.folder / "false").chmod(0o755)
    assert made.call("student", "RECIPE=own.yaml", "PY=./false")[0] == 2
    assert made.modules("student") == []
    assert made.modules("student", "RECIPE=own.yaml") == [MODULES["student"]]


def test_a_stage_that_was_interrupted_goes_on_with_its_command_or_is_forgotten(made: Workplace) -> None:
    for again, expected in ((["RECIPE=own.yaml"], [MODULES["student"]]), ([], [])):
        made.commands("student", "REPLACE=yes")
        (made.folder / "killed").write_text("#!/bin/sh\nkill -9 $PPID\n")  # the shell of the recipe, as by Ctrl-C
        (made.folder / "killed").chmod(0o755)
        assert made.call("student", "RECIPE=own.yaml", "PY=./killed")[0] == 2
        assert (made.folder / "runs/.student.flags.old").exists()
        assert made.modules("student", *again) == expected


def test_a_slash_behind_runs_is_the_same_folder(made: Workplace) -> None:
    assert made.modules("RUNS=runs/") == []


def test_later_stages_go_on_from_a_run_of_your_own(made: Workplace) -> None:
    made.commands("student", "RECIPE=own.yaml")
    for stage in ("qat", "export", "bench"):
        assert made.modules(stage) == [MODULES[stage]]
