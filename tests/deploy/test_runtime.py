"""The runtime against arithmetic done by hand, and its words on files it cannot run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deploy import runtime
from tests.support import tiny_models
from tinyasc.errors import UserError

LOG_MEL = np.random.default_rng(1).normal(size=(40, tiny_models.F, tiny_models.T)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "write"), [(".tflite", tiny_models.write_tflite), (".onnx", tiny_models.write_onnx)]
)
def test_float_and_int8_agree_to_within_their_grid(tmp_path: Path, suffix: str, write) -> None:
    models = {}
    for integer in (False, True):
        path = tmp_path / f"{integer}{suffix}"
        write(path, integer, tiny_models.random_weights())
        models[integer] = runtime.load(path)
    real, held = models[False].logits(LOG_MEL), models[True].logits(LOG_MEL)
    assert real.shape == held.shape == (40, tiny_models.CLASSES)
    assert real.dtype == held.dtype == np.float32
    assert np.abs(real - held).max() < 3 * tiny_models.OUTPUT_SCALE
    assert np.array_equal(held / np.float32(0.125), np.rint(held / np.float32(0.125)))  # on the output grid
    assert models[True].integer
    assert not models[False].integer
    assert models[True].bytes == (tmp_path / f"True{suffix}").stat().st_size
    assert models[True].kernels.startswith("ai-edge-litert" if suffix == ".tflite" else "onnxruntime")


@pytest.mark.parametrize(
    ("dtype", "zero_point", "real", "held"),
    [
        ("int8", 0, [0.0, 0.25, 0.75, 1.25, -0.25, -0.75], [0, 0, 2, 2, 0, -2]),  # halves go to the even integer
        ("int8", -3, [0.0, 1.0, 100.0, -100.0], [-3, -1, 127, -128]),  # saturates
        ("uint8", 125, [0.0, 1.0, 100.0, -100.0], [125, 127, 255, 0]),  # the same integers, 128 higher
    ],
)
def test_quantization_table(dtype: str, zero_point: int, real: list[float], held: list[int]) -> None:
    port = runtime.Port((len(real),), np.dtype(dtype), 0.5, zero_point)
    assert port.quantize(np.array(real, np.float32)).tolist() == held
    back = port.dequantize(np.array(held, dtype))
    assert back.dtype == np.float32
    assert back.tolist() == [0.5 * (one - zero_point) for one in held]


def test_bad_files_get_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    two_inputs = tmp_path / "two.tflite"
    file = tiny_models.Flatbuffer()
    left, right, total = (file.tensor(name, (1, 2), "float32") for name in ("l", "r", "t"))
    file.operation("ADD", [left, right], [total], kind="AddOptions")
    file.write(two_inputs, [left, right], [total])
    no_scale = tmp_path / "no_scale.tflite"
    file = tiny_models.Flatbuffer()
    left = file.tensor("l", (1, 2), "int8", grid=(0.5, 0))
    right = file.tensor("r", (2, 2), "int32", [[0, 0], [1, 0]])
    file.operation("PAD", [left, right], [total := file.tensor("t", (1, 3), "int8")], kind="PadOptions")
    file.write(no_scale, [left], [total])
    tiny_models.write_tflite(good := tmp_path / "good.tflite", True, tiny_models.random_weights())
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    for path, message in [
        (tmp_path / "missing.tflite", "no file"),
        (tmp_path, "neither .tflite nor .onnx"),
        (broken, "does not load in ai-edge-litert"),
        (tmp_path / "broken.onnx", "does not load in onnxruntime"),
        (two_inputs, "2 inputs"),
        (no_scale, "an output of int8 without a scale"),
    ]:
        with pytest.raises(UserError, match=message) as raised:
            runtime.load(path)
        assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="takes 8x6 inputs, not 6x8"):
        runtime.load(good).logits(LOG_MEL.transpose(0, 2, 1))


def test_built_in_kernels_are_said_and_near_the_others(tmp_path: Path) -> None:
    tiny_models.write_tflite(path := tmp_path / "model.tflite", True, tiny_models.random_weights())
    default, built_in = runtime.load(path), runtime.load(path, kernels="built-in")
    assert default.kernels.endswith("XNNPACK")
    assert built_in.kernels.endswith("built-in kernels")
    off = np.abs(default.logits(LOG_MEL) - built_in.logits(LOG_MEL))
    assert off.max() <= 2 * tiny_models.OUTPUT_SCALE  # they requantize in fixed point


def test_onnx_without_its_grid_is_refused(tmp_path: Path) -> None:
    import onnx  # noqa: PLC0415

    path = tmp_path / "model.onnx"
    tiny_models.write_onnx(path, True, tiny_models.random_weights())
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(UserError, match="does not carry input_scale"):
        runtime.load(path)


@pytest.mark.parametrize(("sizes", "open_"), [(["N", 1, 8, 6], False), (["N", 1, 8, "time"], True)])
def test_only_the_batch_of_an_onnx_may_be_open(tmp_path: Path, sizes: list[int | str], open_: bool) -> None:
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper  # noqa: PLC0415

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    if open_:
        with pytest.raises(UserError, match="leaves its input open, N x 1 x 8 x time"):
            runtime.load(tmp_path / "m.onnx")
    else:
        assert runtime.load(tmp_path / "m.onnx").input.shape == (1, 1, 8, 6)


def test_needs_no_torch() -> None:
    code = "import sys, deploy.runtime; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
