"""A program in both files and in both runtimes, for tests.

Shapes: N inputs, C channels, F mel bands, T frames.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compress.program import Program
from compress.simulate import quantize_input
from export.inputs import varied_inputs
from export.parity import Agreement, compare
from export.runtimes import litert, onnx_runtime
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite


def write(program: Program, folder: Path) -> tuple[Path, Path]:
    """The .tflite and the .onnx."""
    tflite, onnx_file = folder / "model.tflite", folder / "model.onnx"
    tflite.write_bytes(to_tflite(program))
    to_onnx(program, onnx_file, {"labels": "[]"})
    return tflite, onnx_file


def varied(program: Program, real: NDArray[np.float32], count: int) -> NDArray[np.int8]:
    """`count` inputs of all kinds (N, C, F, T), made from real ones (n, C, F, T)."""
    zero_point = program.quantization(program.input).zero_point
    return np.concatenate(list(varied_inputs(quantize_input(program, real), zero_point, count, seed=0).values()))


def agreements(program: Program, inputs: NDArray[np.int8], folder: Path) -> list[Agreement]:
    """Each runtime against the simulator; litert refuses a file that XNNPACK does not take in one piece."""
    tflite, onnx_file = write(program, folder)
    runtimes = [("t1", litert(tflite, 1)), ("t2", litert(tflite, 2)), ("o1", onnx_runtime(onnx_file, 1))]
    return compare(program, inputs, runtimes)
