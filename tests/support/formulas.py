"""Formulas in float32 operators run in both runtimes, for tests of what the runtimes compute."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import TensorProto

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from deploy import open_runtime
from export.onnx_graph import Graph as OnnxGraph
from export.onnx_graph import OnnxArithmetic
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.graph import Graph as TfliteGraph

Formula = Callable[[Arithmetic, Tensor], Tensor]


def in_litert(formula: Formula, numbers: np.ndarray, folder: Path) -> np.ndarray:
    """What ai-edge-litert makes of it, with XNNPACK."""
    graph = TfliteGraph()
    source = graph.activation("x", numbers.shape, None)
    result = formula(TfliteArithmetic(graph), Tensor(source, numbers.shape))
    interpreter = open_runtime.open_interpreter(folder / "formula.tflite", content=graph.file([source], [result.key]))
    assert open_runtime.kernel_family(interpreter) == "XNNPACK"
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], numbers)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def in_onnx_runtime(formula: Formula, numbers: np.ndarray, folder: Path) -> np.ndarray:
    """What ONNX Runtime makes of it; `folder` is where it may write the file."""
    graph = OnnxGraph()
    result = formula(OnnxArithmetic(graph, "norm"), Tensor("x", numbers.shape))
    ends = [("x", TensorProto.FLOAT, numbers.shape)], [(result.key, TensorProto.FLOAT, result.shape)]
    graph.write(folder / "formula.onnx", *ends, {})
    session = open_runtime.open_session(folder / "formula.onnx")
    return np.asarray(session.run(None, {"x": numbers})[0])
