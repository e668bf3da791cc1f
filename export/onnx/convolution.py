"""Conv, dense or in groups; in INT8 its weights and bias stand behind a DequantizeLinear of their own.

Shapes: (O, C / groups, kernel F, kernel T) weights.
"""

from typing import Any

import numpy as np

from compress.operations.convolution import Convolution
from export.onnx.emitter import Emitter


def convolution(emitter: Emitter, operation: Convolution) -> None:
    """A convolution with the padding it has."""
    inputs = [*emitter.read(operation), *_constants(emitter, operation)]
    fields: dict[str, Any] = {"group": operation.groups, "pads": [*operation.padding, *operation.padding]}
    if operation.dilation != (1, 1):
        fields["dilations"] = operation.dilation
    emitter.graph.node("Conv", inputs, emitter.real(operation), strides=operation.stride, **fields)
    emitter.write(operation)


def _constants(emitter: Emitter, operation: Convolution) -> list[str]:
    names = []
    for part, values in (("weight", operation.weight), ("bias", operation.bias)):
        constant = emitter.graph.constant(f"{operation.output}/{part}", values)
        if operation.weight_scale is not None:
            scale = operation.weight_scale.reshape(()) if operation.shared_step else operation.weight_scale
            if part == "bias":
                scale = np.float32(emitter.program.quantization(operation.input).scale) * scale
            scale_name = emitter.graph.constant(f"{operation.output}/{part}_scale", scale)
            constant_real = f"{operation.output}/{part}_real"
            constant = emitter.graph.node("DequantizeLinear", [constant, scale_name], constant_real, axis=0)
        names.append(constant)
    return names
