"""Runs the referees of `tests.crosscheck` on an exported run; exit code 1 if one of them disagrees.

A referee whose package cannot be installed here is skipped, and the line says why.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy import runtime
from export.front_end.waveforms import sounds
from tests.environments import prepared
from tinyasc import artifact, front_end, recipe
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig

FILES = ("model.tflite", "drop_in.tflite")
WAVEFORMS = 64
SKIPPED = 77
"""Exit code of a referee that has nothing to judge, as automake has it."""
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Referee:
    """A script of this folder and what it needs."""

    script: str
    packages: tuple[str, ...]


REFEREES = (
    Referee("mediapipe_classifier", ("mediapipe==1.2.2",)),
    Referee("tflite_runtime_interpreter", ("tflite-runtime==2.14.0", "numpy<2")),
    Referee("tflite_micro_interpreter", ("tflite-micro", "numpy")),
    Referee("tensorflow_twin", ("tensorflow==2.21.0",)),
)


def crosscheck(*, model: Path, environments: Path = Path(".venv-referees")) -> None:
    """Let independent runtimes judge the files of an exported run.

    Args:
        model: export run.
        environments: folder in which every referee's packages are installed, and kept for the next time.
    """
    card = artifact.load_card(model, "export")
    config = front_end.from_card(card.mel)
    if config is None:
        raise UserError(f"{model} takes the waveform: the referees are made for networks of log-mel spectrograms")
    with tempfile.TemporaryDirectory(prefix="tinyasc-crosscheck-") as folder:
        for name in FILES:
            Path(folder, name).write_bytes((model / name).read_bytes())
        write_cases(Path(folder), config, card.labels)
        outcomes = [
            _judge(referee, environments / referee.script, Path(folder)) for referee in tqdm(REFEREES, "referees")
        ]
    for line, _ in outcomes:
        print(line)
    if not all(agreed for _, agreed in outcomes):
        raise UserError(f"a referee disagrees about {model}: see above")


def write_cases(folder: Path, config: MelConfig, labels: list[str]) -> None:
    """Write cases.npz: waveforms and what our runtime makes of them with the files of the folder."""
    network, drop_in = (runtime.load(folder / name) for name in FILES)
    (samples,) = drop_in.input.shape[1:]
    waveforms = sounds(np.zeros((0, samples), np.float32), WAVEFORMS, samples, seed=0)
    features = network.quantize(front_end.features(waveforms, config))
    np.savez(
        folder / "cases.npz",
        waveforms=waveforms,
        features=features,
        logits=np.concatenate([network.run(one) for one in features]),
        scores=drop_in.scores(waveforms),
        labels=np.array(labels),
        sample_rate=np.array(config.sample_rate),
    )


def _judge(referee: Referee, environment: Path, folder: Path) -> tuple[str, bool]:
    """One line, and whether the referee agrees (or is skipped)."""
    try:
        python = prepared(environment, referee.packages)
    except UserError as error:
        return f"{referee.script}: skipped, {error}", True
    found = subprocess.run([python, HERE / f"{referee.script}.py", folder], capture_output=True, text=True, check=False)
    said = (found.stdout if found.returncode in (0, 1, SKIPPED) and found.stdout else found.stderr).strip().splitlines()
    return f"{referee.script}: {said[-1] if said else 'said nothing'}", found.returncode in (0, SKIPPED)


if __name__ == "__main__":
    raise SystemExit(recipe.run(crosscheck))
