"""One formula, four places: NumPy, torch, a .tflite and an .onnx compute the same from the same lines."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from compress.arithmetic.arithmetic import Arithmetic, Geometry, Tensor
from compress.arithmetic.in_numpy import NumpyArithmetic
from compress.arithmetic.in_torch import TorchArithmetic
from tests.support.formulas import Formula, in_litert, in_onnx_runtime

X = np.random.default_rng(0).normal(0, 2, (2, 3, 4, 5)).astype(np.float32)
MATRIX = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)


def in_numpy(formula: Formula, numbers: np.ndarray, folder: Path) -> np.ndarray:
    return formula(NumpyArithmetic(), Tensor(numbers, numbers.shape)).key


def in_torch(formula: Formula, numbers: np.ndarray, folder: Path) -> np.ndarray:
    return formula(TorchArithmetic(torch.device("cpu")), Tensor(torch.from_numpy(numbers), numbers.shape)).key.numpy()


def positive(do: Arithmetic, x: Tensor) -> Tensor:
    return do.plus(do.multiply(x, x), 0.1)


def half(do: Arithmetic, x: Tensor) -> Tensor:
    return do.narrow(x, 3, 1, 4)


@pytest.mark.parametrize("run", [in_numpy, in_torch, in_litert, in_onnx_runtime])
@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda do, x: do.add(x, do.number(3)), X + 3),
        (lambda do, x: do.subtract(x, do.sum(x, 3)), X - X.sum(3, keepdims=True)),
        (lambda do, x: do.divide(x, positive(do, x)), X / (X * X + 0.1)),
        (lambda do, x: do.times(x, -0.5), X * -0.5),
        (lambda do, x: do.minimum(x, do.number(0.5)), np.minimum(X, 0.5)),
        (lambda do, x: do.maximum(x, do.number(0.5)), np.maximum(X, 0.5)),
        (lambda do, x: do.log(positive(do, x)), np.log(X * X + 0.1)),
        (lambda do, x: do.exponential(x), np.exp(X)),
        (lambda do, x: do.logistic(x), 1 / (1 + np.exp(-X))),
        (lambda do, x: do.rounded(x), np.floor(X + 0.5)),
        (lambda do, x: do.square_root(positive(do, x)), np.sqrt(X * X + 0.1)),
        (lambda do, x: do.relu(x), X * (X > 0)),
        (lambda do, x: do.mean(x, 1, 3), X.mean((1, 3), keepdims=True)),
        (lambda do, x: do.largest(x, 3), X.max(3, keepdims=True)),
        (lambda do, x: do.reshape(x, (2, 12, 5, 1)), X.reshape(2, 12, 5, 1)),
        (lambda do, x: do.transpose(x, (0, 2, 3, 1)), X.transpose(0, 2, 3, 1)),
        (half, X[..., 1:]),
        (lambda do, x: do.concatenate([x, half(do, x)] * 3, 3), np.concatenate([X, X[..., 1:]] * 3, 3)),
        (lambda do, x: do.matmul(half(do, x), x), X[..., 1:] @ X),
        (lambda do, x: do.times_matrix(x, MATRIX), X @ MATRIX),
        (lambda do, x: do.matrix_times(MATRIX, x), MATRIX @ X),
    ],
)
def test_every_operator_is_the_same_everywhere(
    run: Callable[..., np.ndarray], formula: Formula, expected: np.ndarray, tmp_path: Path
) -> None:
    found = run(formula, X, tmp_path)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("run", [in_numpy, in_torch, in_litert, in_onnx_runtime])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(
    ("geometry", "outputs"),
    [
        (Geometry((1, 1), (1, 1), (1, 1), 1), 6),
        (Geometry((2, 1), (0, 2), (1, 2), 1), 5),
        (Geometry((1, 2), (1, 0), (1, 1), 2), 6),
        (Geometry((2, 2), (1, 1), (1, 1), 4), 8),  # depthwise, two outputs of each channel
    ],
)
def test_integers_are_convolved_without_rounding(
    run: Callable[..., np.ndarray], geometry: Geometry, outputs: int, biased: bool, tmp_path: Path
) -> None:
    """Axes: channels, F, T in front of the window; every sum in Python's integers."""
    random = np.random.default_rng(0)
    x, weight = random.integers(-256, 257, (4, 7, 9)), random.integers(-127, 128, (outputs, 4 // geometry.groups, 3, 3))
    x[0], weight[0] = 256, 127
    bias = random.integers(-(2**22), 2**22, outputs).astype(np.int32) if biased else None
    (pad_f, pad_t), (step_f, step_t), (apart_f, apart_t) = geometry.padding, geometry.stride, geometry.dilation
    padded = np.pad(x, ((0, 0), (pad_f, pad_f), (pad_t, pad_t)))
    frequencies = len(range(0, padded.shape[1] - 2 * apart_f, step_f))
    frames = len(range(0, padded.shape[2] - 2 * apart_t, step_t))
    expected = np.zeros((outputs, frequencies, frames), np.int64)
    for o, f, t in np.ndindex(expected.shape):
        first = o // (outputs // geometry.groups) * weight.shape[1]
        window = padded[first : first + weight.shape[1], f * step_f :, t * step_t :][:, ::apart_f, ::apart_t]
        expected[o, f, t] = (weight[o] * window[:, :3, :3]).sum() + (0 if bias is None else int(bias[o]))
    last = run in (in_numpy, in_litert)
    given = (x.transpose(1, 2, 0) if last else x)[None].astype(np.float32)
    found = run(lambda do, x: do.convolve(x, weight.astype(np.int8), bias, geometry), given, tmp_path)
    np.testing.assert_array_equal(found[0].transpose(2, 0, 1) if last else found[0], expected)
