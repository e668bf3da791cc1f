"""One walk over an exported ATen graph, and what its rules share.

A rule takes the walk and a node, adds to `operations` or changes the last of them, and returns the name of the value
that stands for the node.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from compress.operations.flattening import Flattening
from compress.operations.mean import Mean
from compress.operations.operation import Operation
from compress.program import Program, Value
from tinyasc.errors import UserError

INPUT = "log_mel"
OUTPUT = "logits"
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
        self.name_of: dict[Node, str] = {}

    def program(self, rules: Mapping[str, "Rule"]) -> Program:
        """Walk the graph by rules for ATen operations.

        Raises:
            UserError: no rule for an operation.
        """
        user_inputs = [node for node in self.graph.nodes if node.op == "placeholder" and node.name not in self.tensors]
        self.name_of[user_inputs[0]] = INPUT
        result = ""
        for node in self.graph.nodes:
            if node.op == "call_function":
                rule = rules.get(str(node.target))
                if rule is None:
                    raise UserError(
                        f"the network has {node.target}, which the INT8 program does not have: train an architecture "
                        "without it"
                    )
                self.name_of[node] = rule(self, node)
            elif node.op == "output":
                result = self._flat(self.name_of[node.args[0][0]])
        return _rename(Program(INPUT, result, self.values, tuple(self.operations)), result, OUTPUT)

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

    def _flat(self, result: str) -> str:
        """The program's output as a vector."""
        last: Any = self.operations[-1] if self.operations else None
        shape = self.values[result].shape
        if shape[1:] != (1, 1):
            raise UserError(f"the network ends in a map of {shape}: the INT8 program ends in one number a class")
        name = result
        if isinstance(last, Mean) and last.output == result:
            self.operations[-1] = replace(last, keep=False)
        else:
            name = f"{result}/flat"
            self.operations.append(Flattening(result, name))
        self.values[name] = Value(name, shape[:1])
        return name


Rule = Callable[[Lowering, Node], str]


def arguments(node: Node, count: int, defaults: tuple[Any, ...]) -> list[Any]:
    """Positional arguments of an ATen call, the trailing ones filled in from `defaults`."""
    given = list(node.args)
    missing = count - len(given)
    return given + list(defaults[len(defaults) - missing :]) if missing else given


def pair(value: Any) -> tuple[int, int]:
    """An ATen size of two axes, given as one number or two."""
    first, *rest = value if isinstance(value, list | tuple) else (value,)
    return int(first), int(rest[0] if rest else first)


def _rename(program: Program, old: str, new: str) -> Program:
    """The program with one value under another name."""
    values = {new if name == old else name: value for name, value in program.values.items()}
    values[new] = replace(values[new], name=new)
    operations: list[Any] = list(program.operations)  # Any: every kind of operation is a dataclass
    operations = [replace(one, output=new) if one.output == old else one for one in operations]
    return Program(program.input, new, values, tuple(operations))
