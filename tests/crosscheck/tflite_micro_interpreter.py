"""TensorFlow Lite Micro's reference kernels, those of microcontrollers, on model.tflite.

    python tflite_micro_interpreter.py FOLDER        (needs tflite-micro)

They requantize in fixed point: logits may be some steps apart.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tflite_micro.python.tflite_micro import runtime  # type: ignore[import-not-found]

LARGEST_STEP = 4
"""Steps of the output scale by which a logit may differ."""
ARENA = 8_000_000  # bytes


def main(folder: Path) -> int:
    cases = np.load(folder / "cases.npz")
    interpreter = runtime.Interpreter.from_file(str(folder / "model.tflite"), arena_size=ARENA)
    found = []
    for one in cases["features"]:
        interpreter.set_input(one, 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0)[0])
    logits = np.array(found)
    apart = np.abs(logits.astype(int) - cases["logits"])
    differing = int((logits.argmax(1) != cases["logits"].argmax(1)).sum())
    print(
        f"tflite-micro {version('tflite-micro')}: {int((apart > 0).sum())} of {apart.size} logits differ, "
        f"by up to {apart.max()}; {differing} answers differ"
    )
    return 0 if apart.max() <= LARGEST_STEP else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
