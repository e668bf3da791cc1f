"""ONNX Runtime's static quantization of float.onnx: int8 weights per channel, uint8 activations, written as QDQ.

    python onnx_runtime_static.py FOLDER        (needs onnx and onnxruntime)

Reads float.onnx and calibration.npz (features: n inputs of float.tflite), writes onnx_runtime_static.onnx. uint8
activations are what ONNX Runtime advises on x86; ranges are the least and the greatest value.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(CalibrationDataReader):
    def __init__(self, name: str, shape: list[int], features: np.ndarray) -> None:
        self.rest: Iterator[dict[str, np.ndarray]] = iter([{name: one.reshape(shape)} for one in features])

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
        return next(self.rest, None)


def main(folder: Path) -> None:
    path, prepared = folder / "float.onnx", folder / "float.prepared.onnx"
    given = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0]
    # as its documentation asks: operations are fused and shapes known before
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(folder / f"{Path(__file__).stem}.onnx"),
        Reader(given.name, given.shape, np.load(folder / "calibration.npz")["features"]),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
