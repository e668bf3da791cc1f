"""Command: one float student through every quantizer, theirs and ours, on the whole test split.

    python -m tests.quantizers --student RUN --data FILE.h5 --out DIR --runs ptq=RUN qat=RUN neural_compressor=RUN

Writes table.md and table.json. Rows that are there are not made again unless what they came from has changed, so a
stopped study goes on with the same command; a quantizer that fails is a row that says why.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from bench.measure.environments import FOLDER
from compress.opening import open_student
from compress.quantized_run import STAGES
from deploy import runtime
from tests.quantizers.rows import Reference, markdown, measure, row_of
from tests.quantizers.sources import TOOLS, Ours, Peer, Real, Source, write_calibration, write_float
from tinyasc import artifact, machine, recipe
from tinyasc.errors import UserError
from tinyasc.runs.setup import ComputeConfig


def study(
    *,
    student: Path,
    data: Path,
    out: Path,
    runs: list[str],
    environments: Path = FOLDER,
    calibration_clips: int = 256,
    latency_seconds: float = 10.0,
    seed: int = 0,
) -> None:
    """Compare quantizers on one float student.

    Args:
        student: run folder of a float student.
        data: the data set it was trained on (.h5); its test split is answered.
        out: folder for the table, its rows and the files they are of.
        runs: NAME=RUN for each of our programs made of the student; [] = other people's quantizers alone.
        environments: folder in which the packages of each quantizer are installed, and kept for the next time.
        calibration_clips: training clips that other people's quantizers find their ranges on.
        latency_seconds: time for the latency of each file, seconds.
        seed: of the choice of those clips.
    """
    if calibration_clips < 1 or seed < 0:
        raise UserError(f"calibration_clips is {calibration_clips}, seed {seed}: take 1 or more, and 0 or more")
    named = [_named(run) for run in runs]
    for _, run in named:
        artifact.load_card(run, *STAGES)
    files = out / "files"
    with open_student(student, data, ComputeConfig(device="cpu"), seed) as opened:
        files.mkdir(parents=True, exist_ok=True)
        real = write_float(opened.float_program(), files)
        features = torch.cat(list(opened.features(opened.choose(calibration_clips)))).numpy()
        write_calibration(runtime.load(real[".tflite"]).quantize(features), files)
        clips = opened.clips
        reference = Reference(opened, real)
        given = [*map(artifact.file_sha256, real.values()), clips.checksum, str(latency_seconds)]
        sources: list[Source] = [Real(real), *(Ours(name, run, clips, files) for name, run in named)]
        sources += [Peer(tool, files, environments) for tool in TOOLS]
        rows = [
            row_of(
                source,
                "\n".join(given),
                out / "rows",
                lambda made, name=source.name: measure(name, made, reference, latency_seconds),
            )
            for source in tqdm(sources, "rows", unit="row")
        ]
    table = markdown(rows)
    content = {
        "student": str(student),
        "data": data.name,
        "machine": asdict(machine.describe()),
        "rows": [asdict(row) for row in rows],
    }
    artifact.atomic_write(out / "table.md", table.encode())
    artifact.atomic_write(out / "table.json", (json.dumps(content, indent=1) + "\n").encode())
    print(f"\n{table}\nwrote {out / 'table.md'}, {out / 'table.json'}")


def _named(text: str) -> tuple[str, Path]:
    """NAME=RUN."""
    name, equals, run = text.partition("=")
    if not (equals and run and name.isidentifier()):
        raise UserError(f"runs: {text} is not NAME=RUN, the name in letters, digits and underscores")
    return name, Path(run)


if __name__ == "__main__":
    raise SystemExit(recipe.run(study))
