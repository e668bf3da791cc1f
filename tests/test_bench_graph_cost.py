"""Counts against hand-made graphs and against the published figures of NeSsi."""

from pathlib import Path

import pytest

from bench import graph_cost
from tests import tiny_models
from tinyasc.errors import UserError

KWS = Path(__file__).parents[2] / "shared/data/models/kws_ref_model.tflite"


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
    assert cost.integer_weights == integer
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


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"\xff\xff\xff\x7fTFL3" + b"\xff" * 40])
def test_bad_files_get_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(UserError, match="TFLite model"):
        graph_cost.read(tmp_path / "m.tflite")
