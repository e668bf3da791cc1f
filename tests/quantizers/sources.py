"""Where the files of a row come from: the float student, one of our programs, or a quantizer of other people.

Shapes: C channels, F mel bands, T frames, K classes.
"""

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.measure.environments import prepared
from compress import program
from compress.program import Program
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM, STAGES
from compress.simulate import simulate
from deploy.runtime import Model, Port
from export.drop_in import NETWORK, Sound, write_files
from export.metadata import Facts
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tinyasc import artifact, front_end
from tinyasc.clips import Clips
from tinyasc.errors import UserError

SUFFIXES = (".tflite", ".onnx")
Files = Mapping[str, Path]
"""Those of one network by suffix."""
HERE = Path(__file__).parent
CALIBRATION = "calibration.npz"


@dataclass(frozen=True)
class Made:
    """What a source has made."""

    files: Files
    simulator: Model | None = None
    """What the files must equal to the last bit; none: it has no such thing."""


class Source(Protocol):
    """A row of the study before it is measured; whatever it raises becomes the row's reason."""

    @property
    def name(self) -> str:
        """Of its row."""
        ...

    def fingerprint(self) -> str:
        """All that decides what it makes of the same student."""
        ...

    def make(self) -> Made:
        """Write its files."""
        ...


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


@dataclass(frozen=True)
class Tool:
    """A script that reads float.tflite, float.onnx and calibration.npz, and writes a file of its own name."""

    script: str
    suffix: str
    """Of the file it writes."""
    packages: tuple[str, ...] = ()
    """What it needs in an environment of its own; none: what this project runs on has it."""


TOOLS = (
    Tool("ai_edge_quantizer_static", ".tflite", ("ai-edge-quantizer==0.10.0",)),
    Tool("onnx_runtime_static", ".onnx"),
)


def write_calibration(features: NDArray[np.float32], folder: Path) -> None:
    """calibration.npz: inputs of float.tflite, (n, 1, …)."""
    np.savez(folder / CALIBRATION, features=features)


@dataclass(frozen=True)
class Peer:
    """A tool on what lies in a folder."""

    tool: Tool
    folder: Path
    """With what the tool reads; its file is written there."""
    environments: Path
    """Folder in which environments are kept."""

    @property
    def name(self) -> str:
        """That of the tool."""
        return self.tool.script

    def fingerprint(self) -> str:
        script = (HERE / f"{self.tool.script}.py").read_text()
        return "\n".join([*self.tool.packages, script, artifact.file_sha256(self.folder / CALIBRATION)])

    def make(self) -> Made:
        """Run the tool.

        Raises:
            UserError: its packages cannot be installed here, or it fails.
        """
        packages, script = self.tool.packages, self.tool.script
        python = prepared(self.environments / script, packages) if packages else Path(sys.executable)
        command = [str(python), str(HERE / f"{script}.py"), str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise UserError(f"{script} failed: {reason}")
        return Made({self.tool.suffix: self.folder / f"{script}{self.tool.suffix}"})
