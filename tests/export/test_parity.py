"""The files are the program: the same logits in two runtimes, integers throughout, and a difference is noticed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema

from compress.operations.convolution import Convolution
from compress.program import Program
from compress.simulate import simulate
from deploy import open_runtime
from export.parity import compare
from export.runtimes import litert, onnx_runtime
from tests.support import tiny_programs
from tests.support.both_files import agreements, varied, write


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "normed"])
def normed(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def program(normed: bool) -> Program:
    return tiny_programs.quantized(normed=normed).to_program()


@pytest.fixture(scope="module")
def inputs(program: Program) -> np.ndarray:
    return varied(program, tiny_programs.log_mel(16), 300)


def test_every_logit_is_equal_in_both_runtimes(program: Program, inputs: np.ndarray, tmp_path: Path) -> None:
    for found in agreements(program, inputs, tmp_path):
        assert found.logits == 300 * tiny_programs.CLASSES
        assert (found.differing, found.largest_difference) == (0, 0), found
    assert (simulate(program, inputs).std(axis=0) > 3).all()  # every logit moves, so that equality means something


def test_one_bias_off_by_a_little_is_noticed(program: Program, inputs: np.ndarray, tmp_path: Path) -> None:
    changed = list(program.operations)
    index = next(i for i, operation in enumerate(changed) if isinstance(operation, Convolution))
    convolution = changed[index]
    assert isinstance(convolution, Convolution)
    bias = convolution.bias.copy()
    bias[0] += np.int32(np.ceil(1 / 0.01))
    changed[index] = replace(convolution, bias=bias)
    tflite, onnx_file = write(replace(program, operations=tuple(changed)), tmp_path)
    for found in compare(program, inputs, [("t", litert(tflite, 1)), ("o", onnx_runtime(onnx_file, 1))]):
        assert found.differing > 0


def test_tflite_has_no_float_island(tmp_path: Path) -> None:
    tflite, _ = write(tiny_programs.quantized().to_program(), tmp_path)
    interpreter = open_runtime.open_interpreter(tflite)
    assert {np.dtype(details["dtype"]).name for details in interpreter.get_tensor_details()} == {"int8", "int32"}
    model = schema.ModelT.InitFromPackedBuf(tflite.read_bytes())
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    used = {names[code.builtinCode] for code in model.operatorCodes or []}
    assert used == {"PAD", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "RESHAPE"}


def test_onnx_runtime_runs_integers_only(tmp_path: Path) -> None:
    _, onnx_file = write(tiny_programs.quantized().to_program(), tmp_path)
    _, onnxruntime = open_runtime.import_runtime(".onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert kinds == {"QLinearConv", "QLinearAdd", "QLinearGlobalAveragePool", "Reshape"}


def test_float_files_give_the_networks_logits(normed: bool, tmp_path: Path) -> None:
    tflite, onnx_file = write(tiny_programs.float_program(normed=normed), tmp_path)
    log_mel = tiny_programs.log_mel(8)
    with torch.no_grad():
        expected = tiny_programs.network(normed=normed)(torch.from_numpy(log_mel)).numpy()
    interpreter = open_runtime.open_interpreter(tflite)
    session = open_runtime.open_session(onnx_file)
    for one, logits in zip(log_mel, expected, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one.transpose(1, 2, 0)[None])
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(found, logits, atol=2e-5)
        found = np.asarray(session.run(None, {"log_mel": one[None]})[0])[0]
        np.testing.assert_allclose(found, logits, atol=2e-5)


def test_emitting_twice_gives_the_same_bytes(program: Program, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write(program, tmp_path)]
    assert [path.read_bytes() for path in write(program, tmp_path)] == first
