"""Attention in integers: its formulas in Python's own numbers, the margins it rests on, its gradient."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch

from compress.operations.attention import NUMERATOR, RELATIVE_ERROR, Attention, top
from compress.operations.scales import Scales
from compress.quantization import Quantization, Range, activation
from tinyasc.errors import UserError
from tinyasc.models.layers import transformer

HEADS, C, F, T = 2, 8, 6, 4
ATTENTION = Attention(("q", "k", "v"), "y", HEADS, 2, None, None)
NAMES = (*ATTENTION.inputs, "y")


def maps(size: float, shape: tuple[int, int, int] = (C, F, T), count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(0.1, scale, (count, *shape)) for scale in (size, size, 1)]


def settled(inputs: list[np.ndarray]) -> dict[str, Quantization]:
    tensors = [torch.from_numpy(one).float() for one in inputs]
    found = {**dict(zip(ATTENTION.inputs, tensors, strict=True)), **ATTENTION.run_float(tensors)}
    ranges = {name: Range(value.min().item(), value.max().item()) for name, value in found.items()}
    shapes = dict.fromkeys(NAMES, inputs[0].shape[1:])
    scales = Scales(ranges, shapes, {name: activation(one) for name, one in ranges.items()})
    ATTENTION.settle(scales)
    return scales.settled


def rounded(inputs: list[np.ndarray], found: dict[str, Quantization]) -> list[np.ndarray]:
    """(B, C, F, T) each to int8 (B, F, T, C)."""
    pairs = zip(inputs, (found[name] for name in ATTENTION.inputs), strict=True)
    return [
        np.clip(np.rint(x / q.step) + q.zero_point, -128, 127).astype(np.int8).transpose(0, 2, 3, 1) for x, q in pairs
    ]


@pytest.mark.parametrize("size", [0.2, 1, 6])  # from nearly equal weights to nearly one
def test_simulator_computes_the_formulas(size: float) -> None:
    inputs = maps(size)
    found = settled(inputs)
    given = rounded(inputs, found)
    int8 = ATTENTION.quantized(found, dict.fromkeys(NAMES, (C, F, T)))
    assert int8.top is not None
    assert int8.factor is not None
    simulated = int8.simulate(given, found)
    q, k, v = (one.astype(int) - found[name].zero_point for name, one in zip(ATTENTION.inputs, given, strict=True))
    numbers = C // HEADS
    for b, f, t, head in [(0, 0, 0, 0), (1, 3, 1, 1), (2, 5, 2, 0), (2, 4, 3, 1)]:
        channels = slice(head * numbers, (head + 1) * numbers)
        fellows = [(i, j) for i in range(f % 2, F, 2) for j in range(t % 2, T, 2)]
        scores = [
            Fraction(int(q[b, f, t, channels] @ k[b, i, j, channels])) * Fraction(found["q"].scale) for i, j in fellows
        ]
        weights = [floor(np.exp(float(score - max(scores))) * int8.top) for score in scores]
        total = sum(weights)
        reciprocal = floor(Fraction(NUMERATOR, 4 * total) + Fraction(1, 2))
        reciprocal = 32 * reciprocal + floor(Fraction(reciprocal * (2**19 - total * reciprocal), 2**14))
        left = np.float32(reciprocal) * np.float32(2**24 - total * reciprocal)  # may be rounded, everywhere alike
        reciprocal = 16 * reciprocal + floor(Fraction(float(left)) / 2**20)
        assert abs(reciprocal * total / 2**28 - 1) < 2e-3
        for c in range(head * numbers, (head + 1) * numbers):
            summed = sum(weight * int(v[b, i, j, c]) for weight, (i, j) in zip(weights, fellows, strict=True))
            expected = np.float32(summed) * (np.float32(reciprocal) * np.float32(int8.factor))
            assert simulated[b, f, t, c] == expected


@pytest.mark.parametrize("size", [0.2, 1, 6])
def test_integers_are_near_the_real_attention(size: float) -> None:
    shape = (32, 16, 32)  # 128 positions
    inputs = maps(size, shape, 2)
    found = settled(inputs)
    given = rounded(inputs, found)
    pairs = zip(given, (found[name] for name in ATTENTION.inputs), strict=True)
    exact = [torch.from_numpy((x.transpose(0, 3, 1, 2) - float(q.zero_point)) * q.step).float() for x, q in pairs]
    expected = ATTENTION.run_float(exact)["y"].permute(0, 2, 3, 1).numpy() / found["y"].step
    int8 = ATTENTION.quantized(found, dict.fromkeys(NAMES, shape))
    assert np.abs(int8.simulate(given, found) - expected).mean() < 0.15  # steps of the int8 output


def test_it_is_the_networks_attention() -> None:
    torch.manual_seed(0)
    layer = transformer.Attention(C, HEADS, bias=True)
    x = torch.randn(2, C, F, T)
    queries, keys, values = layer.queries_keys_values(transformer.unfold(x)).chunk(3, dim=-1)
    tensors = [transformer.fold(one, F, T) for one in (queries, keys, values)]
    mixed = layer.projection(transformer.unfold(ATTENTION.run_float(tensors)["y"]))
    torch.testing.assert_close(mixed, layer(transformer.unfold(x)))


def test_training_computes_the_simulators_bits_and_has_the_formulas_gradient() -> None:
    inputs = maps(1)
    found = settled(inputs)
    given = rounded(inputs, found)
    centred = [
        torch.from_numpy(x.astype(np.float32) - found[name].zero_point).permute(0, 3, 1, 2).requires_grad_()
        for x, name in zip(given, ATTENTION.inputs, strict=True)
    ]
    trained = ATTENTION.train({}, centred, found)
    int8 = ATTENTION.quantized(found, dict.fromkeys(NAMES, (C, F, T)))
    np.testing.assert_array_equal(trained.detach().permute(0, 2, 3, 1).numpy(), int8.simulate(given, found))
    trained.sum().backward()
    again = [one.detach().requires_grad_() for one in centred]
    steps = [one * found[name].step for one, name in zip(again, ATTENTION.inputs, strict=True)]
    (ATTENTION.run_float(steps)["y"] / found["y"].step).sum().backward()
    for mine, theirs in zip(centred, again, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("exponent", "limit"), [(3, 1024), (8, 1024), (12, 1024), (12, 300)])
def test_no_weight_is_near_an_integer(exponent: int, limit: int) -> None:
    found = top(exponent, limit)
    assert 0.9 * limit < found < limit
    real = found * np.exp(-np.arange(10 * 2**exponent, dtype=np.longdouble) / 2**exponent)
    assert (np.abs(real - np.rint(real)) > RELATIVE_ERROR * real).all()


def test_the_iteration_comes_from_below_and_is_exact_for_every_sum() -> None:
    total = np.arange(28, 2**17 + 1, dtype=np.int64)
    first = (NUMERATOR + 2 * total) // (4 * total)
    second = 32 * first + (first * (2**19 - total * first) >> 14)
    assert (np.abs(total * first) < 2**24).all()
    assert (np.abs(first * (2**19 - total * first)) < 2**24).all()
    assert (total * second <= 2**24).all()
    third = 16 * second + (second * (2**24 - total * second) >> 20)
    assert (third < 2**24).all()
    assert (np.abs(third * total / 2**28 - 1) < 2e-3).all()


def test_too_many_positions_are_refused() -> None:
    shape = (C, 1024, 512)
    found = settled(maps(1))
    with pytest.raises(UserError, match="131072 positions"):
        ATTENTION.quantized(found, dict.fromkeys(NAMES, shape))
