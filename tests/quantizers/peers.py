"""Quantizers of other people that write a file of their own, each a script of this folder."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.measure.environments import prepared
from tests.quantizers.source import Made
from tinyasc import artifact
from tinyasc.errors import UserError

HERE = Path(__file__).parent
CALIBRATION = "calibration.npz"


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
