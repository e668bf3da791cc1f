"""A convolution over columns of frames gives the integers of the convolution it stands for."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from compress.operations.convolution import Convolution
from export.tflite.columns import group_frames


@pytest.mark.parametrize(
    ("channels", "along_time", "frames", "grouped"),
    [
        (1, (3, 2, 1), 64, 8),  # kernel, stride, padding
        (1, (5, 2, 2), 64, 8),
        (2, (3, 2, 1), 32, 4),
        (1, (3, 1, 1), 16, 8),
        (1, (7, 4, 3), 32, 8),
        (1, (9, 2, 0), 64, 8),  # fewer columns come out than go in
    ],
)
def test_same_integers(channels: int, along_time: tuple[int, int, int], frames: int, grouped: int) -> None:
    (kernel, stride, pad), random = along_time, np.random.default_rng(0)
    weight = random.integers(-127, 128, (6, channels, 3, kernel)).astype(np.int8)
    bias, scale = random.integers(-999, 999, 6).astype(np.int32), random.random(6).astype(np.float32)
    convolution = Convolution("x", "y", weight, bias, scale, (2, stride), (1, pad), 1, True, True)
    columns = group_frames(convolution, frames)
    assert columns is not None
    assert columns.frames == grouped
    inputs = torch.from_numpy(random.integers(-255, 256, (2, channels, 12, frames)).astype(np.float64))

    def run(x: torch.Tensor, part: Convolution) -> torch.Tensor:
        arrays = (torch.from_numpy(array.astype(np.float64)) for array in (part.weight, part.bias))
        return F.conv2d(x, *arrays, stride=part.stride, padding=part.padding)

    expected = run(inputs, convolution).permute(0, 2, 3, 1)  # (B, F, T, O), as TFLite lays it out
    wide = inputs.permute(0, 2, 3, 1).reshape(2, 12, frames // grouped, grouped * channels).permute(0, 3, 1, 2)
    wide = F.pad(wide, (columns.left, columns.right, 0, 0))
    found = run(wide, columns.convolution).permute(0, 2, 3, 1).reshape(expected.shape)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert columns.convolution.weight_scale is not None
    np.testing.assert_array_equal(columns.convolution.weight_scale, np.tile(scale, grouped // stride))


@pytest.mark.parametrize(("channels", "frames", "groups"), [(8, 32, 1), (1, 63, 1), (4, 32, 4)])
def test_left_alone_where_it_does_not_fit(channels: int, frames: int, groups: int) -> None:
    weight = np.ones((8, channels // groups, 3, 3), np.int8)
    convolution = Convolution("x", "y", weight, np.zeros(8, np.int32), None, (2, 2), (1, 1), groups, False, True)
    assert group_frames(convolution, frames) is None
