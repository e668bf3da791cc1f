"""Which operands of an ONNX operation are weights, biases and grids, and how many multiply-accumulates it makes.

Operators of ONNX and the fused and quantized ones of ONNX Runtime (its `com.microsoft` contrib operators), by their
published signatures. An operation that multiplies in a way not written here has no count, not one of 0.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import onnx
from onnx import helper

from bench.measure.graph.graph import Tensor

STANDARD = ("", "ai.onnx")
"""Names of ONNX's own domain."""
CONVOLUTIONS = ("Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvInteger")
PRODUCTS = ("MatMul", "FusedMatMul", "Gemm", "FusedGemm", "QGemm", "QLinearMatMul", "MatMulInteger")
PRODUCTS += ("MatMulIntegerToFloat", "DynamicQuantizeMatMul")
RECURRENT = ("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM")
POOLS = ("MaxPool", "AveragePool", "LpPool", "QLinearAveragePool", "NhwcMaxPool")
MEANS = ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "QLinearGlobalAveragePool", "QLinearReduceMean")
ADDITIONS = ("Add", "QLinearAdd")
UNCOUNTED = ("If", "Loop", "Scan", "SequenceMap", "DeformConv", "STFT", "DFT")
"""Operators of ONNX that may multiply and are not counted. All others of ONNX multiply nothing by NeSsi's rule."""
WITHOUT_PRODUCTS = ("QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearConcat", "Gelu")
WITHOUT_PRODUCTS += ("QLinearWhere", "BiasGelu", "FastGelu", "QuickGelu", "BiasSoftmax", "SkipLayerNormalization")
WITHOUT_PRODUCTS += ("SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization", "EmbedLayerNormalization")
WITHOUT_PRODUCTS += ("QuantizeLinear", "DequantizeLinear", "FusedElementwise", "Trilu", "Unique", "GatherND", "Pad")
"""The same of ONNX Runtime's own operators."""


@dataclass(frozen=True)
class Operands:
    """Places among the inputs of an operator."""

    weights: tuple[int, ...] = ()
    biases: tuple[int, ...] = ()
    aside: tuple[int, ...] = ()
    """Scales, zero points and limits, which are no constants in a .tflite either, and states to begin with."""
    zero_point: int | None = None
    """The one of those that says which integer of the weight stands for 0."""


BINARY = Operands(aside=(1, 2, 4, 5, 6, 7))
UNARY = Operands(aside=(1, 2, 3, 4))
OPERANDS = {
    **dict.fromkeys(("Conv", "ConvTranspose", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm"), Operands((1,), (2,))),
    **dict.fromkeys(("MatMul", "FusedMatMul"), Operands((1,))),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), Operands((1, 2), (3,), (4, 5, 6))),
    "DynamicQuantizeLSTM": Operands((1, 2), (3,), (4, 5, 6, 8, 9, 10, 11)),
    "QLinearConv": Operands((3,), (8,), (1, 2, 4, 5, 6, 7), 5),
    **dict.fromkeys(("ConvInteger", "MatMulInteger"), Operands((1,), (), (2, 3), 3)),
    "QLinearMatMul": Operands((3,), (), (1, 2, 4, 5, 6, 7), 5),
    "QGemm": Operands((3,), (6,), (1, 2, 4, 5, 7, 8), 5),
    "MatMulIntegerToFloat": Operands((1,), (6,), (2, 3, 4, 5), 5),
    "DynamicQuantizeMatMul": Operands((1,), (4,), (2, 3), 3),
    "Attention": Operands((1,), (2,)),
    "QAttention": Operands((1,), (2,), (3, 4, 6, 7), 7),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), BINARY),
    **dict.fromkeys(("QLinearGlobalAveragePool", "QLinearAveragePool", "QLinearReduceMean", "QLinearSigmoid"), UNARY),
    **dict.fromkeys(("QLinearLeakyRelu", "QLinearSoftmax"), UNARY),
    # one that stands alone: the rest are its limits or its grid
    **dict.fromkeys(("Clip", "QuantizeLinear", "DequantizeLinear"), Operands(aside=(1, 2))),
}


def operands_of(node: onnx.NodeProto) -> Operands:
    """The places of a node's operands; of an unknown operator none has a part."""
    if node.op_type == "QLinearConcat":  # the grid of the result, then tensor, scale and zero point of each part
        return Operands(aside=tuple(place for place in range(len(node.input)) if place < 2 or place % 3 != 2))
    if node.op_type == "Attention" and node.domain in STANDARD:  # of queries, keys and values
        return Operands()
    return OPERANDS.get(node.op_type, Operands())


def macs(node: onnx.NodeProto, operands: list[Tensor | None], output: Tensor) -> int | None:
    """Multiply-accumulates; weights of convolutions are OIHW. None: they are not counted.

    `operands`: the inputs, None for an optional one that is left out; `output`: the first result.
    """
    first, second, *_ = (operand or Tensor("", (0,), "") for operand in (*operands, None, None))
    weights = [one for place in operands_of(node).weights if (one := operands[place]) is not None]
    count: int | None
    match node.op_type:
        case kind if kind in CONVOLUTIONS:
            count = output.elements * prod(weights[0].shape[1:])
        case "ConvTranspose":
            count = weights[0].elements * first.shape[0] * prod(first.shape[2:])
        case kind if kind in PRODUCTS:
            count = output.elements * first.shape[-2 if attributes(node).get("transA") else -1]
        case kind if kind in RECURRENT:  # one step a time and clip, the two first axes of its input
            count = prod(first.shape[:2]) * sum(one.elements for one in weights)
        case "Einsum":
            count = _einsum(attributes(node)["equation"].decode(), operands)
        case "Attention" | "QAttention" if weights:  # projections to queries, keys and values, scores, and their sums
            columns, (positions, width) = weights[0].shape[-1], first.shape[-2:]
            count = first.elements // width * (width * columns + 2 * positions * (columns // 3))
        case "Attention" | "MultiHeadAttention" if second.elements:
            count = (first.elements + output.elements) * second.shape[-2]
        case kind if kind in POOLS:
            count = output.elements * prod(attributes(node)["kernel_shape"])
        case kind if kind in MEANS:
            count = first.elements
        case kind if kind in ADDITIONS:
            count = output.elements
        case kind:
            known = kind not in UNCOUNTED if node.domain in STANDARD else kind in WITHOUT_PRODUCTS
            count = 0 if known else None
    return count


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Attributes of a node by name."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _einsum(equation: str, operands: list[Tensor | None]) -> int | None:
    """Of two tensors, one for every combination of indices; of one there is nothing to multiply."""
    names = equation.replace(" ", "").partition("->")[0].split(",")
    if len(names) > 2 or "." in equation:
        return None
    sizes = {
        index: length
        for part, tensor in zip(names, operands, strict=True)
        if tensor is not None
        for index, length in zip(part, tensor.shape, strict=True)
    }
    return prod(sizes.values()) if len(names) == 2 else 0
