"""One walk over an exported ATen graph, where its rules register themselves, and what they share.

A rule takes the walk and a node, adds to `operations` or changes the last of them, and returns the name of the value
that stands for the node.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node

from compress.lowering.channels import CHANNEL_RULES, ChannelRule
from compress.operations.operation import Operation, Value
from tinyasc.errors import UserError

INPUT = "log_mel"
Kind = TypeVar("Kind", bound=Operation)


class Lowering:
    """The program so far, and the graph it is made from."""

    def __init__(self, exported: ExportedProgram, shape: tuple[int, int, int]):
        signature = exported.graph_signature
        state = {**exported.state_dict, **exported.constants}
        targets = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.tensors: dict[str, Tensor] = {name: state[target].detach().float() for name, target in targets.items()}
        self.graph = exported.graph
        self.values = {INPUT: Value(INPUT, shape)}
        self.operations: list[Operation] = []
        user_inputs = [node for node in self.graph.nodes if node.op == "placeholder" and node.name not in self.tensors]
        self.name_of: dict[Node, str] = {user_inputs[0]: INPUT}

    def emit(self, node: Node, operation: Operation) -> str:
        """Add an operation that makes what a node makes; a vector is a map of one position until the program ends."""
        shape = tuple(node.meta["val"].shape[1:])
        modules = list(node.meta["nn_module_stack"].values())
        maps = shape if len(shape) > 1 else (*shape, 1, 1)
        self.values[operation.output] = Value(operation.output, maps, layer=modules[-1][0])
        self.operations.append(operation)
        return operation.output

    def last(self, source: Any, kinds: type[Kind] | tuple[type[Kind], ...], what: str) -> Kind:
        """The operation just emitted, when it makes `source`, so that `what` can be folded into it.

        Raises:
            UserError: another operation, or one that others need too.
        """
        operation: Any = self.operations[-1] if self.operations else None
        if not isinstance(operation, kinds) or operation.output != self.name_of.get(source) or self.uses(source) != 1:
            raise UserError(f"{what} after {source.name} cannot be folded: the INT8 program needs it right behind")
        return operation

    def uses(self, source: Node) -> int:
        """How many nodes take the value that stands for a node, besides those it stands for too."""
        name = self.name_of[source]
        standing = {node for node, found in self.name_of.items() if found == name}
        return sum(user.op == "call_function" and user not in standing for node in standing for user in node.users)


Rule = Callable[[Lowering, Node], str]
RULES: dict[str, Rule] = {}
"""From what the ATen graph calls, to the rule of it."""
LEAVES: dict[str, Callable[[nn.Module], None]] = {}
"""What replaces modules of a network, in place, by some that are exported as one node, by what that node calls."""


def lowers(*targets: str, channels: ChannelRule | None = None) -> Callable[[Rule], Rule]:
    """Register a rule for ATen operations.

    Args:
        targets: what the graph calls, such as "aten.relu.default".
        channels: what they do to channels; None: pruning refuses a network with them.

    Raises:
        ValueError: another rule has one of these targets.
    """

    def register(rule: Rule) -> Rule:
        for target in targets:
            if RULES.setdefault(target, rule) is not rule:
                raise ValueError(f"{target} is lowered by {RULES[target].__module__} and by {rule.__module__}")
            if channels is not None:
                CHANNEL_RULES[target] = channels
        return rule

    return register


def leaf(target: str) -> Callable[[Callable[[nn.Module], None]], Callable[[nn.Module], None]]:
    """Register what makes modules of a network nodes that call `target`."""

    def register(replace: Callable[[nn.Module], None]) -> Callable[[nn.Module], None]:
        LEAVES[target] = replace
        return replace

    return register


def arguments(node: Node, count: int, defaults: tuple[Any, ...]) -> list[Any]:
    """Positional arguments of an ATen call, the trailing ones filled in from `defaults`."""
    given = list(node.args)
    missing = count - len(given)
    return given + list(defaults[len(defaults) - missing :]) if missing else given


def pair(value: Any) -> tuple[int, int]:
    """An ATen size of two axes, given as one number or two."""
    first, *rest = value if isinstance(value, list | tuple) else (value,)
    return int(first), int(rest[0] if rest else first)
