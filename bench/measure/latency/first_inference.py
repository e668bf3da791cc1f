"""The process that `start` times: it does nothing before its clock runs, and answers with a line of JSON.

python -m bench.measure.latency.first_inference FILE
"""

import time

BEGIN = time.perf_counter_ns()

import json  # noqa: E402
import sys  # noqa: E402
from contextlib import suppress  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402


def main(path: Path) -> None:
    """Print {"importing", "loading", "first"} in nanoseconds."""
    with suppress(ImportError):  # loading says it
        import_module("deploy.open_runtime").import_runtime(path.suffix)
    np, runtime = import_module("numpy"), import_module("deploy.runtime")
    imported = time.perf_counter_ns()
    model = runtime.load(path)
    loaded = time.perf_counter_ns()
    raw = model.input.quantize(np.zeros(model.input.shape))
    ready = time.perf_counter_ns()
    model.run(raw)
    first = time.perf_counter_ns() - ready
    print(json.dumps({"importing": imported - BEGIN, "loading": loaded - imported, "first": first}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
