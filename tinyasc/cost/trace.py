"""What a network does with one clip: its operations in running order, what each of their tensors was made from, and the
memory that they need together.

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

BATCH_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")
ATTENTION = "_scaled_dot_product"
"""Beginning of the names of the fused attentions; query, key and value are their first arguments."""
IN_PLACE = (*BATCH_NORMS, "_softmax", "hardswish", "hardsigmoid")
"""Operations on single elements (or channels, or rows) that torch does not tag as pointwise."""
FAKE_QUANTIZATION = ("fake_quantize", "_fused_moving_avg")
"""Beginnings of the names of those that only simulate an integer type."""


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


def peak_activations(trace: Trace) -> int:
    """The most elements that live at one time: the peak of the memory that activations need.

    Operations run in the order of the network. An activation lives from the operation that makes it to the last one
    that reads it, the clip from the start, the logits to the end. Views are free. Results that nothing reads take
    nothing. An operation element by element on one activation (an activation function, a batch norm, arithmetic with
    constants) writes over what it reads, if nothing reads that later: integer kernels do it while they write the result
    of the operation before. A fused attention holds its scores, as the graph of a deployed network does.

    The exported .onnx needs just this; a .tflite needs more where it pads in an operation of its own
    (`bench.measure.graph.cost`). Nothing is said of how a runtime packs the activations: its arena is at least as
    large.
    """
    last = dict.fromkeys((output.storage for output in trace.outputs), len(trace.operations))
    for place, operation in enumerate(trace.operations):
        for one in operation.inputs:
            last[one.storage] = max(last.get(one.storage, 0), place)
    size = {trace.clip.storage: trace.clip.room}
    peak = trace.clip.room
    for place, operation in enumerate(trace.operations):
        written = {one.storage: one.room for one in operation.outputs if one.activation and one.storage in last}
        replaced = _replaced(operation)
        if replaced is not None and last[replaced.storage] == place:
            size.pop(replaced.storage, None)
        size |= written
        peak = max(peak, sum(size.values()) + _scores(operation))
        size = {storage: elements for storage, elements in size.items() if last[storage] > place}
    return peak


def _replaced(operation: Operation) -> Value | None:
    """The activation that the result may be written over."""
    read = [one for one in operation.inputs if one.activation]
    alike = operation.pointwise or operation.name in IN_PLACE or operation.name.startswith(FAKE_QUANTIZATION)
    if not alike or len({one.storage for one in read}) != 1:
        return None
    (output, *_), one = operation.outputs, read[0]
    same = (one.shape, one.stride) == (output.shape, output.stride)  # a copy in another layout cannot be in place
    return one if same and one.room == one.elements else None


def _scores(operation: Operation) -> int:
    if not operation.name.startswith(ATTENTION):
        return 0
    query, key = operation.arguments[:2]
    return prod(query.shape[:-1]) * key.shape[-2]


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
