"""A trained torch network to a float program: the exported ATen graph, with batch norm folded into the convolutions.

Shapes: B batch, C channels, F mel bands, T frames, K classes.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.export import export

from compress.lowering.graph import INPUT, LEAVES, RULES, Lowering
from compress.operations import register_all
from compress.operations.flattening import Flattening
from compress.operations.mean import Mean
from compress.operations.operation import Value
from compress.program import Program
from tinyasc.errors import UserError
from tinyasc.models.layers.frequency_damping import fold_damping

OUTPUT = "logits"


def lower(model: nn.Module, shape: tuple[int, int, int]) -> Program:
    """The float program of a network in evaluation mode.

    Batch norm is folded into the convolution before it (Jacob et al. 2018, section 3.2), ReLU into the operation before
    it, frequency damping into the weights, a residual addition into the response norm behind it, and a padded average
    pooling becomes the depthwise convolution that it is.

    Args:
        model: maps (B, C, F, T) to (B, K).
        shape: (C, F, T) of one input.

    Raises:
        UserError: the network has an operation that the INT8 program does not have.
    """
    register_all()
    model = fold_damping(model).eval().cpu()
    for replace_modules in LEAVES.values():
        replace_modules(model)
    lowering = Lowering(export(model, (torch.zeros(1, *shape),)), shape)
    result = ""
    for node in lowering.graph.nodes:
        if node.op == "call_function":
            rule = RULES.get(str(node.target))
            if rule is None:
                raise UserError(
                    f"the network has {node.target}, which the INT8 program does not have: train an architecture "
                    "without it"
                )
            lowering.name_of[node] = rule(lowering, node)
        elif node.op == "output":
            result = _flat(lowering, lowering.name_of[node.args[0][0]])
    return _rename(Program(INPUT, result, lowering.values, tuple(lowering.operations)), result, OUTPUT)


def _flat(lowering: Lowering, result: str) -> str:
    """The program's output as a vector."""
    last: Any = lowering.operations[-1] if lowering.operations else None
    shape = lowering.values[result].shape
    if shape[1:] != (1, 1):
        raise UserError(f"the network ends in a map of {shape}: the INT8 program ends in one number a class")
    name = result
    if isinstance(last, Mean) and last.output == result:
        lowering.operations[-1] = replace(last, keep=False)
    else:
        name = f"{result}/flat"
        lowering.operations.append(Flattening(result, name))
    lowering.values[name] = Value(name, shape[:1])
    return name


def _rename(program: Program, old: str, new: str) -> Program:
    """The program with one value under another name."""
    values = {new if name == old else name: value for name, value in program.values.items()}
    values[new] = replace(values[new], name=new)
    operations: list[Any] = list(program.operations)  # Any: every kind of operation is a dataclass
    operations = [replace(one, output=new) if one.output == old else one for one in operations]
    return Program(program.input, new, values, tuple(operations))
