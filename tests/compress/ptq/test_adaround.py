"""AdaRound: on inputs it has not seen, a convolution errs less than by rounding to nearest."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from compress.operations.convolution import Convolution
from compress.operations.weights import weight_scale
from compress.ptq.adaround import AdaRoundConfig, adarounded, moments
from compress.ptq.walk import Seen, steps
from compress.quantization import Quantization

GIVEN, OUTPUT = Quantization(2.0**-5, -20), Quantization(2.0**-6, 3)
QUANTIZATIONS = {"x": GIVEN, "y": OUTPUT}


def inputs(seed: int) -> Tensor:
    """Correlated channels and places with a mean, as activations have: (B, C, F, T)."""
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(12, 3, generator=torch.Generator().manual_seed(9))
    sources = torch.randn(24, 3, 10, 6, generator=random)
    mixed = torch.einsum("cs,bsft->bcft", mixing, functional.avg_pool2d(sources, 3, 1, 1))
    return 2 * mixed + 0.1 * torch.randn(24, 12, 10, 6, generator=random) + 0.5


def seen(operation: Convolution, seed: int) -> Seen:
    integer = (inputs(seed) / GIVEN.scale).round().clamp(-128 - GIVEN.zero_point, 127 - GIVEN.zero_point)
    return Seen(operation, [integer * GIVEN.scale], [integer], QUANTIZATIONS)  # so that weights alone make errors


def convolution(groups: int, kernel: int, stride: int, dilation: int = 1) -> Convolution:
    weight = np.random.default_rng(groups + kernel).normal(0, 0.3, (12, 12 // groups, kernel, kernel))
    weight[:, 0, 0, 0] = 4  # coarse steps, as one large weight makes them
    bias, padding = np.zeros(12, np.float32), (kernel // 2, kernel // 2 * dilation)
    places = ((stride, 1), padding, groups, False, True, (1, dilation))
    return Convolution("x", "y", weight.astype(np.float32), bias, None, *places)


def error(target: Convolution, operation: Convolution, data: Seen) -> float:
    """Mean square of what the INT8 form gives, less its own mean, from the float output."""
    wanted = target.run_float([data.real[0]])["y"]
    difference = steps(operation, [data.integer[0]], QUANTIZATIONS) * OUTPUT.step - wanted
    return float((difference - difference.mean((0, 2, 3), keepdim=True)).square().mean())


@pytest.mark.parametrize(("groups", "kernel", "stride"), [(1, 1, 1), (1, 3, 2), (12, 3, 2), (4, 3, 1)])
@pytest.mark.parametrize("central", [False, True])
def test_error_on_held_out_inputs_is_below_that_of_nearest(
    groups: int, kernel: int, stride: int, central: bool
) -> None:
    target = convolution(groups, kernel, stride)
    found = adarounded(target, seen(target, 1), AdaRoundConfig(steps=600), central)
    held_out = seen(target, 2)
    assert error(target, found, held_out) < 0.6 * error(target, target, held_out)


@pytest.mark.parametrize(
    ("groups", "kernel", "stride", "dilation"), [(1, 3, 2, 1), (1, 3, 1, 2), (4, 3, 1, 1), (12, 3, 2, 2)]
)
def test_moments_give_the_mean_square_of_every_sum(groups: int, kernel: int, stride: int, dilation: int) -> None:
    target = convolution(groups, kernel, stride, dilation)
    data = seen(target, 1)
    found = moments(target, data, central=False)
    weight = torch.from_numpy(target.weight).double().reshape(groups, 12 // groups, -1)  # (G, O / G, I)
    expected = target.run_float(data.real)["y"].double().square().mean((0, 2, 3))
    for one in (found.given, found.crossed):  # the inputs are on their grid
        torch.testing.assert_close(((weight @ one) * weight).sum(2).flatten(), expected, rtol=1e-4, atol=0)


def test_weights_are_neighbouring_integers_of_their_own_and_the_int8_form_has_them() -> None:
    target = convolution(1, 3, 1)
    found = adarounded(target, seen(target, 1), AdaRoundConfig(steps=600), central=True)
    scale = weight_scale(target.weight, target.bias, GIVEN.step)[:, None, None, None]
    moved = found.weight / scale - target.weight / scale
    assert np.abs(moved).max() < 1 + 1e-4
    assert np.mean(np.abs(moved) > 0.5) > 0.05  # else it is rounding to nearest
    int8 = found.quantized(QUANTIZATIONS, {"x": (12, 10, 6), "y": (12, 10, 6)})
    np.testing.assert_array_equal(int8.weight, np.rint(found.weight / scale))
    again = adarounded(target, seen(target, 1), AdaRoundConfig(steps=600), central=True)
    np.testing.assert_array_equal(found.weight, again.weight)
