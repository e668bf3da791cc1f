"""Our own files: of the float student, and of the runs of our programs.

Shapes: C channels, F mel bands, T frames, K classes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compress import program
from compress.program import Program
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM, STAGES
from compress.simulate import simulate
from deploy.runtime import Model, Port
from export.drop_in import Sound
from export.files import NETWORK, write_files
from export.metadata import Facts
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tests.quantizers.source import SUFFIXES, Files, Made
from tinyasc import artifact, front_end
from tinyasc.clips import Clips


def write_float(real: Program, folder: Path) -> Files:
    """float.tflite and float.onnx of a float program."""
    files = {suffix: folder / f"float{suffix}" for suffix in SUFFIXES}
    files[".tflite"].write_bytes(to_tflite(real))
    to_onnx(real, files[".onnx"], {})
    return files


@dataclass(frozen=True)
class Real:
    """The float student itself: its row shows how far a ratio of 1 is blurred by the machine."""

    files: Files
    name: str = "float"

    def fingerprint(self) -> str:
        return ""

    def make(self) -> Made:
        return Made(self.files)


@dataclass(frozen=True)
class Ours:
    """A run of post-training quantization or quantization-aware training, written as `export` writes it."""

    name: str
    run: Path
    clips: Clips
    folder: Path

    def fingerprint(self) -> str:
        """The files as this version writes them, too."""
        content = [path.read_bytes() for path in self.make().files.values()]
        return hashlib.sha256(b"".join(content)).hexdigest()

    def make(self) -> Made:
        card = artifact.load_card(self.run, *STAGES)
        int8, real = program.load(self.run / INT8_PROGRAM), program.load(self.run / FLOAT_PROGRAM)
        parent = card.files[f"{INT8_PROGRAM}.safetensors"]["sha256"]
        rate, samples = self.clips.sample_rate, self.clips.samples
        facts = Facts(card.labels, card.mel, rate, samples, card.architecture, parent)
        folder = self.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        sound = Sound(front_end.from_card(card.mel), samples)
        write_files(folder, int8, real, sound=sound, facts=facts, variants=False)
        return Made({suffix: folder / f"{NETWORK}{suffix}" for suffix in SUFFIXES}, simulator(int8))


def simulator(int8: Program) -> Model:
    """The integer simulator as if it were a file: int8 (1, C, F, T) -> int8 (1, K)."""
    ports = []
    for name in (int8.input, int8.output):
        found, shape = int8.quantization(name), int8.values[name].shape
        ports.append(Port((1, *shape), np.dtype(np.int8), found.scale, found.zero_point))
    return Model(Path("simulator"), "NumPy", 0, ports[0], ports[1], lambda raw: simulate(int8, raw))
