"""Standardization in integers: its formulas in Python's own numbers, how near it is to the real one, its gradient."""

from dataclasses import replace
from fractions import Fraction
from math import floor, isqrt

import numpy as np
import pytest
import torch

from compress.operations.operation import Quantizations
from compress.operations.scales import Scales
from compress.operations.standardization import CHANNEL, FREQUENCY, TIME, Standardization
from compress.operations.standardization_integers import LARGEST_ENERGY, NUMERATOR
from compress.quantization import Quantization, Range, activation
from tinyasc.errors import UserError

C, F, T = 6, 5, 4
BAND, POINT, MAP = (CHANNEL, TIME), (CHANNEL,), (CHANNEL, FREQUENCY, TIME)
float32 = np.float32


def norm(over: tuple[str, ...], channels: int = 1) -> Standardization:
    random = np.random.default_rng(channels)
    gain = random.uniform(0.5, 1.5, channels) * (1 if channels == 1 else random.choice([-1, 1], channels))
    parts = np.full(1, 0.1), gain, random.normal(0, 0.3, channels)
    share, gain, bias = (part.astype(float32) for part in parts)
    return Standardization("x", "y", "variance", over, share, gain, bias, ("gain", "bias"), 1e-5, None)


def settled(real: Standardization, x: np.ndarray) -> dict[str, Quantization]:
    """Scales for a map x (B, C, F, T)."""
    found = {"x": torch.from_numpy(x).float(), **real.run_float([torch.from_numpy(x).float()])}
    ranges = {name: Range(value.min().item(), value.max().item()) for name, value in found.items()}
    shapes = {name: tuple(value.shape[1:]) for name, value in found.items()}
    scales = Scales(ranges, shapes, {name: activation(one) for name, one in ranges.items()})
    real.settle(scales)
    real.refine(scales)
    return scales.settled


def maps(shape: tuple[int, int, int] = (C, F, T), count: int = 12) -> np.ndarray:
    """(B, C, F, T): bands of their own level and strength."""
    random = np.random.default_rng(0)
    strength = np.exp(random.normal(0, 0.7, (count, 1, shape[1], 1)))
    return (random.normal(0, 1, (count, *shape)) + random.normal(0, 1, (count, 1, shape[1], 1))) * strength


def rounded(x: np.ndarray, found: Quantization) -> np.ndarray:
    """(B, C, F, T) to int8 (B, F, T, C)."""
    return np.clip(np.rint(x / found.step) + found.zero_point, -128, 127).astype(np.int8).transpose(0, 2, 3, 1)


def by_hand(int8: Standardization, given: np.ndarray, found: Quantizations) -> list[Fraction]:
    """The formulas at the head of `standardization_integers`; only products that may be rounded are NumPy's."""
    constants, results = int8.integers, []
    assert constants is not None
    axes = [{CHANNEL: 3, FREQUENCY: 1, TIME: 2}[name] for name in int8.over]
    for b, f, t, c in np.ndindex(given.shape):
        place = tuple(slice(None) if axis in axes else [b, f, t, c][axis] for axis in range(4))
        part = given[(b, *place[1:])].astype(object) - found["x"].zero_point
        part = part.reshape(-1, given.shape[3])  # rows of channels
        s, count = int(part.sum()), part.size
        mean = float32(s) * float32(1 / count)
        squares = sum(int((row**2).sum()) // 2**constants.shift for row in part)
        product = floor(float(float32(s) * (mean * float32(2.0**-constants.shift))))
        n = min(max(squares - product + constants.excess, constants.least**2), LARGEST_ENERGY)
        root = (isqrt(4 * n) + 1) // 2
        u = floor(Fraction(NUMERATOR, 4 * root) + Fraction(1, 2))
        left = 3 * 2**20 - floor(float(float32(n) * (float32(u) * float32(u) * float32(2.0**-18))))
        u = floor(float(float32(u) * float32(left)) / 2**21)
        slope, offset, bias = (
            one[c if len(one) > 1 else 0] for one in (constants.slopes, constants.offsets, constants.biases)
        )
        r = floor(float(float32(u) * float32(slope)))
        level = Fraction(int(bias), 2) - floor(float(float32(r) * mean))
        x = int(given[b, f, t, c]) - found["x"].zero_point
        results.append(Fraction(x * (offset + r) + level) / 2**constants.fraction)
    return results


@pytest.mark.parametrize(("over", "channels"), [(BAND, 1), (BAND, C), (POINT, C), (MAP, 1)])
def test_simulator_computes_the_formulas(over: tuple[str, ...], channels: int) -> None:
    real, x = norm(over, channels), maps()
    found = settled(real, x)
    loud = np.stack([np.full((F, T, C), value, np.int8) for value in (-128, 127, 0)])
    given = np.concatenate([rounded(x, found["x"])[:3], loud, rounded(9 * x, found["x"])[:2]])
    int8 = real.quantized(found, {"x": (C, F, T), "y": (C, F, T)})
    expected = by_hand(int8, given, found)
    simulated = int8.simulate([given], found).ravel().tolist()
    inside = [abs(value) < 256 for value in expected]  # beyond it the output is clamped
    assert [Fraction(a) for a, i in zip(simulated, inside, strict=True) if i] == [
        b for b, i in zip(expected, inside, strict=True) if i
    ]
    assert not any((value + Fraction(1, 2)).denominator == 1 for value in expected)  # no tie
    assert sum(inside) > len(inside) / 2


@pytest.mark.parametrize(
    ("over", "channels", "shape"),
    [(BAND, 1, (128, 12, 16)), (BAND, 20, (20, 9, 7)), (POINT, 32, (32, 4, 16)), (MAP, 1, (16, 8, 6))],
)
@pytest.mark.parametrize("bound", [False, True])  # to a scale that is not 1: integers are found again
def test_integers_are_near_the_real_norm(
    over: tuple[str, ...], channels: int, shape: tuple[int, int, int], bound: bool
) -> None:
    real, x = norm(over, channels), maps(shape)
    found = settled(real, x)
    if bound:
        scale = float(float32(found["x"].step))
        found["x"] = Quantization(scale, found["x"].zero_point)
    given = rounded(x, found["x"])
    exact = (given.transpose(0, 3, 1, 2) - float(found["x"].zero_point)) * found["x"].step
    expected = real.run_float([torch.from_numpy(exact).float()])["y"].permute(0, 2, 3, 1).numpy() / found["y"].step
    simulated = real.quantized(found, {"x": shape, "y": shape}).simulate([given], found)
    assert np.abs(simulated - expected).mean() < 0.1  # steps of the int8 output
    assert np.percentile(np.abs(simulated - expected), 99) < 1


def test_training_computes_the_simulators_bits_and_has_the_norms_gradient() -> None:
    real, x = norm(BAND, C), maps()
    found = settled(real, x)
    given = rounded(x, found["x"])
    centred = torch.from_numpy(given.astype(float32) - found["x"].zero_point).permute(0, 3, 1, 2).requires_grad_()
    tensors = {name: torch.from_numpy(array).requires_grad_() for name, array in real.parameters.items()}
    trained = real.train(tensors, [centred], found)
    int8 = real.quantized(found, {"x": (C, F, T), "y": (C, F, T)})
    np.testing.assert_array_equal(trained.detach().permute(0, 2, 3, 1).numpy(), int8.simulate([given], found))
    trained.square().mean().backward()
    again = centred.detach().requires_grad_()
    plain = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items()}
    step = again * found["x"].step
    variance, mean = torch.var_mean(step, (1, 3), correction=0, keepdim=True)
    gain, bias = (plain[name][:, None, None] for name in ("gain", "bias"))
    y = (0.1 * step + gain * (step - mean) / (variance + 1e-5).sqrt() + bias) / found["y"].step
    y.backward(2 * trained.detach() / trained.numel())
    for mine, theirs in [(centred, again), *((tensors[name], plain[name]) for name in plain)]:
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("change", "message"), [({"gain": 1e9}, "too large"), ({"variance": 0}, "too many")])
def test_what_integers_cannot_hold_is_refused(change: dict[str, float], message: str) -> None:
    shape = (200, 4, 40)
    real, x = norm(BAND), maps(shape, 2)
    found = settled(real, x)
    if "gain" in change:
        real = replace(real, gain=np.full(1, change["gain"], float32))
    else:
        found["variance"] = Quantization(1.0, 0)  # no shift
    with pytest.raises(UserError, match=message):
        real.quantized(found, {"x": shape, "y": shape})
