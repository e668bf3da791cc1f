"""The content of two small reports: of a run with everything measured, and of a file of which little is known."""

from typing import Any

LABELS = ["airport", "metro_station", "tram"]
SHA = "0123456789abcdef" * 4


def part(macro: float, n: int = 90) -> dict[str, Any]:
    interval = [max(0.0, macro - 0.06), min(1.0, macro + 0.05)]
    loss = 1.5 - macro
    return {
        "macro": macro,
        "interval": interval,
        "log_loss": loss,
        "log_loss_interval": [loss - 0.1, loss + 0.1],
        "n": n,
        "moments": 20,
    }


def answered(macro: float) -> dict[str, Any]:
    return {
        "output": "logits",
        "least": None,
        "whole": part(macro, 270),
        "parts": {
            "class": {label: part(macro + 0.03 * place) for place, label in enumerate(LABELS)},
            "device": {"a": part(macro), "s1": part(macro + 0.02), "s4": {**part(macro - 0.1), "interval": None}},
            "group": {"seen": part(macro + 0.01), "unseen": part(macro - 0.1)},
            "city": {"lyon": part(macro), "paris": part(macro)},
        },
        "confusion": [[60, 20, 10], [0, 80, 10], [5, 0, 85]],
    }


def pair(first: str, second: str, identical: int) -> dict[str, Any]:
    return {
        "first": first,
        "second": second,
        "both_right": 210,
        "only_first": 12,
        "only_second": 8,
        "both_wrong": 40,
        "mcnemar": {"test": "exact binomial, two-sided", "p": 0.503, "caveat": "Clips of one moment are alike."},
        "difference": {
            "macro": 0.0149,
            "macro_interval": [-0.011, 0.04],
            "log_loss": -0.02,
            "log_loss_interval": [-0.05, 0.01],
        },
        "significant": False,
        "agreement": {"clips": 270, "same_top1": 250},
        "agreement_by_device": {},
        "agreement_by_class": {},
        "exact": {"identical": identical, "largest_difference": 0.0 if identical == 270 else 1.5},
        "margins": {
            "clips": 270,
            "first": [-2.0, 0.5, -0.25, 3.0],
            "second": [-1.5, -0.25, 0.5, 2.5],
            "right_first": [0, 1, 0, 1],
            "right_second": [0, 0, 1, 1],
        },
    }


def check(year: int, rule: str, value: int, limit: int, how: str) -> dict[str, Any]:
    return {
        "year": year,
        "rule": rule,
        "counting": "network, every weight and bias",
        "value": value,
        "limit": limit,
        "unit": "MACs" if rule == "MACs" else "bytes",
        "how": how,
        "decides": True,
        "share": value / limit,
        "passed": value <= limit,
        "over": max(0, value - limit),
    }


def verdict(macs: int, how: str) -> dict[str, Any]:
    checks = [check(year, "MACs", macs, 30_000_000, how) for year in (2024, 2025)]
    checks += [check(year, "parameter memory", 109_138, 128_000, how) for year in (2024, 2025)]
    in_file = {**check(2025, "parameter memory", 129_000, 128_000, "measured"), "decides": False}
    passed = macs <= 30_000_000
    over = {"rule": "MACs", "years": [2024, 2025], "over": macs - 30_000_000, "share": macs / 3e7, "text": "MACs over"}
    operation = {"place": 1, "operation": "CONV_2D", "name": "conv", "value": 900, "share": 0.7}
    limits = {"macs": 30_000_000, "parameter_bytes": 128_000, "parameters": None, "source": "rules of the year"}
    limits |= {"integer_parameters": False, "each_device": False}
    return {
        "file": "model.tflite",
        "words": "fits the limits",
        "nearest": max(checks, key=lambda one: one["share"]),
        "years": {year: {"passed": passed, "limits": limits} for year in ("2024", "2025")},
        "checks": [*checks, {**in_file, "counting": "in the file"}],
        "over": [] if passed else [over],
        "network": {
            "parameters": 109_138,
            "macs": macs,
            "how": how,
            "source": "model card",
            "seconds": 1.0,
            "macs_per_second": macs,
            "uncounted": "",
        },
        "dearest": {
            "MACs": {"unit": "MACs", "operations": [operation]},
            "weights wider than INT8": {"unit": "weights", "operations": []},
            "peak activations": {"unit": "bytes", "operations": [{**operation, "share": 1.0}]},
        },
        "front_end": {
            "note": "no part of the rules",
            "files": {
                "drop_in.tflite": {
                    "network": "model.tflite",
                    "macs": 44_000_000,
                    "parameters": 48_760,
                    "constant_bytes": 195_940,
                    "file_bytes": 217_232,
                }
            },
        },
    }


def layer(operation: str, macs: int, weights: int, live: int) -> dict[str, Any]:
    return {
        "operation": operation,
        "name": f"{operation}/out",
        "output_shape": [1, 8, 8, 4],
        "output_type": "INT8",
        "macs": macs,
        "zero_macs": 0,
        "counted": True,
        "weights": weights,
        "biases": 4,
        "weight_bytes": weights,
        "bias_bytes": 16,
        "structure_bytes": 0,
        "constant_bytes": weights + 16,
        "live_bytes": live,
    }


LAYERS = [layer("PAD", 0, 0, 900), layer("CONV_2D", 900, 300, 1200), layer("DEPTHWISE_CONV_2D", 300, 40, 700)]


def variant(file: str, median: float, kernels: str = "default", threads: int = 1) -> dict[str, Any]:
    return {
        "file": file,
        "kernels": kernels,
        "threads": threads,
        "runtime": "ai-edge-litert 2.3.0, XNNPACK",
        "median": median,
        "interval": [0.98 * median, 1.02 * median] if threads == 1 else None,
        "p95": 1.2 * median if threads == 1 else None,
        "p99": None,
        "drift": 1.0,
        "runs": 300,
        "sure": threads == 1,
    }


def latency(files: list[str], whole: bool) -> dict[str, Any]:
    timed = {"median": 0.3, "interval": [0.29, 0.31], "runs": 60}
    start = {"value": 12.5, "interval": None}
    step = {"operations": ["CONV_2D"], "macs": 900, "interval": [180.0, 190.0], "share": 0.6}
    steps = [{**step, "name": "conv", "layers": [0, 1], "microseconds": 185.0}]
    steps += [{**step, "name": "glue", "layers": [], "operations": [], "interval": None, "microseconds": 60.0}] * 14
    parts = {part: timed for part in ("front_end", "quantize", "network", "dequantize", "whole")}
    return {
        "sure": 0.02,
        "steady": 0.05,
        "seconds": 35.1,
        "cores": 2,
        "variants": [variant(file, 0.3 + 0.2 * place) for place, file in enumerate(files)]
        + [variant(files[0], 1.4, "built_in"), variant(files[0], 0.4, threads=2)],
        "unsure": [],
        "ratios": [
            {
                "file": files[0],
                "reference": files[1],
                "kernels": "default",
                "threads": 1,
                "value": 0.5,
                "interval": None,
            }
        ]
        if len(files) > 1
        else [],
        "starts": {file: {"importing": start, "loading": start, "first": start, "processes": 5} for file in files},
        "end_to_end": {
            files[0]: {
                "parts": parts,
                "front_end_share": {"value": 0.8, "interval": None},
                "drop_in": timed,
                "drop_in_over_whole": {"value": 0.7, "interval": None},
            }
        }
        if whole
        else {},
        "profiles": {
            files[0]: {
                "method": "prefixes",
                "call": 0.5,
                "sum": 300.0,
                "whole": 240.0,
                "noise": 2.0,
                "adds_up": False,
                "runs": 100,
                "steps": steps,
            }
        },
        "absent": [{"what": "4 threads", "why": "this process may use 2 cores"}],
    }


def memory(files: list[str]) -> dict[str, Any]:
    spread = {"median": 4_800_000.0, "least": 4_700_000, "greatest": 4_900_000}
    found = {
        "bytes": 147_132,
        "timeline": [{key: one[key] for key in ("operation", "name", "live_bytes")} for one in LAYERS],
        "peak": 1,
        "resident": {
            "runtime": "ai-edge-litert 2.3.0",
            "kind": "resident",
            "processes": 6,
            "stages": {"peak": spread},
            "increment": spread,
            "peak_increment": spread,
            "anonymous_increment": None,
            "runtime_increment": spread,
        },
        "resident_unmeasured": None,
        "arena": {"version": "1", "total": 2000, "head": 1500, "tail": 500, "smallest": 2000},
        "arena_unmeasured": None,
    }
    return {file: found for file in files}


def targets() -> list[dict[str, Any]]:
    used = {"file": "model.tflite", "runtime": "ai-edge-litert 2.3.0", "kernels": "XNNPACK", "threads": 1}
    board = {
        "name": "Raspberry Pi 4 Model B",
        "processor": "cortex-a72",
        "cores": 4,
        "architecture": "aarch64",
        "bits": 64,
        "runtimes": {"python": "3.11.2"},
        "clock_hz": 1.5e9,
    }
    same = {"reference": "here", "inputs": 64, "differing": 0.0005, "largest_difference": 1.0, "same_top1": 64}
    emulated = {
        "format": 1,
        "target": "pi4",
        "kind": "emulated",
        "board": board,
        "made": "2026-11-27T10:00:00+00:00",
        "command": "python -m bench --target pi4",
        "models": {"model.tflite": SHA},
        "latency": [],
        "equality": [{**used, **same, "allowed": 1.0, "agreed": True}],
        "instructions": [
            {**used, "processor": "cortex-a72", "integer": True, "total": 500, "classes": {"load": 300, "sdot": 200}}
        ],
        "estimates": [
            {
                **used,
                "board": board["name"],
                "milliseconds": 5.67,
                "low": 3.97,
                "high": 8.5,
                "instructions_per_cycle": 1.16,
                "sources": ["a published table"],
                "reason": None,
            },
            {**used, "board": board["name"], "milliseconds": None, "reason": "no constants for these kernels"},
        ],
        "phases": [],
        "warnings": [],
    }
    state = {"governor": "ondemand", "frequency_hz": 6e8, "temperature_c": 48.3, "load": 0.1}
    hot = {"bits": "0x50005", "now": ["under-voltage"], "since_boot": ["under-voltage", "throttled"]}
    device = {
        **emulated,
        "target": "kitchen",
        "kind": "device",
        "board": {
            **board,
            "name": "Raspberry Pi 3",
            "before": {**state, "throttled": None},
            "during": {"lowest_frequency_hz": 1.2e9, "highest_temperature_c": 63.0},
            "after": {**state, "throttled": hot},
        },
        "latency": [
            {
                **used,
                "runs": 200,
                "warm_up": 50,
                "median": 7.9,
                "interval": [7.8, 8.0],
                "p95": 8.4,
                "p99": 9.1,
                "load": 14.2,
                "first": 10.3,
                "resident_growth_bytes": 5_100_000,
            }
        ],
        "equality": [{**used, **same, "same_top1": 60, "allowed": None, "agreed": False}],
        "instructions": [],
        "estimates": [],
        "warnings": ["The board was throttled."],
    }
    return [emulated, device]


def energy() -> dict[str, Any]:
    joules = {"joules": 0.0231, "interval": [0.0192, 0.0271]}
    one = {"inferences": 31_234, "net": joules, "gross": joules, "load_watts": 88.2, "idle_watts": 24.1}
    host = {**one, "whole": joules, "clips": 270, "test_split_kwh": 1.7e-5}
    reading = {"reading": "meter.csv", "file": "model.tflite", "kernels": "XNNPACK", "threads": 1}
    return {
        "host": {"means": "codecarbon 3.3.2, an assumed power", "counted": False, "files": {"model.tflite": host}},
        "host_unmeasured": None,
        "meter": [{**one, **reading}, {**one, **dict.fromkeys(reading), "reading": "m.csv", "net": None}],
    }


MACHINE = {
    "cpu": "AMD EPYC",
    "cores": 2,
    "usable_cores": 2,
    "frequency": 2445.4,
    "virtual": True,
    "flags": ["avx2"],
    "governor": None,
    "load": 0.5,
    "system": "Linux x86_64",
    "versions": {"python": "3.11.7"},
}


def file(title: str, integer: bool = True, drop_in: bool = False) -> dict[str, Any]:
    return {"title": title, "bytes": 147_132, "sha256": SHA, "integer": integer, "drop_in": drop_in}


def run() -> dict[str, Any]:
    """Everything was measured."""
    files = {
        "model.tflite": file("INT8 .tflite"),
        "model_float.tflite": file("float .tflite", integer=False),
        "model.onnx": file("INT8 .onnx"),
        "drop_in.tflite": file("INT8 .tflite, drop-in", integer=False, drop_in=True),
    }
    card = {"stage": "teacher", "architecture": "passt", "cost": {"macs": 2e9, "parameters": 85_000_000}}
    agreed = {"file": "model.tflite", "runtime": "r", "kernels": "k", "threads": 2, "logits": 3000, "differing": 0}
    drop_in = {**agreed, "file": "drop_in.tflite", "waveforms": "sounds", "inputs": 256, "relative_difference": 1e-5}
    drop_in |= {"tolerance": 5e-4, "largest_difference": 1, "differing_answers": 0}
    kilowatt_hours = {"value": 0.068, "unit": "kWh", "how": "quoted", "source": "README of the baseline"}
    accuracy = {"value": 0.82, "unit": "fraction", "how": "measured", "source": "test split", "interval": [0.7, 0.9]}
    return {
        "format": 2,
        "made": "2026-11-27T09:17:31+00:00",
        "command": "python -m bench --model runs/export --data runs/data.h5",
        "sentence": "The INT8 model fits the limits.",
        "figures": {"accuracy/tflite/int8/macro": accuracy, "energy/baseline_2022/test_split": kilowatt_hours},
        "subject": {
            "kind": "run",
            "name": "export",
            "headline": "model.tflite",
            "reference": "model_float.tflite",
            "mel": {"n_mels": 256},
            "files": files,
        },
        "verdict": verdict(26_622_208, "quoted"),
        "layers": LAYERS,
        "accuracy": {
            "labels": LABELS,
            "source": "test split of data.h5",
            "files": {
                "model.tflite": answered(0.82),
                "model_float.tflite": answered(0.81),
                "model.onnx": answered(0.82),
            },
            "pairs": [pair("model.tflite", "model_float.tflite", 0), pair("model.tflite", "model.onnx", 270)],
            "moments": {"label": [0, 1], "clips": [90, 180], "right": {}, "loss": {}},
            "drop_ins": {"drop_in.tflite": {"network": "model.tflite", "same": 269, "clips": 270}},
        },
        "latency": latency(list(files), whole=True),
        "memory": memory(list(files)),
        "energy": energy(),
        "targets": targets(),
        "model": {
            "architecture": "cp_mobile",
            "command": "python -m export",
            "git_commit": "0123456789abcd",
            "seed": 0,
        },
        "data": {
            "file": "data.h5",
            "source": "scenes",
            "checksum": "c0ffee",
            "trained_on": "decaf",
            "train_devices": ["a", "s1"],
            "test_clips": 270,
            "test_recordings": 60,
            "test_moments": 20,
            "made_up": True,
        },
        "lineage": [
            {**card, "accuracy": {"macro": 0.81, "log_loss": 0.6}},
            {"stage": "student", "architecture": "cp_mobile", "cost": {}, "accuracy": {}},
        ],
        "machine": MACHINE,
        "parity": {"inputs": {"real": 32, "noise": 335}, "agreements": [agreed], "drop_in": [drop_in]},
    }


def foreign() -> dict[str, Any]:
    """One file that nothing is known of but itself, over the limits, with no data to answer."""
    name = "kws.tflite"
    found = memory([name])
    found[name] |= {"arena": None, "arena_unmeasured": "tflite-micro is not there"}
    found[name] |= {"resident": None, "resident_unmeasured": "no process could be started"}
    return {
        **run(),
        "sentence": "The file breaks the limits.",
        "figures": {"size/tflite/kws": {"value": 147_132, "unit": "bytes", "how": "measured", "source": name}},
        "subject": {
            "kind": "file",
            "name": name,
            "headline": name,
            "reference": None,
            "mel": None,
            "files": {name: file(name)},
        },
        "verdict": {**verdict(53_174_356, "estimated"), "front_end": {"note": "no part of the rules", "files": {}}},
        "accuracy": None,
        "latency": latency([name], whole=False),
        "memory": found,
        "energy": None,
        "targets": [],
        "model": None,
        "data": None,
        "lineage": [],
        "parity": None,
    }
