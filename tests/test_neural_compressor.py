"""neural-compressor's choice as our program: its module, its graph read, its search where it is installed."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers the operators
from torch.fx import Graph, GraphModule

from compress.operations.convolution import Convolution
from compress.program import Program, load
from compress.quantization import Range
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM, SAMPLE, STAGES
from compress.scheme import assign, quantize
from compress.simulate import logits, observe, run_float
from tests.quantizers import neural_compressor
from tests.quantizers.neural_compressor import Accuracy, Trial, Tuned, traced, tune
from tests.quantizers.pt2e import FloatNetwork, applied, found_in
from tests.support import tiny_architectures, tiny_data, tiny_programs
from tests.train.test_evaluate import CARD, write_network
from tinyasc import artifact, recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError

LIKE = pytest.mark.parametrize("normed", [False, True], ids=["plain", "normed"])


@LIKE
def test_the_module_computes_what_the_program_computes(normed: bool) -> None:
    program, log_mel = tiny_programs.float_program(normed=normed), torch.from_numpy(tiny_programs.log_mel(4))
    expected = run_float(program, log_mel)[program.output]
    torch.testing.assert_close(FloatNetwork(program)(log_mel), expected, rtol=0, atol=0)
    # traced with two clips, it takes any number
    torch.testing.assert_close(traced(program, log_mel[:2])(log_mel), expected, rtol=0, atol=1e-5)


def test_the_module_has_the_dilations_of_the_program() -> None:
    program = tiny_architectures.float_program("bc_resnet for keywords")
    assert any(one.dilation != (1, 1) for one in program.convolutions())
    given = torch.from_numpy(tiny_architectures.inputs("bc_resnet for keywords", 4))
    expected = run_float(program, given)[program.output]
    torch.testing.assert_close(FloatNetwork(program)(given), expected, rtol=0, atol=0)


def quantized_graph(program: Program, number: int, scale: float, zero_point: int, steps: np.ndarray) -> GraphModule:
    """The convolution of one operation as `convert_pt2e` leaves it."""
    operators, graph = torch.ops.quantized_decomposed, Graph()
    per_tensor = (scale, zero_point, 0, 255, torch.uint8)
    source = graph.call_function(operators.quantize_per_tensor.default, (graph.placeholder("x"), *per_tensor))
    source = graph.call_function(operators.dequantize_per_tensor.default, (source, *per_tensor))
    per_channel = (graph.get_attr("steps"), graph.get_attr("zeros"), 0, -128, 127, torch.int8)
    weight = graph.get_attr(f"layers.{number}.weight")
    weight = graph.call_function(operators.quantize_per_channel.default, (weight, *per_channel))
    weight = graph.call_function(operators.dequantize_per_channel.default, (weight, *per_channel))
    graph.output(graph.call_function(torch.ops.aten.conv2d.default, (source, weight)))
    root = FloatNetwork(program)
    root.register_buffer("steps", torch.from_numpy(steps))
    root.register_buffer("zeros", torch.zeros(len(steps), dtype=torch.int64))
    return GraphModule(root, graph)


@pytest.mark.parametrize(
    ("number", "zero_point", "expected"),
    [
        (0, 100, Range(-10.0, 15.5)),  # log-mel: as it was chosen
        (1, 0, Range(0.0, 25.5)),  # behind a ReLU
        (1, 128, Range(0.0, 12.7)),  # symmetric behind a ReLU: nothing is below 0
    ],
)
def test_what_was_chosen_is_what_the_program_has(number: int, zero_point: int, expected: Range) -> None:
    program = tiny_programs.float_program()
    operation = program.operations[number]
    assert isinstance(operation, Convolution)
    steps = (np.abs(operation.weight).reshape(len(operation.weight), -1).max(axis=1) / 100).astype(np.float32)
    found = found_in(quantized_graph(program, number, 0.1, zero_point, steps), program)
    assert list(found.ranges) == [operation.input]
    chosen = found.ranges[operation.input]
    assert (chosen.low, chosen.high) == pytest.approx((expected.low, expected.high))
    observed = observe(program, [torch.from_numpy(tiny_programs.log_mel(8))])
    changed, ranges = applied(found, program, observed)
    assert ranges == {**observed, **found.ranges}
    int8 = quantize(changed, assign(changed, ranges))
    given, result = int8.values[operation.input].quantization, int8.operations[number]
    assert given is not None
    assert given.scale == pytest.approx((expected.high - expected.low) / 255)
    assert isinstance(result, Convolution)
    assert (np.abs(result.weight).reshape(len(steps), -1).max(axis=1) == 100).all()


def test_weights_that_stay_float_keep_the_steps_of_our_own() -> None:
    program, graph = tiny_programs.float_program(), Graph()
    x = graph.placeholder("x")
    graph.output(graph.call_function(torch.ops.aten.conv2d.default, (x, graph.get_attr("layers.0.weight"))))
    found = found_in(GraphModule(FloatNetwork(program), graph), program)
    assert (found.ranges, found.steps) == ({}, {})


@pytest.mark.skipif(find_spec("neural_compressor") is not None, reason="neural-compressor is installed")
def test_without_neural_compressor_the_way_to_it_is_told() -> None:
    with pytest.raises(UserError, match="pip install"):
        tune(tiny_programs.float_program(), [torch.zeros(1, 1, tiny_programs.F, tiny_programs.T)], lambda _: 1.0, 0.0)


@LIKE
@pytest.mark.skipif(find_spec("neural_compressor") is None, reason="neural-compressor is not installed: extra `peers`")
def test_the_best_trial_becomes_a_program_near_the_float_one(normed: bool) -> None:
    program, log_mel = tiny_programs.float_program(normed=normed), torch.from_numpy(tiny_programs.log_mel(32))
    expected = run_float(program, log_mel)[program.output]
    spread = float(expected.std())

    @torch.inference_mode()
    def nearness(network: nn.Module) -> float:
        return 1 - float((network(log_mel) - expected).abs().mean()) / spread

    tuned = tune(program, [log_mel[:16], log_mel[16:]], nearness, tolerance=0.0)
    assert tuned.baseline == pytest.approx(1.0)
    assert [(one.activations, one.ranges) for one in tuned.trials] == [
        (activations, ranges) for activations in ("symmetric", "affine") for ranges in ("kl", "minmax")
    ]
    assert nearness(tuned.graph) == pytest.approx(tuned.best.accuracy)
    changed, ranges = applied(found_in(tuned.graph, program), program, observe(program, [log_mel]))
    assert all(
        (one.weight_step is not None) == one.trainable for one in changed.operations if isinstance(one, Convolution)
    )
    int8 = quantize(changed, assign(changed, ranges))
    apart = np.abs(logits(int8, log_mel.numpy()) - expected.numpy()).mean() / spread
    assert 0 < apart < 2 * (1 - tuned.best.accuracy)


def test_the_command_writes_a_run_that_is_exported_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its search is a stand-in that leaves everything in float, so that the ranges are those observed."""
    data = tiny_data.write(tmp_path / "set")
    with Clips(data) as clips:
        facts = {"checksum": clips.checksum, "train_devices": ["a"]}
    student = write_network(tmp_path / "student", replace(CARD, data=facts, cost={"parameters": 1}))

    def keep_float(program: Program, batches: list[torch.Tensor], accuracy: Accuracy, tolerance: float) -> Tuned:
        network = FloatNetwork(program)
        trials = Trial("symmetric", "kl", 0.25), Trial("affine", "kl", accuracy(network))
        return Tuned(GraphModule(network, Graph()), 0.5, trials)

    monkeypatch.setattr(neural_compressor, "tune", keep_float)
    arguments = ["--model", str(student), "--data", str(data), "--out", str(tmp_path / "out"), "--threads", "1"]
    assert recipe.run(neural_compressor.quantize_tuned, [*arguments, "--calibration_clips", "8"]) == 0
    assert "wrote" in capsys.readouterr().out
    card = artifact.load_card(tmp_path / "out", *STAGES)
    names = {f"{stem}.{kind}" for stem in (INT8_PROGRAM, FLOAT_PROGRAM) for kind in ("json", "safetensors")}
    assert set(card.files) == {*names, SAMPLE, neural_compressor.TRIALS, "recipe.yaml"}
    assert card.lineage[-1]["stage"] == "student"
    assert load(tmp_path / "out" / INT8_PROGRAM).quantized
    found = json.loads((tmp_path / "out" / neural_compressor.TRIALS).read_text())
    assert [trial["kept"] for trial in found["trials"]].count(True) == 1
