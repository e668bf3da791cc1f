"""Operations one by one: the same integers in the simulator, in training, and in both runtimes, at every position."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from compress.operations.addition import Addition
from compress.operations.channel_shuffle import ChannelShuffle
from compress.operations.concatenation import Concatenation
from compress.operations.convolution import Convolution
from compress.operations.max_pooling import MaxPooling
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.operations.padding import Padding
from compress.operations.response_norm import ResponseNorm
from compress.operations.slicing import Slicing
from compress.operations.transposition import Transposition
from compress.program import Program, Value
from compress.quantized_network import QuantizedNetwork
from compress.simulate import observe, simulate
from deploy import open_runtime
from export.runtimes import litert, onnx_runtime
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite

COUNT = 24


def convolution(
    channels: int,
    outputs: int,
    kernel: tuple[int, int],
    *,
    groups: int = 1,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> Convolution:
    random = np.random.default_rng(outputs)
    weight = random.normal(0, 0.4, (outputs, channels // groups, *kernel)).astype(np.float32)
    bias = random.normal(0, 0.3, outputs).astype(np.float32)
    return Convolution("x", "y", weight, bias, None, stride, padding, groups, False, True, dilation)


def pointwise(source: str, result: str) -> Convolution:
    """Of 4 channels to 4, to give a value a scale of its own."""
    return replace(convolution(4, 4, (1, 1)), input=source, output=result)


CASES: dict[str, tuple[tuple[int, int, int], list[Operation]]] = {
    "in groups": ((8, 6, 7), [convolution(8, 12, (3, 3), groups=2, padding=(1, 1))]),
    "1x1 in groups": ((16, 5, 4), [convolution(16, 8, (1, 1), groups=4)]),
    "depthwise to four each": ((6, 8, 6), [convolution(6, 24, (3, 3), groups=6, stride=(2, 2), padding=(1, 1))]),
    "depthwise, dilated": ((6, 5, 20), [convolution(6, 6, (1, 3), groups=6, padding=(0, 4), dilation=(1, 4))]),
    "dense, dilated": ((5, 12, 9), [convolution(5, 8, (3, 2), dilation=(3, 2))]),
    "along samples": ((1, 1, 168), [convolution(1, 8, (1, 9), stride=(1, 2))]),  # over columns of 8 in the .tflite
    "along samples, 7 channels": ((7, 1, 101), [convolution(7, 9, (1, 5), stride=(1, 2))]),
    "max pooling": ((5, 9, 11), [MaxPooling("x", "y", (2, 2), (2, 2))]),
    "max pooling, long": ((3, 1, 164), [MaxPooling("x", "y", (1, 80), (1, 80))]),
    "channels become bands": ((6, 1, 9), [Transposition("x", "y", (1, 0, 2))]),
    "bands become frames": ((3, 5, 4), [Transposition("x", "y", (0, 2, 1))]),
    "channel shuffle": ((12, 3, 4), [ChannelShuffle("x", "y", 3)]),
    "mean over bands": ((5, 33, 6), [Mean("x", "y", (1,), keep=True)]),
    "mean over frames": ((5, 4, 17), [Mean("x", "y", (2,), keep=True)]),
    "mean over all": ((5, 4, 17), [Mean("x", "y", keep=True)]),
    "slices, joined the other way round": (
        (6, 4, 3),
        [Slicing("x", "low", 0, 0, 2), Slicing("x", "high", 0, 2, 4), Concatenation(("high", "low"), "y", 0)],
    ),
    "padded": ((4, 6, 3), [pointwise("x", "a"), Padding("a", "y", 2)]),
    "bands joined": (
        (4, 6, 3),
        [Slicing("x", "low", 1, 1, 3), pointwise("x", "other"), Concatenation(("low", "other"), "y", 1)],
    ),
    "nine bands joined": (  # more than XNNPACK joins at once
        (4, 9, 3),
        [
            *(Slicing("x", f"band{number}", 1, number, 1) for number in range(9)),
            Concatenation(tuple(f"band{number}" for number in reversed(range(9))), "y", 1),
        ],
    ),
    "behind a ReLU, joined with what is not": (  # so that its zero point is not the lowest integer
        (4, 6, 3),
        [
            replace(pointwise("x", "a"), relu=True),
            pointwise("x", "b"),
            pointwise("x", "c"),
            Addition(("b", "c"), "d", True),
            pointwise("x", "e"),
            Concatenation(("a", "d", "e"), "y", 0),
        ],
    ),
    "a norm's ReLU, joined with what is not": (
        (4, 6, 3),
        [
            pointwise("x", "a"),
            ResponseNorm(("a",), "b", "energy", 0.5, -0.2, 1e-6, True, None),
            pointwise("x", "c"),
            Concatenation(("b", "c"), "d", 0),
            replace(convolution(8, 4, (1, 1)), input="d"),
        ],
    ),
    "a row for every band": (
        (4, 6, 5),
        [Mean("x", "row", (1,), keep=True), pointwise("row", "mixed"), Addition(("x", "mixed"), "y", False)],
    ),
    "a row for every frame": (
        (4, 6, 5),
        [Mean("x", "row", (2,), keep=True), pointwise("row", "mixed"), Addition(("mixed", "x"), "y", True)],
    ),
    "a sum and one of its parts": (
        (4, 6, 5),
        [
            pointwise("x", "a"),
            pointwise("x", "b"),
            Addition(("a", "b"), "c", True),
            Addition(("a", "c"), "d", False),
            Addition(("d", "c"), "y", False),
        ],
    ),
    "sums of sums": (
        (4, 6, 5),
        [
            *(pointwise("x", name) for name in "abcd"),
            Addition(("a", "b"), "e", False),
            Addition(("c", "d"), "f", True),
            Addition(("e", "f"), "y", False),
        ],
    ),
}


def program(shape: tuple[int, int, int], operations: list[Operation]) -> Program:
    """Of operations from `x` to `y`; every value has the shape that they give it."""
    values, tensors = {"x": Value("x", shape)}, {"x": torch.zeros(1, *shape)}
    for operation in operations:
        tensors |= operation.run_float([tensors[name] for name in operation.inputs])
        for name in (operation.output, *operation.inside):
            values[name] = Value(name, tuple(tensors[name].shape[1:]))
    return Program("x", "y", values, tuple(operations))


def integers(shape: tuple[int, int, int]) -> NDArray[np.int8]:
    """Noise of several strengths, and nothing but the ends."""
    random = np.random.default_rng(3)
    noise = [np.clip(random.normal(0, spread, (COUNT // 4, *shape)), -128, 127) for spread in (3, 40, 90)]
    ends = random.choice([-128, 127], (COUNT // 4, *shape))
    return np.rint(np.concatenate([*noise, ends])).astype(np.int8)


@pytest.mark.parametrize("case", list(CASES))
def test_the_same_integers_everywhere(case: str, tmp_path: Path) -> None:
    shape, operations = CASES[case]
    real = program(shape, operations)
    random = np.random.default_rng(1)
    drawn = torch.from_numpy(random.normal(0.3, 1, (16, *shape)).astype(np.float32))
    network = QuantizedNetwork(real, observe(real, [drawn]), momentum=0.1).eval()
    int8 = network.to_program()
    given = integers(shape)
    expected = simulate(int8, given)  # (B, F, T, C)
    assert len(np.unique(expected)) > 30  # it moves, so that equality means something

    found = int8.values["x"].quantization
    assert found is not None
    with torch.no_grad():
        trained = network(torch.from_numpy((given.astype(np.float32) - found.zero_point) * np.float32(found.scale)))
    output = int8.values["y"].quantization
    assert output is not None
    steps: Any = (expected.astype(np.float32) - output.zero_point) * np.float32(output.scale)
    np.testing.assert_array_equal(trained.permute(0, 2, 3, 1).numpy(), steps)

    (tmp_path / "m.tflite").write_bytes(to_tflite(int8))
    to_onnx(int8, tmp_path / "m.onnx", {})
    np.testing.assert_array_equal(litert(tmp_path / "m.tflite", 1).run(given), expected)
    np.testing.assert_array_equal(onnx_runtime(tmp_path / "m.onnx", 1).run(given).transpose(0, 2, 3, 1), expected)


@pytest.mark.parametrize("case", list(CASES))
def test_the_same_real_numbers_in_float_files(case: str, tmp_path: Path) -> None:
    shape, operations = CASES[case]
    real = program(shape, operations)
    given = np.random.default_rng(2).normal(0, 1, (2, *shape)).astype(np.float32)
    values = {"x": torch.from_numpy(given)}
    for operation in operations:
        values |= operation.run_float([values[name] for name in operation.inputs])
    expected = values["y"].permute(0, 2, 3, 1).numpy()

    interpreter = open_runtime.open_interpreter(tmp_path / "m.tflite", content=to_tflite(real))
    to_onnx(real, tmp_path / "m.onnx", {})
    session = open_runtime.open_session(tmp_path / "m.onnx")
    for one, wanted in zip(given, expected, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one.transpose(1, 2, 0)[None])
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(found, wanted, atol=2e-5)
        found = np.asarray(session.run(None, {"x": one[None]})[0])[0].transpose(1, 2, 0)
        np.testing.assert_allclose(found, wanted, atol=2e-5)
