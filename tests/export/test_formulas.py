"""Operations without an integer kernel in both runtimes: the simulator's integers over random and extreme maps, with
every operator delegated, and what they rest on over the numbers they meet."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.operations.activation_function import LOGISTIC_ERROR, ActivationFunction
from compress.operations.addition import Addition
from compress.operations.attention import MOST_EXPONENT, NUMERATOR, Attention, top
from compress.operations.concatenation import Concatenation
from compress.operations.convolution import Convolution
from compress.operations.elementwise_function import RELATIVE_ERROR
from compress.operations.operation import Operation
from compress.operations.standardization import CHANNEL, FREQUENCY, TIME, Standardization
from compress.program import Program, Value
from compress.quantized_network import QuantizedNetwork
from compress.simulate import observe, simulate
from export.runtimes import litert, onnx_runtime
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tests.support.formulas import in_litert, in_onnx_runtime

INPUTS = 4


def mix(source: str, output: str, channels: tuple[int, int], seed: int) -> Convolution:
    """1x1, to give a value a range of its own."""
    random = np.random.default_rng(seed)
    spread = np.exp(random.normal(0, 0.7, (channels[1], 1, 1, 1)))
    weight = (random.normal(0, channels[0] ** -0.5, (channels[1], channels[0], 1, 1)) * spread).astype(np.float32)
    bias = random.normal(0, 0.3, channels[1]).astype(np.float32)
    return Convolution(source, output, weight, bias, None, (1, 1), (0, 0), 1, False, True)


def standardization(over: tuple[str, ...], channels: int, seed: int) -> Standardization:
    random = np.random.default_rng(seed)
    parts = random.normal(0.1, 0.1, channels), random.normal(1, 0.5, channels), random.normal(0, 0.5, channels)
    share, gain, bias = (part.astype(np.float32) for part in parts)
    return Standardization("a", "y", "variance", over, share, gain, bias, ("gain", "bias"), 1e-5, None)


def operations(kind: str, channels: int, seed: int) -> list[Operation]:
    """From x (INPUTS, F, T) to y (channels, F, T)."""
    wide = (INPUTS, channels)
    if kind == "attention":
        sources: list[Operation] = [mix("x", name, wide, seed + i) for i, name in enumerate("qkv")]
        return [*sources, Attention(("q", "k", "v"), "y", channels // 4, 2, None, None)]
    if kind == "silu, unit":  # a norm reads what joins its result
        halves = INPUTS, channels // 2
        joined = [Concatenation(("b", "c"), "a", 0), standardization((CHANNEL, TIME), 1, seed)]
        return [
            mix("x", "d", halves, seed),
            ActivationFunction("d", "b", "silu", None),
            mix("x", "c", halves, 9),
            *joined,
        ]
    if kind in ("silu", "sigmoid"):
        return [mix("x", "a", wide, seed), ActivationFunction("a", "y", kind, None)]  # type: ignore[arg-type]
    over = {"band": (CHANNEL, TIME), "point": (CHANNEL,), "map": (CHANNEL, FREQUENCY, TIME)}[
        kind.split(",", maxsplit=1)[0]
    ]
    norm = standardization(over, channels if "channel" in kind else 1, seed)
    if "bound" not in kind:
        return [mix("x", "a", wide, seed), norm]
    # behind an addition that another one follows: the unit goes to all of them; x is the input, whose scale is fixed
    sums = [Addition(("x", "x"), "a", False), norm] if "input" in kind else []
    return sums or [mix("x", "b", wide, seed), mix("x", "c", wide, seed + 1), Addition(("b", "c"), "a", True), norm]


def program(kind: str, shape: tuple[int, int, int], seed: int) -> Program:
    channels = shape[0]
    made = [*operations(kind, channels, seed), mix("y", "z", (channels, 5), seed + 7)]
    values = {"x": Value("x", (INPUTS, *shape[1:])), "variance": Value("variance", (1,))}
    values |= {one.output: Value(one.output, shape) for one in made}
    if "unit" in kind:
        values |= {name: Value(name, (channels // 2, *shape[1:])) for name in "bcd"}
    values["z"] = Value("z", (5, *shape[1:]))
    used = {"x"}.union(*((one.output, *one.inside) for one in made))
    real = Program("x", "z", {name: value for name, value in values.items() if name in used}, tuple(made))
    random = np.random.default_rng(seed)
    batches = [random.normal(0, s, (8, INPUTS, *shape[1:])).astype(np.float32) for s in (0.3, 1.0)]
    return QuantizedNetwork(real, observe(real, map(torch.from_numpy, batches)), 0.1).to_program()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("band", (128, 16, 16)),  # TF-SepNet's
        ("band, channel", (20, 9, 7)),
        ("band, bound", (64, 8, 16)),
        ("band, input bound", (INPUTS, 8, 6)),
        ("point, channel", (32, 8, 16)),
        ("map", (12, 16, 8)),
        ("silu", (20, 1, 32)),
        ("silu, unit", (20, 4, 8)),
        ("sigmoid", (8, 6, 5)),
        ("attention", (32, 32, 16)),  # MobileAST's
        ("attention", (8, 6, 10)),
    ],
)
def test_whole_maps_are_the_simulators(kind: str, shape: tuple[int, int, int], seed: int, tmp_path: Path) -> None:
    int8 = program(kind, shape, seed)
    random = np.random.default_rng(seed)
    noise = [random.normal(random.normal(0, 40), s, (4, INPUTS, *shape[1:])) for s in (1, 30, 200)]
    loud = [np.full((1, INPUTS, *shape[1:]), value) for value in (0, -128, 127, -1)]
    inputs = np.clip(np.rint(np.concatenate([*noise, *loud])), -128, 127).astype(np.int8)
    (tmp_path / "m.tflite").write_bytes(to_tflite(int8))
    to_onnx(int8, tmp_path / "m.onnx", {})
    expected = simulate(int8, inputs)
    for threads in (1, 2):
        np.testing.assert_array_equal(litert(tmp_path / "m.tflite", threads).run(inputs), expected)
    found = onnx_runtime(tmp_path / "m.onnx", 1).run(inputs)
    np.testing.assert_array_equal(found.transpose(0, 2, 3, 1), expected)
    assert len(np.unique(expected)) > 20  # not all clamped


RUNTIMES = pytest.mark.parametrize("run", [in_litert, in_onnx_runtime])


@RUNTIMES
@pytest.mark.parametrize("exponent", [4, 9, MOST_EXPONENT])
def test_the_weight_of_every_score_is_the_integers(
    run: Callable[..., np.ndarray], exponent: int, tmp_path: Path
) -> None:
    largest = top(exponent, 1024)
    scores = -np.arange(12 * 2**exponent) / 2.0**exponent

    def formula(do: Arithmetic, x: Tensor) -> Tensor:
        return do.floor(do.times(do.exponential(x), largest))

    far = np.array([-90.0, -200.0, -1e5])
    found = run(formula, np.concatenate([scores, far])[None].astype(np.float32), tmp_path)[0]
    np.testing.assert_array_equal(found[:-3], np.floor(largest * np.exp(scores)))
    assert not found[-3:].any()


@RUNTIMES
def test_reciprocals_of_every_sum_of_weights_are_the_integers(run: Callable[..., np.ndarray], tmp_path: Path) -> None:
    total = np.arange(1, 2**17 + 1)

    def formula(do: Arithmetic, x: Tensor) -> Tensor:
        return do.rounded(do.divide(do.number(NUMERATOR / 4), x))

    found = run(formula, total.astype(np.float32)[None], tmp_path)[0]
    np.testing.assert_array_equal(found, (NUMERATOR + 2 * total) // (4 * total))


@RUNTIMES
def test_a_silu_errs_by_less_than_is_allowed_for(run: Callable[..., np.ndarray], tmp_path: Path) -> None:
    x = np.linspace(-16, 16, 100_001).astype(np.float32)
    found = run(lambda do, x: do.multiply(x, do.logistic(x)), x[None], tmp_path)[0]
    exact = x / (1 + np.exp(-x.astype(np.float64)))
    assert (2 * np.abs(found - exact) <= RELATIVE_ERROR * np.abs(exact) + LOGISTIC_ERROR * np.abs(x)).all()
