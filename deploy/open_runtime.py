"""Opens model files in their runtimes: the one place that makes an interpreter of .tflite and a session of .onnx.

It needs Python 3.9, numpy and the runtime that it opens, and imports nothing of this project: it is copied to boards
beside `bench.boards.device.runner`, and runs in the processes whose memory is measured. Errors are the runtimes' own;
`deploy.runtime` says them in a user's words.
"""

from __future__ import annotations

import importlib
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

RESOLVERS = {"default": "AUTO", "built-in": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}
"""Kernels of a .tflite -> the name of their resolver: XNNPACK where it is built in, or the kernels of a device without
it. BUILTIN_REF would be slow reference code."""


def import_runtime(suffix: str) -> tuple[str, Any]:
    """Import the runtime for .tflite or .onnx files; returns its package and its module.

    Raises:
        ImportError: there is none.
    """
    if suffix == ".onnx":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else 1.32 leaves a device id and a database in the home folder
        return "onnxruntime", importlib.import_module("onnxruntime")
    try:
        return "ai-edge-litert", importlib.import_module("ai_edge_litert.interpreter")
    except ImportError:
        return "tflite-runtime", importlib.import_module("tflite_runtime.interpreter")


def runtime_version(suffix: str) -> str:
    """Package and version of the runtime for such files, for example "ai-edge-litert 2.1.0"."""
    package, module = import_runtime(suffix)
    return f"{package} {module.__version__ if suffix == '.onnx' else metadata.version(package)}"


def open_interpreter(
    path: Path,
    threads: int = 1,
    kernels: str = "default",
    content: bytes | None = None,
    preserve_all_tensors: bool = False,
) -> Any:
    """Open a .tflite: an interpreter whose tensors are allocated.

    Args:
        path: the file.
        threads: CPU threads for one inference.
        kernels: "default" or "built-in".
        content: to be read in the place of the file.
        preserve_all_tensors: keep what lies between operations, for whoever reads it.

    Raises:
        ImportError: no runtime.
        ValueError, RuntimeError: the runtime refuses the file.
    """
    _, module = import_runtime(".tflite")
    interpreter = module.Interpreter(
        model_path=str(path) if content is None else None,
        model_content=content,
        num_threads=threads,
        experimental_op_resolver_type=getattr(module.OpResolverType, RESOLVERS[kernels]),
        experimental_preserve_all_tensors=preserve_all_tensors,
    )
    interpreter.allocate_tensors()
    return interpreter


def kernel_family(interpreter: Any) -> str:
    """ "XNNPACK" or "built-in kernels".

    An applied delegate shows up as an operation of its own, and on the CPU the only default delegate is XNNPACK.
    """
    return "XNNPACK" if _delegates(interpreter) else "built-in kernels"


def is_fully_delegated(interpreter: Any) -> bool:
    """Whether XNNPACK took every operation: one delegate from the first input to all outputs."""
    delegates = _delegates(interpreter)
    if len(delegates) != 1:
        return False
    taken, given = (set(np.atleast_1d(delegates[0][side]).tolist()) for side in ("inputs", "outputs"))
    outputs = {detail["index"] for detail in interpreter.get_output_details()}
    return interpreter.get_input_details()[0]["index"] in taken and outputs == given


def _delegates(interpreter: Any) -> list[dict[str, Any]]:
    return [operation for operation in interpreter._get_ops_details() if operation["op_name"] == "DELEGATE"]


def open_session(path: Path, threads: int = 1, profile: Path | None = None, content: bytes | None = None) -> Any:
    """Open an .onnx: a session on the CPU.

    Args:
        path: the file.
        threads: CPU threads for one inference.
        profile: where its own profiler writes, the beginning of a file's path; None: it is off.
        content: to be read in the place of the file.

    Raises:
        ImportError: no runtime.
        Exception: the runtime refuses the file; its exceptions derive from nothing else.
    """
    _, onnxruntime = import_runtime(".onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors only
    # Else its threads keep their cores busy for tens of milliseconds after every inference, waiting for the next one.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    return onnxruntime.InferenceSession(
        str(path) if content is None else content, options, providers=["CPUExecutionProvider"]
    )
