"""Global response norm in both runtimes: its roots and reciprocals over the numbers it meets, and whole maps of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.operations.convolution import Convolution
from compress.operations.response_norm import ResponseNorm
from compress.operations.response_norm_integers import LARGEST_ENERGY, LARGEST_NUMERATOR
from compress.program import Program, Value
from compress.quantization import Range
from compress.scheme import assign, quantize
from compress.simulate import simulate
from export.runtimes import litert, onnx_runtime
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tests.support.formulas import in_litert, in_onnx_runtime

RUNTIMES = pytest.mark.parametrize("run", [in_litert, in_onnx_runtime])


@RUNTIMES
def test_the_root_of_every_energy_is_the_integers(run: Callable[..., np.ndarray], tmp_path: Path) -> None:
    n = np.arange(LARGEST_ENERGY + 1, dtype=np.float32)[None]
    found = run(lambda do, x: do.rounded(do.square_root(x)), n, tmp_path)
    exact = np.floor(np.sqrt(4 * n.astype(np.float64)))  # 2 sqrt(n), cut to halves
    np.testing.assert_array_equal(found, np.floor((exact + 1) / 2))


@RUNTIMES
def test_reciprocals_are_the_integers(run: Callable[..., np.ndarray], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    t = np.concatenate([np.arange(1, 30_001), random.integers(30_001, 2**19 + 2, 5_000)])
    odd = 2 * random.integers(-LARGEST_NUMERATOR // 2, LARGEST_NUMERATOR // 2, 20) + 1
    numerators = np.append(odd, [1, -1, 3, LARGEST_NUMERATOR - 1, 1 - LARGEST_NUMERATOR])[:, None]
    quarters = (numerators / 4).astype(np.float32)

    def formula(do: Arithmetic, x: Tensor) -> Tensor:
        return do.rounded(do.divide(do.constant(quarters), x))

    found = run(formula, t.astype(np.float32)[None], tmp_path)
    np.testing.assert_array_equal(found, (numerators + 2 * t) // (4 * t))


def one_norm(shape: tuple[int, int, int], seed: int) -> Program:
    """Two maps of random range, made by 1x1 convolutions of one input, their norm, and a 1x1 convolution behind it."""
    random = np.random.default_rng(seed)
    channels, inputs, shapes = shape[0], 4, {"x": (4, *shape[1:]), "energy": shape[:1]}
    spread = np.exp(random.normal(0, 1, (channels, 1, 1, 1)))

    def mix(source: str, output: str, outputs: int, width: int) -> Convolution:
        weight = (random.normal(0, 1, (outputs, width, 1, 1)) * spread[:outputs]).astype(np.float32)
        bias = random.normal(0, 1, outputs).astype(np.float32)
        return Convolution(source, output, weight, bias, None, (1, 1), (0, 0), 1, False, True)

    size = np.exp(random.normal(1, 1, 4))
    gamma, beta = random.normal(0, 1.5), random.normal(0, 0.3) * size[2]
    names = ("a", "b")[: 1 + seed % 2]
    operations = (
        *(mix("x", name, channels, inputs) for name in names),
        ResponseNorm(names, "y", "energy", gamma, beta, 1e-6, bool(seed % 3), None),
        mix("y", "z", channels, channels),
    )
    shapes |= dict.fromkeys((*names, "y", "z"), shape)
    ranges = {"x": Range(-2.0, 2.0), "a": Range(-size[0], 2 * size[0]), "b": Range(0.0, size[1])}
    ranges |= {"y": Range(0.0 if seed % 3 else -size[2], size[2]), "z": Range(-size[3], size[3])}
    ranges["energy"] = Range(0.0, float(np.prod(shape[1:]) * size[0] ** 2 / random.uniform(1, 30)))
    program = Program("x", "z", {name: Value(name, one) for name, one in shapes.items()}, operations)
    return quantize(program, assign(program, ranges))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(8, 64, 16), (168, 6, 8), (12, 5, 7)])
def test_whole_maps_are_the_simulators(shape: tuple[int, int, int], seed: int, tmp_path: Path) -> None:
    program = one_norm(shape, seed)
    random = np.random.default_rng(seed)
    noise = [random.normal(random.normal(0, 40), s, (5, 4, *shape[1:])) for s in (1, 30, 200)]
    loud = [np.full((1, 4, *shape[1:]), value) for value in (0, -128, 127, -1)]
    inputs = np.clip(np.rint(np.concatenate([*noise, *loud])), -128, 127).astype(np.int8)
    (tmp_path / "m.tflite").write_bytes(to_tflite(program))
    to_onnx(program, tmp_path / "m.onnx", {})
    expected = simulate(program, inputs)
    for threads in (1, 2):
        np.testing.assert_array_equal(litert(tmp_path / "m.tflite", threads).run(inputs), expected)
    found = onnx_runtime(tmp_path / "m.onnx", 1).run(inputs)
    np.testing.assert_array_equal(found.transpose(0, 2, 3, 1), expected)
    assert len(np.unique(expected)) > 20  # not all clamped
