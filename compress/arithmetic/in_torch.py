"""Float32 operators in torch: what training computes with, and takes gradients of."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from compress.arithmetic.arithmetic import Arithmetic, Geometry, Kind, Reduction, Tensor, tensors

# A root has no slope at zero: below this it is flat. Real energies and variances are far above it, or zero.
_LEAST = 1e-30
_PLAIN: dict[Kind, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.divide,
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "log": torch.log,
    "exponential": torch.exp,
    "logistic": torch.sigmoid,
    "floor": torch.floor,
    "square_root": lambda x: x.clamp(min=_LEAST).sqrt(),
    "relu": torch.relu,
}
_REDUCTIONS: dict[Reduction, Callable[..., torch.Tensor]] = {
    "sum": torch.sum,
    "mean": torch.mean,
    "largest": torch.amax,
}


class TorchArithmetic(Arithmetic):
    """Computes at once, on one device; a tensor's key is torch's."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def constant(self, values: NDArray[Any]) -> Tensor:
        return Tensor(torch.from_numpy(values).to(self.device), values.shape)

    def _reshape(self, source: Tensor, asked: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.reshape(shape), shape)

    def transpose(self, source: Tensor, permutation: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.permute(permutation), tuple(source.shape[axis] for axis in permutation))

    def pad_bands(self, source: Tensor, rows: int) -> Tensor:
        return tensors([functional.pad(source.key, (0, 0, rows, rows))])[0]

    def max_pool(self, source: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
        return tensors([functional.max_pool2d(source.key, kernel, stride)])[0]

    def convolve(
        self, source: Tensor, weight: NDArray[np.int8], bias: NDArray[Any] | None, geometry: Geometry
    ) -> Tensor:
        numbers = self.constant(weight.astype(np.float32)).key
        offset = None if bias is None else self.constant(bias.astype(np.float32)).key
        placed = geometry.stride, geometry.padding, geometry.dilation, geometry.groups
        result = functional.conv2d(source.key, numbers, offset, *placed)
        return Tensor(result, tuple(result.shape))

    def _plain(self, kind: Kind, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        return Tensor(_PLAIN[kind](*(tensor.key for tensor in inputs)), shape)

    def _reduce(self, kind: Reduction, source: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        return Tensor(_REDUCTIONS[kind](source.key, axes, keepdim=True), shape)

    def _narrow(self, source: Tensor, axis: int, start: int, shape: tuple[int, ...]) -> Tensor:
        return Tensor(source.key.narrow(axis, start, shape[axis]), shape)

    def _concatenate(self, parts: Sequence[Tensor], axis: int, shape: tuple[int, ...]) -> Tensor:
        return Tensor(torch.cat([part.key for part in parts], axis), shape)

    def _matmul(self, left: Tensor, right: Tensor, shape: tuple[int, ...]) -> Tensor:
        return Tensor(left.key @ right.key, shape)
