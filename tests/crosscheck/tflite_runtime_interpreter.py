"""The last tflite-runtime on model.tflite and drop_in.tflite, with its default and with its reference kernels.

    python tflite_runtime_interpreter.py FOLDER        (needs tflite-runtime and numpy < 2)

Its built-in kernels requantize in fixed point and in two steps, not in float32 as XNNPACK does: logits may be some
steps apart, answers may not differ where the best logit leads by more than that.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tflite_runtime.interpreter import Interpreter, OpResolverType  # type: ignore[import-not-found]

LARGEST_STEP = 4
"""Steps of the output scale by which a logit may differ."""


def outputs(path: Path, inputs: np.ndarray, resolver: OpResolverType) -> np.ndarray:
    """The output for each input, without the batch."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for one in inputs:
        interpreter.set_tensor(source, one)
        interpreter.invoke()
        found.append(interpreter.get_tensor(result)[0])
    return np.array(found)


def main(folder: Path) -> int:
    cases = np.load(folder / "cases.npz")
    said, agreed = [], True
    for name, resolver in (("default", OpResolverType.AUTO), ("reference", OpResolverType.BUILTIN_REF)):
        logits = outputs(folder / "model.tflite", cases["features"], resolver)
        apart = np.abs(logits.astype(int) - cases["logits"])
        scores = outputs(folder / "drop_in.tflite", cases["waveforms"][:, None], resolver)
        differing = int((scores.argmax(1) != cases["scores"].argmax(1)).sum())
        said.append(
            f"{name} kernels: {int((apart > 0).sum())} of {apart.size} logits differ, by up to {apart.max()}; "
            f"drop_in scores within {np.abs(scores - cases['scores']).max():.1e}, {differing} answers differ"
        )
        ordered = np.sort(cases["logits"].astype(int), axis=1)
        clear = ordered[:, -1] - ordered[:, -2] > 2 * LARGEST_STEP
        changed = (scores.argmax(1) != cases["scores"].argmax(1)) & clear
        agreed &= bool(apart.max() <= LARGEST_STEP and not changed.any())
    print(f"tflite-runtime {version('tflite-runtime')}, " + "; ".join(said))
    return 0 if agreed else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
