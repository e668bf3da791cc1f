"""The table of environments, and when one of them counts as there."""

from pathlib import Path

import pytest

from bench import environments as command
from bench.measure import environments
from tests.crosscheck.__main__ import HERE, REFEREES
from tinyasc.errors import UserError


def test_every_name_is_a_referee_and_every_referee_a_script() -> None:
    assert environments.PACKAGES.items() <= REFEREES.items()
    assert all((HERE / f"{name}.py").is_file() for name in REFEREES)


@pytest.mark.parametrize(
    ("installed", "there"),
    [(("tflite_runtime-2.14.0", "numpy-1.26.4"), True), (("numpy-1.26.4",), False), ((), False)],
)
def test_an_environment_is_there_with_all_its_packages(tmp_path: Path, installed: tuple[str, ...], there: bool) -> None:
    root = tmp_path / environments.TFLITE_RUNTIME
    (root / "bin").mkdir(parents=True)
    (root / "bin/python").touch()
    for name in installed:
        information = root / "lib/python3.11/site-packages" / f"{name}.dist-info"
        information.mkdir(parents=True)
        project, version = name.rsplit("-", 1)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
    found = environments.found(environments.TFLITE_RUNTIME, tmp_path)
    assert found == (root / "bin/python" if there else None)


def test_none_is_there_where_none_was_made(tmp_path: Path) -> None:
    assert environments.found(environments.TFLITE_MICRO, tmp_path) is None


def test_one_that_cannot_be_made_does_not_keep_the_others_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepared(environment: Path, packages: tuple[str, ...]) -> None:
        if environment.name == environments.TFLITE_RUNTIME:
            raise UserError("no wheel for this Python")

    monkeypatch.setattr(command, "prepared", prepared)
    with pytest.raises(UserError, match="no wheel for this Python"):
        command.make(environments=tmp_path)
    assert f"{tmp_path / environments.TFLITE_MICRO}: tflite-micro, numpy" in capsys.readouterr().out


def test_unknown_names_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no environment tflite_macro: there are tflite_runtime_interpreter, "):
        command.make(environments=tmp_path / "e", names=["tflite_macro"])
    assert not (tmp_path / "e").exists()
