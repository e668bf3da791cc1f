"""The INT8 program as a network that trains: its forward pass is the integer arithmetic, its backward pass sees
through it.

Activations are carried as integers minus their zero point, held in float32, which is exact below 2^24. In evaluation
mode the logits equal the integer simulator's to the last bit, so training, simulator and files compute the same
numbers. Rounding has the gradient of the identity (Bengio et al. 2013, arXiv:1308.3432), clamping has none outside
its range; an operation that is a formula in integers has the gradient of the formula.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.operations.convolution import Convolution
from compress.operations.operation import Operation
from compress.operations.straight_through import LearnedRound, Round
from compress.operations.weights import weight_scale
from compress.program import Program
from compress.quantization import Quantization, Range
from compress.scheme import DEFAULT, Scheme, assign, quantize


class Steps(nn.Module):
    """Steps of the weights of every trainable convolution, and of every activation as a factor of its range (LSQ).

    The gradient is that of Esser et al. 2020 (arXiv:1902.08153), `straight_through.LearnedRound`. What is trained
    is the logarithm of a step's ratio to where it starts, so that an optimiser that moves every parameter alike
    moves every step by the same share, whatever its size (Jain et al. 2020, arXiv:1903.08066, section 3.3), and
    weight decay draws it back to its start. That is the step at which the largest weight is 127, or the one a
    program chose; and the range observed: the paper's own start, from the mean of the magnitudes, is made for two
    to four bits.

    Files need scales of certain ratios (`Operation.settle`): the forward pass takes the settled ones, the gradient
    is that of the step before.

    Shapes: O output channels (1 where they share a step).
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._names = list(program.values)
        self.activations = nn.Parameter(torch.zeros(len(program.values)))
        for index, operation in enumerate(program.operations):
            if isinstance(operation, Convolution) and operation.trainable:
                without_bias = np.zeros_like(operation.bias)
                start = weight_scale(operation.weight, without_bias, 1.0, operation.weight_step, operation.shared_step)
                self.register_buffer(f"start_{index}", torch.from_numpy(start))
                self.register_parameter(f"weight_{index}", nn.Parameter(torch.zeros(len(start))))

    def weight(self, index: int) -> Tensor | None:
        """(O,), the steps of an operation's weights; None where it has none to learn."""
        if not hasattr(self, f"weight_{index}"):
            return None
        return getattr(self, f"start_{index}") * getattr(self, f"weight_{index}").exp()

    def factors(self) -> dict[str, Tensor]:
        """Of every value: its step in units of that of its observed range."""
        return dict(zip(self._names, self.activations.exp(), strict=True))


class QuantizedNetwork(nn.Module):
    """A float program under quantization: (B, C, F, T) log-mel -> (B, K) logits."""

    def __init__(
        self,
        program: Program,
        ranges: dict[str, Range],
        momentum: float,
        scheme: Scheme = DEFAULT,
        learn_steps: bool = False,
    ) -> None:
        """Start from a float program and the ranges of its activations.

        Args:
            program: a float program; what it trains becomes the parameters.
            ranges: of every value (`observe`).
            momentum: share of a batch's range in the moving average, while `observing`.
            scheme: how real numbers become integers.
            learn_steps: train the steps of weights and activations too (`Steps`).
        """
        super().__init__()
        self.scheme = scheme
        self.program = program = scheme.applied(program)
        self.momentum = momentum
        self.observing = True
        for index, operation in enumerate(program.operations):
            for name, array in operation.parameters.items():
                self.register_parameter(f"{name}_{index}", nn.Parameter(torch.from_numpy(array.copy())))
            for name, array in operation.constants.items():
                self.register_buffer(f"{name}_{index}", torch.from_numpy(array.copy()))
        self._rows = {name: row for row, name in enumerate(program.values)}
        ends = [(ranges[name].low, ranges[name].high) for name in program.values]
        self.ranges: Tensor
        self.register_buffer("ranges", torch.tensor(ends, dtype=torch.float64))  # (values, 2)
        self.steps = Steps(program) if learn_steps else None

    def forward(self, log_mel: Tensor) -> Tensor:
        quantizations = self._quantizations()
        factors = None if self.steps is None else self.steps.factors()

        def rounded(name: str, real: Tensor, relu: bool) -> Tensor:
            return to_integers(real, quantizations[name], relu, None if factors is None else factors[name])

        source = self.program.input
        self._observe(source, log_mel, 1.0)
        values = {source: rounded(source, log_mel / log_mel.new_tensor(quantizations[source].scale), relu=False)}
        for index, operation in enumerate(self.program.operations):
            inputs = [values[name] for name in operation.inputs]
            real = operation.train(self._tensors(index, operation), inputs, quantizations)
            self._observe_all(operation, inputs, real, quantizations)
            # what only moves integers has nothing to round
            values[operation.output] = (
                real if operation.shared else rounded(operation.output, real, operation.rectified)
            )
        return values[self.program.output] * quantizations[self.program.output].scale

    def to_float_program(self) -> Program:
        """The float program with the present parameters."""
        operations = tuple(
            operation.with_parameters(
                {name: tensor.detach().cpu().numpy() for name, tensor in self._trained(index, operation).items()}
            )
            for index, operation in enumerate(self.program.operations)
        )
        return replace(self.program, operations=operations)

    def to_program(self) -> Program:
        """The INT8 program that the forward pass computes."""
        return quantize(self.to_float_program(), self._quantizations())

    def _tensors(self, index: int, operation: Operation) -> dict[str, Tensor]:
        fixed = {name: getattr(self, f"{name}_{index}") for name in operation.constants}
        return fixed | self._trained(index, operation)

    def _trained(self, index: int, operation: Operation) -> dict[str, Tensor]:
        tensors = {name: getattr(self, f"{name}_{index}") for name in operation.parameters}
        step = None if self.steps is None else self.steps.weight(index)
        return tensors if step is None else {**tensors, "weight_step": step}

    def _quantizations(self) -> dict[str, Quantization]:
        ranges = self.ranges if self.steps is None else self.ranges * self.steps.activations.detach().exp()[:, None]
        ends = ranges.tolist()
        return assign(self.program, {name: Range(*ends[row]) for name, row in self._rows.items()}, self.scheme)

    def _observe_all(
        self, operation: Operation, inputs: list[Tensor], real: Tensor, quantizations: dict[str, Quantization]
    ) -> None:
        """Move the ranges of an operation's output and of what it has inside."""
        self._observe(operation.output, real, quantizations[operation.output].step, operation.rectified)
        if operation.inside and self.training and self.observing:
            pairs = zip(operation.inputs, inputs, strict=True)
            with torch.no_grad():
                found = operation.run_float([value * quantizations[name].step for name, value in pairs])
            for name in operation.inside:
                self._observe(name, found[name], 1.0)

    def _observe(self, name: str, real: Tensor, scale: float, relu: bool = False) -> None:
        """Move the range of a value towards this batch's; `real` is in units of `scale`."""
        if not (self.training and self.observing):
            return
        seen = real.detach()
        seen = seen.permute(0, 2, 3, 1) if seen.dim() == 4 else seen  # channels last is contiguous: no copy
        ends = torch.stack(seen.aminmax()).to(self.ranges) * scale
        self.ranges[self._rows[name]].lerp_(ends.clamp(min=0) if relu else ends, self.momentum)


def to_integers(real: Tensor, found: Quantization, relu: bool, step: Tensor | None = None) -> Tensor:
    """Real units of a scale to an integer minus its zero point, as float32.

    Args:
        real: in units of the scale.
        found: its quantization.
        relu: whether it is at least 0.
        step: what the scale is made from, to be trained; only its gradient is made.
    """
    lowest, highest = 0 if relu else found.lowest - found.zero_point, found.highest - found.zero_point
    if step is not None:
        return LearnedRound.apply(real, step, (lowest, highest), real[0].numel())
    # clamped first: the ends are integers, so the order does not matter, and hardtanh has the cheapest gradient
    return Round.apply(functional.hardtanh(real, lowest, highest))
