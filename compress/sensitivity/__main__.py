"""Command: what INT8 costs, layer by layer.

    python -m compress.sensitivity --model RUN --data FILE.h5 [--plot FILE.png] [--json FILE]

Of a run that holds an INT8 program, that program against the float program it came from (where it was trained, what
training changed counts as lost, too); of a float run, what quantization without training makes of it, with ranges from
some training clips. The figures are defined in `compress.sensitivity.measure`.
"""

import json as json_format
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compress import program as programs
from compress.opening import OpenRun, open_run
from compress.program import Program
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM
from compress.scheme import assign, quantize
from compress.sensitivity.measure import Sensitivity, measure
from compress.sensitivity.report import conclusion, draw, shares, table
from compress.simulate import observe
from tinyasc import artifact, drawing, recipe
from tinyasc.errors import UserError
from tinyasc.runs.setup import ComputeConfig


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
    with open_run(model, data, ComputeConfig(device="cpu", threads=threads), seed) as run:
        card, checksum = run.card, run.clips.checksum
        test = np.sort(run.random.permutation(run.clips.labelled("test"))[:clips])
        real, int8 = _programs(run, calibration_clips)
        measured = measure(real, int8, run.features(test), run.clips.label[test])
    title = f"{card.stage} {card.architecture} in INT8, layer by layer, on {measured.clips:,} test clips"
    print(f"{title} (float: macro accuracy {100 * measured.accuracy:.1f} %)\n\n{table(measured)}\n")
    if card.stage == "qat":
        print("Its weights were trained after the float ones: what that changed counts as lost here, in every layer.")
    print("\n".join(conclusion(measured)))
    if json is not None:
        content = {"run": str(model), "stage": card.stage, "architecture": card.architecture}
        content |= {"data": {"file": data.name, "checksum": checksum}, **_content(measured)}
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, (json_format.dumps(content, indent=1) + "\n").encode())
        print(f"wrote {json}")
    if plot is not None:
        drawing.write(draw(measured, title), plot)
        print(f"wrote {plot}")


def _programs(run: OpenRun, calibration_clips: int) -> tuple[Program, Program]:
    """The float program and its INT8 form."""
    if f"{INT8_PROGRAM}.json" in run.card.files:
        real, int8 = programs.load(run.folder / FLOAT_PROGRAM), programs.load(run.folder / INT8_PROGRAM)
        if (taken := int8.values[int8.input].shape) != run.shape:
            raise UserError(
                f"{run.folder} takes {'x'.join(map(str, taken))}, the clips of {run.clips.path} become "
                f"{'x'.join(map(str, run.shape))}: give clips of the length it was trained on"
            )
        return real, int8
    real = run.float_program()
    return real, quantize(real, assign(real, observe(real, run.features(run.choose(calibration_clips)))))


def _content(measured: Sensitivity) -> dict[str, Any]:
    """All figures as JSON has them, which knows no infinity: null is a SQNR without an error, too."""
    content = asdict(measured)
    for layer, share in zip(content["layers"], shares(measured), strict=True):
        layer |= {key: None for key, value in layer.items() if isinstance(value, float) and not math.isfinite(value)}
        layer["share"] = share
    return content


if __name__ == "__main__":
    raise SystemExit(recipe.run(sensitivity))
