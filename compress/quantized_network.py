"""The INT8 program as a network that trains: its forward pass is the integer arithmetic, its backward pass sees
through it.

Activations are carried as integers minus their zero point, held in float32, which is exact below 2^24. In evaluation
mode the logits equal the integer simulator's to the last bit, so training, simulator and files compute the same
numbers. Rounding has the gradient of the identity (Bengio et al. 2013, arXiv:1308.3432), clamping has none outside
its range; an operation that is a formula in integers has the gradient of the formula.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.operations.operation import Operation
from compress.operations.straight_through import Round
from compress.program import Program
from compress.quantization import INT8_MAX, INT8_MIN, Quantization, Range
from compress.quantize import quantize
from compress.scheme import assign


class QuantizedNetwork(nn.Module):
    """A float program under quantization: (B, C, F, T) log-mel -> (B, K) logits."""

    def __init__(self, program: Program, ranges: dict[str, Range], momentum: float) -> None:
        """Start from a float program and the ranges of its activations.

        Args:
            program: a float program; what it trains becomes the parameters.
            ranges: of every value (`observe`).
            momentum: share of a batch's range in the moving average, while `observing`.
        """
        super().__init__()
        self.program = program
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

    def forward(self, log_mel: Tensor) -> Tensor:
        quantizations = self._quantizations()
        given = quantizations[self.program.input]
        self._observe(self.program.input, log_mel, 1.0)
        values = {self.program.input: to_int8(log_mel / log_mel.new_tensor(given.scale), given, relu=False)}
        for index, operation in enumerate(self.program.operations):
            inputs = [values[name] for name in operation.inputs]
            real = operation.train(self._tensors(index, operation), inputs, quantizations)
            self._observe_all(operation, inputs, real, quantizations)
            # what only moves integers has nothing to round
            found = quantizations[operation.output]
            values[operation.output] = real if operation.shared else to_int8(real, found, operation.rectified)
        return values[self.program.output] * quantizations[self.program.output].scale

    def to_float_program(self) -> Program:
        """The float program with the present parameters."""
        operations = tuple(
            operation.with_parameters(
                {name: getattr(self, f"{name}_{index}").detach().cpu().numpy() for name in operation.parameters}
            )
            for index, operation in enumerate(self.program.operations)
        )
        return replace(self.program, operations=operations)

    def to_program(self) -> Program:
        """The INT8 program that the forward pass computes."""
        return quantize(self.to_float_program(), self._quantizations())

    def _tensors(self, index: int, operation: Operation) -> dict[str, Tensor]:
        return {name: getattr(self, f"{name}_{index}") for name in (*operation.parameters, *operation.constants)}

    def _quantizations(self) -> dict[str, Quantization]:
        ends = self.ranges.tolist()
        return assign(self.program, {name: Range(*ends[row]) for name, row in self._rows.items()})

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


def to_int8(real: Tensor, found: Quantization, relu: bool) -> Tensor:
    """Real units of a scale to an int8 minus its zero point, as float32."""
    lowest = max(INT8_MIN, found.zero_point) if relu else INT8_MIN
    # clamped first: the ends are integers, so the order does not matter, and hardtanh has the cheapest gradient
    return Round.apply(functional.hardtanh(real, lowest - found.zero_point, INT8_MAX - found.zero_point))
