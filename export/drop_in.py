"""The files of an export run: the network, and the drop-in model with the front-end before it and a softmax behind it.

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
from export.front_end import log_mel
from export.metadata import Facts, TfliteMetadata, drop_in_ends, network_ends, tflite_metadata
from export.onnx_graph import Graph as OnnxGraph
from export.onnx_graph import OnnxArithmetic
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.graph import Graph as TfliteGraph
from export.to_onnx import OnnxEmitter, to_onnx, uint8_zero_point
from export.to_tflite import emit, input_tensor, to_tflite
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
        source = input_tensor(program, graph)
        graph.operator("QUANTIZE", [features], source, "QuantizeOptions")
    graph.float16 = float16
    logits = real = emit(program, graph, source)
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


NETWORK, DROP_IN = "model", "drop_in"
"""Files that take the front-end's features and give logits; files that take the waveform and give scores."""


def write_files(folder: Path, int8: Program, real: Program, *, sound: Sound, facts: Facts, variants: bool) -> None:
    """Write the .tflite and the .onnx of each: network and drop-in in INT8, and the network in float32.

    Args:
        folder: where to.
        int8: the INT8 program.
        real: the float program.
        sound: what the drop-in files take.
        facts: what the files say about themselves.
        variants: write the drop-in in float32, and both with their weights as float16, too.

    Raises:
        UserError: the network does not take what the front-end makes of the sound.
    """
    _write_network(folder / NETWORK, int8, facts)
    _write_drop_in(folder / DROP_IN, int8, sound, facts)
    _write_network(folder / f"{NETWORK}_float", real, facts)
    if variants:
        _write_drop_in(folder / f"{DROP_IN}_float", real, sound, facts)
        _write_network(folder / f"{NETWORK}_float16", real, facts, float16=True)
        _write_drop_in(folder / f"{DROP_IN}_float16", real, sound, facts, float16=True)


def _write_network(stem: Path, program: Program, facts: Facts, float16: bool = False) -> None:
    texts = facts.texts()
    if program.quantized:
        for end, name in (("input", program.input), ("output", program.output)):
            found = program.quantization(name)
            texts[f"{end}_scale"] = repr(found.scale)
            texts[f"{end}_zero_point"] = str(uint8_zero_point(found))
    metadata = tflite_metadata(facts, network_ends(facts))
    stem.with_suffix(".tflite").write_bytes(to_tflite(program, metadata, float16))
    to_onnx(program, stem.with_suffix(".onnx"), texts, float16)


def _write_drop_in(stem: Path, program: Program, sound: Sound, facts: Facts, float16: bool = False) -> None:
    metadata = tflite_metadata(facts, drop_in_ends(facts))
    stem.with_suffix(".tflite").write_bytes(drop_in_tflite(program, sound, metadata, float16=float16))
    drop_in_onnx(program, sound, stem.with_suffix(".onnx"), facts.texts(), float16=float16)
