"""Global response norm in integers: its formulas in Python's own numbers, the margins it rests on, its gradient."""

from dataclasses import replace
from fractions import Fraction
from math import floor, isqrt

import numpy as np
import pytest
import torch

from compress.operations.addition import Addition
from compress.operations.mean import Mean
from compress.operations.response_norm import ResponseNorm
from compress.operations.response_norm_integers import LARGEST_ENERGY, LARGEST_NUMERATOR, NormIntegers
from compress.operations.scales import Scales
from compress.program import Program, Value
from compress.quantization import Quantization, Range, activation
from compress.scheme import assign, quantize
from tinyasc.errors import UserError

C, F, T = 6, 5, 4
NORM = ResponseNorm(("a", "b"), "y", "energy", 0.6, -0.2, 1e-6, True, None)
SHAPES = {"a": (C, F, T), "b": (C, F, T), "y": (C, F, T), "energy": (C,)}


def settled(norm: ResponseNorm, ranges: dict[str, Range], shape: tuple[int, ...] = (C, F, T)) -> Scales:
    shapes = {**dict.fromkeys(("a", "b", "y"), shape), "energy": shape[:1]}
    scales = Scales(ranges, shapes, {name: activation(found) for name, found in ranges.items()})
    norm.settle(scales)
    return scales


def stress(seed: int = 0) -> list[np.ndarray]:
    """Two int8 inputs (B, F, T, C): nothing, one channel alone, full scale, constant, noise of several strengths."""
    random = np.random.default_rng(seed)
    noise = [np.clip(random.normal(0, s, (8, F, T, C)), -128, 127) for s in (2, 40, 300)]
    loud = [np.full((1, F, T, C), value) for value in (-128, 127, 0, -1)]
    alone = np.zeros((1, F, T, C))
    alone[..., 2] = 127
    one = np.concatenate([*loud, alone, *noise])
    return [np.rint(one).astype(np.int8), np.rint(random.permutation(one)).astype(np.int8)]


def by_hand(constants: NormIntegers, maps: list[np.ndarray], found: list[Quantization], output: Quantization) -> list:
    """The formulas at the head of `response_norm_integers`, for every element, without NumPy's arithmetic."""
    results = []
    for b in range(len(maps[0])):
        parts = [int(q.scale) * (one[b].astype(object) - q.zero_point) for one, q in zip(maps, found, strict=True)]
        x = parts[0] + parts[1]
        norms = []
        for c in range(C):
            rows = (sum(int(value) ** 2 for value in x[f, :, c]) // 2**constants.energy_shift for f in range(F))
            n = min(sum(rows), LARGEST_ENERGY)
            norms.append((isqrt(4 * n) + 1) // 2)
        t = sum(norms) // 2**constants.sum_shift + 1
        reciprocal = floor(Fraction(constants.numerator, 4 * t) + Fraction(1, 2))
        for f, time, c in np.ndindex(F, T, C):
            moved = floor(Fraction(norms[c] * reciprocal, 2**constants.reciprocal_shift))
            scale = Fraction(constants.offset + moved, 2**constants.fraction)
            real = x[f, time, c] * scale + Fraction(constants.bias, 2 ** (constants.fraction + 1))
            results.append(real / int(output.scale))
    return results


def in_int64(x: np.ndarray, constants: NormIntegers, output: Quantization) -> np.ndarray:
    """The same formulas for a map x (B, F, T, C) of any size."""
    rows = np.square(x).sum(axis=2) >> constants.energy_shift
    energy = np.minimum(rows.sum(axis=1), LARGEST_ENERGY)  # (B, C)
    norm = np.rint(np.sqrt(energy)).astype(np.int64)  # never near a half
    total = (norm.sum(axis=1, keepdims=True) >> constants.sum_shift) + 1
    reciprocal = (constants.numerator + 2 * total) // (4 * total)
    scale = constants.offset + (norm * reciprocal >> constants.reciprocal_shift)
    doubled = 2 * x * scale[:, None, None, :] + constants.bias
    return doubled / (output.scale * 2.0 ** (constants.fraction + 1))


@pytest.mark.parametrize("shape", [(168, 6, 8), (8, 64, 16)])  # of CP-Mobile: many channels, many points
def test_float32_loses_nothing_of_a_whole_map(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0)
    low, high = -float(random.uniform(0, 9)), float(random.uniform(1, 9))
    energy = float(np.prod(shape[1:])) * high**2 / 5
    ranges = {"a": Range(low, high), "b": Range(0.0, 1.2), "y": Range(0.0, 2 * high), "energy": Range(0.0, energy)}
    found = settled(NORM, ranges, shape).settled
    maps = [random.integers(-128, 128, (4, *shape[1:], shape[0])).astype(np.int8) for _ in NORM.inputs]
    maps[0][1:] = maps[0][1:] // 8
    norm = NORM.quantized(found, {"y": shape})
    pairs = zip(maps, (found[name] for name in NORM.inputs), strict=True)
    parts = [(one.astype(np.int64) - q.zero_point) * int(q.scale) for one, q in pairs]
    assert norm.integers is not None
    expected = in_int64(parts[0] + parts[1], norm.integers, found["y"])
    real = norm.simulate(maps, found)
    inside = np.abs(expected) < 256  # beyond it the output is clamped
    np.testing.assert_array_equal(real[inside], expected[inside])
    assert inside.mean() > 0.5


@pytest.mark.parametrize(
    "constants",
    [NormIntegers(0, 0, 524_801, 0, 14, 16_400, 3), NormIntegers(3, 2, -1_779_729, 3, 13, 9_000, -590_255)],
)
def test_simulator_computes_the_formulas(constants: NormIntegers) -> None:
    found = {"a": Quantization(4.0, -3, 0.1), "b": Quantization(1.0, -128, 0.1), "y": Quantization(2.0, -128, 0.3)}
    real = replace(NORM, integers=constants).simulate(stress(), found)
    expected = by_hand(constants, stress(), [found["a"], found["b"]], found["y"])
    inside = [abs(value) < 256 for value in expected]  # beyond it the output is clamped
    pairs = zip(real.ravel().tolist(), expected, inside, strict=True)
    assert all(Fraction(one) == other for one, other, within in pairs if within)
    assert sum(inside) > len(inside) / 3
    assert not any((value + Fraction(1, 2)).denominator == 1 for value in expected)  # no tie


def test_roots_and_reciprocals_have_the_room_they_claim() -> None:
    n = np.arange(LARGEST_ENERGY + 1, dtype=np.float64)
    root = np.sqrt(n)
    half = np.floor(root) + 0.5
    assert (np.abs(root - half) > root * 3 * 2.0**-23 + 2.0**-15).all()
    random = np.random.default_rng(0)
    numerators = random.integers(-LARGEST_NUMERATOR // 2, LARGEST_NUMERATOR // 2, 200) * 2 + 1
    numerators = np.append(numerators, [1, -1, LARGEST_NUMERATOR - 1])[:, None]
    t = np.append(np.arange(1, 5000), random.integers(5000, 2**19, 2000))
    quotient = numerators / 4 / t
    distance = np.abs(quotient - np.floor(quotient) - 0.5)
    assert (distance > np.abs(quotient) * (3 * 2.0**-23 + 2.0**-24) + 2.0**-25).all()


@pytest.mark.parametrize("gamma", [-0.8, 0.0, 0.01, 0.9, 4.0])
@pytest.mark.parametrize("count", [1, 2])
def test_integers_are_near_the_real_norm(gamma: float, count: int) -> None:
    random = np.random.default_rng(0)
    strength = random.uniform(0.1, 3, C)
    maps = [random.normal(0.3, 1, (20, F, T, C)) * strength * (1 + 2 * i) for i in range(count)]
    real = replace(NORM, inputs=NORM.inputs[:count], gamma=gamma, relu=False)
    tensors = [torch.from_numpy(one).permute(0, 3, 1, 2) for one in maps]
    outputs = real.run_float(tensors)
    named = {**dict(zip(real.inputs, tensors, strict=True)), **outputs}
    scales = settled(real, {name: Range(value.min().item(), value.max().item()) for name, value in named.items()})
    given = [scales.settled[name] for name in real.inputs]
    rounded = [
        np.clip(np.rint(one / q.step) + q.zero_point, -128, 127).astype(np.int8)
        for one, q in zip(maps, given, strict=True)
    ]
    found = real.quantized(scales.settled, SHAPES).simulate(rounded, scales.settled)
    exact = [torch.from_numpy((one - float(q.zero_point)) * q.step) for one, q in zip(rounded, given, strict=True)]
    expected = real.run_float([one.permute(0, 3, 1, 2) for one in exact])["y"].permute(0, 2, 3, 1).numpy()
    assert np.abs(found - expected / scales.settled["y"].step).max() < 1.0  # steps of the int8 output
    assert np.abs(found - expected / scales.settled["y"].step).mean() < 0.1


def test_training_computes_the_simulators_bits_and_has_the_norms_gradient() -> None:
    ranges = {"a": Range(-2.0, 3.0), "b": Range(0.0, 1.2), "y": Range(0.0, 9.0), "energy": Range(0.0, 30.0)}
    found = settled(NORM, ranges).settled
    inputs = [
        torch.from_numpy(one - np.float32(found[name].zero_point)).permute(0, 3, 1, 2).requires_grad_()
        for one, name in zip(stress(), NORM.inputs, strict=True)
    ]
    scalars = {"gamma": torch.tensor(NORM.gamma), "beta": torch.tensor(NORM.beta)}
    real = NORM.train({name: value.requires_grad_() for name, value in scalars.items()}, inputs, found)
    expected = NORM.quantized(found, SHAPES).simulate(stress(), found)
    inside = np.abs(expected) < 256  # beyond it the output is clamped
    np.testing.assert_array_equal(real.detach().permute(0, 2, 3, 1).numpy()[inside], expected[inside])

    noisy = [one.detach()[13:].requires_grad_() for one in inputs]  # those where every channel has energy
    weight = torch.randn(noisy[0].shape, generator=torch.Generator().manual_seed(0))
    (NORM.train(scalars, noisy, found) * weight).sum().backward()
    again = [one.detach().requires_grad_() for one in noisy]
    x = again[0] * found["a"].step + again[1] * found["b"].step
    plain = {name: value.detach().requires_grad_() for name, value in scalars.items()}
    norm = x.square().sum((2, 3), keepdim=True).sqrt()
    y = x * (1 + plain["gamma"] * norm / norm.mean(1, keepdim=True)) + plain["beta"]
    (y / found["y"].step * weight).sum().backward()
    for mine, theirs in [*zip(noisy, again, strict=True), *((scalars[name], plain[name]) for name in plain)]:
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("frames", "wide"), [(16, True), (64, True), (70, False)])
def test_sums_stay_exact_or_are_refused(frames: int, wide: bool) -> None:
    ranges = {"a": Range(0.0, 4.0), "b": Range(0.0, 1.0), "y": Range(0.0, 9.0), "energy": Range(0.0, 30.0)}
    if not wide:
        with pytest.raises(UserError, match="70 frames"):
            settled(NORM, ranges, (C, 64, frames))
        return
    found = settled(NORM, ranges, (C, 64, frames)).settled
    assert found["a"].unit == found["b"].unit
    assert found["a"].step >= 4.0 / 255
    assert found["b"].step >= 1.0 / 255
    reach = 255 * (found["a"].scale + found["b"].scale)
    assert frames * reach**2 <= 2**24
    assert 64 * frames * reach**2 / found["energy"].scale <= 2**24


@pytest.mark.parametrize(
    ("normed", "ratio", "scales"),
    # a norm gives b, which so has a unit already and needs a power of two
    [(False, 3.0, (3, 1)), (False, 0.6, (3, 5)), (True, 0.75, (3, 4)), (True, 1.5, (3, 2))],
)
def test_inputs_whose_ratio_is_that_of_small_integers_are_not_widened(
    normed: bool, ratio: float, scales: tuple[int, int]
) -> None:
    ranges = {"a": Range(0.0, ratio), "b": Range(0.0, 1.0), "y": Range(0.0, 9.0), "energy": Range(0.0, 30.0)}
    shapes = {**dict.fromkeys(("a", "b", "y"), (C, F, T)), "energy": (C,)}
    start = {name: activation(found) for name, found in ranges.items()}
    if normed:
        start["b"] = Quantization(1.0, start["b"].zero_point, start["b"].scale)
    found = Scales(ranges, shapes, start)
    NORM.settle(found)
    a, b = found.settled["a"], found.settled["b"]
    assert (a.scale, b.scale) == scales
    assert a.step * 255 == pytest.approx(ratio, rel=1e-6)
    assert b.step * 255 == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"), [({"gamma": 1e6}, "gamma 1e\\+06"), ({"beta": -50.0}, "beta -50"), ({}, "not settled")]
)
def test_what_integers_cannot_hold_is_refused(change: dict[str, float], message: str) -> None:
    ranges = {"a": Range(-2.0, 3.0), "b": Range(0.0, 1.2), "y": Range(0.0, 9.0), "energy": Range(0.0, 30.0)}
    found = settled(NORM, ranges).settled
    if not change:
        found["b"] = replace(found["b"], unit=1.0)
    with pytest.raises(UserError, match=message):
        replace(NORM, **change).quantized(found, SHAPES)


@pytest.mark.parametrize("behind", [Addition(("y", "x"), "z", False), Mean("y", "z"), None])
def test_a_norm_needs_a_convolution_behind_it(behind: Addition | Mean | None) -> None:
    norm = replace(NORM, inputs=("a",))
    names = {**SHAPES, "x": (C, F, T), "z": (C,) if isinstance(behind, Mean) else (C, F, T)}
    values = {name: Value(name, shape) for name, shape in names.items()}
    operations = (norm,) if behind is None else (norm, behind)
    program = Program("x", operations[-1].output, values, operations)
    with pytest.raises(UserError, match="convolution"):
        quantize(program, assign(program, dict.fromkeys(values, Range(0.0, 3.0))))
