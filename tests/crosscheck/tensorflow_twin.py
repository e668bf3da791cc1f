"""TensorFlow's own converter on a float twin of model.tflite: does it come to the same integers?

    python tensorflow_twin.py FOLDER        (needs tensorflow)

The twin is the network in real numbers, with a fake quantization behind every operator, as TensorFlow's own
quantization-aware training leaves it. TFLiteConverter quantizes and writes it on its own; the logits of its file in
TensorFlow's interpreter are compared with ours.
"""

import sys
from operator import add, mul, truediv
from pathlib import Path

import numpy as np
import tensorflow as tf  # type: ignore[import-not-found]
from network import Network, Operator, judge  # type: ignore[import-not-found]
from tensorflow.lite.python import schema_py_generated as schema  # type: ignore[import-not-found]

ELEMENTWISE = {"ADD": add, "MUL": mul, "DIV": truediv, "FLOOR": tf.floor, "SQRT": tf.sqrt, "MINIMUM": tf.minimum}


class Twin(tf.Module):
    """A .tflite's graph in real numbers."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def quantized(self, real: tf.Tensor, tensor: int) -> tf.Tensor:
        """A fake quantization with a tensor's scale and zero point; real numbers as they are."""
        found = self.network.quantization(tensor)
        if found is None:
            return real
        return tf.quantization.fake_quant_with_min_max_args(real, *limits(*found), num_bits=8)

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        values = {self.network.input: self.quantized(features, self.network.input)}
        for operator in self.network.operators:
            constants = {one: self.network.constant(one) for one in operator.inputs}
            inputs = [values[one] if constants[one] is None else constants[one] for one in operator.inputs]
            values[operator.output] = self.quantized(self.run(operator, inputs), operator.output)
        return values[self.network.output]

    def run(self, operator: Operator, inputs: list) -> tf.Tensor:
        """One operator in real numbers."""
        first, *rest = inputs
        options = operator.options
        match operator.kind:
            case "DEQUANTIZE" | "QUANTIZE":
                real = first
            case "PAD":
                real = tf.pad(first, rest[0])
            case "RESHAPE":
                real = tf.reshape(first, self.network.shape(operator.output))
            case "MEAN":
                real = tf.reduce_mean(first, rest[0], keepdims=options.keepDims)
            case "SUM":
                real = tf.reduce_sum(first, rest[0], keepdims=options.keepDims)
            case kind if kind in ELEMENTWISE:
                real = ELEMENTWISE[kind](*inputs)
            case _:
                weight, bias = rest
                strides = [1, options.strideH, options.strideW, 1]
                padding = "SAME" if options.padding == self.network.same else "VALID"
                convolve = tf.nn.conv2d if operator.kind == "CONV_2D" else tf.nn.depthwise_conv2d
                real = tf.nn.bias_add(convolve(first, weight.transpose(1, 2, 3, 0), strides, padding), bias)
        return tf.nn.relu(real) if self.network.rectified(operator) else real


def limits(scale: float, zero_point: int) -> tuple[float, float]:
    """The float32 limits of a fake quantization from which the converter computes just this scale.

    The limit that is nearer to 0 has the finer steps: it makes up for the rounding of the other.
    """
    whole = 255 * scale
    if zero_point < 0:
        high = np.nextafter(np.float32((127 - zero_point) * scale), np.float32(0))
        return float(np.float32(float(high) - whole)), float(high)
    low = np.nextafter(np.float32((-128 - zero_point) * scale), np.float32(0))
    return float(low), float(np.float32(float(low) + whole))


def converted(network: Network) -> bytes:
    """What TFLiteConverter makes of the twin: int8 in and out."""
    twin = Twin(network)
    given = tf.TensorSpec(twin.network.shape(twin.network.input), tf.float32)
    function = tf.function(twin.__call__, autograph=False).get_concrete_function(given)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], twin)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main(folder: Path) -> int:
    converter = f"tensorflow {tf.__version__}, TFLiteConverter"
    return judge(folder, schema, converted, lambda content: tf.lite.Interpreter(model_content=content), converter)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
