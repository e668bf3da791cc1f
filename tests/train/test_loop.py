"""The loop in one process: steps in parts, clipping, averages, precision, the best epoch, a loss that is not finite."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tinyasc import mel
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs.setup import ComputeConfig, setup_fabric
from train.data.augment import AugmentConfig, Augmenter
from train.data.loader import Batch, Batches
from train.data.selection import ExamplesConfig
from train.fit.checkpoint import Checkpoints
from train.fit.config import FitConfig, Phase
from train.fit.history import Row, write_history
from train.fit.learner import Learner, make_optimizer, set_rate
from train.fit.loop import Fitted, fit
from train.fit.task import Task
from train.targets import objectives
from train.targets.objective import Losses, Objective

MEL = mel.MelConfig(n_fft=1024, win_length=800, hop_length=640, n_mels=32)
FABRIC = setup_fabric(ComputeConfig(device="cpu", threads=1))


@pytest.fixture
def clips(tiny_clips: Clips) -> Clips:
    return tiny_clips


def network() -> nn.Module:
    """Without batch norm: what a clip gives does not depend on the others."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    )


def config(**changed: object) -> FitConfig:
    settings = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "weight_decay": 0.0, "schedule": []}
    return FitConfig(**(settings | changed))  # type: ignore[arg-type]


def task(clips: Clips, partial: Path, fitted: FitConfig, objective: Objective | None = None, **more: object) -> Task:
    augmentation = Augmenter(AugmentConfig(), MEL, clips.devices, sample_rate=clips.sample_rate, cached=True)
    examples = ExamplesConfig(cache=True)
    batches = Batches(
        clips,
        examples,
        augmentation,
        batch_size=fitted.batch_size,
        seed=0,
        device=FABRIC.device,
        parts=fitted.accumulate,
    )
    chosen = objective or objectives.build(network())
    return Task(chosen, batches, fitted, partial, identity="test", seed=0, **more)  # type: ignore[arg-type]


def trained(clips: Clips, partial: Path, fabric: object = FABRIC, **changed: object) -> Fitted:
    fitted = fit(fabric, task(clips, partial, config(**changed)))  # type: ignore[arg-type]
    assert fitted is not None
    return fitted


def test_a_step_in_four_parts_is_the_step_of_all_its_clips(clips: Clips, tmp_path: Path) -> None:
    whole, parts = (trained(clips, tmp_path / str(n), accumulate=n, optimizer="sgd") for n in (1, 4))
    for name, value in whole.weights["last"].items():
        torch.testing.assert_close(parts.weights["last"][name], value, atol=1e-6, rtol=1e-4)
    assert parts.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=1e-5)
    assert parts.history[-1]["accuracy"] == whole.history[-1]["accuracy"]


def test_a_longer_gradient_is_shortened_a_shorter_one_is_left(clips: Clips, tmp_path: Path) -> None:
    lengths = {}
    for longest in (0.0, 0.02, 1e3):
        job = task(clips, tmp_path / "run", config(clip_norm=longest, optimizer="sgd"))
        before = nn.utils.parameters_to_vector(job.objective.parameters()).detach().clone()
        job.learner(FABRIC).step(job.batches.epoch(0), 1.0, lambda *_: None)
        moved = nn.utils.parameters_to_vector(job.objective.parameters()) - before
        lengths[longest] = moved.norm().item() / 1.9  # the first step of Nesterov's momentum
    assert lengths[0.02] == pytest.approx(0.02, rel=1e-3)
    assert lengths[1e3] == lengths[0.0] > 0.03


def test_the_average_is_its_recurrence_over_weights_and_buffers(clips: Clips, tmp_path: Path) -> None:
    torch.manual_seed(0)
    normed = nn.Sequential(nn.BatchNorm2d(1), network())
    job = task(clips, tmp_path / "run", config(average=0.8), objectives.build(normed))
    learner, batches = job.learner(FABRIC), job.batches.epoch(0)
    expected: dict[str, Tensor] = {}
    for _ in range(3):
        learner.step(batches, 1e-2, lambda *_: None)
        now = {name: value.clone() for name, value in normed.state_dict().items() if value.is_floating_point()}
        before = expected or now
        expected = {name: 0.8 * before[name] + 0.2 * value for name, value in now.items()}
    assert {"0.running_mean", "1.5.bias"} < set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(learner.weights()[name], value)
        assert not torch.equal(learner.weights()[name], normed.state_dict()[name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # of a weight of 1 without a gradient, at a rate of 0.1 and a decay of 0.5
        ("sgd", 1 - 0.1 * 0.5 * 1.9),
        ("adam", 1 - 0.1),
        ("adamw", 1 - 0.1 * 0.5),
    ],
)
def test_weight_decay_is_a_penalty_or_apart_from_the_gradient(name: str, expected: float) -> None:
    weight, frozen = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1), requires_grad=False)
    optimizer = make_optimizer(name, [weight, frozen], weight_decay=0.5)
    set_rate(optimizer, 0.1)
    weight.grad = torch.zeros(1)
    optimizer.step()
    assert weight.item() == pytest.approx(expected)
    assert frozen.item() == 1


class Listening(Objective):
    """Notes what its batches and its network's answers are made of."""

    def forward(self, batch: Batch) -> Losses:
        logits = self.network(batch.features)
        self.seen = logits.dtype, batch.features.dtype, batch.mix.own if batch.mix.own is None else batch.mix.own.dtype
        return Losses(nn.functional.cross_entropy(logits, batch.label), logits, {})


def test_bfloat16_is_for_products_alone_and_learns(clips: Clips, tmp_path: Path) -> None:
    fabric = setup_fabric(ComputeConfig(device="cpu", threads=1, precision="bfloat16"))
    fitted = trained(clips, tmp_path / "run", fabric, epochs=12, learning_rate=3e-2)
    assert fitted.history[-1]["loss"] < 0.7 * fitted.history[0]["loss"]
    assert all(value.dtype == torch.float32 for value in fitted.weights["last"].values())
    listening = Listening(network())
    job = task(clips, tmp_path / "heard", config(), listening)
    batch = next(job.batches.epoch(0))
    mixed = batch._replace(mix=batch.mix._replace(own=torch.ones(8), other=torch.arange(8)))
    job.learner(fabric).step(iter([mixed]), 1e-2, lambda *_: None)
    assert listening.seen == (torch.bfloat16, torch.float32, torch.float32)


class Wrapped(nn.Module):
    """Torch traces no module that is its own from end to end, such as `network`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_a_compiled_network_trains_alike_and_is_scored_as_it_was(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        traced.append(graph)
        return graph.forward  # instead of a compiler, which takes a minute

    original = nn.Module.compile
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, mode, dynamic: original(self, backend=backend, dynamic=dynamic)
    )

    def score(scored: nn.Module) -> Row:
        with torch.inference_mode():
            return {"validation_accuracy": 0.5, "validation_log_loss": scored(torch.zeros(2, 1, 32, 50)).sum().item()}

    plain, compiled = (
        fit(
            FABRIC,
            task(
                clips,
                tmp_path / str(compiled),
                config(batch_size=7),
                objectives.build(Wrapped()),
                compiled=compiled,
                validate=score,
            ),
        )
        for compiled in (False, True)
    )
    assert len(traced) == 2  # of 7 clips, and of the 3 that are left
    assert plain is not None
    assert compiled is not None
    for name, value in plain.weights["last"].items():
        assert torch.equal(compiled.weights["last"][name], value)


def scores(*accuracies: float) -> Callable[[nn.Module], Row]:
    given = iter(accuracies)
    return lambda network: {"validation_accuracy": next(given), "validation_log_loss": 1.0}


def test_the_best_epoch_is_kept_besides_the_last_also_after_a_stop(clips: Clips, tmp_path: Path) -> None:
    fitted = config(epochs=3, keep="best", average=0.5)
    second = trained(clips, tmp_path / "two", epochs=2, average=0.5)
    stopped = task(clips, tmp_path / "run", fitted, validate=scores(0.3, 0.9))
    with pytest.raises(StopIteration):  # the third score
        fit(FABRIC, stopped)
    found = fit(FABRIC, task(clips, tmp_path / "run", fitted, validate=scores(0.9)))
    assert found is not None
    assert [row["validation_accuracy"] for row in found.history] == [0.3, 0.9, 0.9]
    for name, value in second.weights["last"].items():
        assert torch.equal(found.weights["best"][name], value)
        assert not torch.equal(found.weights["last"][name], value)


def test_the_history_has_one_row_an_epoch_in_both_files(clips: Clips, tmp_path: Path) -> None:
    history = trained(clips, tmp_path / "run", schedule=[Phase("linear", epochs=2)]).history
    write_history(tmp_path, history)
    assert [row["epoch"] for row in history] == [1, 2]
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-2 * (2 / 3) / 2, 1e-2 * (5 / 3) / 2])
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == history
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == history


class Poisoned(Objective):
    """Not finite where one clip is in the batch, from the second epoch on."""

    def __init__(self, network: nn.Module, clip: int) -> None:
        super().__init__(network)
        self.clip = clip

    def forward(self, batch: Batch) -> Losses:
        logits = self.network(batch.features)
        bad = (batch.index == self.clip).any() & torch.tensor(self.epoch >= 1)
        return Losses(nn.functional.cross_entropy(logits, batch.label) + torch.where(bad, torch.nan, 0.0), logits, {})


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_not_finite_stops_with_its_batch_named(clips: Clips, tmp_path: Path, accumulate: int) -> None:
    job = task(
        clips,
        tmp_path / "run",
        config(accumulate=accumulate, checkpoint_minutes=1e-9),
        Poisoned(network(), int(clips.indices("train")[5])),
    )
    with pytest.raises(UserError) as error:
        fit(FABRIC, job)
    order = [job.batches.step_clips(1, step) for step in range(3)]
    step = next(number for number, numbers in enumerate(order) if clips.indices("train")[5] in numbers)
    assert f"epoch 2, step {step + 1} of 3, of {clips.files[order[step][0]]}," in str(error.value)
    assert "and 5 more" in str(error.value)
    state = Checkpoints(tmp_path / "run").load()
    assert state is not None
    assert (state["epoch"], state["step"]) == (1, step)  # nothing was saved after it
    assert all(torch.isfinite(value).all() for value in state["learner"]["objective"].values())


def test_the_steps_of_an_average_may_be_counted_on_another_device(clips: Clips, tmp_path: Path) -> None:
    """On the CPU, while a GPU trains."""
    learner = task(clips, tmp_path, config(average=0.9)).learner(FABRIC)
    average: Any = learner._average
    average.n_averaged = average.n_averaged.to("meta")
    assert learner.finite()
    next(learner.network.parameters()).data[0] = torch.nan
    assert not learner.finite()


@pytest.mark.parametrize("place", ["weight", "buffer", "score"])
def test_what_is_not_finite_is_neither_kept_nor_chosen(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """All losses are finite: it comes with the last step of the second epoch, or with its score."""
    normed = nn.Sequential(nn.BatchNorm2d(1), network())
    spoilt = {"weight": normed.state_dict()["1.0.weight"], "buffer": normed.state_dict()["0.running_var"]}
    original = Learner.step

    def step(learner: Learner, *arguments: Any) -> int:
        done = original(learner, *arguments)
        if place in spoilt and learner.objective.epoch > 1.6:
            spoilt[place].view(-1)[0] = torch.inf
        return done

    def score(network: nn.Module) -> Row:
        bad = place == "score" and job.objective.epoch > 1.6
        return {"validation_accuracy": 0.5, "validation_log_loss": torch.nan if bad else 1.0}

    monkeypatch.setattr(Learner, "step", step)
    job = task(clips, tmp_path / "run", config(keep="best"), objectives.build(normed), validate=score)
    with pytest.raises(UserError, match=r"not finite in epoch 2, step 3 of 3, of .*remove .*run or give another --out"):
        fit(FABRIC, job)
    state = Checkpoints(tmp_path / "run").load()
    assert state is not None
    assert (state["epoch"], len(state["history"])) == (1, 1)
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"accumulate": 0}, "accumulate is 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0"),
        ({"average": 1.0}, "average is 1.0"),
        ({"checkpoint_minutes": 0.0}, "checkpoint_minutes is 0.0"),
        ({"optimizer": "lion"}, "choose from adam, adamw, sgd"),
        ({"accumulate": 3}, "take a batch_size that 3 divides"),
        ({"keep": "best"}, "keep best needs clips to choose by"),
    ],
)
def test_impossible_settings_are_refused(clips: Clips, tmp_path: Path, wrong: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        task(clips, tmp_path, config(**wrong))


def test_tensorboard_is_an_extra(clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[tensorboard\]'"):
        task(clips, tmp_path, config(tensorboard=True))
