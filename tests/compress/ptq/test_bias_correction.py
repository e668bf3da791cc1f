"""Biases that undo the mean error of rounding."""

import numpy as np
import torch

from compress.operations.convolution import Convolution
from compress.ptq.walk import bias_corrected, walk
from compress.quantized_network import QuantizedNetwork
from compress.simulate import logits, observe, run_float
from tests.support import tiny_programs


def test_logits_have_the_means_of_float_and_come_nearer_to_it() -> None:
    program = tiny_programs.float_program(normed=True)
    batches = [torch.from_numpy(tiny_programs.log_mel(32, seed=seed)) for seed in (100, 101)]
    ranges = observe(program, batches)
    log_mel = tiny_programs.log_mel(64, seed=5)
    expected = run_float(program, torch.from_numpy(log_mel))[program.output].numpy()
    errors, offsets = [], []
    for one in (program, walk(program, ranges, batches, [bias_corrected])):
        int8 = QuantizedNetwork(one, ranges, momentum=0.1).to_program()
        errors.append(np.abs(logits(int8, log_mel) - expected).mean())
        seen = np.concatenate([logits(int8, batch.numpy()) for batch in batches])
        wanted = torch.cat([run_float(program, batch)[program.output] for batch in batches]).numpy()
        offsets.append(np.abs((seen - wanted).mean(0)).max())
    assert offsets[1] < 0.3 * offsets[0]
    assert errors[1] < errors[0]


def test_only_biases_change() -> None:
    program = tiny_programs.float_program()
    batches = [torch.from_numpy(tiny_programs.log_mel(16))]
    found = walk(program, observe(program, batches), batches, [bias_corrected])
    for before, after in zip(program.operations, found.operations, strict=True):
        if isinstance(before, Convolution) and before.trainable:
            assert isinstance(after, Convolution)
            np.testing.assert_array_equal(before.weight, after.weight)
            assert (before.bias != after.bias).any()
            assert (before.relu, before.input) == (after.relu, after.input)
        else:
            assert before is after
