"""ai-edge-litert's other kernels on model.tflite: the optimized ones without XNNPACK, and the reference kernels.

python litert_kernels.py FOLDER        (needs ai-edge-litert)
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from logits import FIXED_POINT, Comparison, outputs  # type: ignore[import-not-found]

KERNELS = {
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}


def main(folder: Path) -> int:
    cases = np.load(folder / "cases.npz")
    found = {}
    for name, resolver in KERNELS.items():
        interpreter = Interpreter(str(folder / "model.tflite"), experimental_op_resolver_type=resolver)
        found[name] = Comparison(outputs(interpreter, cases["features"]), cases["logits"], FIXED_POINT)
    said = "; ".join(f"{name} kernels: {compared}" for name, compared in found.items())
    print(f"ai-edge-litert {version('ai-edge-litert')}, {said}")
    return 0 if all(compared.agreed for compared in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
