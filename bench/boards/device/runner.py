"""Measures the model files of a bundle on the machine it runs on. The one file that is copied to a device.

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
import importlib
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FORMAT = 1
SETTLE = 2
"""Runs at the head of a block that do not count: the caches hold the model before."""
PAUSE = 0.02
"""Seconds between blocks: a runtime's idle threads spin for a while before they sleep, and take cores from the next."""
THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of `vcgencmd get_throttled`, the same 16 places higher for "since boot" (Raspberry Pi OS documentation)."""

CORE = ("cpu implementer", "cpu architecture", "cpu variant", "cpu part", "cpu revision")
"""What /proc/cpuinfo says of an Arm core; part 0xd03 is a Cortex-A53, 0xd08 an A72, 0xd0b an A76 (Arm's MIDR_EL1)."""


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
    package, module = _runtime(path.suffix)
    if path.suffix == ".onnx":
        return _load_onnx(path, threads, package, module)
    return _load_tflite(path, threads, kernels, package, module)


def _runtime(suffix: str) -> tuple[str, Any]:
    """The package and module that run such files."""
    if suffix == ".onnx":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else 1.32 leaves a device id and a database in the home folder
        return "onnxruntime", importlib.import_module("onnxruntime")
    try:
        return "ai-edge-litert", importlib.import_module("ai_edge_litert.interpreter")
    except ImportError:
        return "tflite-runtime", importlib.import_module("tflite_runtime.interpreter")


def _load_tflite(path: Path, threads: int, kernels: str, package: str, litert: Any) -> Loaded:
    # BUILTIN_REF would be slow reference code; this one is the built-in kernels as a device without XNNPACK has them.
    resolver = "BUILTIN_WITHOUT_DEFAULT_DELEGATES" if kernels == "built-in" else "AUTO"
    interpreter: Any = litert.Interpreter(
        model_path=str(path),
        num_threads=threads,
        experimental_op_resolver_type=getattr(litert.OpResolverType, resolver),
    )
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    delegated = any(operation["op_name"] == "DELEGATE" for operation in interpreter._get_ops_details())
    return Loaded(
        package + " " + metadata.version(package),
        "XNNPACK" if delegated else "built-in kernels",
        lambda raw: interpreter.set_tensor(source, raw),
        interpreter.invoke,
        lambda: interpreter.get_tensor(sink),
    )


def _load_onnx(path: Path, threads: int, package: str, onnxruntime: Any) -> Loaded:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name, wanted = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    feed: dict[str, Any] = {}
    given: list[Any] = []

    def put(raw: Any) -> None:
        feed[name] = raw

    def invoke() -> None:
        given[:] = session.run(wanted, feed)

    return Loaded(package + " " + onnxruntime.__version__, "MLAS", put, invoke, lambda: given[0])


def measure(bundle: Path, out: Path) -> None:
    """Do what the bundle's settings say and write OUT."""
    settings = json.loads((bundle / "settings.json").read_text())
    if settings["format"] != FORMAT:
        raise ValueError(f"settings.json has format {settings['format']!r}, this runner reads {FORMAT}")
    out.mkdir(parents=True, exist_ok=True)
    timed = settings["mode"] == "time"
    started, before = time.time(), state(timed)
    entries, models, inputs, skipped = [], [], [], []
    cores = os.cpu_count() or 1
    for described in settings["models"]:
        try:
            _runtime(Path(described["file"]).suffix)  # imported before any clock starts
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
            "machine": machine(),
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "before": before,
            "after": state(timed),
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
    memory, start = _resident(), time.perf_counter()
    try:
        model = load(bundle / file, threads, kernels)
        loaded = time.perf_counter()
        outputs = [np.array(model.run(rows[0]))]
        first = time.perf_counter()
    except Exception as error:  # onnxruntime's derive from nothing but Exception
        raise ValueError(f"{file} does not run: {error}") from error
    growth = _resident() - memory
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
            now = state(False)  # at once: the clock still is that of the work
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


def machine() -> dict[str, Any]:
    """What this machine is."""
    system = os.uname()
    cores: list[dict[str, str]] = []
    others: dict[str, str] = {}
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "processor":
            cores.append({})
        elif key in CORE and cores:
            cores[-1][key[4:]] = value
        elif key:
            others.setdefault(key, value)
    kinds = [kind for number, kind in enumerate(cores) if kind and kind not in cores[:number]]
    memory = (_read("/proc/meminfo") or "").split()
    released = [
        line.partition("=")[2].strip('"')
        for line in (_read("/etc/os-release") or "").splitlines()
        if line.startswith("PRETTY_NAME=")
    ]
    return {
        "board": (_read("/proc/device-tree/model") or "").strip("\0\n ") or None,
        "cpu": others.get("model name") or others.get("hardware"),
        "cores": os.cpu_count(),
        "core_kinds": kinds,
        "features": sorted(set((others.get("features") or others.get("flags") or "").split())),
        "architecture": system.machine,
        "bits": 8 * struct.calcsize("P"),
        "kernel": system.sysname + " " + system.release,
        "system": released[0] if released else None,
        "memory_bytes": 1024 * int(memory[1]) if memory[:1] == ["MemTotal:"] else None,
        "maximum_frequency_hz": _hertz("cpuinfo_max_freq"),
    }


def state(firmware: bool) -> dict[str, Any]:
    """What this machine's clocks do now.

    Args:
        firmware: also ask a Raspberry Pi's firmware, which takes a process.
    """
    zone = _read("/sys/class/thermal/thermal_zone0/temp")
    return {
        "governor": (_read(CLOCK + "scaling_governor") or "").strip() or None,
        "frequency_hz": _hertz("scaling_cur_freq"),
        "temperature_c": int(zone) / 1000 if zone and zone.strip().lstrip("-").isdigit() else None,
        "load": os.getloadavg()[0],
        "throttled": _throttled() if firmware else None,
    }


def _throttled() -> dict[str, Any] | None:
    if shutil.which("vcgencmd") is None:
        return None
    done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, check=False)
    name, _, value = done.stdout.strip().partition("=")
    if name != "throttled":
        return None
    bits = int(value, 16)
    return {
        "bits": value,
        "now": [meaning for bit, meaning in THROTTLED.items() if bits >> bit & 1],
        "since_boot": [meaning for bit, meaning in THROTTLED.items() if bits >> bit + 16 & 1],
    }


CLOCK = "/sys/devices/system/cpu/cpu0/cpufreq/"


def _hertz(name: str) -> int | None:
    value = (_read(CLOCK + name) or "").strip()
    return 1000 * int(value) if value.isdigit() else None


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = (_read("/proc/self/statm") or "0 0").split()[1]
    return int(pages) * resource.getpagesize()


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None


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
