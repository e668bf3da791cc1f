"""Command: write the INT8 program as .tflite and .onnx, and prove that they are it.

    python -m export --model RUN --out RUN

Writes model.tflite and model.onnx (INT8), model_float.tflite and model_float.onnx (the float student, for comparison),
parity.json, recipe.yaml, model_card.json. If a single logit of a single runtime differs, nothing is written.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from safetensors.numpy import load_file

from compress import program
from compress.program import Program, quantization
from compress.qat import FLOAT_PROGRAM, INT8_PROGRAM, SAMPLE
from export.parity import Agreement, compare, varied_inputs
from export.runtimes import litert, onnx_runtime
from export.to_onnx import to_onnx, uint8_zero_point
from export.to_tflite import to_tflite
from tinyasc import artifact, machine, recipe
from tinyasc.artifact import ModelCard, new_run
from tinyasc.errors import UserError

LEAST_INPUTS = 1000


def export(model: Path, out: Path, inputs: int = 1024, seed: int = 0) -> None:
    """Write an INT8 program as .tflite and .onnx, each proven equal to the integer simulator.

    Args:
        model: run folder of quantization-aware training.
        out: run folder to write.
        inputs: varied inputs to prove equality on, at least 1,000.
        seed: of the varied inputs.
    """
    if inputs < LEAST_INPUTS:
        raise UserError(f"inputs is {inputs}: equality over fewer than {LEAST_INPUTS} inputs proves little, give more")
    card = artifact.load_card(model, "qat")
    int8, real = program.load(model / INT8_PROGRAM), program.load(model / FLOAT_PROGRAM)
    with new_run(out) as run:
        run.path("model.tflite").write_bytes(to_tflite(int8))
        run.path("model_float.tflite").write_bytes(to_tflite(real))
        to_onnx(int8, run.path("model.onnx"), _metadata(int8, card))
        to_onnx(real, run.path("model_float.onnx"), _metadata(real, card))
        agreements = compare(
            int8,
            varied_inputs(load_file(model / SAMPLE)["log_mel"], inputs, seed),
            [
                ("model.tflite", litert(run.path("model.tflite"), threads=1)),
                ("model.tflite", litert(run.path("model.tflite"), threads=2)),
                ("model.onnx", onnx_runtime(run.path("model.onnx"), threads=1)),
            ],
        )
        _refuse(agreements)
        parity = {"machine": asdict(machine.describe()), "agreements": [found.to_dict() for found in agreements]}
        run.path("parity.json").write_text(json.dumps(parity, indent=1) + "\n")
        run.card = replace(card, stage="export", lineage=artifact.lineage_of([model]), seed=seed)
        sizes = {name: run.path(name).stat().st_size for name in ("model.tflite", "model.onnx")}
    for found in agreements:
        print(f"{found.file} in {found.runtime}, {found.kernels}, threads {found.threads}: ", end="")
        print(f"{found.differing} of {found.logits:,} logits differ from the simulator")
    for name, size in sizes.items():
        print(f"{name}: {size:,} bytes, {size / int8.parameter_count:.2f} per parameter")
    print(f"wrote {out}")


def _metadata(emitted: Program, card: ModelCard) -> dict[str, str]:
    """What a reader of the .onnx needs: labels, front-end, and the quantization of input and output."""
    metadata = {"labels": json.dumps(card.labels), "mel": json.dumps(card.mel)}
    if emitted.quantized:
        for end, name in (("input", emitted.input), ("output", emitted.output)):
            found = quantization(emitted, name)
            metadata[f"{end}_scale"] = repr(found.scale)
            metadata[f"{end}_zero_point"] = str(uint8_zero_point(found))
    return metadata


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
