"""Training steps of a student on the CPU, from sound on disk to updated weights: CP-Mobile by its recipe.

The field's way, as CP-JKU's code of DCASE 2023 goes about it: a DataLoader of a .pt file for each second, which rolls
clips and convolves those of device a with impulse responses; hear21passt's AugmentMelSTFT, which builds Kaldi's bank at
each call; Freq-MixStyle; Adam. Both train the same network on the labels, with the same threads, and each way in a
process of its own.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from tests.perf import made_up, recipes
from tests.perf.case import Aside, Case
from tests.perf.mel import augment_mel
from tests.support import originals
from tinyasc import models
from tinyasc.clips import Clips
from tinyasc.runs.setup import setup_fabric
from train.data.augmentations import impulse_response
from train.fit.monitor import Meter
from train.student import train_student

STEPS = 2
"""Steps of an epoch, which is a round: so neither way reads ahead while the other one is measured."""
BATCH = 250
"""Clips a step; a few less than the recipe's 256, since ten clips are a recording."""
FLAGS = (
    f"--fit.batch_size={BATCH}",
    "--compute.device=cpu",
    "--compute.precision=float32",
    "--compute.compile=false",
    "--compute.threads=2",
)


@contextmanager
def cases(scratch: Path) -> Iterator[list[Case]]:
    """One case; its processes are there until the block ends."""
    data, seconds = made_up.write(scratch / "training.h5", STEPS * BATCH), scratch / "seconds"
    seconds.mkdir()
    with Clips(data) as clips:
        for number in range(len(clips)):
            torch.save(torch.from_numpy(clips.waveform(slice(number, number + 1))[0]), seconds / f"{number}.pt")
    with ExitStack() as stack:
        theirs, ours = (stack.enter_context(Aside(way, data, seconds)) for way in (their_epochs, our_epochs))
        yield [Case(f"train CP-Mobile on the CPU, {STEPS} steps of {BATCH} clips", theirs, ours, aim=1.5)]


def our_epochs(data: Path, _seconds: Path) -> Callable[[], object]:
    """The loop's own steps, and what it does around them."""
    recipe = recipes.load(train_student, "cp_mobile", *FLAGS)
    fabric = setup_fabric(recipe.compute)
    task = recipes.task(recipe, Clips(data), fabric.device)
    learner, numbers = task.learner(fabric), count()

    def epoch() -> None:
        number, meter = next(numbers), Meter()
        batches = task.batches.epoch(number)
        for step in range(len(task.batches)):
            learner.step(batches, task.set_place(number, step), lambda losses, batch: meter.add(0, losses, batch))
            meter.read()

    return epoch


def their_epochs(data: Path, seconds: Path) -> Callable[[], object]:
    """The same work, written down as it is thought of."""
    recipe = recipes.load(train_student, "cp_mobile", *FLAGS)
    torch.set_num_threads(recipe.compute.threads)
    mel, changes = recipe.mel, recipe.augmentation
    features = augment_mel(mel, 1, int(changes.f_max_range), changes.frequency_mask)
    examples = _Seconds(data, seconds, changes.time_roll, changes.impulse_response_probability)
    context = "fork"  # as in a program of its own
    loader = DataLoader(
        examples, BATCH, shuffle=True, num_workers=1, persistent_workers=True, multiprocessing_context=context
    )
    network = models.build(recipe.architecture, recipe.model, 10)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=recipe.fit.learning_rate, weight_decay=recipe.fit.weight_decay
    )

    def epoch() -> None:
        for waveform, label in loader:
            with torch.no_grad(), warnings.catch_warnings(action="ignore"):
                log_mel = features(waveform).unsqueeze(1)
            if torch.rand(()) < changes.mixstyle_probability:
                log_mel = _mixed(log_mel, changes.mixstyle_alpha)
            loss = F.cross_entropy(network(log_mel), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

    return epoch


class _Seconds(Dataset[tuple[Tensor, int]]):
    def __init__(self, data: Path, seconds: Path, most: int, probability: float) -> None:
        with Clips(data) as clips:
            self.label, self.is_a = clips.label.tolist(), (clips.device == clips.devices.index("a")).tolist()
        self.responses = impulse_response.made_up(32_000)
        self.convolve = originals.torchaudio().functional.fftconvolve
        self.seconds, self.most, self.probability = seconds, most, probability

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        waveform = torch.load(self.seconds / f"{number}.pt")
        if self.is_a[number] and torch.rand(()) < self.probability:
            response = self.responses[torch.randint(len(self.responses), ())]
            waveform = self.convolve(waveform, response)[: len(waveform)]
        return waveform.roll(int(torch.randint(-self.most, self.most + 1, ()))), self.label[number]


def _mixed(log_mel: Tensor, alpha: float) -> Tensor:
    mean = log_mel.mean((1, 3), keepdim=True)
    deviation = (log_mel.var((1, 3), keepdim=True) + 1e-6).sqrt()
    share = torch.distributions.Beta(alpha, alpha).sample((len(log_mel), 1, 1, 1))
    other = torch.randperm(len(log_mel))
    mixed_mean = share * mean + (1 - share) * mean[other]
    mixed_deviation = share * deviation + (1 - share) * deviation[other]
    return (log_mel - mean) / deviation * mixed_deviation + mixed_mean
