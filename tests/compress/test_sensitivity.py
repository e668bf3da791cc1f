"""What every layer loses in INT8: figures worked out by hand, the layer that is to blame, and the command."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from compress import program as programs
from compress import simulate
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.program import Program, Value
from compress.quantization import Quantization
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM
from compress.scheme import Scheme, assign, quantize
from compress.sensitivity.__main__ import sensitivity
from compress.sensitivity.measure import measure, sqnr
from compress.sensitivity.report import conclusion, draw, shares, table
from compress.simulate import observe, run_float
from tests.support import tiny_programs
from tests.train.test_evaluate import CARD, MEL, write_network
from tinyasc import artifact, recipe


def pointwise(given: str, output: str, weight: list[list[float]]) -> Convolution:
    """A 1 x 1 convolution without bias; weight (O, C)."""
    matrix = np.array(weight, np.float32)[:, :, None, None]
    bias = np.zeros(len(matrix), np.float32)
    return Convolution(given, output, matrix, bias, None, (1, 1), (0, 0), 1, False, True)


def chain(*operations: Convolution, channels: int = 1, frames: int = 4) -> Program:
    """Convolutions in a row, then the mean."""
    values = {"x": Value("x", (channels, 1, frames))}
    for one in operations:
        values[one.output] = Value(one.output, (len(one.weight), 1, frames))
    values["y"] = Value("y", (len(operations[-1].weight),))
    return Program("x", "y", values, (*operations, Mean(operations[-1].output, "y")))


@pytest.mark.parametrize(("signal", "error", "decibels"), [(85, 1, 19.294), (1, 1, 0), (1, 100, -20), (4, 0, np.inf)])
def test_sqnr_is_ten_times_the_logarithm_of_the_ratio(signal: float, error: float, decibels: float) -> None:
    assert sqnr(signal, error) == pytest.approx(decibels, abs=1e-3)


def test_the_figures_of_two_layers_worked_out_by_hand() -> None:
    program = chain(pointwise("x", "a", [[0.25], [0.75]]))
    grids = {"x": Quantization(1.0, 0), "a": Quantization(1.0, 0), "y": Quantization(0.25, 0)}
    int8 = quantize(program, grids)
    log_mel = torch.tensor([[[[1.0, 3.0, 4.0, 5.0]]], [[[1.0, 3.0, 4.0, 5.0]]]])
    found = measure(program, int8, [log_mel], np.array([1, 1]))
    source, a, y = found.layers
    # the inputs are on their grid; a is 0.25 0.75 1 1.25 and 0.75 2.25 3 3.75, rounded to 0 1 1 1 and 1 2 3 4
    assert (source.alone, source.whole, source.answers.moved) == (np.inf, np.inf, 0)
    for measured in (a.rounding, a.alone, a.whole):
        assert measured == pytest.approx(10 * np.log10(31.875 / 0.375), abs=1e-4)
    assert a.weights is not None
    assert a.weights > 100  # one weight a channel is 127 steps
    # real logits 0.8125 and 2.4375, those of the rounded a 0.75 and 2.5: both on the grid of y
    assert a.answers.moved == pytest.approx(0.0625)
    signal = 0.8125**2 + 2.4375**2
    assert (y.rounding, y.whole) == pytest.approx((10 * np.log10(signal / (2 * 0.0625**2)),) * 2, abs=1e-4)
    assert y.alone == np.inf  # its input's rounding is not its own, and the mean of integers needs none
    assert (found.whole.moved, found.whole.changed, found.accuracy) == (0.0625, 0, 1)
    assert (y.kind, a.kind, source.kind) == ("mean", "convolution", "input")


def test_what_is_beyond_the_range_is_counted() -> None:
    program = chain(pointwise("x", "a", [[1.0], [-1.0]]))
    grids = {"x": Quantization(1.0, 0), "a": Quantization(0.5, 0), "y": Quantization(0.125, 0)}
    log_mel = torch.tensor([[[[100.0, -127.4, -200.0, 127.6]]]])
    source, a, _ = measure(program, quantize(program, grids), [log_mel], np.array([0])).layers
    assert (source.clipped, a.clipped) == (0.5, 1)


@pytest.mark.parametrize(("normed", "wide"), [(False, []), (True, []), (False, ["add*"])])
def test_the_whole_program_is_the_simulated_one(normed: bool, wide: list[str]) -> None:
    program = tiny_programs.float_program(normed=normed)
    int8 = tiny_programs.quantized(normed=normed, scheme=Scheme(wide=wide)).to_program()
    log_mel = tiny_programs.log_mel(24, seed=5)
    label = np.arange(24) % tiny_programs.CLASSES
    found = measure(program, int8, torch.from_numpy(log_mel).split(16), label)
    expected = run_float(program, torch.from_numpy(log_mel))[program.output].numpy()
    integer = simulate.logits(int8, log_mel)
    assert found.whole.moved == pytest.approx(float(np.abs(integer - expected).mean()), rel=1e-4)
    assert found.whole.changed == (integer.argmax(1) != expected.argmax(1)).mean()
    noise = np.square(integer - expected, dtype=np.float64).sum()
    assert found.layers[-1].whole == pytest.approx(10 * np.log10(np.square(expected).sum() / noise), abs=1e-3)
    assert [layer.value for layer in found.layers] == [program.input, *(one.output for one in program.operations)]
    assert found.layers[1].name == "stem.0.0"
    worse = [layer.whole <= layer.alone + 1 for layer in found.layers]
    assert all(worse)  # errors add up: no layer is better with all the others in INT8, but by luck
    assert sum(shares(found)) == pytest.approx(1)


def test_a_16_bit_value_is_rounded_to_16_bits() -> None:
    log_mel = torch.from_numpy(tiny_programs.log_mel(8, seed=100))
    wide, narrow = (tiny_programs.quantized(scheme=scheme).to_program() for scheme in (Scheme(wide=["add*"]), Scheme()))
    measured = (
        measure(tiny_programs.float_program(), int8, [log_mel], np.zeros(8, np.int64)).layers for int8 in (wide, narrow)
    )
    for layer, before in zip(*measured, strict=True):
        assert (layer.rounding > 70) == wide.quantizations[layer.value].wide
        assert before.rounding < 70
        assert layer.whole > before.whole - 2  # what adds up is luck within 1 dB; clipped to int8 it would be tens


def outlier() -> tuple[Program, Program, torch.Tensor]:
    """Four layers of which the second has one channel that is 1000 times the other, which alone goes on."""
    program = chain(
        pointwise("x", "fine", [[1.0, 0.2], [0.3, 1.0]]),
        pointwise("fine", "coarse", [[1.0, 0.0], [0.0, 1000.0]]),
        pointwise("coarse", "last", [[1.0, 0.0], [-1.0, 0.0]]),
        channels=2,
        frames=1,
    )
    log_mel = torch.from_numpy(np.random.default_rng(0).normal(size=(200, 2, 1, 1)).astype(np.float32))
    return program, quantize(program, assign(program, observe(program, [log_mel]))), log_mel


def test_the_layer_that_loses_most_is_named_first_and_why() -> None:
    program, int8, log_mel = outlier()
    found = measure(program, int8, [log_mel], np.zeros(200, np.int64))
    assert found.layers[int(np.argmax(shares(found)))].name == "coarse"
    assert shares(found)[2] > 0.99  # and neither the layer behind it, which reads what it has spoiled
    costliest, remedy = conclusion(found)
    assert "Costliest alone" in costliest
    assert ": coarse 100 %" in costliest
    assert remedy.startswith("coarse stands out: Its output is too coarse in 8 bits")
    lines = table(found).splitlines()
    assert [line.split()[0] for line in lines[2:8]] == ["x", "fine", "coarse", "last", "y", "all"]


def test_the_picture_has_a_row_for_each_of_forty_layers() -> None:
    found = measure(*outlier()[:2], [outlier()[2]], np.zeros(200, np.int64))
    many = replace(found, layers=tuple(replace(found.layers[i % 5], name=f"stages.s{i}.block") for i in range(40)))
    figure = draw(many, "forty layers")
    signal, moved, changed = figure.axes
    assert [text.get_text() for text in signal.get_yticklabels()] == [layer.name for layer in many.layers]
    assert [len(one.patches) for one in (signal, moved, changed)] == [40, 40, 40]
    assert figure.get_size_inches()[1] < 12


@pytest.fixture
def data(tiny_h5: Path) -> Path:
    return tiny_h5


def run(model: Path, data: Path, *more: str) -> int:
    return recipe.run(sensitivity, ["--model", str(model), "--data", str(data), *more])


def write_quantized(folder: Path, shape: tuple[int, int, int]) -> Path:
    """A run of quantization-aware training whose program takes (C, F, T) and finds two classes."""
    program = chain(pointwise("x", "a", [[1.0], [-1.0]]))
    values = program.values | {"x": Value("x", shape), "a": Value("a", (2, *shape[1:]))}
    program = replace(program, values=values)
    log_mel = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 1, 1, 1)) + np.zeros(shape)).float()
    with artifact.new_run(folder) as new:
        programs.save(program, new.path(FLOAT_PROGRAM))
        programs.save(quantize(program, assign(program, observe(program, [log_mel]))), new.path(INT8_PROGRAM))
        new.card = replace(CARD, stage="qat")
    return folder


def test_the_command_measures_a_float_run_and_a_quantized_one(data: Path, tmp_path: Path, capsys) -> None:
    files = ["--json", str(tmp_path / "new/found.json"), "--plot", str(tmp_path / "new/found.png"), "--clips", "7"]
    assert run(write_network(tmp_path / "student"), data, *files) == 0
    shown = capsys.readouterr().out
    content = json.loads((tmp_path / "new/found.json").read_text(), parse_constant=pytest.fail)
    assert content["clips"] == 7
    assert content["layers"][1]["name"] == "stem.0.0"
    assert 20 < content["layers"][1]["weights"] < 60
    assert sum(layer["share"] for layer in content["layers"]) == pytest.approx(1)
    assert (tmp_path / "new/found.png").read_bytes().startswith(b"\x89PNG")
    assert "student cp_mobile in INT8, layer by layer, on 7 test clips" in shown
    assert "Costliest alone" in shown
    bands, frames = 32, 50
    assert run(write_quantized(tmp_path / "qat", (1, bands, frames)), data) == 0
    shown = capsys.readouterr().out
    assert "qat cp_mobile in INT8, layer by layer, on 12 test clips" in shown
    assert "what that changed counts as lost" in shown


def test_runs_and_arguments_that_cannot_be_measured_get_one_line(data: Path, tmp_path: Path, capsys) -> None:
    student = write_network(tmp_path / "student")
    labels = write_network(tmp_path / "labels", replace(CARD, labels=["high", "medium"]))
    rate = write_network(tmp_path / "rate", replace(CARD, mel=asdict(replace(MEL, sample_rate=44_100))))
    with artifact.new_run(tmp_path / "export") as new:
        new.card = replace(CARD, stage="export")
    for model, more, message in [
        (student, ["--plot", str(tmp_path)], "is a folder: name the file to write"),
        (student, ["--plot", str(data / "x.png")], "data.h5 is a file: name another folder to write to"),
        (student, ["--clips", "0"], "clips is 0, calibration_clips 256: take 1 or more"),
        (labels, [], "has the classes high, low; the student was trained on high, medium"),
        (rate, [], "has 32000 Hz, the student takes 44100 Hz"),
        (tmp_path / "export", [], "holds no float network"),
        (tmp_path / "none", [], "no model run at"),
        (write_quantized(tmp_path / "short", (1, 32, 8)), [], "takes 1x32x8, the clips of"),
    ]:
        assert run(model, data, "--json", str(tmp_path / "found.json"), *more) == 1
        assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "found.json").exists()
