"""Parameters and multiply-accumulates layer by layer, counted from what a network did.

A row belongs to the weights that are multiplied with: a layer that is called twice, or that has the weights of another
one, is one row.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from tinyasc.cost.products import Product, product_of, refuse_unknown
from tinyasc.cost.trace import BATCH_NORMS, Operation, Trace, Value

NORMS = {**dict.fromkeys((*BATCH_NORMS, "native_group_norm"), (1, 2)), "native_layer_norm": (2, 3)}
"""Normalizations: where weight and bias stand in their arguments."""
AFFINE = ("add", "sub", "mul", "div")
"""A batch norm can be folded through these, where the other operand is a constant."""


@dataclass(frozen=True)
class Layer:
    """One row of the table: a layer, the products of an attention, or parameters that stand alone."""

    name: str
    """Path of the module in the network, or of the weights where these are not called `weight`."""
    kind: str
    """Class of the module."""
    parameters: int
    """As trained, without those that an earlier row has counted."""
    macs: int
    """As trained."""
    deployed_parameters: int
    deployed_macs: int


def layers(trace: Trace, model: nn.Module) -> list[Layer]:
    """The rows in the order in which they ran, then the parameters that nothing reads.

    Args:
        trace: one forward pass of `model`.
        model: gives the rows their kinds.
    """
    rows = _Rows(trace)
    for operation in trace.operations:
        if any(one.activation for one in operation.inputs):  # the others are done once, before deployment
            rows.add(operation)
    return rows.table(dict(model.named_modules()))


@dataclass
class _Row:
    products: list[Product] = field(default_factory=list)
    parameters: dict[str, None] = field(default_factory=dict)
    """Names in order."""
    norm_macs: int = 0
    folded: bool = False
    """Whether it is a batch norm that becomes part of the product before it."""


@dataclass(frozen=True)
class _Result:
    """What a product gave, perhaps with constants added to it or multiplied with it."""

    product: Product
    row: _Row
    value: Value


class _Rows:
    """Collects the rows, operation by operation."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows: dict[str, _Row] = {}
        self.multiplied: set[str] = set()  # parameters that are weights or biases of products
        self.results: dict[tuple[int, int], _Result] = {}  # by storage and version
        reads = ({one.content for one in operation.inputs} for operation in trace.operations)
        self.readers = Counter(content for contents in reads for content in contents)

    def add(self, operation: Operation) -> None:
        product = product_of(operation)
        if product is not None:
            self._product(operation, product)
        elif operation.name in NORMS:
            self._norm(operation)
        else:
            refuse_unknown(operation)
            if operation.name in AFFINE:
                self._affine(operation)
            for name in (name for one in operation.inputs for name in one.parameters if name not in self.multiplied):
                self._row(_place(name)[0]).parameters[name] = None

    def table(self, modules: dict[str, nn.Module]) -> list[Layer]:
        taken = {name for row in self.rows.values() for name in row.parameters}
        for name in self.trace.parameters:
            if name not in taken:
                self._row(_place(name)[0]).parameters[name] = None
        used = {name for operation in self.trace.operations for one in operation.inputs for name in one.parameters}
        kept = used - self.multiplied  # of the others the products know what is multiplied with
        elements = _Elements()
        found = []
        for name, row in self.rows.items():
            if not row.products and not row.parameters:
                continue
            new = {parameter: elements.new(self.trace.parameters[parameter]) for parameter in row.parameters}
            macs, deployed_macs = (
                sum(product.macs_with_bias(deployed) for product in row.products) for deployed in (False, True)
            )
            deployed = _multiplied_elements(row.products)
            if not row.folded:
                deployed += sum(count for parameter, count in new.items() if parameter in kept)
                deployed_macs += row.norm_macs
            kind = type(modules[name] if name in modules else modules[name.rpartition(".")[0]]).__name__
            found.append(Layer(name, kind, sum(new.values()), macs + row.norm_macs, deployed, deployed_macs))
        return found

    def _product(self, operation: Operation, product: Product) -> None:
        path, last = (operation.module, "weight") if product.weight is None else _place(product.weight.parameters[0])
        row = self._row(path if last == "weight" else f"{path}.{last}".removeprefix("."))
        row.products.append(product)
        self._multiplies(row, product.weight, product.bias)
        output = operation.outputs[0]
        self.results[output.content] = _Result(product, row, output)

    def _norm(self, operation: Operation) -> None:
        parts = [operation.arguments[place] for place in NORMS[operation.name]]
        names = [name for part in parts if part is not None for name in part.parameters]
        row = self._row(_place(names[0])[0] if names else operation.module)
        row.parameters |= dict.fromkeys(names)
        row.norm_macs += sum(part.elements for part in parts if part is not None)
        before = self._before(operation)
        if operation.name in BATCH_NORMS and before is not None:
            read, mean, training = (operation.arguments[place] for place in (0, 3, 5))
            own_statistics = not isinstance(mean, Value) or training is True  # of the clip: they cannot be folded
            same_axis = before.product.axis == 1 or len(read.shape) == 2
            if same_axis and not own_statistics:
                before.product.folded = row.folded = True

    def _affine(self, operation: Operation) -> None:
        before, output = self._before(operation), operation.outputs[0]
        constants = [one for one in operation.inputs if not one.activation]
        if before is None or len([*operation.inputs]) > 1 + len(constants) or output.elements != before.value.elements:
            return
        product = before.product
        may_be_bias = operation.name == "add" and product.weight is not None and product.bias is None
        for added in constants if may_be_bias else ():
            shape = (1,) * (len(output.shape) - len(added.shape)) + added.shape
            if added.parameters and shape[product.axis] == added.elements == product.outputs:
                product.bias = added
                self._multiplies(before.row, added)
        self.results[output.content] = replace(before, value=output)

    def _before(self, operation: Operation) -> _Result | None:
        """The result that an operation reads and no other does; a linear layer's may have its positions reshaped."""
        for one in operation.inputs:
            found = self.results.get(one.content)
            if found is not None and self.readers[one.content] == 1:
                outputs = found.product.outputs
                features_last = (one.elements, one.shape[-1], one.stride[-1]) == (found.value.elements, outputs, 1)
                if one.layout == found.value.layout or (found.product.axis == -1 and features_last):
                    return found
        return None

    def _multiplies(self, row: _Row, *factors: Value | None) -> None:
        names = [name for factor in factors if factor is not None for name in factor.parameters]
        for name in set(names) - self.multiplied:  # read before as something else: the first step of a recurrent layer
            self._row(_place(name)[0]).parameters.pop(name, None)
        self.multiplied.update(names)
        row.parameters |= dict.fromkeys(names)

    def _row(self, name: str) -> _Row:
        return self.rows.setdefault(name, _Row())


def _place(parameter: str) -> tuple[str, str]:
    """Path of the layer and name in it; pruning and parametrization keep `a.weight` under longer names."""
    path, _, last = re.sub(r"parametrizations\.(\w+)\.\w+$|_orig$", r"\1", parameter).rpartition(".")
    return path, last


def _multiplied_elements(products: list[Product]) -> int:
    """Elements of their different weights and biases."""
    parts: dict[tuple[object, ...], int] = {}
    for product in products:
        if product.weight is not None:
            weight = product.weight.parameters, product.weight.offset, product.weight.elements
            parts[weight] = product.weight.elements
            bias = product.bias and (product.bias.parameters, product.bias.offset)
            parts["bias", weight if product.folded else bias] = product.biases(deployed=True)
    return sum(parts.values())


class _Elements:
    """Counts every element of memory once."""

    def __init__(self) -> None:
        self.counted: dict[int, Tensor] = {}

    def new(self, one: Value) -> int:
        counted = self.counted.setdefault(one.storage, torch.zeros(one.room, dtype=torch.bool))
        part = counted.as_strided(one.shape, one.stride, one.offset)
        new = one.elements - int(part.sum())
        part.fill_(True)
        return new
