"""Command: write the INT8 program as .tflite and .onnx, and prove that they are it.

    python -m export --model RUN --out RUN --author NAME --licence NAME --version NUMBER

Writes, each as .tflite and .onnx: model (INT8, features in, logits out), drop_in (the same with the front-end inside:
waveform in, scores out) and model_float (the float student, for comparison); then parity.json, recipe.yaml,
model_card.json. If a single logit of a model file differs in a single runtime, or the front-end inside is not that of
`tinyasc.mel`, nothing is written.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from compress import program
from compress.program import Program
from compress.quantized_run import FLOAT_PROGRAM, INT8_PROGRAM, SAMPLE, STAGES
from export.drop_in import Sound, write_files
from export.inputs import sounds, tones, varied_inputs
from export.metadata import Facts
from export.parity import Agreement, compare, prove_drop_in
from export.runtimes import litert, onnx_runtime
from tinyasc import artifact, front_end, machine, recipe
from tinyasc.artifact import ModelCard, new_run
from tinyasc.errors import UserError

LEAST_INPUTS = 2000
LEAST_WAVEFORMS = 100
MODELS = (".tflite", ".onnx")


def export(
    *,
    model: Path,
    out: Path,
    inputs: int = 2048,
    waveforms: int = 256,
    variants: bool = False,
    author: str = "",
    licence: str = "",
    version: str = "",
    seed: int = 0,
) -> None:
    """Write an INT8 program as .tflite and .onnx, each proven equal to the integer simulator.

    Args:
        model: run folder of quantization-aware training or of post-training quantization.
        out: run folder to write.
        inputs: varied inputs to prove equality on, at least 2,000.
        waveforms: varied waveforms to prove the front-end inside of the drop-in files on, at least 100.
        variants: write drop_in_float, model_float16 and drop_in_float16 too, for comparison.
        author: of the model, for the files' metadata; empty = left out.
        licence: of the model, for the files' metadata; empty = left out.
        version: of the model, for the files' metadata; empty = left out.
        seed: of the varied inputs and waveforms.
    """
    if inputs < LEAST_INPUTS:
        raise UserError(f"inputs is {inputs}: equality over fewer than {LEAST_INPUTS} inputs proves little, give more")
    if waveforms < LEAST_WAVEFORMS:
        raise UserError(f"waveforms is {waveforms}: fewer than {LEAST_WAVEFORMS} prove little, give more")
    if seed < 0:
        raise UserError(f"seed is {seed}: take 0 or more")
    card = artifact.load_card(model, *STAGES)
    int8, real = program.load(model / INT8_PROGRAM), program.load(model / FLOAT_PROGRAM)
    sample = load_file(model / SAMPLE)
    sound = _sound(card, int8, sample)
    rate = sound.samples if sound.config is None else sound.config.sample_rate
    parent = card.files[f"{INT8_PROGRAM}.safetensors"]["sha256"]
    about = (card.labels, card.mel, rate, sound.samples, card.architecture, parent)
    with new_run(out) as run:
        facts = Facts(*about, author, licence, version)
        write_files(run.folder, int8, real, sound=sound, facts=facts, variants=variants)
        network = litert(run.path("model.tflite"), threads=1)
        varied = varied_inputs(sample["log_mel"], int8.quantization(int8.input).zero_point, inputs, seed)
        agreements = compare(
            int8,
            np.concatenate(list(varied.values())),
            [
                ("model.tflite", network),
                ("model.tflite", litert(run.path("model.tflite"), threads=2)),
                ("model.onnx", onnx_runtime(run.path("model.onnx"), threads=1)),
            ],
        )
        _refuse(agreements)
        tried = {"sounds": sounds(_recordings(sample, sound), waveforms, sound.samples, seed)}
        tried["tones"] = tones(waveforms // 8, sound.samples, seed)
        joined = prove_drop_in(run.folder, int8, sound, network, tried)
        parity = {
            "machine": asdict(machine.describe()),
            "inputs": {kind: len(made) for kind, made in varied.items()},
            "agreements": [found.to_dict() for found in agreements],
            "drop_in": [found.to_dict() for found in joined],
        }
        run.path("parity.json").write_text(json.dumps(parity, indent=1) + "\n")
        run.card = replace(card, stage="export", lineage=artifact.lineage_of([model]), seed=seed)
        sizes = {file.name: file.stat().st_size for file in sorted(run.folder.iterdir()) if file.suffix in MODELS}
    for found in agreements:
        print(f"{found.file} in {found.runtime}, {found.kernels}, threads {found.threads}: ", end="")
        print(f"{found.differing} of {found.logits:,} logits differ from the simulator")
    for found in joined:
        print(f"{found.file} in {found.runtime}, threads {found.threads}, {found.inputs} {found.waveforms}: ", end="")
        print(f"the network's input within {found.relative_difference:.1e} of tinyasc's, ", end="")
        print(f"{found.differing} of {found.logits:,} logits and {found.differing_answers} answers differ")
    for name, size in sizes.items():
        print(f"{name}: {size:,} bytes, {size / int8.parameter_count:.2f} per parameter")
    print(f"wrote {out}")


def _sound(card: ModelCard, int8: Program, sample: Mapping[str, NDArray[Any]]) -> Sound:
    """What the drop-in files take: as much as the network was trained on."""
    config = front_end.from_card(card.mel)
    if config is None:
        return Sound(None, int8.values[int8.input].shape[-1])
    recordings = sample.get("waveform")
    return Sound(config, config.sample_rate if recordings is None else recordings.shape[1])


def _recordings(sample: Mapping[str, NDArray[Any]], sound: Sound) -> NDArray[np.float32]:
    """The sample's recordings (n, S), as far as it has any."""
    return sample.get("waveform", np.zeros((0, sound.samples), np.float32))


def _refuse(agreements: list[Agreement]) -> None:
    for found in agreements:
        if found.differing:
            raise UserError(
                f"{found.file} in {found.runtime} ({found.kernels}, {found.threads} threads): {found.differing} of "
                f"{found.logits} logits differ from the simulator, by up to {found.largest_difference}; "
                "nothing was written: report this processor and these versions, the program is meant to be exact"
            )


if __name__ == "__main__":
    raise SystemExit(recipe.run(export))
