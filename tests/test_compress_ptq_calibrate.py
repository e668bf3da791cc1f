"""The methods together, and the steps of weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from compress.observe import run_float
from compress.operations.convolution import Convolution
from compress.program import Program
from compress.ptq.adaround import AdaRoundConfig
from compress.ptq.calibrate import calibrate
from compress.ptq.config import PtqConfig
from compress.ptq.equalization import pairs
from compress.ptq.weight_ranges import least_error
from compress.simulate import logits
from tests import tiny_programs
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
    return float(np.abs(logits(calibrate(program, batches, config), log_mel) - expected).mean())


def test_all_methods_together_bring_it_much_nearer_to_float() -> None:
    assert difference(PtqConfig(adaround=FEW_STEPS)) < 0.5 * difference(PLAIN)


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


@pytest.mark.parametrize(("field", "value"), [("calibration_clips", 0), ("percentile", 50.0), ("percentile", 101.0)])
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(UserError, match=f"ptq: {field} is"):
        replace(PLAIN, **{field: value})
