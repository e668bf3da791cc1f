"""The last tflite-runtime on model.tflite and drop_in.tflite, with its default and with its reference kernels.

    python tflite_runtime_interpreter.py FOLDER        (needs tflite-runtime and numpy < 2)

Its XNNPACK is older and takes fewer operators; the rest falls to built-in kernels. Scores' answers may not differ where
the best logit leads by more than the tolerance.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from logits import FIXED_POINT, Comparison, outputs  # type: ignore[import-not-found]
from tflite_runtime.interpreter import Interpreter, OpResolverType  # type: ignore[import-not-found]


def main(folder: Path) -> int:
    cases = np.load(folder / "cases.npz")
    said, agreed = [], True
    for name, resolver in (("default", OpResolverType.AUTO), ("reference", OpResolverType.BUILTIN_REF)):
        network, drop_in = (
            Interpreter(str(folder / f"{stem}.tflite"), experimental_op_resolver_type=resolver)
            for stem in ("model", "drop_in")
        )
        compared = Comparison(outputs(network, cases["features"]), cases["logits"], FIXED_POINT)
        scores = outputs(drop_in, cases["waveforms"][:, None])
        changed = scores.argmax(axis=1) != cases["scores"].argmax(axis=1)
        said.append(
            f"{name} kernels: {compared}; drop_in scores within {np.abs(scores - cases['scores']).max():.1e}, "
            f"{changed.sum()} answers differ"
        )
        agreed &= compared.agreed and not (changed & compared.clear).any()
    print(f"tflite-runtime {version('tflite-runtime')}, " + "; ".join(said))
    return 0 if agreed else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
