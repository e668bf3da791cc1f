"""Command: what INT8 costs, layer by layer.

    python -m compress.sensitivity --model RUN --data FILE.h5 [--plot FILE.png] [--json FILE]

Of a run that holds an INT8 program, that program against the float program it came from (where it was trained, what
training changed counts as lost, too); of a float run, what quantization without training makes of it, with ranges from
some training clips. The figures are defined in `compress.sensitivity.measure`.

Shapes: n clips.
"""

import json as json_format
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compress import program as programs
from compress.lower import lower
from compress.observe import observe
from compress.program import Program
from compress.quantize import quantize
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM, features
from compress.scheme import assign
from compress.sensitivity import picture as sensitivity_picture
from compress.sensitivity.measure import Sensitivity, measure
from compress.sensitivity.table import conclusion, shares, table
from tinyasc import artifact, front_end, recipe
from tinyasc.artifact import ModelCard
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.runs import picture, trained
from tinyasc.runs.setup import ComputeConfig, setup_fabric


def sensitivity(
    *,
    model: Path,
    data: Path,
    clips: int = 500,
    calibration_clips: int = 256,
    json: Path | None = None,
    plot: Path | None = None,
    threads: int = 1,
    seed: int = 0,
) -> None:
    """Measure what every layer loses in INT8, and what the network's answers lose by it.

    Args:
        model: run folder of a float network or of an INT8 program.
        data: prepared data set (.h5).
        clips: test clips to measure on, at random.
        calibration_clips: training clips from which the ranges of a float network come.
        json: file for all figures.
        plot: picture to draw (.png).
        threads: CPU threads.
        seed: of the choice of clips.
    """
    artifact.check_files(json, plot)
    if clips < 1 or calibration_clips < 1:
        raise UserError(f"clips is {clips}, calibration_clips {calibration_clips}: take 1 or more")
    card = artifact.load_card(model)
    setup_fabric(ComputeConfig(device="cpu", threads=threads), seed)
    random = np.random.default_rng(seed)
    with Clips(data) as found:
        trained.check_fits(card, found)
        test = np.sort(random.permutation(found.labelled("test"))[:clips])
        real, int8 = _programs(model, card, found, random, calibration_clips)
        measured = measure(real, int8, features(found, front_end.from_card(card.mel), test), found.label[test])
    title = f"{card.stage} {card.architecture} in INT8, layer by layer, on {measured.clips:,} test clips"
    print(f"{title} (float: macro accuracy {100 * measured.accuracy:.1f} %)\n\n{table(measured)}\n")
    if card.stage == "qat":
        print("Its weights were trained after the float ones: what that changed counts as lost here, in every layer.")
    print("\n".join(conclusion(measured)))
    if json is not None:
        content = {"run": str(model), "stage": card.stage, "architecture": card.architecture}
        content |= {"data": {"file": data.name, "checksum": found.checksum}, **_content(measured)}
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, (json_format.dumps(content, indent=1) + "\n").encode())
        print(f"wrote {json}")
    if plot is not None:
        picture.write(sensitivity_picture.draw(measured, title), plot)
        print(f"wrote {plot}")


def _programs(
    model: Path, card: ModelCard, clips: Clips, random: np.random.Generator, calibration_clips: int
) -> tuple[Program, Program]:
    """The float program and its INT8 form."""
    shape = (1, *front_end.shape(front_end.from_card(card.mel), clips.samples))
    if f"{INT8_PROGRAM}.json" in card.files:
        real, int8 = programs.load(model / FLOAT_PROGRAM), programs.load(model / INT8_PROGRAM)
        if (taken := int8.values[int8.input].shape) != shape:
            raise UserError(
                f"{model} takes {'x'.join(map(str, taken))}, the clips of {clips.path} become "
                f"{'x'.join(map(str, shape))}: give clips of the length it was trained on"
            )
        return real, int8
    network, mel, _ = trained.load(model)
    real = lower(network, shape)
    known = card.data["checksum"] == clips.checksum
    train = clips.labelled(card.data.get("subset") or "train" if known else "train")
    calibration = random.permutation(train)[:calibration_clips]
    return real, quantize(real, assign(real, observe(real, features(clips, mel, calibration))))


def _content(measured: Sensitivity) -> dict[str, Any]:
    """All figures as JSON has them, which knows no infinity: null is a SQNR without an error, too."""
    content = asdict(measured)
    for layer, share in zip(content["layers"], shares(measured), strict=True):
        layer |= {key: None for key, value in layer.items() if isinstance(value, float) and not math.isfinite(value)}
        layer["share"] = share
    return content


if __name__ == "__main__":
    raise SystemExit(recipe.run(sensitivity))
