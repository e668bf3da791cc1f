"""Gradients of learned steps, by the paper's formula."""

import pytest
import torch

from compress.operations.straight_through import LearnedRound


@pytest.mark.parametrize(
    ("value", "integer", "through", "moved"),
    [  # of ends -4..3; moved: q - v inside, the end beyond it (Esser et al. 2020, equation 3)
        (0.0, 0, 1, 0.0),
        (0.3, 0, 1, -0.3),
        (0.7, 1, 1, 0.3),
        (-2.4, -2, 1, 0.4),
        (3.2, 3, 0, 3.0),
        (-9.0, -4, 0, -4.0),
    ],
)
def test_the_step_has_the_papers_gradient(value: float, integer: int, through: int, moved: float) -> None:
    step = torch.tensor(0.5, requires_grad=True)
    values = torch.tensor([value, value], requires_grad=True)
    found = LearnedRound.apply(values, step, (-4, 3), 2)
    assert found.tolist() == [integer, integer]
    (
        found * torch.tensor([1.0, 0.5])
    ).sum().backward()  # of the integers: of what they stand for it is 1 / step of that
    assert values.grad is not None
    assert step.grad is not None
    assert values.grad.tolist() == [through, 0.5 * through]
    assert step.grad.item() == pytest.approx(1.5 * moved / 0.5 / (2 * 3) ** 0.5, abs=1e-6)


def test_each_channel_has_its_own_step() -> None:
    steps = torch.ones(3, 1, requires_grad=True)
    LearnedRound.apply(torch.full((3, 4), 0.25), steps, (-1, 1), 4).sum().backward()
    assert steps.grad is not None
    torch.testing.assert_close(steps.grad, torch.full((3, 1), -0.25 * 4 / 2.0))
