"""The drop-in model: a waveform in, scores out, in one file; the front-end before the program and a softmax behind it.

    waveform (1, S) float32 -> log-mel -> QUANTIZE -> the INT8 program -> DEQUANTIZE -> SOFTMAX -> scores (1, K) float32

The program's operators are those of the file without front-end. A float program goes without the two beside it, a
network that takes the waveform itself without the log-mel.

Shapes: S samples, C = 1 channel, F mel bands, T frames, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import TensorProto

from compress.arithmetic.arithmetic import Arithmetic, Tensor
from compress.program import Program
from export import to_tflite
from export.front_end import log_mel
from export.metadata import TfliteMetadata
from export.onnx_graph import Graph as OnnxGraph
from export.onnx_graph import OnnxArithmetic
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.graph import Graph as TfliteGraph
from export.to_onnx import OnnxEmitter
from tinyasc import front_end
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

WAVEFORM, FEATURES, LOGITS, SCORES = "waveform", "features", "logits", "scores"
"""The input; what the front-end makes of it, as reals; what the program answers, as it does; the output."""


@dataclass(frozen=True)
class Sound:
    """What a drop-in model takes."""

    config: FrontEnd
    """The front-end that the network was trained with."""
    samples: int
    """S, the length that it was trained on."""


def drop_in_tflite(
    program: Program,
    sound: Sound,
    metadata: TfliteMetadata | None = None,
    outputs: Sequence[str] = (SCORES,),
    *,
    float16: bool = False,
) -> bytes:
    """The drop-in .tflite of a program.

    Args:
        program: float or INT8.
        sound: what it takes.
        metadata: what the file says about itself.
        outputs: what the file gives: SCORES; with FEATURES and LOGITS it shows what lies inside of it.
        float16: store the weights of a float program as float16. The front-end's constants stay float32: a Fourier
            transform in float16 would leak into every bin.

    Raises:
        UserError: the program does not take what the front-end makes of this length.
    """
    graph, shape = TfliteGraph(), (1, sound.samples)
    waveform = Tensor(graph.activation(WAVEFORM, shape, None), shape)
    arithmetic = TfliteArithmetic(graph)
    _, rows, columns = _fitting(program, sound)
    features = arithmetic.reshape(_features(arithmetic, waveform, sound), (1, rows, columns, 1)).key
    source = features
    if program.quantized:
        source = to_tflite.input_tensor(program, graph)
        graph.operator("QUANTIZE", [features], source, "QuantizeOptions")
    graph.float16 = float16
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
    program: Program,
    sound: Sound,
    path: Path,
    metadata: Mapping[str, str],
    outputs: Sequence[str] = (SCORES,),
    *,
    float16: bool = False,
) -> None:
    """Write the drop-in .onnx of a program, checked; see `drop_in_tflite`. `metadata` are its metadata_props."""
    graph, shape = OnnxGraph(), (1, sound.samples)
    arithmetic = OnnxArithmetic(graph)
    waveform = _features(arithmetic, Tensor(WAVEFORM, shape), sound)
    features = arithmetic.reshape(waveform, (1, *_fitting(program, sound)))
    emitter = OnnxEmitter(program, graph)
    if program.quantized:
        graph.node("QuantizeLinear", [features.key, *emitter.grid(program.input)], program.input)
    else:
        graph.node("Identity", [features.key], program.input)
    graph.float16 = float16
    emitter.emit()
    graph.float16 = False
    real, kind = program.output, TensorProto.FLOAT
    if program.quantized:
        real, kind = f"{program.output}/scored", TensorProto.UINT8
        graph.node("DequantizeLinear", [program.output, *emitter.grid(program.output)], real)
    graph.node("Softmax", [real], SCORES, axis=-1)
    answer = (1, *program.values[program.output].shape)
    made = {
        FEATURES: (features.key, TensorProto.FLOAT, features.shape),
        LOGITS: (program.output, kind, answer),
        SCORES: (SCORES, TensorProto.FLOAT, answer),
    }
    graph.write(path, [(WAVEFORM, TensorProto.FLOAT, shape)], [made[name] for name in outputs], metadata)


def _features(arithmetic: Arithmetic, waveform: Tensor, sound: Sound) -> Tensor:
    return waveform if sound.config is None else log_mel(arithmetic, waveform, sound.config)


def _fitting(program: Program, sound: Sound) -> tuple[int, ...]:
    """(C, F, T) of the program's input."""
    shape = program.values[program.input].shape
    made = front_end.shape(sound.config, sound.samples)
    if made != shape[1:]:
        raise UserError(
            f"{sound.samples} samples become {made[0]}x{made[1]}, the network takes {shape[1]}x{shape[2]}: "
            "make the run again with the settings it was trained with"
        )
    return shape
