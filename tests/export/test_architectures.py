"""Every architecture through the whole line: lowered, quantized, trained, simulated, and equal in both runtimes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.measure.graph import cost as graph_cost
from compress import program as programs
from compress.operations.addition import Addition
from compress.operations.convolution import Convolution
from compress.operations.formula import Formula
from compress.operations.max_pooling import MaxPooling
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.program import Program
from compress.simulate import logits, run_float, simulate
from export.to_tflite import to_tflite
from tests.support import tiny_architectures
from tests.support.both_files import agreements, varied, write

COUNT = 60


@pytest.fixture(scope="module", params=list(tiny_architectures.NETWORKS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def program(name: str) -> Program:
    return tiny_architectures.quantized(name).to_program()


def macs(program: Program, operation: Operation) -> int:
    """By NeSsi's rule: convolutions and poolings by their kernels, means and additions by their elements."""
    made, given = (int(np.prod(program.values[name].shape)) for name in (operation.output, operation.inputs[0]))
    if isinstance(operation, Convolution):
        return operation.weight.size * made // len(operation.weight)
    if isinstance(operation, MaxPooling):
        return made * operation.kernel[0] * operation.kernel[1]
    return made if isinstance(operation, Addition) else given if isinstance(operation, Mean) else 0


def test_the_float_program_is_the_network(name: str) -> None:
    network, inputs = tiny_architectures.network(name), torch.from_numpy(tiny_architectures.inputs(name, 8))
    program = tiny_architectures.float_program(name)
    with torch.no_grad():
        expected = network(inputs)
    torch.testing.assert_close(run_float(program, inputs)[program.output], expected, rtol=0, atol=5e-5)
    assert expected.std() > 0.1  # the logits vary, so that equality means something


def test_what_trains_is_what_is_simulated(name: str) -> None:
    network, inputs = tiny_architectures.quantized(name), tiny_architectures.inputs(name, 16)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    network.train()(torch.from_numpy(inputs)).square().mean().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in network.parameters())
    optimizer.step()
    with torch.no_grad():
        trained = network.eval()(torch.from_numpy(inputs)).numpy()
    np.testing.assert_array_equal(trained, logits(network.to_program(), inputs))


def test_every_logit_is_equal_in_both_runtimes(name: str, program: Program, tmp_path: Path) -> None:
    inputs = varied(program, tiny_architectures.inputs(name, 16), COUNT)
    for found in agreements(program, inputs, tmp_path):
        assert found.logits == COUNT * tiny_architectures.CLASSES
        assert (found.differing, found.largest_difference) == (0, 0), found
    assert (simulate(program, inputs).std(axis=0) > 3).all()  # every logit moves


def test_a_program_survives_its_file(program: Program, tmp_path: Path) -> None:
    programs.save(program, tmp_path / "x.program")
    found = programs.load(tmp_path / "x.program")
    assert found.values == program.values
    assert to_tflite(found) == to_tflite(program)


@pytest.mark.parametrize("integer", [True, False])
def test_both_formats_cost_the_same(name: str, program: Program, integer: bool, tmp_path: Path) -> None:
    counted = program if integer else tiny_architectures.float_program(name)
    tflite, onnx_ = (graph_cost.read(path) for path in write(counted, tmp_path))
    assert tflite.macs - tflite.zero_macs == onnx_.macs - onnx_.zero_macs
    layers = [layer for layer in onnx_.layers if layer.operation == "Conv"]
    weights = sum(one.weight.size for one in program.convolutions())
    assert sum(layer.weights for layer in layers) == weights
    assert sum(layer.weight_bytes for layer in layers) == weights * (1 if integer else 4)
    assert sum(layer.biases for layer in layers) == sum(one.bias.size for one in program.convolutions())
    if not any(isinstance(operation, Formula) for operation in program.operations):
        assert onnx_.macs == sum(macs(program, operation) for operation in program.operations)
    real = not integer or any(isinstance(operation, Formula) for operation in program.operations)
    assert (tflite.float_operations > 0, onnx_.float_operations > 0) == (real, real)
