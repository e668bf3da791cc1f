"""A runtime on the device, by each of the ways there are; the packages are stand-ins, so that no index is asked."""

import os
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from bench.boards.remote import environment
from tests.support.tiny_device import answered, device
from tinyasc.errors import UserError

LITERT = metadata.version("ai-edge-litert")
NO_VENV = 'if [ "$2" = venv ]; then echo "ensurepip is not available" >&2; exit 1; fi'


def wheel(folder: Path, package: str, version: str) -> None:
    """A package that can be imported and does nothing."""
    module = package.replace("-", "_")
    described = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{module}/__init__.py", "")
        file.writestr(f"{described}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        file.writestr(f"{described}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{described}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that pip finds, here and on the device."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("instead", "done"),
    [("", f"made a venv on this machine with ai-edge-litert=={LITERT}"), (NO_VENV, "fetched here and copied")],
)
def test_the_versions_of_this_machine_come_to_a_bare_device(
    tmp_path: Path, wheels: Path, instead: str, done: str
) -> None:
    wheel(wheels, "numpy", "99.0")
    wheel(wheels, "ai-edge-litert", LITERT)  # onnxruntime is not built for it: that leaves .tflite files
    transport = device(tmp_path / "home", f"{sys.executable} -S", instead)  # without site-packages: a bare one
    bare, said = environment.ask(transport), []
    assert bare.versions == {}
    transport.run("mkdir judged")
    python = environment.prepare(transport, bare, "judged", [".onnx", ".tflite"], said.append)
    (line,) = said
    assert done in line
    where = transport.run(f"cd judged && {python} -c 'import numpy, ai_edge_litert; print(ai_edge_litert.__file__)'")
    assert str(tmp_path / "home/judged/env") in where
    assert environment.prepare(transport, bare, "judged", [".tflite"], said.append) == python
    assert len(said) == 1  # found ready


def test_a_device_without_any_way_keeps_the_runtime_that_it_has(tmp_path: Path, wheels: Path) -> None:
    transport = device(tmp_path / "home", instead=NO_VENV)
    transport.run("mkdir work")
    own = answered(tmp_path, versions={"tflite-runtime": "2.14.0", "numpy": "1.26.4"})
    said: list[str] = []
    assert environment.prepare(transport, own, "work", [".tflite"], said.append) == transport.python
    assert said[0].startswith("tflite-runtime 2.14.0 of this machine itself: ")
    with pytest.raises(UserError, match=r"it lacks python3-venv; .*No matching distribution.*install ai-edge-litert"):
        environment.prepare(transport, answered(tmp_path), "work", [".tflite"], said.append)


@pytest.mark.parametrize(
    ("bits", "machine", "first", "last"),
    [
        (64, "aarch64", "manylinux_2_36_aarch64", "manylinux2014_aarch64"),
        (32, "aarch64", "manylinux_2_36_armv7l", "manylinux2014_armv7l"),
    ],
)
def test_wheels_are_asked_for_by_what_the_device_runs(
    tmp_path: Path, bits: int, machine: str, first: str, last: str
) -> None:
    names = environment._platforms(answered(tmp_path, bits=bits, machine=machine))
    assert (names[0], names[-1]) == (first, last)
    with pytest.raises(UserError, match="its C library is musl"):
        environment._platforms(answered(tmp_path, libc="musl"))
