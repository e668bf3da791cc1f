"""Objectives against arithmetic by hand. B clips, K classes, C channels, D devices."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from tests.tinyasc.models.test_models import FIRST, SMALL, input_shape
from tinyasc.errors import UserError
from tinyasc.models import ARCHITECTURES, SIZES, build
from train.data.augmentations import Mix
from train.data.loader import Batch
from train.targets import objectives
from train.targets.adversarial import AdversarialConfig, Devices, GradientReversal, strength
from train.targets.distillation import DistillationConfig, decoupled
from train.targets.objective import Answers, Embedding

OWN, OTHER = [0.7, 0.6, 0.9], [1, 2, 0]
MIXED, PLAIN = Mix(torch.tensor(OWN, dtype=torch.float64), torch.tensor(OTHER)), Mix()
LABEL = [2, 0, 3]


class Told:
    """A teacher that has its answers from the test."""

    channels, needs_waveform = 5, False

    def __init__(self, logits: np.ndarray, embedding: np.ndarray) -> None:
        self.answers = Answers(torch.from_numpy(logits), torch.from_numpy(embedding))

    def __call__(self, batch: Batch) -> Answers:
        return Answers(*(part[batch.index] for part in self.answers))


class Network(nn.Module):
    """Features (B, C) are the embedding, of which `head` makes logits."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 4).double()

    def forward(self, features: Tensor) -> Tensor:
        return self.head(features)


def example(mix: Mix) -> tuple[Network, Batch, Told]:
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    features = torch.from_numpy(random.standard_normal((3, 6)))
    teacher = Told(3 * random.standard_normal((9, 4)), random.standard_normal((9, 5)))
    numbers = torch.tensor([8, 1, 5])
    return Network(), Batch(features, torch.tensor(LABEL), numbers, torch.tensor([0, 3, 0]), mix=mix), teacher


def mixed(rows: np.ndarray, mix: Mix) -> np.ndarray:
    if mix is PLAIN:
        return rows
    return np.stack([own * rows[clip] + (1 - own) * rows[OTHER[clip]] for clip, own in enumerate(OWN)])


def cross_entropy(logits: np.ndarray, target: np.ndarray) -> float:
    return -np.mean(np.sum(target * log_softmax(logits, axis=1), axis=1))


@pytest.mark.parametrize("mix", [MIXED, PLAIN])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_labels_are_mixed_like_the_clips_and_smoothed(mix, smoothing):
    network, batch, _ = example(mix)
    found = objectives.build(network, label_smoothing=smoothing)(batch)
    target = (1 - smoothing) * mixed(np.eye(4)[LABEL], mix) + smoothing / 4
    logits = network(batch.features).detach().numpy()
    # The logits are taken as float32, whatever the network computes in.
    assert found.total.item() == pytest.approx(cross_entropy(logits, target), rel=1e-6)
    np.testing.assert_allclose(found.logits.detach(), logits, rtol=1e-6)
    assert found.parts == {}


@pytest.mark.parametrize("smoothing", [3.0, 1.0, -0.1, math.nan])
def test_a_smoothing_that_is_no_share_is_refused(smoothing):
    with pytest.raises(UserError, match=f"label_smoothing is {smoothing}"):
        objectives.build(Network(), label_smoothing=smoothing)


@pytest.mark.parametrize("mix", [MIXED, PLAIN])
@pytest.mark.parametrize(("reduction", "elements"), [("mean_over_elements", 12), ("mean_over_clips", 3)])
@pytest.mark.parametrize("hard_weight", [0.0, 0.3, 1.0])
def test_distillation_is_the_divergence_from_the_teachers_answers_mixed_like_the_clips(
    mix, reduction, elements, hard_weight
):
    network, batch, teacher = example(mix)
    config = DistillationConfig(temperature=2.5, hard_weight=hard_weight, reduction=reduction)
    found = objectives.build(network, distillation=config, teacher=teacher)(batch)
    logits = network(batch.features).detach().numpy()
    wanted = mixed(softmax(teacher.answers.logits.numpy()[batch.index] / 2.5, axis=1), mix)
    divergence = np.sum(wanted * (np.log(wanted) - log_softmax(logits / 2.5, axis=1))) / elements
    hard = cross_entropy(logits, mixed(np.eye(4)[LABEL], mix))
    assert found.total.item() == pytest.approx(hard_weight * hard + (1 - hard_weight) * 2.5**2 * divergence, rel=1e-6)
    assert found.parts == {"labels": pytest.approx(hard), "teacher": pytest.approx(2.5**2 * divergence)}


def as_in_the_paper(student: np.ndarray, teacher: np.ndarray, target: int) -> tuple[float, float]:
    """TCKD and NCKD of one clip by the definitions: binary probabilities, then those among the other classes."""

    def divergence(q: np.ndarray, p: np.ndarray) -> float:
        return float(np.sum(q * np.log(q / p)))

    binary = [np.array([side[target], 1 - side[target]]) for side in (teacher, student)]
    among = [np.delete(side, target) / np.delete(side, target).sum() for side in (teacher, student)]
    return divergence(*binary), divergence(*among)


def test_decoupled_parts_are_the_papers_and_add_up_to_distillation():
    random = np.random.default_rng(1)
    student, teacher = (softmax(3 * random.standard_normal((5, 7)), axis=1) for _ in range(2))
    target, non_target = decoupled(torch.from_numpy(np.log(student)), torch.from_numpy(teacher))
    expected = [[as_in_the_paper(student[clip], teacher[clip], k) for k in range(7)] for clip in range(5)]
    np.testing.assert_allclose(torch.stack([target, non_target], dim=2), expected)
    whole = np.sum(teacher * np.log(teacher / student), axis=1, keepdims=True)
    np.testing.assert_allclose(target.numpy() + (1 - teacher) * non_target.numpy(), np.repeat(whole, 7, axis=1))


@pytest.mark.parametrize("mix", [MIXED, PLAIN])
def test_decoupled_distillation_averages_over_the_mixed_labels_and_warms_up(mix):
    network, batch, teacher = example(mix)
    config = DistillationConfig(kind="dkd", temperature=2.0, hard_weight=0.5, non_target_weight=8.0, warm_up=4.0)
    objective = objectives.build(network, distillation=config, teacher=teacher)
    objective.epoch, objective.epochs = 1.0, 10
    found = objective(batch)
    student = softmax(network(batch.features).detach().numpy() / 2, axis=1)
    wanted = mixed(softmax(teacher.answers.logits.numpy()[batch.index] / 2, axis=1), mix)
    losses = []
    for clip, label in enumerate(LABEL):
        targets = [(1.0, label)] if mix is PLAIN else [(OWN[clip], label), (1 - OWN[clip], LABEL[OTHER[clip]])]
        parts = [(share, as_in_the_paper(student[clip], wanted[clip], k)) for share, k in targets]
        losses.append(sum(share * (tckd + 8 * nckd) for share, (tckd, nckd) in parts))
    assert found.parts["teacher"].item() == pytest.approx(0.25 * 4 * np.mean(losses), rel=1e-6)
    objective.epoch = 7.0
    assert objective(batch).parts["teacher"].item() == pytest.approx(4 * np.mean(losses), rel=1e-6)


def test_decoupled_distillation_from_a_teacher_without_a_doubt_is_finite():
    student = torch.randn(2, 4, requires_grad=True)
    teacher = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0 - 1e-7, 1e-7, 0.0, 0.0]])
    target, non_target = decoupled(student.log_softmax(1), teacher)
    (target + non_target).sum().backward()
    assert torch.isfinite(non_target).all()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()
    # what little the second teacher leaves to the others, it gives to class 1
    expected = -student.detach()[1, 1:].log_softmax(0)[0]
    torch.testing.assert_close(non_target.detach()[1, 0], expected)


@pytest.mark.parametrize("mix", [MIXED, PLAIN])
def test_features_are_compared_by_direction(mix):
    network, batch, teacher = example(mix)
    config = DistillationConfig(kind="feature", source="live", feature_weight=3.0)
    objective = objectives.build(network, distillation=config, teacher=teacher, classifier="head").double()
    found = objective(batch)
    (head,) = [module for name, module in objective.named_modules() if name.endswith("projection")]
    projected = head(batch.features).detach().numpy()
    directions = teacher.answers.embedding.numpy()[batch.index]
    wanted = mixed(directions / np.linalg.norm(directions, axis=1, keepdims=True), mix)
    lengths = np.linalg.norm(projected, axis=1) * np.linalg.norm(wanted, axis=1)
    distance = np.mean(1 - np.sum(projected * wanted, axis=1) / lengths)
    parts = {name: value.item() for name, value in found.parts.items()}
    assert parts["features"] == pytest.approx(distance, rel=1e-6)
    assert found.total.item() == pytest.approx(
        0.02 * parts["labels"] + 0.98 * parts["teacher"] + 3 * distance, rel=1e-6
    )


def test_reversed_gradient_comes_with_training_and_devices_count_alike():
    network, batch, _ = example(MIXED)
    device = np.array([0] * 8 + [3] * 2)  # of all training clips: 8 of device 0, 2 of device 3
    config = AdversarialConfig(weight=2.0, hidden=8, gamma=10.0)
    objective = objectives.build(network, adversarial=config, classifier="head", device=device).double()
    (heads,) = [module for module in objective.modules() if isinstance(module, Devices)]
    features = batch.features.clone().requires_grad_()
    objective.epoch, objective.epochs = 3.0, 10
    found = objective(batch._replace(features=features))
    logits = heads.classifier(batch.features).detach().numpy()
    balance = 10 / (2 * np.array([8, 2]))
    target = mixed(np.eye(2)[[0, 1, 0]], MIXED)
    expected = -np.mean(np.sum(balance * target * log_softmax(logits, axis=1), axis=1))
    assert found.parts["devices"].item() == pytest.approx(expected, rel=1e-6)
    assert found.total.item() == pytest.approx(sum(part.item() for part in found.parts.values()))

    through_devices = torch.autograd.grad(found.total - found.parts["labels"], features, retain_graph=True)[0]
    labels = torch.autograd.grad(objectives.build(network)(batch._replace(features=features)).total, features)[0]
    forward = heads.classifier(features)
    weights = torch.from_numpy(balance)
    loss = -(weights * torch.from_numpy(target) * forward.log_softmax(1)).sum(1).mean()
    plain = torch.autograd.grad(loss, features)[0]
    alpha = 2.0 * (2 / (1 + math.exp(-3)) - 1)
    torch.testing.assert_close(through_devices - labels, -alpha * plain)
    assert strength(0, 10) == 0
    assert strength(1, 10) == pytest.approx(1, abs=1e-4)


def test_heads_are_trained_and_neither_kept_nor_the_teacher_trained():
    network, batch, teacher = example(PLAIN)
    teacher.network = nn.Linear(3, 3)  # type: ignore[attr-defined]
    config = DistillationConfig(kind="feature", source="live")
    adversarial = AdversarialConfig(weight=1.0, hidden=7)
    names = list(network.state_dict())
    built = objectives.build(
        network,
        distillation=config,
        teacher=teacher,
        adversarial=adversarial,
        classifier="head",
        device=np.array([0, 1, 2, 3]),
    ).double()
    assert list(built.network.state_dict()) == names == ["head.weight", "head.bias"]
    shapes = sorted(tuple(parameter.shape) for parameter in built.parameters())
    assert shapes == sorted([(4, 6), (4,), (5, 6), (5,), (7, 6), (7,), (4, 7), (4,)])
    built(batch).total.backward()
    assert all(parameter.grad is not None for parameter in built.parameters())
    copy.deepcopy(built)  # nothing of the pass is held on to


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DistillationConfig(temperature=0), "temperature"),
        (lambda: DistillationConfig(hard_weight=1.5), "hard_weight"),
        (lambda: DistillationConfig(kind="dkd", non_target_weight=-1), "non_target_weight is -1: take 0 or more"),
        (lambda: DistillationConfig(kind="feature"), "take source live"),
        (lambda: AdversarialConfig(weight=-1), "adversarial: take a weight of 0"),
        (lambda: AdversarialConfig(gamma=0), "gamma above zero"),
        (
            lambda: objectives.build(
                Network(), adversarial=AdversarialConfig(weight=1), classifier="head", device=np.array([2, 2])
            ),
            "of one device",
        ),
        (
            lambda: objectives.build(
                Network(),
                distillation=DistillationConfig(kind="feature", source="live"),
                teacher=Told(np.zeros((1, 4)), np.zeros((1, 5))),
            ),
            "this network gives no embedding: take kind kd or dkd",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_embedding_is_all_that_the_classifier_goes_by(name):
    size = (SMALL | FIRST)[name] if name != "bc_resnet" else SIZES["bc_resnet_asc"]
    network = build(name, size.config, size.n_classes).eval()
    classifier = network.get_submodule(ARCHITECTURES[name].classifier)
    embedding = Embedding(network, ARCHITECTURES[name].classifier)
    with torch.no_grad():
        logits = network(torch.randn(input_shape(size, 2)))
        given = embedding.take()
        assert given.shape == (2, embedding.channels)
        with pytest.raises(RuntimeError, match="once after each forward pass"):
            embedding.take()
        convolves = any(isinstance(layer, nn.Conv2d) for layer in classifier.modules())
        again = classifier(given[:, :, None, None] if convolves else given)
    torch.testing.assert_close(again.flatten(1), logits)


def test_gradient_reversal_passes_values_and_turns_gradients_round():
    layer = GradientReversal(alpha=0.5)
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    layer(x).square().sum().backward()
    assert torch.equal(layer(x), x)
    torch.testing.assert_close(x.grad, torch.tensor([-1.0, 2.0]))  # -0.5 x 2 x
    x.grad = None
    layer.alpha = 2.0
    layer(x).square().sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([-4.0, 8.0]))


def test_reversed_features_are_driven_away_from_what_the_second_classifier_wants():
    torch.manual_seed(0)
    features, classifier = nn.Linear(2, 2), nn.Linear(2, 2)
    x, device = torch.randn(8, 2), torch.arange(8) % 2
    gradients = []
    for between in (nn.Identity(), GradientReversal(1.0)):
        features.zero_grad()
        classifier.zero_grad()
        nn.functional.cross_entropy(classifier(between(features(x))), device).backward()
        gradients.append([features.weight.grad, classifier.weight.grad])
    torch.testing.assert_close(gradients[1][0], -gradients[0][0])
    torch.testing.assert_close(gradients[1][1], gradients[0][1])


def test_gradient_reversal_has_shape_and_export():
    x = torch.randn(2, 2, 4, 3, requires_grad=True)
    y = GradientReversal().train()(x)
    (y * torch.randn_like(y)).sum().backward()
    assert y.shape == x.shape
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().sum() > 0
    program = torch.export.export(GradientReversal().eval(), (torch.zeros(2, 2, 4, 3),))
    torch.testing.assert_close(program.module()(x.detach()), x.detach())
