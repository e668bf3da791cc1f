"""Runs the referees of `tests.crosscheck` on an exported run; exit code 1 if one of them disagrees.

A referee whose package cannot be installed here is skipped, unless it is required, and the line says why.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bench.measure.environments import FOLDER, PACKAGES, prepared
from deploy import runtime
from export.inputs import sounds
from tinyasc import artifact, front_end, recipe
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

FILES = ("model.tflite", "drop_in.tflite")
WAVEFORMS = 64
SKIPPED = 77
"""Exit code of a referee that has nothing to judge, as automake has it."""
HERE = Path(__file__).parent


REFEREES: dict[str, tuple[str, ...]] = {
    "tensorflow_twin": ("tensorflow==2.21.0",),
    # torch is named so that it is the one of constraints.txt, on a CPU
    "litert_torch_twin": ("torch==2.13.0", "litert-torch==0.10.0"),
    "mediapipe_classifier": ("mediapipe==1.2.2",),
    "litert_kernels": ("ai-edge-litert==2.3.0", "numpy"),
    **PACKAGES,
}
"""The scripts of this folder that judge, and what each needs; some do with the environments of `bench`."""


def crosscheck(
    *,
    model: Path,
    environments: Path = FOLDER,
    referees: list[str] | None = None,
    required: bool = False,
) -> None:
    """Let independent runtimes judge the files of an exported run.

    Args:
        model: export run.
        environments: folder in which every referee's packages are installed, and kept for the next time.
        referees: names of those to ask; default: all.
        required: fail where a referee cannot be installed or has nothing to judge, instead of skipping it.
    """
    chosen = list(REFEREES) if referees is None else referees
    if unknown := set(chosen) - set(REFEREES):
        raise UserError(f"no referee {', '.join(sorted(unknown))}: there are {', '.join(REFEREES)}")
    card = artifact.load_card(model, "export")
    with tempfile.TemporaryDirectory(prefix="tinyasc-crosscheck-") as folder:
        for name in FILES:
            Path(folder, name).write_bytes((model / name).read_bytes())
        write_cases(Path(folder), front_end.from_card(card.mel), card.labels)
        outcomes = [_judge(name, environments / name, Path(folder)) for name in tqdm(chosen, "referees", leave=False)]
    for line, _ in outcomes:
        print(line)
    if any(agreed is False for _, agreed in outcomes):
        raise UserError(f"a referee disagrees about {model}: see above")
    if required and any(agreed is None for _, agreed in outcomes):
        raise UserError("a referee was skipped, and all that are asked are required: see above")


def write_cases(folder: Path, config: FrontEnd, labels: list[str]) -> None:
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
        # a network of waveforms is taken for one of a second
        sample_rate=np.array(samples if config is None else config.sample_rate),
    )


def _judge(referee: str, environment: Path, folder: Path) -> tuple[str, bool | None]:
    """One line, and whether the referee agrees; None where it is skipped."""
    try:
        python = prepared(environment, REFEREES[referee])
    except UserError as error:
        return f"{referee}: skipped, {error}", None
    found = subprocess.run([python, HERE / f"{referee}.py", folder], capture_output=True, text=True, check=False)
    said = (found.stdout if found.returncode in (0, 1, SKIPPED) and found.stdout else found.stderr).strip().splitlines()
    agreed = None if found.returncode == SKIPPED else found.returncode == 0
    return f"{referee}: {said[-1] if said else 'said nothing'}", agreed


if __name__ == "__main__":
    raise SystemExit(recipe.run(crosscheck))
