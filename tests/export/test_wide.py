"""Schemes in both files: the same logits in two runtimes, whatever is per tensor, symmetric or in 16 bits."""

from pathlib import Path

import pytest

from compress.scheme import Scheme
from compress.simulate import simulate
from tests.support import tiny_programs
from tests.support.both_files import agreements, varied


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
    inputs = varied(program, tiny_programs.log_mel(16), 100)
    for found in agreements(program, inputs, tmp_path):
        assert (found.differing, found.largest_difference) == (0, 0), found
    assert (simulate(program, inputs).std(axis=0) > 3).all()
    # weights are stored as int8 also where they are convolved in float32
    assert (tmp_path / "model.tflite").stat().st_size < 2.5 * program.parameter_count + 25_000
