"""How well the recording device can be read off what a network makes of a clip: the less, the better it generalizes.

A multinomial logistic regression on the frozen embeddings, as the field probes representations (Alain and Bengio,
"Understanding intermediate layers using linear classifier probes", 2016). The places are parted in two halves; what is
fitted on one is scored on the other, both ways round, so that no place helps to tell a device.
Shapes: n clips, C channels of an embedding, D devices.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tinyasc.clips import Clips
from tinyasc.front_end import FrontEnd
from tinyasc.runs.scores import predict
from train.data.selection import hold_out
from train.targets.objective import Embedding

CLIPS_A_DEVICE = 1000
"""Most clips of each device that are looked at."""
PENALTY = 1e-3
"""Of the squared weights, beside a cross entropy that is a mean over clips."""
ITERATIONS = 300
"""Most steps of L-BFGS."""


@dataclass(frozen=True)
class Probe:
    """What a network gives away of the devices."""

    balanced_accuracy: float
    """Mean over the devices of the share of clips whose device is found."""
    chance: float
    """What guessing gives, 1 / D."""
    n: int
    """Clips looked at."""


def measure(network: nn.Module, classifier: str, mel: FrontEnd, clips: Clips, indices: np.ndarray) -> Probe | None:
    """Probe the embedding of a network (B, 1, F, T) -> (B, K), which runs in eval mode and keeps the mode it was in.

    `classifier` names its classifier (`tinyasc.models.Architecture`); `indices` int64 (n,), ascending, are labelled
    clips, e.g. those that were trained on.

    Returns:
        The result, which repeats to the bit on one kind of CPU; none where the clips are of one device.

    Raises:
        UserError: a label was recorded at one place only.
    """
    chosen = _chosen(clips, indices)
    known, device = np.unique(clips.device[chosen], return_inverse=True)
    if len(known) < 2:
        return None
    held = torch.from_numpy(np.isin(chosen, hold_out(clips, indices, 0.5, seed=0)))
    x, truth = embeddings(network, classifier, mel, clips, chosen).double().cpu(), torch.from_numpy(device)
    found = torch.empty_like(truth)
    for fitted in (~held, held):
        found[~fitted] = _read(x[fitted], truth[fitted], x[~fitted], len(known))
    right = [(found == truth)[truth == number].double().mean().item() for number in range(len(known))]
    return Probe(float(np.mean(right)), 1 / len(known), len(chosen))


def embeddings(network: nn.Module, classifier: str, mel: FrontEnd, clips: Clips, indices: np.ndarray) -> Tensor:
    """Embeddings (n, C) of some clips, on the network's device; arguments as for `measure`."""
    embedding, taken = Embedding(network, classifier), []
    hook = network.register_forward_hook(lambda *_: taken.append(embedding.take().float()))
    predict(network, mel, clips, indices)
    hook.remove()
    return torch.cat(taken)


def _chosen(clips: Clips, indices: np.ndarray) -> np.ndarray:
    """All clips of rare devices and some of frequent ones, ascending."""
    random = np.random.default_rng(0)
    of_device = [indices[clips.device[indices] == device] for device in np.unique(clips.device[indices])]
    return np.sort(np.concatenate([random.permutation(each)[:CLIPS_A_DEVICE] for each in of_device]))


def _read(x: Tensor, device: Tensor, unknown: Tensor, devices: int) -> Tensor:
    """The devices (n,) of `unknown` (n, C) by a regression that is fitted to `x` (n, C), `device` (n,)."""
    mean, deviation = x.mean(0), x.std(0).clamp_min(1e-8)
    x, unknown = (x - mean) / deviation, (unknown - mean) / deviation
    clips = torch.bincount(device, minlength=devices).clamp_min(1)
    balance = len(device) / (devices * clips.double())
    weight = torch.zeros(devices, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(devices, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        misfit = F.cross_entropy(x @ weight.T + bias, device, weight=balance, reduction="none").mean()
        value = misfit + PENALTY * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        return (unknown @ weight.T + bias).argmax(1)
