"""Convolution, batch norm and activation: the triple that every convolutional network here is made of; and the inverted
residual block made of three.

The batch norm stands right after its convolution, so that it can be folded into it.
Shapes: B clips, C channels, F frequency bands, T frames.
"""

from torch import Tensor, nn


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


class InvertedResidual(nn.Module):
    """(B, C, F, T) -> (B, outputs, F / stride, T / stride); the input is added where the shape stays as it is.

    1x1 expansion (none where it is 1), 3x3 depthwise, 1x1 projection without activation.
    Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018.
    """

    def __init__(
        self, inputs: int, outputs: int, *, expansion: int, activation: type[nn.Module], stride: int = 1
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.block = nn.Sequential()
        if expansion > 1:
            self.block.append(convolution(inputs, inner, 1, activation=activation))
        self.block.append(convolution(inner, inner, 3, stride=stride, groups=inner, activation=activation))
        self.block.append(convolution(inner, outputs, 1, activation=None))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return x + y if self.residual else y
