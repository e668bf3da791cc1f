"""The files of an export run: which there are, and what each says about itself."""

from pathlib import Path

from compress.program import Program
from export.drop_in import Sound, drop_in_onnx, drop_in_tflite
from export.metadata import Facts, drop_in_ends, network_ends, tflite_metadata
from export.to_onnx import to_onnx, uint8_zero_point
from export.to_tflite import to_tflite

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
