"""The front-end inside a .tflite: one second of sound to the log-mel, one thread.

The field's way: what TensorFlow's signal library becomes in a .tflite. Mirror padding, frames gathered piece by piece,
RFFT2D, the magnitude squared, and a dense mel matrix.
"""

from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from compress.arithmetic.arithmetic import Tensor
from deploy import open_runtime
from export.front_end import log_mel
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.graph import Graph
from tests.perf.case import Case
from tests.support.tiny_models import Flatbuffer
from tinyasc.mel import MelConfig, frames, hann, mel_bank

TIMES = 50


def cases(scratch: Path) -> list[Case]:
    """CP-Mobile's settings."""
    config = MelConfig()
    usual, here = scratch / "usual.tflite", scratch / "here.tflite"
    usual_front_end(config, usual)
    graph, shape = Graph(), (1, config.sample_rate)
    waveform = graph.activation("waveform", shape, None)
    here.write_bytes(graph.file([waveform], [log_mel(TfliteArithmetic(graph), Tensor(waveform, shape), config).key]))
    sound = 0.1 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    theirs, ours = _runner(usual, sound), _runner(here, sound)
    megabytes = " and ".join(f"{file.stat().st_size / 1e6:.2f}" for file in (usual, here))
    return [Case(f"log-mel inside a .tflite, {TIMES} seconds, {megabytes} MB", theirs, ours, aim=2.0)]


def _runner(path: Path, sound: np.ndarray) -> Any:
    interpreter = open_runtime.open_interpreter(path)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sound)

    def run() -> None:
        for _ in range(TIMES):
            interpreter.invoke()

    return run


def usual_front_end(config: MelConfig, path: Path) -> None:
    """Write a .tflite of the field's front-end: (1, S) to (T, F)."""
    file, samples, n_frames = Flatbuffer(version=1), config.sample_rate, frames(config, config.sample_rate)

    def constant(values: Any, dtype: str = "int32") -> int:
        return file.tensor("constant", np.shape(values), dtype, values)

    def operation(code: str, inputs: list[int], shape: tuple[int, ...], dtype: str = "float32", **options: Any) -> int:
        output = file.tensor(code.lower(), shape, dtype)
        file.operation(code, inputs, [output], **options)
        return output

    def plain(code: str, source: int, value: np.ndarray | float, shape: tuple[int, ...]) -> int:
        kind = f"{code.capitalize()}Options"
        return operation(code, [source, constant(np.atleast_1d(value), "float32")], shape, kind=kind)

    waveform = file.tensor("waveform", (1, samples), "float32")
    length = samples - 1
    now, before = (
        operation("SLICE", [waveform, constant([0, start]), constant([1, length])], (1, length), kind="SliceOptions")
        for start in (1, 0)
    )
    faint = plain("MUL", before, config.pre_emphasis, (1, length))
    signal = operation("SUB", [now, faint], (1, length), kind="SubOptions")
    half, first = config.n_fft // 2, (config.n_fft - config.win_length) // 2
    piece = gcd(config.hop_length, config.win_length, first)
    cut = (length + config.n_fft) // piece * piece
    paddings = [[0, 0], [half, half - (length + config.n_fft - cut)]]
    signal = operation("MIRROR_PAD", [signal, constant(paddings)], (1, cut), kind="MirrorPadOptions")
    pieces = (cut // piece, piece)
    signal = operation("RESHAPE", [signal, constant(pieces)], pieces, kind="ReshapeOptions")
    starts = np.arange(n_frames)[:, None] * config.hop_length + first
    table = (starts + np.arange(0, config.win_length, piece)) // piece
    gathered = operation("GATHER", [signal, constant(table)], (*table.shape, piece), kind="GatherOptions")
    shape = (n_frames, 1, config.win_length)
    framed = operation("RESHAPE", [gathered, constant(shape)], shape, kind="ReshapeOptions")
    framed = plain("MUL", framed, hann(config), shape)
    shape = (n_frames, 1, config.n_fft)
    paddings = [[0, 0], [0, 0], [0, config.n_fft - config.win_length]]
    framed = operation("PAD", [framed, constant(paddings)], shape, kind="PadOptions")
    shape = (n_frames, 1, half + 1)
    spectrum = operation("RFFT2D", [framed, constant([1, config.n_fft])], shape, "complex64", kind="Rfft2dOptions")
    magnitude = operation("COMPLEX_ABS", [spectrum], shape)
    power = operation("SQUARE", [magnitude], shape, kind="SquareOptions")
    shape = (n_frames, config.n_mels)
    bank = constant(mel_bank(config), "float32")
    mel = operation("FULLY_CONNECTED", [power, bank], shape, kind="FullyConnectedOptions")
    logarithm = operation("LOG", [plain("ADD", mel, config.log_offset, shape)], shape)
    shifted = plain("ADD", logarithm, config.shift, shape)
    file.write(path, [waveform], [plain("DIV", shifted, config.scale, shape)])
