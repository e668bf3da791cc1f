"""AdaRound: weights rounded up or down so that the sums change least, not each to its nearest (Nagel et al. 2020).

    minimize over V   sum over o of |W_o x - W~_o x~|^2 + lambda sum (1 - |2 h(V) - 1|^beta)
    W~ = s clip(floor(W / s) + h(V)),   h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)

(arXiv:2004.10568, equations 21 to 25), with x the input in float and x~ as the INT8 program gives it. beta falls from
20 to 2, so that h first goes where the sums want it, then to 0 or 1. The paper's last step, to take the error behind
the ReLU, is left out: without it the error is a quadratic form of the weights, whose coefficients, the second moments
of all patches of all clips, are taken once. Every step then sees all clips, nothing is drawn at random, and a step
costs a product of small matrices.

Where the bias is corrected afterwards (`bias_correction`), what the mean does is its business: moments are central.

Shapes: O output channels, G groups (1 or O), I weights of an output channel, N patches.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from compress.operations.convolution import Convolution
from compress.operations.weights import weight_scale
from compress.ptq.walk import Seen
from compress.quantization import INT8_MAX
from tinyasc.errors import UserError

STRETCH_LOW, STRETCH_HIGH = -0.1, 1.1
"""Of the sigmoid: gamma and zeta of the paper, equation 23, so that h reaches 0 and 1."""
FIRST_EXPONENT, LAST_EXPONENT = 20.0, 2.0
"""beta of the paper, equation 24, as its authors' programs have it."""
WARM_UP = 0.2
"""Share of the steps without the second term, as its authors' programs have it."""
CLIPS = 16
"""Whose patches are held at a time."""


@dataclass(frozen=True)
class AdaRoundConfig:
    """How weights are rounded up or down by what their sums do."""

    steps: int = 1000
    """Of Adam, for each convolution."""
    learning_rate: float = 0.01
    """Of Adam."""
    regularization: float = 1.0
    """lambda: how hard weights are drawn to one of the two integers. Of the order of 1, as the error counts in squared
    steps times the mean square of the input; far below it the error would keep weights between two integers."""

    def __post_init__(self) -> None:
        for name in ("steps", "learning_rate", "regularization"):
            if (value := getattr(self, name)) <= 0:
                raise UserError(f"adaround: {name} is {value}: take more than 0")


@dataclass(frozen=True)
class Moments:
    """Second moments of the patches of an input: means over all places of all clips."""

    given: Tensor
    """(G, I, I), of x~ with itself."""
    crossed: Tensor
    """(G, I, I), of x with x~."""


def moments(operation: Convolution, seen: Seen, central: bool) -> Moments:
    """What the error of a convolution depends on besides its weights.

    Args:
        operation: the convolution.
        seen: what it is given.
        central: about the means.
    """
    step = seen.quantizations[operation.input].step
    sums: list[Tensor] = []
    for whole in zip(seen.real, seen.integer, strict=True):
        for real, integer in zip(*(batch.split(CLIPS) for batch in whole), strict=True):
            x, given = _patches(operation, real), _patches(operation, integer * step)
            products = (given @ given.mT, x @ given.mT, x.sum(2), given.sum(2), torch.tensor(x.shape[2]))
            found = [product.double() for product in products]
            sums = [old + new for old, new in zip(sums, found, strict=True)] if sums else found
    given, crossed, x, mean, count = sums
    given, crossed, x, mean = given / count, crossed / count, x / count, mean / count
    if central:
        given = given - mean[:, :, None] * mean[:, None, :]
        crossed = crossed - x[:, :, None] * mean[:, None, :]
    return Moments(given, crossed)


def adarounded(operation: Convolution, seen: Seen, config: AdaRoundConfig, central: bool) -> Convolution:
    """The convolution with weights on their grid, and that grid's steps.

    Args:
        operation: a float convolution.
        seen: what it is given.
        config: how.
        central: leave what the mean of the error does to the bias.
    """
    found = moments(operation, seen, central)
    input_step = seen.quantizations[operation.input].step
    scale = weight_scale(operation.weight, operation.bias, input_step, operation.weight_step)
    weight = torch.from_numpy(operation.weight).flatten(1).double() / torch.from_numpy(scale).double()[:, None]
    with torch.inference_mode(mode=False), torch.enable_grad():
        integers = round_by(weight, Moments(found.given.clone(), found.crossed.clone()), config)
    rounded = integers.float().reshape(operation.weight.shape).numpy() * scale[:, None, None, None]
    return replace(operation, weight=rounded, weight_step=scale)


def round_by(weight: Tensor, found: Moments, config: AdaRoundConfig) -> Tensor:
    """Integers (O, I) next to real weights, below or above, or at most at 127.

    Args:
        weight: float64 (O, I), in steps.
        found: the moments.
        config: how.
    """
    low = weight.floor()
    size = found.given.diagonal(dim1=1, dim2=2).mean(1, keepdim=True).clamp(min=1e-30)  # (G, 1)
    # |W x - W~ x~|^2 of e = W~ - W is e A e' + 2 e b' + a constant
    matrix = (found.given / size[:, :, None]).float()
    sizes = size.repeat_interleave(len(weight) // len(size), 0)  # (O, 1)
    slope = (_rows(weight, found.given - found.crossed) / sizes).float()
    rest = (weight - low).float()
    inverse = torch.log((rest - STRETCH_LOW) / (STRETCH_HIGH - rest))
    v = inverse.clone().requires_grad_()
    optimizer = torch.optim.Adam([v], config.learning_rate)
    for step in range(config.steps):
        h = _rectified(v)
        error = h - rest
        loss = ((_rows(error, matrix) + 2 * slope) * error).sum()
        progress = (step / config.steps - WARM_UP) / (1 - WARM_UP)
        if progress >= 0:
            exponent = LAST_EXPONENT + (FIRST_EXPONENT - LAST_EXPONENT) * (1 - progress)
            loss = loss + config.regularization * (1 - (2 * h - 1).abs() ** exponent).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    integers = low + (_rectified(v.detach()) >= 0.5)
    # the largest weight of a channel defines the step: it is 127 but for the last bit
    return torch.where(weight.abs() > INT8_MAX - 1e-3, weight.round(), integers).clamp(-INT8_MAX, INT8_MAX)


def _rectified(v: Tensor) -> Tensor:
    return (torch.sigmoid(v) * (STRETCH_HIGH - STRETCH_LOW) + STRETCH_LOW).clamp(0, 1)


def _rows(rows: Tensor, matrices: Tensor) -> Tensor:
    """Each row (O, I) times the matrix (G, I, I) of its group."""
    return (rows.unflatten(0, (len(matrices), -1)) @ matrices).flatten(0, 1)


def _patches(operation: Convolution, value: Tensor) -> Tensor:
    """What the kernel covers at each place: (B, C, F, T) -> (G, I, N)."""
    kernel = (operation.weight.shape[2], operation.weight.shape[3])
    columns = functional.unfold(value, kernel, operation.dilation, operation.padding, operation.stride)  # (B, G I, L)
    grouped = columns.unflatten(1, (operation.groups, -1))
    return grouped.permute(1, 2, 0, 3).flatten(2)
