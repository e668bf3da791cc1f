"""The drop-in model: a waveform in, scores out, in one file; the front-end before the program and a softmax behind it.

    waveform (1, S) float32 -> log-mel -> QUANTIZE -> the INT8 program -> DEQUANTIZE -> SOFTMAX -> scores (1, K) float32

The program's operators are those of the file without front-end. A float program goes without the two beside it, a
network that takes the waveform itself without the log-mel.

Shapes: S samples, C = 1 channel, F mel bands, T frames, K classes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from onnx import TensorProto

from compress.program import Program
from export import onnx_graph, tflite_graph, to_onnx, to_tflite
from export.front_end.log_mel import log_mel
from export.front_end.onnx_operations import OnnxOperations
from export.front_end.operations import Operations, Tensor
from export.front_end.tflite_operations import TfliteOperations
from export.metadata.tflite_metadata import TfliteMetadata
from tinyasc import front_end
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

WAVEFORM, FEATURES, LOGITS, SCORES = "waveform", "features", "logits", "scores"
"""The input; what the front-end makes of it, as reals; what the program answers, as it does; the output."""


def samples_of(program: Program, config: FrontEnd) -> int:
    """S, the samples of one second.

    Raises:
        UserError: the program does not take what the front-end makes of one second.
    """
    _, rows, columns = program.values[program.input].shape
    samples = columns if config is None else config.sample_rate
    made = front_end.shape(config, samples)
    if made != (rows, columns):
        raise UserError(
            f"one second becomes {made[0]}x{made[1]}, the network takes {rows}x{columns}: train it on seconds"
        )
    return samples


def drop_in_tflite(
    program: Program, config: FrontEnd, metadata: TfliteMetadata | None = None, outputs: Sequence[str] = (SCORES,)
) -> bytes:
    """The drop-in .tflite of a program.

    Args:
        program: float or INT8.
        config: the front-end that the network was trained with.
        metadata: what the file says about itself.
        outputs: what the file gives: SCORES; with FEATURES and LOGITS it also shows what lies inside of it.

    Raises:
        UserError: the program does not take what the front-end makes of one second.
    """
    graph, shape = tflite_graph.Graph(), (1, samples_of(program, config))
    waveform = Tensor(graph.activation(WAVEFORM, shape, None), shape)
    operations = TfliteOperations(graph)
    _, rows, columns = program.values[program.input].shape
    features = operations.reshape(_features(operations, waveform, config), (1, rows, columns, 1)).key
    source = features
    if program.quantized:
        source = to_tflite.input_tensor(program, graph)
        graph.operator("QUANTIZE", [features], source, "QuantizeOptions")
    logits = real = to_tflite.emit(program, graph, source)
    answer = (1, *program.values[program.output].shape)
    if program.quantized:
        real = graph.activation("logits/real", answer, None)
        graph.operator("DEQUANTIZE", [logits], real, "DequantizeOptions")
    scores = graph.activation(SCORES, answer, None)
    graph.operator("SOFTMAX", [real], scores, "SoftmaxOptions", Beta=1.0)
    made = {FEATURES: features, LOGITS: logits, SCORES: scores}
    return graph.file([waveform.key], [made[name] for name in outputs], metadata)


def drop_in_onnx(
    program: Program, config: FrontEnd, path: Path, metadata: Mapping[str, str], outputs: Sequence[str] = (SCORES,)
) -> None:
    """Write the drop-in .onnx of a program, checked; see `drop_in_tflite`. `metadata` are its metadata_props."""
    graph, shape = onnx_graph.Graph(), (1, samples_of(program, config))
    operations = OnnxOperations(graph)
    features = operations.reshape(
        _features(operations, Tensor(WAVEFORM, shape), config), (1, *program.values[program.input].shape)
    )
    if program.quantized:
        graph.node("QuantizeLinear", [features.key, *to_onnx.grid(program, graph, program.input)], program.input)
    else:
        graph.node("Identity", [features.key], program.input)
    to_onnx.emit(program, graph)
    real, kind = program.output, TensorProto.FLOAT
    if program.quantized:
        real, kind = f"{program.output}/scored", TensorProto.UINT8
        graph.node("DequantizeLinear", [program.output, *to_onnx.grid(program, graph, program.output)], real)
    graph.node("Softmax", [real], SCORES, axis=-1)
    answer = (1, *program.values[program.output].shape)
    made = {
        FEATURES: (features.key, TensorProto.FLOAT, features.shape),
        LOGITS: (program.output, kind, answer),
        SCORES: (SCORES, TensorProto.FLOAT, answer),
    }
    graph.write(path, [(WAVEFORM, TensorProto.FLOAT, shape)], [made[name] for name in outputs], metadata)


def _features(operations: Operations, waveform: Tensor, config: FrontEnd) -> Tensor:
    return waveform if config is None else log_mel(operations, waveform, config)
