"""The two runtimes a file is proven on, fed and read in the program's own int8.

Shapes: N inputs, C channels, F mel bands, T frames, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from export.to_onnx import UINT8_OFFSET
from tinyasc.errors import UserError

Int8 = NDArray[np.int8]


@dataclass(frozen=True)
class Runtime:
    """One way to run a file."""

    name: str
    """Package and version."""
    kernels: str
    """The kernels that did the arithmetic."""
    threads: int
    run: Callable[[Int8], Int8]
    """int8 (N, C, F, T) -> int8 (N, K)."""


def litert(path: Path, threads: int) -> Runtime:
    """A .tflite in ai-edge-litert with its default kernels (XNNPACK), every operator delegated.

    Raises:
        UserError: XNNPACK left an operator to other kernels, whose rounding is not the program's.
    """
    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    delegates = [operator for operator in interpreter._get_ops_details() if operator["op_name"] == "DELEGATE"]
    if (
        len(delegates) != 1
        or source["index"] not in delegates[0]["inputs"]
        or delegates[0]["outputs"] != result["index"]
    ):
        raise UserError(f"{path}: XNNPACK did not take every operator: use the ai-edge-litert of constraints.txt")

    def run(inputs: Int8) -> Int8:
        outputs = []
        for one in inputs:
            interpreter.set_tensor(source["index"], np.ascontiguousarray(one.transpose(1, 2, 0))[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(result["index"])[0])
        return np.stack(outputs)

    return Runtime(f"ai-edge-litert {metadata.version('ai-edge-litert')}", "XNNPACK", threads, run)


def onnx_runtime(path: Path, threads: int) -> Runtime:
    """A .onnx in ONNX Runtime's CPU provider with its default graph optimizations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(inputs: Int8) -> Int8:
        outputs = []
        for one in inputs:
            shifted = (one.astype(np.int16) + UINT8_OFFSET).astype(np.uint8)[None]
            outputs.append(np.asarray(session.run(None, {name: shifted})[0])[0])
        return (np.stack(outputs).astype(np.int16) - UINT8_OFFSET).astype(np.int8)

    return Runtime(f"onnxruntime {onnxruntime.__version__}", "CPUExecutionProvider (MLAS)", threads, run)
