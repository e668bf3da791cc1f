"""Runs one .tflite file in TensorFlow Lite Micro and finds the smallest arena for it.

    python -P arena_child.py FILE MOST

It needs tflite-micro, and imports nothing of this project. First the file runs in an arena of MOST bytes, and stderr
gets what the library's recording allocator says of it. Then the smallest arena in which the file loads is found within
ALIGNMENT by bisection, and the file runs in it; stdout gets one line of JSON: "smallest", bytes, and "version".

Exit code 1: the file does not run in MOST; the first line on stderr says why. The library may also abort the process.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from tflite_micro.python.tflite_micro import runtime  # type: ignore[import-not-found]

ALIGNMENT = 16
"""Bytes to which the library aligns what it puts into an arena (MicroArenaBufferAlignment)."""


def main(file: str, most: int) -> int:
    try:
        interpreter = load(file, most)
        run(interpreter)
    except Exception as error:  # its reader of flatbuffers fails in whatever way the bytes lead it
        print(error, file=sys.stderr)
        return 1
    interpreter.print_allocations()
    fails, loads = 0, most
    while loads - fails > ALIGNMENT:
        middle = (fails + loads) // 2
        try:
            load(file, middle)
            loads = middle
        except RuntimeError:  # too small
            fails = middle
    run(load(file, loads))
    print(json.dumps({"smallest": loads, "version": version("tflite-micro")}))
    return 0


def load(file: str, arena_size: int) -> Any:
    """An interpreter with everything in its arena; RuntimeError where that does not hold it."""
    return runtime.Interpreter.from_file(file, arena_size=arena_size)


def run(interpreter: Any) -> None:
    """One inference."""
    details = interpreter.get_input_details(0)
    interpreter.set_input(np.ones(details["shape"], details["dtype"]), 0)
    interpreter.invoke()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], int(sys.argv[2])))
