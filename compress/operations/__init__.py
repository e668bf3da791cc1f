"""What a program is made of, one kind of operation a file: described, lowered, quantized, simulated and trained there.

To add one, write `compress/operations/NAME.py` with

1.  a frozen dataclass with the keyword `kind="NAME"`, which registers it for saved programs. Its base class says how it
    is computed: `ElementwiseFunction` (y = g(x), a few lines), `Formula` (float32 operators), `Movement` (numbers at
    another place), `TakesWide` or `Operation` itself (an integer kernel);
2.  a function from a node of the ATen graph to the operation, with the decorator `lowers("aten.NAME.default", ...)`,
    whose argument `channels` says what the operation does to channels, for pruning;

and a row in a test (`tests/compress/test_elementwise_functions.py`, `tests/export/test_operations.py`). What is made of
`compress.arithmetic` is computed and written to both files from the same lines. Only an operation with an integer
kernel needs an emitter a format, which registers itself for the class (`export/to_tflite.py`, `export/to_onnx.py`).
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules


@cache
def register_all() -> None:
    """Import every file of this package and of `compress.lowering`: each registers what it has."""
    for package in ("compress.operations", "compress.lowering"):
        for module in iter_modules(import_module(package).__path__, f"{package}."):
            import_module(module.name)
