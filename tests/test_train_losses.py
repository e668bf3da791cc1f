"""Losses against arithmetic by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from train.augmentations.mixup import Mix
from train.loader import Batch
from train.losses import distillation_loss, label_loss


def test_distillation_by_hand():
    logits = torch.tensor([[2.0, 0.0]])
    teacher = F.softmax(torch.tensor([[0.0, 2.0]]) / 2, dim=1)
    # at temperature 2 both sides are softmax(1, 0) and its mirror image: KL = (p - q) ln(p / q) = p - q
    high, low = math.e / (math.e + 1), 1 / (math.e + 1)
    divergence = high - low
    hard = -math.log(math.exp(2) / (math.exp(2) + 1))
    expected = 0.02 * hard + 0.98 * 4 * divergence / 2  # mean over the two classes
    assert distillation_loss(logits, teacher, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(expected)


def test_distillation_at_its_ends():
    torch.manual_seed(0)
    logits, label = torch.randn(4, 5, requires_grad=True), torch.tensor([0, 1, 2, 3])
    target, teacher = F.one_hot(label, 5).float(), F.softmax(torch.randn(4, 5), dim=1)
    hard_alone = distillation_loss(logits, teacher, target, hard_weight=1.0)
    torch.testing.assert_close(hard_alone, F.cross_entropy(logits, label))
    same = F.softmax((logits.detach() + 3.0) / 2, dim=1)
    distillation_loss(logits, same, target, hard_weight=0.0).backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6  # a shift of all logits is no difference


@pytest.mark.parametrize(("smoothing", "shares"), [(0.0, (0.7, 0.3)), (0.2, (0.66, 0.34))])
def test_labels_are_mixed_like_the_clips_and_smoothed(smoothing, shares):
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])  # probabilities 3/4 and 1/4, twice 1/2
    mix = Mix(torch.tensor([0.7, 0.6]), torch.tensor([1, 0]))
    batch = Batch(logits, torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([0, 0]), mix=mix)
    expected = -(shares[0] * math.log(0.75) + shares[1] * math.log(0.25) + math.log(0.5)) / 2
    assert label_loss(smoothing)(nn.Identity(), batch).item() == pytest.approx(expected)


def test_labels_without_a_mix():
    logits = torch.tensor([[math.log(3.0), 0.0]])
    batch = Batch(logits, torch.tensor([1]), torch.tensor([0]), torch.tensor([0]))
    assert label_loss()(nn.Identity(), batch).item() == pytest.approx(-math.log(0.25))
