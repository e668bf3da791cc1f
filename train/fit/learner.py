"""What learns: an objective, its optimiser and the moving average of its network, and one step of all three."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from train.data.loader import Batch
from train.fit.config import FitConfig
from train.targets.objective import Losses, Objective

MOMENTUM = 0.9
"""Of sgd, Nesterov's."""


class Learner:
    """An objective on the devices of a Fabric, with all that changes while it learns."""

    def __init__(self, fabric: Fabric, objective: Objective, config: FitConfig, *, compiled: bool = False) -> None:
        """Move the objective to its device, where it is trained in place; `fabric` is launched."""
        self.fabric, self.objective = fabric, objective
        self.parts, self._clip_norm = config.accumulate, config.clip_norm
        objective.to(fabric.device)
        self._average = None
        if config.average:
            update = get_ema_multi_avg_fn(config.average)
            self._average = AveragedModel(objective.network, multi_avg_fn=update, use_buffers=True)  # type: ignore[arg-type]
        self._compiled = compiled
        if compiled:
            # CUDA graphs give gradients in memory that the next part would overwrite. A shape other than the first, the
            # last batch's, is compiled as well and not made variable.
            graphs = fabric.device.type == "cuda" and self.parts == 1 and fabric.world_size == 1
            objective.network.compile(mode="reduce-overhead" if graphs else None, dynamic=False)
        scaled = bool(fabric.strategy.precision.state_dict())  # float16: gradients are scaled back before clipping
        own = make_optimizer(config.optimizer, objective.parameters(), config.weight_decay, fused=not scaled)
        self._model, self._optimizer = fabric.setup(objective, own)

    @property
    def network(self) -> nn.Module:
        """The network with the weights that are scored and kept: averaged, where there is an average."""
        return self.objective.network if self._average is None else self._average.module

    def step(self, batches: Iterator[Batch], rate: float, note: Callable[[Losses, Batch], None]) -> int:
        """Update the weights once, at a learning rate; takes a batch for each part, and tells `note` what it gave.

        Returns:
            Clips of this process.
        """
        set_rate(self._optimizer, rate)
        clips = 0
        for part in range(self.parts):
            batch = next(batches)
            if self._compiled:
                torch.compiler.cudagraph_mark_step_begin()  # the answers of the part before are no longer needed
            with self.fabric.no_backward_sync(self._model, enabled=part + 1 < self.parts):
                losses: Losses = self._model(batch)
                self.fabric.backward(losses.total / self.parts)
            note(losses, batch)
            clips += len(batch.label)
        if self._clip_norm:  # of float16 some gradients are infinite, and their step is left out
            self.fabric.clip_gradients(self._model, self._optimizer, max_norm=self._clip_norm, error_if_nonfinite=False)
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self._average is not None:
            self._average.update_parameters(self.objective.network)
        return clips

    def weights(self) -> dict[str, Tensor]:
        """A copy of all that `network` holds, on the CPU."""
        return {name: value.detach().to("cpu", copy=True) for name, value in self.network.state_dict().items()}

    def finite(self) -> bool:
        """Whether all weights and buffers are finite, those of the average as well; a GPU is waited for once.

        Integers always are; those that count the steps of an average lie on the CPU.
        """
        modules = [self.objective] if self._average is None else [self.objective, self._average]
        values = [value for module in modules for value in module.state_dict().values() if value.is_floating_point()]
        return bool(torch.stack([value.isfinite().all() for value in values]).all())

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "objective": self.objective.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.objective.load_state_dict(state["objective"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], weight_decay: float, *, fused: bool = True
) -> Optimizer:
    """Make an optimiser of the parameters that need a gradient; the learning rate is set before every step.

    weight_decay is an L2 penalty (adam, sgd) or apart from the gradient (adamw; Loshchilov and Hutter, 2019). fused
    takes all parameters in one pass: a fifth of the time on a CPU, one kernel on a GPU.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(trained, momentum=MOMENTUM, nesterov=True, weight_decay=weight_decay, fused=fused)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    return kind(trained, weight_decay=weight_decay, fused=fused)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give all parameters this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
