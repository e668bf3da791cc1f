"""The list of published sizes, and its picture."""

import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.text import Annotation

from tinyasc import models, recipe
from tinyasc.cost import picture
from tinyasc.cost.picture import Point
from tinyasc.models import SIZES
from tinyasc.models import __main__ as command


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("cp_mobile_s1", "baseline_2024", "micro_acdnet", "mobileast_light1_silu")
    monkeypatch.setattr(command, "SIZES", {name: SIZES[name] for name in names})


@pytest.mark.usefixtures("few")
def test_one_line_a_size_with_both_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run(command.list_sizes, ["--plot", str(tmp_path / "sizes.png")]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    rows = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines}
    # figures of the published codes
    assert rows["cp_mobile_s1"] == ["256 x 64", "5,722", "1,582,336", "6,086", "1,460,952", "40,960", "2022-2025"]
    # the baseline of the challenge is within its limits, although every bias that folding leaves is a MAC
    assert rows["baseline_2024"][1:5] == ["59,794", "30,216,768", "61,148", "29,419,156"]
    assert rows["baseline_2024"][-1] == "2022-2025"
    assert rows["micro_acdnet"][3:5] == ["131,474", "14,287,014"]
    assert rows["micro_acdnet"][-1] == "no: parameters"
    assert rows["mobileast_light1_silu"][-1] == "2022-2025; 39.9 M MACs counted at every token"
    assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")


def test_layers_of_one_size_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run(command.list_sizes, ["--name", "cp_mobile"]) == 0
    title, _, _, _, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("cp_mobile: cp_mobile, CP-JKU")
    assert lines[0].split() == ["stem.0.0", "Conv2d", "72", "294,912", "80", "327,680"]
    end = next(place for place, line in enumerate(lines) if line.startswith("all "))
    rows = [[int(cell.replace(",", "")) for cell in line.split()[-4:]] for line in lines[: end + 1]]
    assert [sum(column) for column in zip(*rows[:-1], strict=True)] == rows[-1]
    assert rows[-1] == [126_952, 28_893_268, 124_862, 29_561_088]
    assert "torchinfo prints 126,952 parameters and 28,893,268 MACs" in lines
    assert "peak of activations: 229,376 bytes in INT8, 917,504 in float" in lines


@pytest.mark.parametrize(
    ("parameters", "macs", "expected"),
    [
        (128_000, 30_000_000, "2022-2025"),
        (128_001, 30_000_000, "no: parameters"),
        (128_000, 30_000_001, "no: MACs"),
        (128_001, 30_000_001, "no: parameters, MACs"),
    ],
)
def test_limits_at_their_edges(parameters: int, macs: int, expected: str) -> None:
    assert command.within(parameters, macs) == expected


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--name", "resnet"], "there is no size 'resnet': choose from cp_mobile_s1"),
        (["--name", "cp_mobile", "--plot", "sizes.png"], "give --name or --plot"),
    ],
)
def test_what_cannot_be_listed_is_one_line(flags: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run(command.list_sizes, flags) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_labels_in_the_picture_overlap_neither_one_another_nor_the_limits() -> None:
    points = [Point(f"a_{n}", "a", 100_000 + 3_000 * n, 29_000_000 + 300_000 * n) for n in range(6)]
    points += [Point("b", "b", 85_000_000, 9_600_000_000), Point("b_twin", "b", 85_000_000, 9_600_000_000)]
    limits = "30 M MACs", "128 kB, DCASE 2022-2025"
    figure = picture.draw(points)
    found = set()
    for axes in figure.axes:
        texts = [text for text in axes.texts if isinstance(text, Annotation) and text.get_text()]
        found |= {text.get_text() for text in texts}
        boxes = [text.get_window_extent() for text in texts]
        lines = [line.get_window_extent() for line in axes.lines[-2:]]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        assert not any(box.overlaps(line) for box in boxes for line in lines)
    assert found == {*(f"a_{n}" for n in range(6)), "b, twin", "enlarged on the right", *limits}


NEW = '''
from dataclasses import dataclass

from torch import Tensor, nn

from tinyasc.mel import MelConfig
from tinyasc.models.registry import Size, architecture


@dataclass(frozen=True)
class TinyNetConfig:
    """One convolution."""

    width: int = 4
    """Channels."""


@architecture("tiny_net", TinyNetConfig, classifier="head", sizes={"tiny_8": Size("nobody", {"width": 8})}, order=0)
class TinyNet(nn.Module):
    def __init__(self, config: TinyNetConfig, n_classes: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, config.width, 3)
        self.head = nn.Conv2d(config.width, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)).mean((2, 3))
'''


@pytest.mark.slow
def test_a_file_in_the_folder_is_all_that_an_architecture_needs(tmp_path: Path) -> None:
    shutil.copytree(
        Path(models.__file__).parents[1], tmp_path / "tinyasc", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "tinyasc/models/tiny_net.py").write_text(NEW)
    command = [sys.executable, "-m", "tinyasc.models", "--name"]
    listed = subprocess.run([*command, "tiny_8"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert listed.startswith("tiny_8: tiny_net, nobody; input 256 x 64\n")
    assert "torchinfo prints 170 parameters" in listed  # 8 (9 + 1) + 10 (8 + 1)
    unknown = subprocess.run([*command, "tiny"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert "there is no size 'tiny': choose from tiny_8, cp_mobile_s1, " in unknown.stderr
