"""Convolution, batch norm and activation: the triple that every convolutional network here is made of.

The batch norm stands right after its convolution, so that it can be folded into it.
"""

from torch import nn


def convolution(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | None = None,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Convolution without bias, batch norm, and the activation unless there is none.

    Padding is half the kernel ("same") where it is not given.
    """
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    same = (height // 2, width // 2)
    layers = [
        nn.Conv2d(
            inputs, outputs, kernel, stride, padding=same if padding is None else padding, groups=groups, bias=False
        ),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, activation()) if activation else nn.Sequential(*layers)
