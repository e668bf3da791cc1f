"""What a network does with one clip: its operations in running order, and what each of their tensors was made from.

Recorded below `nn.Module`, where torch calls its kernels. There it makes no difference whether a convolution is a
module, a call of `torch.nn.functional`, a layer with fake quantization, or one with a pruned or parametrized weight.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only


@dataclass(frozen=True)
class Value:
    """One tensor."""

    storage: int
    """Which memory it lies in; views share it."""
    room: int
    """Elements of that memory."""
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    version: int
    """How often that memory had been changed in place."""
    activation: bool
    """Whether it was computed from the clip. Everything else is known before the first clip comes."""
    parameters: tuple[str, ...] = ()
    """Names of the parameters that a weight was computed from; empty for an activation."""

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def layout(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.shape, self.stride

    @property
    def content(self) -> tuple[int, int]:
        """What lies in that memory at that time; alike for views."""
        return self.storage, self.version


@dataclass(frozen=True)
class Operation:
    """One call of an ATen operation that computes something; views are none."""

    name: str
    """Without `aten`, overload and the underscore of a call in place: convolution, bmm, relu."""
    module: str
    """Path of the innermost module that was running."""
    arguments: tuple[Any, ...]
    """As ATen has them, with a Value for each tensor."""
    outputs: tuple[Value, ...]
    pointwise: bool

    @property
    def inputs(self) -> Iterator[Value]:
        return (leaf for leaf in tree_leaves(self.arguments) if isinstance(leaf, Value))


@dataclass(frozen=True)
class Trace:
    """One forward pass."""

    clip: Value
    operations: list[Operation]
    outputs: list[Value]
    parameters: dict[str, Value]
    """Every parameter of the network, used or not."""


def trace(model: nn.Module, input_shape: tuple[int, ...]) -> Trace:
    """Run a network once over zeros, in eval mode; its mode and weights are left as they were."""
    named = dict(model.named_parameters())
    like = next(iter(named.values()), torch.zeros(()))
    clip = torch.zeros(input_shape, dtype=like.dtype, device=like.device)
    recorder = _Recorder(named)
    with ExitStack() as restore:
        for module in model.modules():
            restore.callback(setattr, module, "training", module.training)
        for buffer in model.buffers():  # observers of fake quantization move their ranges in eval mode, too
            restore.callback(_put_back, buffer, buffer.clone())
        for name, module in model.named_modules():
            before = module.register_forward_pre_hook(lambda *_, name=name: recorder.running.append(name))
            after = module.register_forward_hook(lambda *_: recorder.left(), always_call=True)
            restore.callback(before.remove)
            restore.callback(after.remove)
        # opaque operations: the fast path of multi-head attention, the recurrent layers of oneDNN
        restore.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        restore.callback(setattr, torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled)
        torch.backends.mha.set_fastpath_enabled(False)
        torch.backends.mkldnn.enabled = False
        restore.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)  # for a single clip: on a busy machine threads would wait for one another
        model.eval()
        first = recorder.begin(clip)
        with torch.no_grad(), recorder:
            result = model(clip)
    outputs = [recorder.value(leaf) for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
    return Trace(first, recorder.operations, outputs, {name: recorder.value(one) for name, one in named.items()})


def _put_back(buffer: Tensor, content: Tensor) -> None:
    buffer.resize_(content.shape).copy_(content)


class _Recorder(TorchDispatchMode):
    """Notes every operation below it."""

    def __init__(self, parameters: dict[str, nn.Parameter]) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.running: list[str] = []  # modules, the innermost last
        self.storages: dict[int, StorageWeakRef] = {}  # kept, so that no number is given twice
        self.activations: set[int] = set()
        self.made_from: dict[int, tuple[str, ...]] = {}
        self.versions: Counter[int] = Counter()
        self.held: dict[int, list[tuple[int, int, str]]] = {}  # storage -> where in it which parameters lie
        for name, one in parameters.items():
            start = int(one.storage_offset())
            self.held.setdefault(self._storage(one), []).append((start, start + one.numel(), name))

    def begin(self, clip: Tensor) -> Value:
        self.activations.add(self._storage(clip))
        return self.value(clip)

    def left(self) -> None:
        self.running.pop()

    def value(self, tensor: Tensor) -> Value:
        storage, offset = self._storage(tensor), int(tensor.storage_offset())
        activation = storage in self.activations
        parameters = () if activation else self.made_from.get(storage, ())
        if storage in self.held:
            parameters = tuple(name for start, end, name in self.held[storage] if start <= offset < end)
        room = tensor.untyped_storage().nbytes() // tensor.element_size()
        layout = (tuple(tensor.shape), tuple(tensor.stride()), offset)
        return Value(storage, room, *layout, self.versions[storage], activation, parameters)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = tree_map_only(Tensor, self.value, (*args, *(kwargs or {}).values()))
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        inputs = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Value)]
        written = {self._storage(tensor) for tensor in tensors}
        if not func._schema.is_mutable and written <= {one.storage for one in inputs}:
            return result  # a view
        self.versions.update(written)
        if any(one.activation for one in inputs):
            self.activations |= written
        else:
            names = tuple(dict.fromkeys(name for one in inputs for name in one.parameters))
            self.made_from |= dict.fromkeys(written, names)
        name, pointwise = func._schema.name.removeprefix("aten::").rstrip("_"), torch.Tag.pointwise in func.tags
        running = self.running[-1] if self.running else ""
        outputs = tuple(self.value(tensor) for tensor in tensors)
        self.operations.append(Operation(name, running, arguments, outputs, pointwise))
        return result

    def _storage(self, tensor: Tensor) -> int:
        reference = StorageWeakRef(tensor.untyped_storage())
        self.storages.setdefault(reference.cdata, reference)
        return reference.cdata
