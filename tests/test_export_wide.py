"""Schemes in both files: the same logits in two runtimes, whatever is per tensor, symmetric or in 16 bits."""

from pathlib import Path

import numpy as np
import pytest

from compress.scheme import Scheme
from compress.simulate import quantize_input
from export.parity import compare, varied_inputs
from export.runtimes import litert, onnx_runtime
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tests import tiny_programs


@pytest.mark.parametrize(
    ("scheme", "normed"),
    [
        (Scheme("per_tensor", "symmetric"), False),
        (Scheme("per_tensor", "symmetric"), True),
        (Scheme(wide=["*"]), False),
        (Scheme("per_tensor", "symmetric", ["*"]), False),
        (Scheme(wide=["add*", "conv2d"]), False),  # the sums and the stem
        (Scheme(wide=["conv2d_2?"]), True),  # what the mean takes, and the convolution before
    ],
)
def test_every_logit_is_equal_in_both_runtimes(scheme: Scheme, normed: bool, tmp_path: Path) -> None:
    program = tiny_programs.quantized(normed=normed, scheme=scheme).to_program()
    assert any(found.wide for found in program.quantizations.values()) == bool(scheme.wide)
    inputs = varied_inputs(quantize_input(program, tiny_programs.log_mel(16)), 100, seed=0)
    inputs[:4] = np.array([0, -128, 127, -1])[:, None, None, None]
    tflite, onnx = tmp_path / "m.tflite", tmp_path / "m.onnx"
    tflite.write_bytes(to_tflite(program))
    to_onnx(program, onnx, {})
    # litert refuses a file that XNNPACK does not take in one piece
    runtimes = [("t1", litert(tflite, 1)), ("t2", litert(tflite, 2)), ("o1", onnx_runtime(onnx, 1))]
    for found in compare(program, inputs, runtimes):
        assert (found.differing, found.largest_difference) == (0, 0), found
    assert (runtimes[0][1].run(inputs).std(axis=0) > 3).all()
    # weights are stored as int8 also where they are convolved in float32
    assert len(tflite.read_bytes()) < 2.5 * program.parameter_count + 25_000
