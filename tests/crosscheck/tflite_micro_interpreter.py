"""TensorFlow Lite Micro's reference kernels, those of microcontrollers, on model.tflite.

python tflite_micro_interpreter.py FOLDER        (needs tflite-micro)
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from logits import FIXED_POINT, Comparison  # type: ignore[import-not-found]
from tflite_micro.python.tflite_micro import runtime  # type: ignore[import-not-found]

ARENA = 8_000_000  # bytes


def main(folder: Path) -> int:
    cases = np.load(folder / "cases.npz")
    interpreter = runtime.Interpreter.from_file(str(folder / "model.tflite"), arena_size=ARENA)
    found = []
    for one in cases["features"]:
        interpreter.set_input(one, 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0)[0])
    compared = Comparison(np.array(found), cases["logits"], FIXED_POINT)
    print(f"tflite-micro {version('tflite-micro')}: {compared}")
    return 0 if compared.agreed else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
