"""TensorFlow's own converter on a float twin of model.tflite: does it come to the same integers?

    python tensorflow_twin.py FOLDER        (needs tensorflow)

The twin is the network in real numbers, with a fake quantization behind every operator, as TensorFlow's own
quantization-aware training leaves it. TFLiteConverter quantizes and writes it on its own; the logits of its file in
TensorFlow's interpreter are compared with ours.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-not-found]
from tensorflow.lite.python import schema_py_generated as schema  # type: ignore[import-not-found]

SKIPPED = 77
NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}


class Twin(tf.Module):
    """A .tflite's graph in real numbers."""

    def __init__(self, content: bytes):
        super().__init__()
        self.model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
        self.graph = self.model.subgraphs[0]
        self.codes = [NAMES[code.builtinCode] for code in self.model.operatorCodes]

    def constant(self, index: int) -> np.ndarray:
        """A constant in real numbers; shapes, axes and paddings as they are."""
        tensor = self.graph.tensors[index]
        kind = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}[tensor.type]
        values = np.frombuffer(bytes(self.model.buffers[tensor.buffer].data), kind).reshape(tensor.shape)
        if tensor.quantization is None or tensor.quantization.scale is None:
            return values
        scale, axes = np.asarray(tensor.quantization.scale, np.float32), [1] * values.ndim
        axes[tensor.quantization.quantizedDimension] = -1
        return values.astype(np.float32) * scale.reshape(axes)

    def as_quantized(self, real: tf.Tensor, index: int) -> tf.Tensor:
        """A fake quantization with a tensor's scale and zero point."""
        found = self.graph.tensors[index].quantization
        low, high = limits(np.float32(found.scale[0]), int(found.zeroPoint[0]))
        return tf.quantization.fake_quant_with_min_max_args(real, low, high, num_bits=8)

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        values = {self.graph.inputs[0]: self.as_quantized(features, self.graph.inputs[0])}
        for operator in self.graph.operators:
            inputs, (output,) = list(operator.inputs), operator.outputs
            real = self.run(self.codes[operator.opcodeIndex], operator.builtinOptions, inputs, values, output)
            values[output] = self.as_quantized(real, output)
        return values[self.graph.outputs[0]]

    def run(self, kind: str, options: Any, inputs: list[int], values: dict[int, tf.Tensor], output: int) -> tf.Tensor:
        """One operator in real numbers."""
        source = values[inputs[0]]
        if kind == "PAD":
            return tf.pad(source, self.constant(inputs[1]))
        if kind == "RESHAPE":
            return tf.reshape(source, self.graph.tensors[output].shape)
        if kind == "MEAN":
            return tf.reduce_mean(source, [1, 2])
        if kind == "ADD":
            real = source + values[inputs[1]]
        else:
            strides = [1, options.strideH, options.strideW, 1]
            padding = "SAME" if options.padding == schema.Padding.SAME else "VALID"
            weight, bias = self.constant(inputs[1]), self.constant(inputs[2])
            if kind == "CONV_2D":
                real = tf.nn.conv2d(source, weight.transpose(1, 2, 3, 0), strides, padding)
            else:
                real = tf.nn.depthwise_conv2d(source, weight.transpose(1, 2, 3, 0), strides, padding)
            real = tf.nn.bias_add(real, tf.constant(bias))
        relu = options.fusedActivationFunction == schema.ActivationFunctionType.RELU
        return tf.nn.relu(real) if relu else real


def limits(scale: np.float32, zero_point: int) -> tuple[float, float]:
    """The float32 limits of a fake quantization from which the converter computes just this scale.

    The limit that is nearer to 0 has the finer steps: it makes up for the rounding of the other.
    """
    whole = 255 * float(scale)
    if zero_point < 0:
        high = np.nextafter(np.float32((127 - zero_point) * scale), np.float32(0))
        return float(np.float32(float(high) - whole)), float(high)
    low = np.nextafter(np.float32((-128 - zero_point) * scale), np.float32(0))
    return float(low), float(np.float32(float(low) + whole))


def converted(twin: Twin) -> bytes:
    """What TFLiteConverter makes of it: int8 in and out."""
    shape = twin.graph.tensors[twin.graph.inputs[0]].shape.tolist()
    function = tf.function(twin.__call__).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], twin)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main(folder: Path) -> int:
    cases, ours = np.load(folder / "cases.npz"), (folder / "model.tflite").read_bytes()
    twin = Twin(ours)
    missing = set(twin.codes) - {"PAD", "RESHAPE", "MEAN", "ADD", "CONV_2D", "DEPTHWISE_CONV_2D"}
    if missing:
        print(f"skipped, the twin has no {', '.join(sorted(missing))}")
        return SKIPPED
    theirs = converted(twin)
    interpreter = tf.lite.Interpreter(model_content=theirs)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for one in cases["features"]:
        interpreter.set_tensor(source["index"], one)
        interpreter.invoke()
        found.append(interpreter.get_tensor(result["index"])[0])
    apart = np.abs(np.array(found, int) - cases["logits"])
    print(
        f"tensorflow {tf.__version__}, TFLiteConverter: {int((apart > 0).sum())} of {apart.size} logits differ, "
        f"by up to {apart.max()}; its file is {len(theirs):,} bytes, ours {len(ours):,}"
    )
    return 0 if not apart.any() else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
