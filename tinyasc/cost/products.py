"""Which operations multiply and accumulate, with which weights, and how often."""

from dataclasses import dataclass
from math import prod

from tinyasc.cost.trace import ATTENTION, Operation, Value
from tinyasc.errors import UserError

FACTORS = {
    "convolution": (0, 1, 2),
    "mm": (0, 1, None),
    "bmm": (0, 1, None),
    "mv": (0, 1, None),
    "dot": (0, 1, None),
    "addmm": (1, 2, 0),
    "baddbmm": (1, 2, 0),
    "addmv": (1, 2, 0),
}
"""ATen's products: where the two factors and the bias stand in their arguments. Everything else is made of them."""
COPIES = ("cat", "stack", "copy", "index", "index_select", "gather", "embedding", "_embedding_bag_forward_only")
"""Operations that take elements of a parameter from one place to another."""


@dataclass
class Product:
    """One multiplication of activations by weights, or by activations."""

    weight: Value | None
    """None: both factors are activations."""
    bias: Value | None
    """None also where it is no parameter."""
    outputs: int
    """Channels or features that come out."""
    positions: int
    """How often they come out."""
    axis: int
    """On which axis of the result they lie."""
    macs: int
    """Those of the bias left out."""
    folded: bool = False
    """Whether a batch norm behind it becomes part of it, and leaves one bias per output."""

    def biases(self, deployed: bool) -> int:
        """Elements of its bias."""
        if deployed and self.folded:
            return self.outputs
        return 0 if self.bias is None else self.bias.elements

    def macs_with_bias(self, deployed: bool) -> int:
        """A bias counts at every position."""
        return self.macs + self.biases(deployed) * self.positions


def product_of(operation: Operation) -> Product | None:
    """What an operation on activations multiplies, or None.

    A depthwise convolution whose weights are no parameters is a pooling (`compress` writes them so): it costs nothing,
    as poolings do.
    """
    arguments, output = operation.arguments, operation.outputs[0]
    if operation.name.startswith(ATTENTION):
        query, key, value = arguments[:3]
        macs = prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
        return Product(None, None, value.shape[-1], prod(query.shape[:-1]), -1, macs)
    if operation.name not in FACTORS:
        return None
    first, second, third = FACTORS[operation.name]
    left, right, bias = arguments[first], arguments[second], None if third is None else arguments[third]
    if operation.name == "convolution":
        transposed, groups = arguments[6], arguments[8]
        if groups > 1 and not right.parameters:
            return None
        weight, axis = right, 1
        macs = weight.elements * prod((left if transposed else output).shape[2:]) * output.shape[0]
    else:
        weight = next((factor for factor in (right, left) if factor.parameters), None)
        axis, macs = -1, output.elements * left.shape[-1]
    bias = bias if weight is not None and bias is not None and bias.parameters else None
    outputs = output.shape[axis] if output.shape else 1
    return Product(weight, bias, outputs, output.elements // outputs, axis, macs)


def refuse_unknown(operation: Operation) -> None:
    """A kernel of its own that multiplies activations by weights must not count as nothing.

    Args:
        operation: on activations, neither a product nor a normalization.

    Raises:
        UserError: it reads weights, and neither element by element nor to copy them.
    """
    weights = [name for one in operation.inputs if len(one.shape) > 1 for name in one.parameters]
    if weights and not operation.pointwise and operation.name not in COPIES:
        raise UserError(
            f"multiply-accumulates of {operation.name} with {weights[0]} are not known: "
            "write it with convolutions, linear layers or matrix products"
        )
