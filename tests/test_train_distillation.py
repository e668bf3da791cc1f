"""The student's loss of whole batches against arithmetic by hand. B clips, K classes, N clips of the data set."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from train.augmentations.mixup import Mix
from train.distillation import DistillationConfig, student_loss
from train.loader import Batch

OWN, OTHER = [0.7, 0.6, 0.9], [1, 2, 0]
MIXED, PLAIN = Mix(torch.tensor(OWN, dtype=torch.float64), torch.tensor(OTHER)), Mix()


def example() -> tuple[Tensor, Tensor, Batch]:
    """Logits of the student (B, K) and of the teacher (N, K), and a batch that a network without weights passes on."""
    random = torch.Generator().manual_seed(0)
    output = torch.randn(3, 4, generator=random, dtype=torch.float64)
    given = 3 * torch.randn(9, 4, generator=random, dtype=torch.float64)
    return (
        output,
        given,
        Batch(output, torch.tensor([2, 0, 3]), torch.tensor([8, 1, 5]), torch.tensor([0, 0, 0]), mix=MIXED),
    )


def mixed(rows: np.ndarray) -> np.ndarray:
    return np.stack([own * rows[clip] + (1 - own) * rows[OTHER[clip]] for clip, own in enumerate(OWN)])


@pytest.mark.parametrize("hard_weight", [0.0, 0.3, 1.0])
def test_the_teachers_answers_and_the_labels_are_mixed_like_the_clips(hard_weight):
    output, given, batch = example()
    found = student_loss(DistillationConfig(temperature=2.5, hard_weight=hard_weight), given)(nn.Identity(), batch)
    teacher = mixed(softmax(given.numpy()[[8, 1, 5]] / 2.5, axis=1))
    divergence = np.mean(teacher * (np.log(teacher) - log_softmax(output.numpy() / 2.5, axis=1)))
    hard = -np.mean(np.sum(mixed(np.eye(4)[[2, 0, 3]]) * log_softmax(output.numpy(), axis=1), axis=1))
    assert found.item() == pytest.approx(hard_weight * hard + (1 - hard_weight) * 2.5**2 * divergence)


@pytest.mark.parametrize("mix", [MIXED, PLAIN])
def test_without_a_teacher_the_labels_alone_count(mix):
    output, _, batch = example()
    found = student_loss(DistillationConfig(), None)(nn.Identity(), batch._replace(mix=mix))
    labels = np.eye(4)[[2, 0, 3]]
    target = mixed(labels) if mix is MIXED else labels
    assert found.item() == pytest.approx(-np.mean(np.sum(target * log_softmax(output.numpy(), axis=1), axis=1)))
