"""Cutting a .tflite behind its operations, and joining what the two profiles time with the layers of the files."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.measure.graph import cost
from bench.measure.graph.graph import Graph, Key, Operation
from bench.measure.graph.read_tflite import read_tflite
from bench.measure.latency import profile as profiles
from bench.measure.latency.profile import Profile, Step
from deploy import runtime
from tests.support import tiny_models
from tinyasc.errors import UserError


@pytest.fixture
def tflite(tmp_path: Path) -> Path:
    tiny_models.write_tflite(tmp_path / "model.tflite", True, tiny_models.random_weights())
    return tmp_path / "model.tflite"


def test_a_prefix_gives_what_the_whole_computes_by_then(tflite: Path) -> None:
    content = tflite.read_bytes()
    graph = read_tflite(content)
    whole, _ = runtime.tflite_interpreter(tflite, kernels="built-in", preserve_all_tensors=True)
    source = whole.get_input_details()[0]
    raw = np.random.default_rng(0).integers(-128, 128, source["shape"]).astype(np.int8)
    whole.set_tensor(source["index"], raw)
    whole.invoke()
    expected = {graph.tensors[key].name: whole.get_tensor(key) for key in range(len(graph.tensors))}
    live = [["image"], ["padded"], ["first"], ["first", "second"], ["added"], ["last"], ["logits"]]
    for count, names in enumerate(live):
        cut = profiles.cut(content, graph, count)
        assert len(read_tflite(cut).operations) == count
        interpreter, _ = runtime.tflite_interpreter(tflite, kernels="built-in", content=cut)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], raw)
        interpreter.invoke()
        found = {one["name"]: interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()}
        assert list(found) == names
        for name, values in found.items():
            np.testing.assert_array_equal(values, expected[name])


def operation(kind: str, inputs: list[Key], output: Key) -> Operation:
    return Operation(kind, tuple(inputs), (output,), 0)


@pytest.mark.parametrize(
    ("operations", "cuts", "live"),
    [
        # a padding is taken into its only reader, wherever that is
        ([("PAD", [0], 1), ("RELU", [0], 2), ("CONV_2D", [1], 3), ("ADD", [2, 3], 9)], [0, 3, 4], [2, 3]),
        # but not into one of two
        ([("PAD", [0], 1), ("RELU", [1], 2), ("CONV_2D", [1], 3), ("ADD", [2, 3], 9)], [0, 1, 2, 3, 4], [2, 3]),
        # constants that are unpacked are no part of what flows
        ([("DEQUANTIZE", [7], 1), ("DEQUANTIZE", [8], 2), ("MUL", [0, 1], 3), ("ADD", [2, 3], 9)], [0, 3, 4], [3]),
    ],
)
def test_nothing_is_cut_between_what_is_fused(
    operations: list[tuple[str, list[Key], Key]], cuts: list[int], live: list[Key]
) -> None:
    graph = Graph({}, tuple(operation(*one) for one in operations), (0,), (9,))
    assert profiles.cuts(graph) == cuts
    assert list(profiles.live(graph, 3)) == live


def test_steps_of_a_tflite_hold_every_layer_once(tflite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile, layers = profiles.measure(tflite, seconds=0.0), cost.read(tflite).layers
    assert [step.layers for step in profile.steps] == [[0, 1], [2], [3], [4], [5]]
    assert [step.name for step in profile.steps] == ["first", "second", "added", "last", "logits"]
    assert [layers[step.layers[-1]].name for step in profile.steps] == [step.name for step in profile.steps]
    assert profile.runs == profiles.LEAST_ROUNDS
    assert profile.call is not None
    assert profile.call > 0
    monkeypatch.setattr(profiles, "MOST_BYTES", 10)
    with pytest.raises(UserError, match=r"model\.tflite: 6 prefixes of [\d,]+ bytes take too much memory"):
        profiles.measure(tflite, seconds=0.0)


@pytest.mark.parametrize(
    ("steps", "whole", "noise", "adds_up"),
    [([40, 59], 100, 0, True), ([40, 40], 100, 0, False), ([40, 40], 100, 25, True), ([90, 30], 100, 1, False)],
)
def test_a_profile_adds_up_or_not(steps: list[float], whole: float, noise: float, adds_up: bool) -> None:
    found = [Step([], [], 0, "", one, None) for one in steps]
    profile = Profile("", found, call=1.0, whole=whole, noise=noise, runs=1)
    assert profile.sum == 1 + sum(steps)
    assert profile.adds_up == adds_up


@pytest.mark.parametrize("integer", [False, True])
def test_nodes_of_onnx_runtime_are_joined_with_layers(tmp_path: Path, integer: bool) -> None:
    write_onnx(path := tmp_path / "model.onnx", integer)
    profile, layers = profiles.measure(path, seconds=0.0), cost.read(path).layers
    joined = [place for step in profile.steps for place in step.layers]
    assert set(joined) == set(range(len(layers)))
    assert [layer.operation for layer in layers if layer.macs] == ["Conv", "Conv", "GlobalAveragePool"]
    assert all(step.microseconds >= 0 for step in profile.steps)  # whole microseconds: short ones take none


def write_onnx(path: Path, integer: bool) -> None:
    """Convolution, ReLU, convolution, mean; with integers between them, each node is named after what it computes."""
    generator = np.random.default_rng(0)
    constants = {
        "w1": generator.standard_normal((8, 1, 3, 3)).astype(np.float32),
        "w2": generator.standard_normal((3, 8, 1, 1)).astype(np.float32),
        "scale": np.float32(0.05),
        "zero": np.uint8(128),
        "zero_w": np.int8(0),
    }
    nodes, values = [], {"x": "x", "w1": "w1", "w2": "w2"}

    def node(kind: str, inputs: list[str], output: str) -> None:
        nodes.append(helper.make_node(kind, [values.get(name, name) for name in inputs], [output], name=f"{output}/op"))

    if integer:
        for name in ("w1", "w2"):
            constants[f"{name}_held"] = np.clip(np.rint(constants.pop(name) / 0.05), -127, 127).astype(np.int8)
            node("DequantizeLinear", [f"{name}_held", "scale", "zero_w"], values[name])
        node("DequantizeLinear", ["input", "scale", "zero"], "x")
    for kind, inputs, output in (
        ("Conv", ["x", "w1"], "first"),
        ("Relu", ["first"], "active"),
        ("Conv", ["active", "w2"], "second"),
        ("GlobalAveragePool", ["second"], "mean"),
    ):
        node(kind, inputs, output)
        if integer and output != "first":
            node("QuantizeLinear", [output, "scale", "zero"], f"{output}_held")
            if output != "mean":
                values[output] = f"{output}_real"
                node("DequantizeLinear", [f"{output}_held", "scale", "zero"], values[output])
    ends, kind = (("input", "mean_held"), TensorProto.UINT8) if integer else (("x", "mean"), TensorProto.FLOAT)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(ends[0], kind, [1, 1, 8, 6])],
        [helper.make_tensor_value_info(ends[1], kind, [1, 3, 1, 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    grid = {
        f"{side}_{part}": value
        for side in ("input", "output")
        for part, value in (("scale", "0.05"), ("zero_point", "128"))
    }
    helper.set_model_props(model, grid)
    onnx.save(model, path)
