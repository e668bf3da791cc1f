"""The methods together, and the steps of weights."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch

from compress.operations.convolution import Convolution
from compress.program import Program
from compress.ptq.adaround import AdaRoundConfig
from compress.ptq.calibrate import PtqConfig, calibrate
from compress.ptq.equalization import pairs
from compress.ptq.ranges import least_error
from compress.scheme import Scheme
from compress.sensitivity.measure import measure
from compress.simulate import logits, run_float
from tests.support import tiny_programs
from tinyasc.errors import UserError

FEW_STEPS = AdaRoundConfig(steps=200)
PLAIN = PtqConfig(
    equalization="none", activation_ranges="min_max", weight_ranges="max", rounding="nearest", bias_correction=False
)


def uneven() -> Program:
    """A network whose channels between convolutions differ in range by orders of magnitude."""
    program = tiny_programs.float_program(normed=True)
    operations: list[Any] = list(program.operations)
    random = np.random.default_rng(0)
    for first, second in pairs(program):
        before, after = operations[first], operations[second]
        s = np.exp(random.normal(0, 1.5, (len(before.weight), 1, 1, 1))).astype(np.float32)
        operations[first] = replace(before, weight=before.weight * s, bias=before.bias * s.ravel())
        operations[second] = replace(after, weight=after.weight / (s if after.depthwise else s[:, 0]))
    return replace(program, operations=tuple(operations))


def difference(config: PtqConfig) -> float:
    """Mean |logit difference| to float on clips that did not calibrate."""
    program = uneven()
    batches = [torch.from_numpy(tiny_programs.log_mel(48, seed=seed)) for seed in (100, 101)]
    log_mel = tiny_programs.log_mel(64, seed=5)
    expected = run_float(program, torch.from_numpy(log_mel))[program.output].numpy()
    _, int8 = calibrate(program, batches, config)
    return float(np.abs(logits(int8, log_mel) - expected).mean())


def test_all_methods_together_bring_it_much_nearer_to_float() -> None:
    assert difference(PtqConfig(adaround=FEW_STEPS)) < 0.5 * difference(PLAIN)


def test_the_float_program_beside_it_has_its_scales() -> None:
    program, log_mel = uneven(), torch.from_numpy(tiny_programs.log_mel(32, seed=5))
    batches = [torch.from_numpy(tiny_programs.log_mel(48, seed=100))]
    real, int8 = calibrate(program, batches, PtqConfig(rounding="nearest"))
    expected = run_float(program, log_mel)[program.output]
    torch.testing.assert_close(run_float(real, log_mel)[real.output], expected, rtol=1e-5, atol=1e-4)
    label = np.zeros(32, np.int64)
    worst = [min(layer.whole for layer in measure(one, int8, [log_mel], label).layers) for one in (real, program)]
    assert worst[0] > 6  # dB, of logits behind 29 random layers
    assert worst[1] < 1  # against the student's own scales every figure would be of them


@pytest.mark.parametrize("weight_ranges", ["max", "mse"])
def test_a_scheme_is_what_a_program_gets(weight_ranges: Literal["max", "mse"]) -> None:
    program, log_mel = tiny_programs.float_program(), tiny_programs.log_mel(32, seed=5)
    batches = [torch.from_numpy(tiny_programs.log_mel(48, seed=100))]
    config = PtqConfig(adaround=FEW_STEPS, weight_ranges=weight_ranges)
    _, int8 = calibrate(program, batches, config, Scheme("per_tensor", "symmetric", ["add*"]))
    assert {(found.bits, found.zero_point) for found in int8.quantizations.values()} == {
        (8, 0),
        (8, -128),
        (16, -32768),
    }
    for convolution in int8.convolutions():
        assert convolution.weight_scale is not None
        assert convolution.weight_scale.shape == (1,)
    expected = run_float(program, torch.from_numpy(log_mel))[program.output].numpy()
    assert np.abs(logits(int8, log_mel) - expected).mean() < 0.4 * expected.std()


def test_the_weight_step_of_least_error_clips_a_lone_large_weight_among_many() -> None:
    """Rounding 20,000 weights within 0.9 errs by 20,000 s^2 / 12, which clipping one of 1.0 to 0.9 outweighs."""
    many = np.random.default_rng(0).uniform(-0.9, 0.9, 20_000)
    weight = np.stack([many, np.sign(many)]).astype(np.float32)[:, :, None, None]
    weight[0, 0] = 1
    bias = np.zeros(2, np.float32)
    operation = Convolution("x", "y", weight, bias, None, (1, 1), (0, 0), 1, False, True)
    found = least_error(Program("x", "y", {}, (operation,))).operations[0]
    assert isinstance(found, Convolution)
    assert found.weight_step is not None
    np.testing.assert_allclose(found.weight_step * 127, [0.9, 1.0], atol=0.025)
    (shared,) = least_error(Program("x", "y", {}, (replace(operation, shared_step=True),))).convolutions()
    assert shared.weight_step == pytest.approx([1 / 127])  # half of all weights are 1.0


@pytest.mark.parametrize(("field", "value"), [("calibration_clips", 0), ("percentile", 50.0), ("percentile", 101.0)])
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(UserError, match=f"ptq: {field} is"):
        replace(PLAIN, **{field: value})
