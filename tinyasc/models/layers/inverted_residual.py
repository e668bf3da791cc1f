"""The inverted residual block: 1x1 expansion, 3x3 depthwise, 1x1 projection without activation.

Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018.
"""

from torch import Tensor, nn

from tinyasc.models.layers.convolution import convolution


class InvertedResidual(nn.Module):
    """(B, C, F, T) -> (B, outputs, F / stride, T / stride); the input is added where the shape stays as it is.

    An expansion of 1 needs no convolution.
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
