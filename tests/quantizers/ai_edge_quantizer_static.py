"""ai-edge-quantizer on float.tflite: int8 weights per channel and int8 activations, by its own recipe.

    python ai_edge_quantizer_static.py FOLDER        (needs ai-edge-quantizer)

Reads float.tflite and calibration.npz (features: n inputs of it), writes ai_edge_quantizer_static.tflite.
"""

import sys
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe  # type: ignore[import-not-found]

SIGNATURE, INPUT, OUTPUT = "serving_default", "features", "logits"


def named(content: bytes) -> bytes:
    """The same model with a name for each tensor and for both ends: the quantizer knows tensors by these alone."""
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    for number, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = f"{number}/{tensor.name.decode()}"
    signature: Any = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
    ends = ("inputs", INPUT, model.subgraphs[0].inputs), ("outputs", OUTPUT, model.subgraphs[0].outputs)
    for side, name, (index,) in ends:
        end: Any = schema.TensorMapT()
        end.name, end.tensorIndex = name, index
        setattr(signature, side, [end])
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def main(folder: Path) -> None:
    features = np.load(folder / "calibration.npz")["features"]
    tool = quantizer.Quantizer(named((folder / "float.tflite").read_bytes()), recipe.static_wi8_ai8())
    calibration = tool.calibrate({SIGNATURE: [{INPUT: one} for one in features]}, num_threads=1)
    tool.quantize(calibration).export_model(str(folder / f"{Path(__file__).stem}.tflite"), overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
