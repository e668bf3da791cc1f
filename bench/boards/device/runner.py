"""Measures the model files of a bundle on the machine it runs on. It is copied to a device with the modules of `deploy`
that it imports, and nothing else of this project (`bench.boards.device.bundle`).

    python runner.py BUNDLE OUT

It needs Python 3.9, numpy and a runtime for the files: ai-edge-litert or tflite-runtime (.tflite), onnxruntime (.onnx).

BUNDLE holds the model files, a .npy of raw inputs for each (n, *shape of one input, in the file's own type), and
settings.json:
    format     1
    mode       "time": milliseconds; "count": no clock is read, but each of the `runs` invocations, and nothing else in
               the process, stands between two calls of getpriority(2), which a counter of instructions can see
    models     list of {"file", "inputs", "kernels"}; kernels: "default" or "built-in" (no delegate; .tflite only)
    threads    list of thread counts
    warm_up    runs of each model before those that count
    runs       runs of each model that count
    block      "time": consecutive runs of one model; a round is one block of every model, in an order drawn anew
    steady_seconds    "time": each model then runs for so long without a pause, for a power meter; 0: not at all

OUT gets one .npy of raw outputs (n, *shape of one output) for each model, and measured.json last, whole or not at all:
    format, mode, machine, python, numpy, before, after, during, started, ended, peak_rss_bytes, models, skipped, phases
A file without a runtime here is skipped, and so are thread counts above the number of cores.
Times of day are Unix seconds, taken from this machine's clock. What a machine does not tell is null.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deploy import board_state, open_runtime

FORMAT = 1
SETTLE = 2
"""Runs at the head of a block that do not count: the caches hold the model before."""
PAUSE = 0.02
"""Seconds between blocks: a runtime's idle threads spin for a while before they sleep, and take cores from the next."""


class Loaded(NamedTuple):
    """A model in its runtime."""

    runtime: str
    """Package and version."""
    kernels: str
    put: Callable[[Any], None]
    invoke: Callable[[], None]
    get: Callable[[], Any]

    def run(self, raw: Any) -> Any:
        self.put(raw)
        self.invoke()
        return self.get()


def load(path: Path, threads: int, kernels: str = "default") -> Loaded:
    """A model file with one input and one output, on the CPU.

    Raises:
        ImportError: no runtime for such files here.
        ValueError, RuntimeError: the runtime does not take the file.
    """
    return _load_onnx(path, threads) if path.suffix == ".onnx" else _load_tflite(path, threads, kernels)


def _load_tflite(path: Path, threads: int, kernels: str) -> Loaded:
    interpreter = open_runtime.open_interpreter(path, threads, kernels)
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    return Loaded(
        open_runtime.runtime_version(path.suffix),
        open_runtime.kernel_family(interpreter),
        lambda raw: interpreter.set_tensor(source, raw),
        interpreter.invoke,
        lambda: interpreter.get_tensor(sink),
    )


def _load_onnx(path: Path, threads: int) -> Loaded:
    session = open_runtime.open_session(path, threads)
    name, wanted = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    feed: dict[str, Any] = {}
    given: list[Any] = []

    def put(raw: Any) -> None:
        feed[name] = raw

    def invoke() -> None:
        given[:] = session.run(wanted, feed)

    return Loaded(open_runtime.runtime_version(path.suffix), "MLAS", put, invoke, lambda: given[0])


def measure(bundle: Path, out: Path) -> None:
    """Do what the bundle's settings say and write OUT."""
    settings = json.loads((bundle / "settings.json").read_text())
    if settings["format"] != FORMAT:
        raise ValueError(f"settings.json has format {settings['format']!r}, this runner reads {FORMAT}")
    out.mkdir(parents=True, exist_ok=True)
    timed = settings["mode"] == "time"
    started, before = time.time(), board_state.state(timed)
    entries, models, inputs, skipped = [], [], [], []
    cores = os.cpu_count() or 1
    for described in settings["models"]:
        try:
            open_runtime.import_runtime(Path(described["file"]).suffix)  # imported before any clock starts
        except ImportError as error:
            skipped.append({"file": described["file"], "reason": str(error)})
            continue
        for threads in [count for count in settings["threads"] if count <= cores] or [1]:
            entry, model, raw = _prepare(bundle, out, described, threads, timed)
            entries.append(entry)
            models.append(model)
            inputs.append(raw)
    if not entries:
        raise ValueError("no runtime for any of the files: " + skipped[0]["reason"])
    during, phases = None, []
    for model, raw in zip(models, inputs):  # noqa: B905 (strict came with Python 3.10)
        for number in range(settings["warm_up"]):
            model.run(raw[number % len(raw)])
        if not timed:
            _mark(model, raw[0], settings["runs"])
    if timed:
        during = _time(models, inputs, entries, settings["runs"], settings["block"])
        if settings["steady_seconds"]:
            phases = _steady(models, inputs, entries, settings["steady_seconds"])
    _write(
        out / "measured.json",
        {
            "format": FORMAT,
            "mode": settings["mode"],
            "machine": board_state.machine(),
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "before": before,
            "after": board_state.state(timed),
            "during": during,
            "started": started,
            "ended": time.time(),
            "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,  # Linux gives KiB
            "models": entries,
            "skipped": skipped,
            "phases": phases,
        },
    )


def _prepare(bundle: Path, out: Path, described: dict[str, str], threads: int, timed: bool) -> tuple[dict, Loaded, Any]:
    """Load a model, run every input once and save the outputs."""
    file, kernels = described["file"], described["kernels"]
    raw = np.load(bundle / described["inputs"], allow_pickle=False)
    rows = [np.ascontiguousarray(one) for one in raw]
    memory, start = board_state.resident_bytes(), time.perf_counter()
    try:
        model = load(bundle / file, threads, kernels)
        loaded = time.perf_counter()
        outputs = [np.array(model.run(rows[0]))]
        first = time.perf_counter()
    except Exception as error:  # onnxruntime's derive from nothing but Exception
        raise ValueError(f"{file} does not run: {error}") from error
    growth = board_state.resident_bytes() - memory
    outputs = np.stack(outputs + [np.array(model.run(row)) for row in rows[1:]])
    saved = f"{file}.{kernels}.{threads}.npy"
    np.save(out / saved, outputs)
    entry = {
        "file": file,
        "sha256": hashlib.sha256((bundle / file).read_bytes()).hexdigest(),
        "threads": threads,
        "asked": kernels,
        "runtime": model.runtime,
        "kernels": model.kernels,
        "load_ms": 1e3 * (loaded - start) if timed else None,
        "first_ms": 1e3 * (first - loaded) if timed else None,
        "resident_growth_bytes": growth,
        "milliseconds": None,
        "outputs": saved,
        "outputs_sha256": hashlib.sha256((out / saved).read_bytes()).hexdigest(),
    }
    return entry, model, rows


def _mark(model: Loaded, raw: Any, runs: int) -> None:
    model.put(raw)
    for _ in range(runs):
        os.getpriority(os.PRIO_PROCESS, 0)
        model.invoke()
        os.getpriority(os.PRIO_PROCESS, 0)


def _time(models: list[Loaded], inputs: list[Any], entries: list[dict], runs: int, block: int) -> dict[str, Any]:
    """Fill in the milliseconds from a ready input to a copied output; returns what the clocks did meanwhile."""
    taken: list[list[float]] = [[] for _ in models]
    frequencies, temperatures = [], []
    order, generator = list(range(len(models))), random.Random(0)
    rounds = -(-runs // block)
    gc.disable()
    for number in range(rounds):
        generator.shuffle(order)
        for place in order:
            run, raw = models[place].run, inputs[place]
            time.sleep(PAUSE)
            for count in range(SETTLE + block):
                one = raw[count % len(raw)]
                begin = time.perf_counter_ns()
                run(one)
                end = time.perf_counter_ns()
                if count >= SETTLE:
                    taken[place].append((end - begin) / 1e6)
            now = board_state.state(False)  # at once: the clock still is that of the work
            frequencies.append(now["frequency_hz"])
            temperatures.append(now["temperature_c"])
        print(f"round {number + 1} of {rounds}", flush=True)
    gc.enable()
    for entry, milliseconds in zip(entries, taken):  # noqa: B905
        entry["milliseconds"] = [round(one, 6) for one in milliseconds]
    known = [[one for one in seen if one is not None] for seen in (frequencies, temperatures)]
    return {
        "lowest_frequency_hz": min(known[0], default=None),
        "median_frequency_hz": float(np.median(known[0])) if known[0] else None,
        "middle_frequencies_hz": np.quantile(known[0], [0.1, 0.9]).tolist() if known[0] else None,
        "highest_temperature_c": max(known[1], default=None),
    }


def _steady(models: list[Loaded], inputs: list[Any], entries: list[dict], seconds: float) -> list[dict[str, Any]]:
    """A stretch of doing nothing, then each model without a pause: what a power meter of a few hertz can see."""
    begin = time.time()
    time.sleep(seconds)
    nothing = {"file": None, "kernels": None, "threads": None}
    phases = [{"phase": "idle", **nothing, "started": begin, "ended": time.time(), "inferences": 0}]
    for model, raw, entry in zip(models, inputs, entries):  # noqa: B905
        begin, end, count = time.time(), time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            model.run(raw[count % len(raw)])
            count += 1
        what = {key: entry[key] for key in nothing}
        phases.append({"phase": "inference", **what, "started": begin, "ended": time.time(), "inferences": count})
        print(f"steady phase {len(phases) - 1} of {len(models)}", flush=True)
    return phases


def _write(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python runner.py BUNDLE OUT", file=sys.stderr)
        return 2
    try:
        measure(Path(arguments[0]), Path(arguments[1]))
    except (ImportError, OSError, ValueError, KeyError) as error:
        print("runner.py: " + " ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
