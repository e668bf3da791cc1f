"""Loads and runs one model file and prints what this process took at each stage. Of this project it
imports `deploy.open_runtime` alone, which loads nothing but numpy.

    python -P resident_child.py FILE INFERENCES       (with this project on PYTHONPATH)

One line of JSON: "stages", name -> {"resident", "anonymous"} in bytes, "peak" in bytes, "runtime" and "kind".
    started     Python and numpy
    imported    and the runtime
    loaded      and the file, its memory allocated
    first       after one inference; its input and output arrays are there too
    last        after all of them
resident counts pages in memory, those of shared libraries included; anonymous only those that no file backs: heap and
stack. Both are of /proc/self/status (proc_pid_status(5)), where kind is "resident", and peak is its VmHWM, which starts
anew with a program. Without /proc, kind is "peak so far": resident is ru_maxrss, anonymous null.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from deploy import open_runtime

STATUS = Path("/proc/self/status")
ONNX_TYPES = {"float": "float32", "double": "float64"}
"""ONNX Runtime's names of types that are not numpy's."""


def main(file: Path, inferences: int) -> None:
    stages = {"started": reading()}
    open_runtime.import_runtime(file.suffix)
    stages["imported"] = reading()
    infer = onnx(file) if file.suffix == ".onnx" else tflite(file)
    stages["loaded"] = reading()
    infer()
    stages["first"] = reading()
    for _ in range(inferences - 1):
        infer()
    stages["last"] = reading()
    runtime = open_runtime.runtime_version(file.suffix)
    kind = "resident" if STATUS.exists() else "peak so far"
    print(json.dumps({"stages": stages, "peak": peak(), "runtime": runtime, "kind": kind}))


def tflite(file: Path) -> Any:
    """One inference on one thread, as a call without arguments."""
    interpreter = open_runtime.open_interpreter(file)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()

    def infer() -> list[np.ndarray]:
        for one in inputs:
            interpreter.set_tensor(one["index"], np.ones(one["shape"], one["dtype"]))
        interpreter.invoke()
        return [interpreter.get_tensor(one["index"]) for one in outputs]

    return infer


def onnx(file: Path) -> Any:
    """The same in ONNX Runtime."""
    session = open_runtime.open_session(file)
    shapes = {}
    for one in session.get_inputs():
        name = one.type.removeprefix("tensor(").removesuffix(")")
        # a named length, such as the batch, is 1
        shapes[one.name] = [n if isinstance(n, int) else 1 for n in one.shape], ONNX_TYPES.get(name, name)

    def infer() -> list[np.ndarray]:
        return session.run(None, {name: np.ones(shape, dtype) for name, (shape, dtype) in shapes.items()})

    return infer


def reading() -> dict[str, int | None]:
    """What this process takes now."""
    if not STATUS.exists():
        return {"resident": peak(), "anonymous": None}
    return {"resident": status("VmRSS"), "anonymous": status("RssAnon")}


def peak() -> int:
    """The most that this process took so far."""
    if STATUS.exists():
        return status("VmHWM")
    import resource  # noqa: PLC0415 (not on Windows)

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def status(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    with open(STATUS) as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
    raise OSError(f"{STATUS} has no {field}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
