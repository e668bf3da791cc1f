"""The two runtimes a file is proven on: the network's fed and read in the program's own int8, the drop-in's in reals.

Shapes: N inputs, C channels, F mel bands, T frames, K classes, S samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deploy import open_runtime, runtime
from export.to_onnx import UINT8_OFFSET
from tinyasc.errors import UserError

Int8 = NDArray[np.int8]
Float32 = NDArray[np.float32]

ONNX_RUNTIME_KERNELS = "CPUExecutionProvider (MLAS)"


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


@dataclass(frozen=True)
class Outcome:
    """What a drop-in file makes of one waveform."""

    features: Float32
    """(F, T)."""
    logits: Int8
    """(K,)."""
    scores: Float32
    """(K,), of the file itself; the others are of one that shows its inside."""


@dataclass(frozen=True)
class DropIn:
    """One way to run a drop-in file."""

    name: str
    """Package and version."""
    kernels: str
    """The kernels that did the arithmetic."""
    threads: int
    run: Callable[[Float32], Outcome]
    """float32 (S,) to what comes of it."""


def litert(path: Path, threads: int) -> Runtime:
    """A .tflite in ai-edge-litert with its default kernels (XNNPACK), every operator delegated.

    Raises:
        UserError: XNNPACK left an operator to other kernels, whose rounding is not the program's.
    """
    interpreter, version = _interpreter(path, threads)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(inputs: Int8) -> Int8:
        outputs = []
        for one in inputs:
            interpreter.set_tensor(source["index"], np.ascontiguousarray(one.transpose(1, 2, 0))[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(result["index"])[0])
        return np.stack(outputs)

    return Runtime(version, "XNNPACK", threads, run)


def litert_drop_in(path: Path, shown: Path, threads: int) -> DropIn:
    """A drop-in .tflite, and the same with its features and logits as further outputs, in ai-edge-litert with XNNPACK.

    Raises:
        UserError: XNNPACK left an operator to other kernels.
    """
    (whole, version), (inside, _) = _interpreter(path, threads), _interpreter(shown, threads)

    def run(waveform: Float32) -> Outcome:
        (scores,), (features, logits) = (_invoke(interpreter, waveform) for interpreter in (whole, inside))
        return Outcome(features[..., 0], logits, scores)

    return DropIn(version, "XNNPACK", threads, run)


def onnx_runtime(path: Path, threads: int) -> Runtime:
    """A .onnx in ONNX Runtime's CPU provider with its default graph optimizations."""
    session = runtime.onnx_session(path, threads)
    name = session.get_inputs()[0].name

    def run(inputs: Int8) -> Int8:
        outputs = []
        for one in inputs:
            shifted = (one.astype(np.int16) + UINT8_OFFSET).astype(np.uint8)[None]
            outputs.append(np.asarray(session.run(None, {name: shifted})[0])[0])
        return _int8(np.stack(outputs))

    return Runtime(open_runtime.runtime_version(".onnx"), ONNX_RUNTIME_KERNELS, threads, run)


def onnx_runtime_drop_in(path: Path, shown: Path, threads: int) -> DropIn:
    """A drop-in .onnx, and the same with its features and logits as outputs, in ONNX Runtime's CPU provider."""
    whole, inside = runtime.onnx_session(path, threads), runtime.onnx_session(shown, threads)
    name = whole.get_inputs()[0].name

    def run(waveform: Float32) -> Outcome:
        sessions = (session.run(None, {name: waveform[None]}) for session in (whole, inside))
        (scores,), (features, logits) = ([np.asarray(one)[0] for one in outputs] for outputs in sessions)
        return Outcome(features[0], _int8(logits), scores)

    return DropIn(open_runtime.runtime_version(".onnx"), ONNX_RUNTIME_KERNELS, threads, run)


def _interpreter(path: Path, threads: int) -> tuple[Any, str]:
    """The interpreter, all of XNNPACK, and its package and version."""
    interpreter, version = runtime.tflite_interpreter(path, threads)
    if not open_runtime.is_fully_delegated(interpreter):
        raise UserError(f"{path}: XNNPACK did not take every operator: use the ai-edge-litert of constraints.txt")
    return interpreter, version


def _invoke(interpreter: Any, waveform: Float32) -> list[NDArray[Any]]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], waveform[None])
    interpreter.invoke()
    return [interpreter.get_tensor(result["index"])[0] for result in interpreter.get_output_details()]


def _int8(shifted: NDArray[Any]) -> Int8:
    return (shifted.astype(np.int16) - UINT8_OFFSET).astype(np.int8)
