"""A trained torch network to a float program: the exported ATen graph, with batch norm folded into the convolutions.

Shapes: B batch, C channels, F mel bands, T frames, O output channels.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, export
from torch.fx import Node

from compress.program import Addition, Convolution, Mean, Operation, Program, Value
from tinyasc.errors import UserError
from tinyasc.models.layers.frequency_damping import fold_damping
from tinyasc.models.layers.grn import GlobalResponseNorm

INPUT = "log_mel"
OUTPUT = "logits"


def lower(model: nn.Module, shape: tuple[int, int, int]) -> Program:
    """The float program of a network in evaluation mode.

    Batch norm is folded into the convolution before it (Jacob et al. 2018, section 3.2), ReLU into the operation before
    it, frequency damping into the weights, and a padded average pooling becomes the depthwise convolution that it is.

    Args:
        model: maps (B, C, F, T) to (B, K).
        shape: (C, F, T) of one input.

    Raises:
        UserError: the network has an operation that the INT8 program does not have.
    """
    model = fold_damping(model).eval().cpu()
    exported = export(model, (torch.zeros(1, *shape),))
    normed = any(isinstance(layer, GlobalResponseNorm) for layer in model.modules())
    advice = "--model.global_response_norm false" if normed else "an architecture without it"
    return _Lowering(exported, shape, f"train {advice}").program()


class _Lowering:
    """One walk over the exported graph."""

    def __init__(self, exported: ExportedProgram, shape: tuple[int, int, int], advice: str):
        self.advice = advice
        signature = exported.graph_signature
        state = {**exported.state_dict, **exported.constants}
        targets = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.tensors: dict[str, Tensor] = {name: state[target].detach().float() for name, target in targets.items()}
        self.graph = exported.graph
        self.values = {INPUT: Value(INPUT, shape)}
        self.operations: list[Operation] = []
        self.name_of: dict[Node, str] = {}
        self.rules: dict[str, Callable[[Node], str]] = {
            "aten.conv2d.default": self._convolution,
            "aten.batch_norm.default": self._batch_norm,
            "aten.relu.default": self._relu,
            "aten.relu_.default": self._relu,
            "aten.add.Tensor": self._addition,
            "aten.add_.Tensor": self._addition,
            "aten.avg_pool2d.default": self._average_pool,
            "aten.mean.dim": self._mean,
        }

    def program(self) -> Program:
        user_inputs = [node for node in self.graph.nodes if node.op == "placeholder" and node.name not in self.tensors]
        self.name_of[user_inputs[0]] = INPUT
        result = ""
        for node in self.graph.nodes:
            if node.op == "call_function":
                rule = self.rules.get(str(node.target))
                if rule is None:
                    raise UserError(
                        f"the network has {node.target}, which the INT8 program does not have: {self.advice}"
                    )
                self.name_of[node] = rule(node)
            elif node.op == "output":
                result = self.name_of[node.args[0][0]]
        return _rename(Program(INPUT, result, self.values, tuple(self.operations)), result, OUTPUT)

    def _emit(self, node: Node, operation: Operation) -> str:
        shape = tuple(node.meta["val"].shape[1:])
        self.values[operation.output] = Value(operation.output, shape)
        self.operations.append(operation)
        return operation.output

    def _convolution(self, node: Node) -> str:
        source, weight, bias, stride, padding, dilation, groups = _arguments(node, 7, (None, (1, 1), (0, 0), (1, 1), 1))
        kernel = self.tensors[weight.name].numpy()
        if tuple(dilation) != (1, 1):
            raise UserError(f"{node.name} has dilation {tuple(dilation)}: the INT8 program has none")
        if groups not in (1, kernel.shape[0]):
            raise UserError(f"{node.name} has {groups} groups: the INT8 program has dense and depthwise convolutions")
        values = np.zeros(kernel.shape[0], np.float32) if bias is None else self.tensors[bias.name].numpy()
        operation = Convolution(
            self.name_of[source], node.name, kernel, values, None, _pair(stride), _pair(padding), groups, False, True
        )
        return self._emit(node, operation)

    def _batch_norm(self, node: Node) -> str:
        arguments: tuple[Any, ...] = node.args
        source, weight, bias, mean, variance = arguments[:5]
        epsilon = arguments[7]
        convolution = self._last(source, Convolution, "batch norm")
        if convolution.relu or not convolution.trainable:
            raise UserError(f"{node.name} is a batch norm behind a ReLU or a pooling: the INT8 program cannot fold it")
        gamma, beta, mean, variance = (self.tensors[n.name].double().numpy() for n in (weight, bias, mean, variance))
        factor = gamma / np.sqrt(variance + epsilon)
        self.operations[-1] = replace(
            convolution,
            weight=(convolution.weight * factor[:, None, None, None]).astype(np.float32),
            bias=((convolution.bias - mean) * factor + beta).astype(np.float32),
        )
        return convolution.output

    def _relu(self, node: Node) -> str:
        operation = self._last(node.args[0], Convolution | Addition, "ReLU")
        self.operations[-1] = replace(operation, relu=True)
        return operation.output

    def _addition(self, node: Node) -> str:
        arguments: tuple[Any, ...] = node.args
        first, second = (self.name_of.get(argument) for argument in arguments[:2])
        if first is None or second is None or node.kwargs:
            raise UserError(f"{node.name} adds a constant or a scaled value: the INT8 program adds two activations")
        if self.values[first].shape != self.values[second].shape:
            raise UserError(f"{node.name} adds activations of two shapes: the INT8 program adds those of one shape")
        return self._emit(node, Addition((first, second), node.name, False))

    def _average_pool(self, node: Node) -> str:
        source, kernel, stride, padding, ceil_mode, count_include_pad = _arguments(node, 6, ((0, 0), False, True))
        if ceil_mode or not count_include_pad:
            raise UserError(f"{node.name} rounds up or leaves the padding out of the count: the INT8 program does not")
        name = self.name_of[source]
        channels, kernel = self.values[name].shape[0], _pair(kernel)
        weight = np.full((channels, 1, *kernel), 1 / (kernel[0] * kernel[1]), np.float32)
        bias = np.zeros(channels, np.float32)
        operation = Convolution(
            name, node.name, weight, bias, None, _pair(stride), _pair(padding), channels, False, False
        )
        return self._emit(node, operation)

    def _mean(self, node: Node) -> str:
        source, dimensions, keep = _arguments(node, 3, (False,))
        if sorted(d % 4 for d in dimensions) != [2, 3] or keep:
            raise UserError(
                f"{node.name} averages dimensions {dimensions}: the INT8 program averages frequency and time"
            )
        return self._emit(node, Mean(self.name_of[source], node.name))

    def _last(self, source: Any, kinds: Any, what: str) -> Any:
        """The operation just emitted, when it makes `source`, so that `what` can be folded into it."""
        operation: Any = self.operations[-1] if self.operations else None
        uses = len([user for user in source.users if user.op == "call_function"])
        if not isinstance(operation, kinds) or operation.output != self.name_of.get(source) or uses != 1:
            raise UserError(f"{what} after {source.name} cannot be folded: the INT8 program needs it right behind")
        return operation


def _arguments(node: Node, count: int, defaults: tuple[Any, ...]) -> list[Any]:
    """Positional arguments of an ATen call, the trailing ones filled in from `defaults`."""
    given = list(node.args)
    missing = count - len(given)
    return given + list(defaults[len(defaults) - missing :]) if missing else given


def _pair(value: Any) -> tuple[int, int]:
    first, *rest = value if isinstance(value, list | tuple) else (value,)
    return int(first), int(rest[0] if rest else first)


def _rename(program: Program, old: str, new: str) -> Program:
    """The program with one value under another name."""
    values = {new if name == old else name: value for name, value in program.values.items()}
    values[new] = replace(values[new], name=new)
    operations = tuple(replace(o, output=new) if o.output == old else o for o in program.operations)
    return Program(program.input, new, values, operations)
