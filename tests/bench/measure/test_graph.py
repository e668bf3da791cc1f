"""Counts against hand-made graphs, against the published figures of NeSsi, and one format against the other."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.measure.graph import cost as graph_cost
from compress.operations.convolution import Convolution
from export.tflite.columns import group_frames
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tests.support import tiny_models, tiny_programs
from tinyasc import cost as network_cost
from tinyasc.errors import UserError

KWS = Path(__file__).parents[4] / "shared/data/models/kws_ref_model.tflite"


@pytest.mark.parametrize(("integer", "weight_bytes", "live"), [(True, 84, 144), (False, 336, 576)])
def test_small_network_layer_by_layer(tmp_path: Path, integer: bool, weight_bytes: int, live: int) -> None:
    tiny_models.write_tflite(tmp_path / "m.tflite", integer, tiny_models.random_weights())
    cost = graph_cost.read(tmp_path / "m.tflite")
    # 8x6 -> 4x3 positions, 4 channels, 3 classes
    assert [(layer.operation, layer.macs, layer.weights, layer.biases) for layer in cost.layers] == [
        ("PAD", 0, 0, 0),
        ("CONV_2D", 12 * 4 * 9, 36, 4),
        ("DEPTHWISE_CONV_2D", 12 * 4 * 9, 36, 4),
        ("ADD", 12 * 4, 0, 0),
        ("CONV_2D", 12 * 3 * 4, 12, 3),
        ("MEAN", 12 * 3, 0, 0),
    ]
    assert (cost.macs, cost.parameters) == (1092, 95)
    assert (cost.weight_bytes, cost.bias_bytes, cost.constant_bytes) == (weight_bytes, 44, weight_bytes + 44 + 40)
    assert cost.peak_activation_bytes == live  # ADD: two inputs and its output, 48 elements each
    assert cost.wide_weights == (0 if integer else 84)
    assert cost.float_operations == (0 if integer else 6)
    assert cost.file_bytes == (tmp_path / "m.tflite").stat().st_size


def test_what_other_counters_stumble_over(tmp_path: Path) -> None:
    file = tiny_models.Flatbuffer()
    whole = file.tensor("whole", (2, 3, 8), "float32")  # not flattened
    weight = file.tensor("weight", (4, 8), "float32", [[0.0] * 8] * 4)
    full = file.tensor("full", (2, 3, 4), "float32")
    file.operation("FULLY_CONNECTED", [whole, weight, -1], [full])  # no bias
    axis = file.tensor("axis", (), "int32", 2)
    halves = [file.tensor(f"half{i}", (2, 3, 2), "float32") for i in range(2)]
    file.operation("SPLIT", [axis, full], halves)  # two outputs
    mask = file.tensor("mask", (2, 3, 2), "bool")
    file.operation("GREATER", halves, [mask])  # a type without numbers
    summed = file.tensor("summed", (2, 3, 2), "float32")
    file.operation("CUMSUM", [halves[0], axis], [summed])  # operation code 128
    chosen = file.tensor("chosen", (2, 3, 2), "float32")
    file.operation("SELECT_V2", [mask, summed, halves[1]], [chosen])
    file.write(tmp_path / "m.tflite", [whole], [chosen])
    cost = graph_cost.read(tmp_path / "m.tflite")
    assert [layer.operation for layer in cost.layers] == ["FULLY_CONNECTED", "SPLIT", "GREATER", "CUMSUM", "SELECT_V2"]
    assert cost.macs == 6 * 4 * 8
    assert (cost.parameters, cost.weight_bytes, cost.constant_bytes) == (32, 128, 132)
    # bytes: whole 192, full 96, half 48, mask 12, summed 48, chosen 48; the second half lives until SELECT_V2
    assert [layer.live_bytes for layer in cost.layers] == [288, 192, 108, 156, 156]


@pytest.mark.skipif(not KWS.is_file(), reason="the MLPerf Tiny keyword spotting model is not beside this checkout")
def test_published_figures_of_mlperf_tiny_keyword_spotting() -> None:
    cost = graph_cost.read(KWS)
    assert (cost.macs, cost.constant_bytes, cost.peak_activation_bytes) == (2_664_768, 24_376, 16_000)
    assert cost.file_bytes == 53_936


@pytest.mark.parametrize("integer", [True, False])
def test_both_formats_of_a_program_agree(tmp_path: Path, integer: bool) -> None:
    program = tiny_programs.quantized().to_program() if integer else tiny_programs.float_program()
    (tmp_path / "m.tflite").write_bytes(to_tflite(program))
    to_onnx(program, tmp_path / "m.onnx", {})
    tflite, onnx_ = graph_cost.read(tmp_path / "m.tflite"), graph_cost.read(tmp_path / "m.onnx")

    # The .onnx is the network; the .tflite's stem is regrouped over columns, with zeros among its weights.
    assert tflite.macs - tflite.zero_macs == onnx_.macs - onnx_.zero_macs
    stem = next(program.convolutions())
    columns = group_frames(stem, tiny_programs.T)
    assert columns is not None
    wide = columns.convolution
    positions = np.prod(program.values[stem.output].shape[1:])
    in_a_column = columns.frames // stem.stride[1]
    assert tflite.macs - onnx_.macs == positions * (wide.weight.size // in_a_column - stem.weight.size)
    more = wide.weight.size + wide.bias.size - stem.weight.size - stem.bias.size
    assert tflite.parameters - onnx_.parameters == more

    poolings = [c for c in program.convolutions() if not c.trainable]  # written as convolutions, in both files
    assert onnx_.parameters == program.parameter_count + sum(c.weight.size + c.bias.size for c in poolings)
    element = 1 if integer else 4
    assert onnx_.weight_bytes == element * sum(c.weight.size for c in program.convolutions())
    assert (tflite.wide_weights == 0, onnx_.wide_weights == 0) == (integer, integer)
    assert (tflite.float_operations > 0, onnx_.float_operations > 0) == (not integer, not integer)

    shape = (1, 1, tiny_programs.F, tiny_programs.T)
    peak = element * network_cost.measure(tiny_programs.network(), shape).peak_activations
    assert onnx_.peak_activation_bytes == peak
    assert tflite.peak_activation_bytes > peak  # a padded copy beside its original


def test_the_numbers_of_a_norm_are_no_weights(tmp_path: Path) -> None:
    program = tiny_programs.quantized(normed=True).to_program()
    (tmp_path / "m.tflite").write_bytes(to_tflite(program))
    to_onnx(program, tmp_path / "m.onnx", {})
    tflite, onnx_ = graph_cost.read(tmp_path / "m.tflite"), graph_cost.read(tmp_path / "m.onnx")
    weights = sum(c.weight.size + c.bias.size for c in program.convolutions())
    assert onnx_.parameters == weights
    assert (tflite.wide_weights, onnx_.wide_weights) == (0, 0)
    assert tflite.macs - tflite.zero_macs == onnx_.macs - onnx_.zero_macs
    assert tflite.float_operations > 6 * 15  # and the report says so


@pytest.mark.parametrize("integer", [True, False])
def test_file_and_network_differ_by_biases_poolings_means_and_additions(tmp_path: Path, integer: bool) -> None:
    program = tiny_programs.quantized().to_program() if integer else tiny_programs.float_program()
    to_onnx(program, tmp_path / "m.onnx", {})
    (tmp_path / "m.tflite").write_bytes(to_tflite(program))
    in_onnx, in_tflite = graph_cost.read(tmp_path / "m.onnx"), graph_cost.read(tmp_path / "m.tflite")

    def positions(convolution: Convolution) -> int:
        return int(np.prod(program.values[convolution.output].shape[1:]))

    biases = sum(one.bias.size * positions(one) for one in program.convolutions() if one.trainable)
    poolings = sum(one.weight.size * positions(one) for one in program.convolutions() if not one.trainable)
    others = sum(layer.macs for layer in in_onnx.layers if layer.operation != "Conv")
    assert min(biases, poolings, others) > 0
    shape = (1, 1, tiny_programs.F, tiny_programs.T)
    network = network_cost.fold(network_cost.measure(tiny_programs.network(), shape)).macs
    assert in_onnx.macs == network - biases + poolings + others
    assert in_tflite.macs - in_tflite.zero_macs == in_onnx.macs - in_onnx.zero_macs


def write_onnx(path: Path, nodes: list[Any], constants: dict[str, Any], shapes: list[Any]) -> Path:
    """A float network from `x` to `y`; a size that is a word is open."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip("xy", shapes, strict=True)
    ]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "foreign", ends[:1], ends[1:], held)
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=9), path)
    return path


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_foreign_onnx_with_an_open_batch(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["c1", "gamma", "beta", "mean", "variance"], ["b1"]),
        helper.make_node("Relu", ["b1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "bias2"], ["c2"], pads=[1, 1, 1, 1], group=4),
        helper.make_node("Clip", ["c2", "low", "high"], ["r2"]),
        helper.make_node("Add", ["r1", "r2"], ["a"]),
        helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 1], strides=[2, 1]),
        helper.make_node("ReduceMean", ["p", "axes"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "w3"], ["h"]),
        helper.make_node("Add", ["h", "bias3"], ["g"]),
        helper.make_node("Gemm", ["g", "w4", "bias4"], ["y"], transB=1),
    ]
    constants = {"w1": ones(4, 1, 3, 3), "w2": ones(4, 1, 3, 3), "bias2": ones(4), "w3": ones(4, 6), "bias3": ones(6)}
    constants |= {"w4": np.eye(3, 6, dtype=np.float32), "bias4": ones(3), "axes": np.array([2, 3])}
    constants |= {"low": np.float32(0), "high": np.float32(6)}
    constants |= {name: ones(4) for name in ("gamma", "beta", "mean", "variance")}
    cost = graph_cost.read(write_onnx(tmp_path / "m.onnx", nodes, constants, [["N", 1, 8, 6], ["N", 3]]))
    assert [(layer.operation, layer.macs, layer.weights, layer.biases) for layer in cost.layers] == [
        ("Conv", 12 * 4 * 9, 36, 0),
        ("BatchNormalization", 0, 16, 0),
        ("Conv", 12 * 4 * 9, 36, 4),
        ("Add", 12 * 4, 0, 0),
        ("MaxPool", 6 * 4 * 2, 0, 0),
        ("ReduceMean", 6 * 4, 0, 0),
        ("MatMul", 6 * 4, 24, 0),
        ("Add", 6, 6, 0),
        ("Gemm", 3 * 6, 18, 3),
    ]
    assert cost.zero_macs == 3 * 5
    assert cost.constant_bytes == 4 * cost.parameters + 2 * 8
    assert cost.peak_activation_bytes == 4 * 3 * 48  # Add


def test_foreign_onnx_with_float_ends_and_integers_between(tmp_path: Path) -> None:
    grid = {"scale": np.float32(0.1), "zero": np.uint8(3), "w_scale": np.float32(0.1), "w_zero": np.int8(-1)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["w_real"]),
        helper.make_node("Conv", ["d", "w_real"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "scale", "zero"], ["s"]),
        helper.make_node("DequantizeLinear", ["s", "scale", "zero"], ["y"]),
    ]
    weight = np.array([-1, 0, 1, -1], np.int8).reshape(2, 2, 1, 1)
    path = write_onnx(tmp_path / "m.onnx", nodes, {**grid, "w": weight}, [[1, 2, 5, 4], [1, 2, 5, 4]])
    cost = graph_cost.read(path)
    assert [(layer.operation, layer.macs, layer.output_type, layer.live_bytes) for layer in cost.layers] == [
        ("QuantizeLinear", 0, "UINT8", 160 + 40),
        ("Conv", 80, "UINT8", 40 + 40),
        ("DequantizeLinear", 0, "FLOAT32", 40 + 160),
    ]
    assert (cost.parameters, cost.constant_bytes, cost.zero_macs) == (4, 4, 40)


@pytest.mark.parametrize(
    ("node", "shapes", "reason"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"]), [[1, 2, "F", 4], [1, 2, "F", 4]], "size of its input x open"),
        (helper.make_node("MaxPool", ["x"], ["y"]), [[1, 2, 3, 4], [1, 2, 3, 4]], "damaged ONNX model"),
    ],
)
def test_onnx_that_cannot_be_counted_gets_one_line(tmp_path: Path, node: Any, shapes: Any, reason: str) -> None:
    path = write_onnx(tmp_path / "m.onnx", [node], {"w": ones(2, 2, 1, 1)}, shapes)
    with pytest.raises(UserError, match=reason):
        graph_cost.read(path)


def test_weights_in_another_file_get_one_line(tmp_path: Path) -> None:
    path = write_onnx(
        tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": ones(8, 9)}, [[1, 8], [1, 9]]
    )
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="m.data", size_threshold=0)
    with pytest.raises(UserError, match=r"keeps weights in m\.data"):
        graph_cost.read(path)


GRID = {"s": np.float32(0.1), "z": np.uint8(3), "wz": np.int8(1)}
"""Of activations, and what stands for 0 in weights."""


IMAGE, ROWS = ([1, 2, 8, 2], [1, 4, 6, 2]), ([2, 5], [2, 3])
KERNEL, MATRIX = np.resize(np.array([1, 2, 3], np.int8), (4, 2, 3, 1)), np.ones((5, 3), np.int8)


@pytest.mark.parametrize(
    ("kind", "inputs", "weight", "bias", "shapes", "counts"),
    [  # counts: MACs, those by weights that stand for 0, parameters, bytes of constants
        # 6 x 2 positions of 4 channels, each 3 x 1 x 2; 8 of 24 weights stand for 0
        ("QLinearConv", "q s z w s wz s z b", KERNEL, 4, IMAGE, (288, 96, 28, 24 + 16)),
        ("ConvInteger", "q w z wz", KERNEL, 0, IMAGE, (288, 96, 24, 24)),
        ("QLinearMatMul", "q s z w s wz s z", MATRIX, 0, ROWS, (30, 30, 15, 15)),
        ("MatMulInteger", "q w z wz", MATRIX, 0, ROWS, (30, 30, 15, 15)),
        ("QGemm", "q s z w s wz b s z", MATRIX, 3, ROWS, (30, 30, 18, 15 + 12)),
        ("QLinearAdd", "q s z q s z s z", MATRIX, 0, ([2, 5], [2, 5]), (10, 0, 0, 0)),
        ("QLinearGlobalAveragePool", "q s z s z", MATRIX, 0, ([1, 2, 3, 4], [1, 2, 1, 1]), (24, 0, 0, 0)),
    ],
)
def test_quantized_operators_of_onnx(
    *, tmp_path: Path, kind: str, inputs: str, weight: Any, bias: int, shapes: Any, counts: Any
) -> None:
    held = {**GRID, "w": weight, "b": np.zeros(bias, np.int32)}
    domain = "com.microsoft" if kind in ("QGemm", "QLinearAdd", "QLinearGlobalAveragePool") else ""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node(kind, inputs.split(), ["r"], domain=domain),
        helper.make_node("Cast", ["r"], ["y"], to=TensorProto.FLOAT),
    ]
    cost = graph_cost.read(write_onnx(tmp_path / "m.onnx", nodes, held, shapes))
    assert (cost.macs, cost.zero_macs, cost.parameters, cost.constant_bytes) == counts
    assert cost.uncounted == {}


@pytest.mark.parametrize(
    ("kind", "gates"),
    [("RNN", 1), ("GRU", 3), ("LSTM", 4)],
)
def test_recurrent_layers_of_onnx(tmp_path: Path, kind: str, gates: int) -> None:
    """6 steps of 5 numbers into 4 states, both ways; the weights are reordered before, as torch exports them."""
    constants = {
        "part": ones(1, gates * 4, 5),
        "r": ones(2, gates * 4, 4),
        "b": ones(2, 2 * gates * 4),
        "h": ones(2, 1, 4),
    }
    nodes = [
        helper.make_node("Concat", ["part", "part"], ["w"], axis=0),
        helper.make_node(kind, ["x", "w", "r", "b", "", "h"], ["y"], hidden_size=4, direction="bidirectional"),
    ]
    cost = graph_cost.read(write_onnx(tmp_path / "m.onnx", nodes, constants, [[6, 1, 5], [6, 2, 1, 4]]))
    assert [layer.operation for layer in cost.layers] == [kind]
    assert cost.macs == 6 * 2 * gates * 4 * (5 + 4)
    assert cost.parameters == 2 * gates * 4 * (5 + 4 + 2)
    assert cost.peak_activation_bytes == 4 * (6 * 5 + 6 * 2 * 4)


def test_einsum_counts_every_combination_of_indices(tmp_path: Path) -> None:
    node = helper.make_node("Einsum", ["x", "w"], ["y"], equation="bcf,fk->bk")
    cost = graph_cost.read(write_onnx(tmp_path / "m.onnx", [node], {"w": ones(4, 5)}, [[1, 3, 4], [1, 5]]))
    assert (cost.macs, cost.parameters) == (3 * 4 * 5, 20)


def test_shapes_that_onnx_does_not_infer_are_seen_in_one_inference(tmp_path: Path) -> None:
    """`Gelu` of ONNX Runtime is unknown to ONNX, and attention of ONNX Runtime multiplies."""
    nodes = [
        helper.make_node("Gelu", ["x"], ["g"], domain="com.microsoft"),
        helper.make_node("Attention", ["g", "w", "b"], ["y"], domain="com.microsoft", num_heads=2),
    ]
    cost = graph_cost.read(write_onnx(tmp_path / "m.onnx", nodes, {"w": ones(8, 24), "b": ones(24)}, [["N", 6, 8]] * 2))
    assert [layer.output_shape for layer in cost.layers] == [(1, 6, 8)] * 2
    assert cost.macs == 6 * 8 * 24 + 2 * 6 * 6 * 8
    assert (cost.parameters, cost.uncounted) == (8 * 24 + 24, {})


def test_what_is_not_counted_is_named_and_its_weights_are(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("MatMul", ["x", "inner"], ["one"])],
        "branch",
        [],
        [helper.make_tensor_value_info("one", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(ones(8, 3), "inner")],
    )
    other = onnx.GraphProto()
    other.CopyFrom(body)
    other.node[0].output[0] = other.output[0].name = "two"
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["c"], to=TensorProto.BOOL),
        helper.make_node("If", ["c"], ["i"], then_branch=body, else_branch=other),
        helper.make_node("MatMul", ["i", "w"], ["y"]),
    ]
    cost = graph_cost.read(write_onnx(tmp_path / "m.onnx", nodes, {"w": ones(3, 2)}, [[1, 8], [1, 2]]))
    assert (cost.macs, cost.uncounted) == (6, {"If": 1})
    assert cost.parameters == 6 + 24  # a constant of the same name in both branches is one


def test_tflite_of_other_converters(tmp_path: Path) -> None:
    """Half floats that are widened, a recurrent layer, and an operation without a result."""
    file = tiny_models.Flatbuffer()
    x = file.tensor("x", (1, 6, 5), "float32")
    packed = file.tensor("packed", (4, 5), "float16", np.eye(4, 5))
    wide = file.tensor("wide", (4, 5), "float32")
    file.operation("DEQUANTIZE", [packed], [wide])
    recurrent = file.tensor("recurrent", (4, 4), "float32", ones(4, 4))
    bias = file.tensor("bias", (4,), "float32", ones(4))
    state = file.tensor("state", (1, 4), "float32")
    y = file.tensor("y", (1, 6, 4), "float32")
    file.operation("UNIDIRECTIONAL_SEQUENCE_RNN", [x, wide, recurrent, bias, state], [y])
    file.operation("CALL_ONCE", [], [])
    z = file.tensor("z", (1, 6, 4), "float32")
    file.operation("WHILE", [y], [z], kind="WhileOptions", condSubgraphIndex=0, bodySubgraphIndex=0)
    file.write(tmp_path / "m.tflite", [x], [z])
    cost = graph_cost.read(tmp_path / "m.tflite")
    assert [layer.macs for layer in cost.layers] == [0, 6 * 4 * (5 + 4), 0, 0]
    assert cost.uncounted == {"WHILE": 1}
    assert [layer.biases for layer in cost.layers] == [0, 4, 0, 0]
    assert cost.layers[1].weight_bytes == 2 * 20 + 4 * 16
    assert cost.peak_activation_bytes == 4 * (30 + 4 + 24)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"\xff\xff\xff\x7fTFL3" + b"\xff" * 40])
def test_bad_files_get_one_line(tmp_path: Path, content: bytes) -> None:
    for name, kind in (("m.tflite", "TFLite model"), ("m.onnx", "ONNX model")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=kind):
            graph_cost.read(tmp_path / name)
