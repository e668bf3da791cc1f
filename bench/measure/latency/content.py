"""What the room tells the report: `content` for report.json, and `figures` by their paths."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bench.measure.figure import MEASURED, Figure
from bench.measure.graph.cost import GraphCost
from bench.measure.latency.end_to_end import PARTS, EndToEnd
from bench.measure.latency.measure import Latencies
from bench.measure.latency.profile import Profile
from bench.measure.latency.rounds import STEADY, SURE, Latency
from bench.measure.latency.variants import Variant


def content(found: Latencies, costs: dict[str, GraphCost]) -> dict[str, Any]:
    """What was found, for report.json.

    Times are milliseconds, in profiles microseconds. Intervals are of 95 %, and null where there were too few runs.

    Args:
        found: what `bench.measure.latency.measure` gave.
        costs: at least of the profiled files, by name, as `bench.measure.graph.cost.read` counts them.

    Returns:
        sure, steady: up to which half an interval, as a share of its median, and up to which distance of the drift from
            1 a median counts as known.
        seconds: that all took. cores: that could be used.
        variants: list of {file, kernels, threads, runtime, median, interval, p95, p99, drift, runs, sure}; kernels is
            default, built_in or tflite_runtime, runtime says it in words; p95 and p99 are null after too few runs.
        unsure: in words, the variants whose medians are less sure than asked.
        ratios: list of {file, reference, kernels, threads, value, interval}, INT8 over float.
        starts: file -> {importing, loading, first, processes}, the first three {value, interval}.
        end_to_end: file -> {parts: {part: {median, interval, runs}}, front_end_share: {value, interval},
            drop_in: {median, interval, runs} or null, drop_in_over_whole: {value, interval} or null}.
        profiles: file -> {method, call, sum, whole, noise, adds_up, runs, steps: list of {name, layers, operations,
            macs, microseconds, interval, share}}; layers are places in the file's list of layers, share is of the sum.
        absent: list of {what, why}.
    """
    return {
        "sure": SURE,
        "steady": STEADY,
        "seconds": round(found.seconds, 1),
        "cores": found.cores,
        "variants": [_variant(variant, latency) for variant, latency in found.latencies.items()],
        "unsure": [in_words(variant) for variant, latency in found.latencies.items() if not latency.sure],
        "ratios": [
            {
                "file": ratio.variant.file,
                "reference": ratio.reference.file,
                "kernels": ratio.variant.kernels,
                "threads": ratio.variant.threads,
                **asdict(ratio.quotient),
            }
            for ratio in found.ratios
        ],
        "starts": {file: asdict(one) for file, one in found.starts.items()},
        "end_to_end": {file: _end_to_end(one) for file, one in found.end_to_end.items()},
        "profiles": {file: _profile(one, costs[file]) for file, one in found.profiles.items()},
        "absent": [asdict(one) for one in found.absent],
    }


def figures(found: Latencies, path: Callable[[str], str], machine: str) -> dict[str, Figure]:
    """Every latency by its path: latency/tflite/int8/median, latency/tflite/int8/built_in/2_threads/p95, ...

    Args:
        found: what `bench.measure.latency.measure` gave.
        path: file name -> the middle of its path, such as tflite/int8.
        machine: its processor, for the source.
    """
    told: dict[str, Figure] = {}
    for variant, latency in found.latencies.items():
        place = "/".join(filter(None, ["latency", path(variant.file), variant.way]))
        source = f"{latency.kernels}, {_threads(variant)}, {latency.runs} interleaved runs, {machine}"
        told[f"{place}/median"] = Figure(latency.median, "ms", MEASURED, source, latency.interval)
        told[f"{place}/p95"] = Figure(latency.p95, "ms", MEASURED, source)
        told[f"{place}/p99"] = Figure(latency.p99, "ms", MEASURED, source)
    for ratio in found.ratios:
        kinds = [path(one.file).rsplit("/", 1) for one in (ratio.variant, ratio.reference)]
        over = f"{kinds[0][0]}/{kinds[0][1]}_over_{kinds[1][1]}"
        place = "/".join(filter(None, ["latency", over, ratio.variant.way]))
        source = f"median of paired quotients, {_threads(ratio.variant)}, {machine}"
        told[place] = Figure(ratio.quotient.value, "ratio", MEASURED, source, ratio.quotient.interval)
    for file, start in found.starts.items():
        source = f"{start.processes} fresh processes, one thread, {machine}"
        for part in ("importing", "loading", "first"):
            median = getattr(start, part)
            told[f"latency/{path(file)}/start/{part}"] = Figure(median.value, "ms", MEASURED, source, median.interval)
    for file, one in found.end_to_end.items():
        place = f"latency/{path(file)}/end_to_end"
        for part in PARTS:
            latency = one.parts[part]
            source = f"{latency.kernels}, one thread, {latency.runs} interleaved runs, {machine}"
            told[f"{place}/{part}"] = Figure(latency.median, "ms", MEASURED, source, latency.interval)
        share, source = one.front_end_share, f"median of paired quotients, one thread, {machine}"
        told[f"{place}/front_end_share"] = Figure(share.value, "fraction", MEASURED, source, share.interval)
        if one.drop_in_over_whole is not None:
            over = one.drop_in_over_whole
            told[f"{place}/drop_in_over_whole"] = Figure(over.value, "ratio", MEASURED, source, over.interval)
    return told


def in_words(variant: Variant) -> str:
    """model.tflite, built-in kernels, 2 threads."""
    kernels = {"default": "", "built_in": ", built-in kernels", "tflite_runtime": ", tflite-runtime"}[variant.kernels]
    return f"{variant.file}{kernels}, {_threads(variant)}"


def _threads(variant: Variant) -> str:
    return "one thread" if variant.threads == 1 else f"{variant.threads} threads"


def _variant(variant: Variant, latency: Latency) -> dict[str, Any]:
    told = asdict(latency)
    return {**asdict(variant), "runtime": told.pop("kernels"), **told}


def _end_to_end(one: EndToEnd) -> dict[str, Any]:
    def short(latency: Latency) -> dict[str, Any]:
        return {"median": latency.median, "interval": latency.interval, "runs": latency.runs}

    return {
        "parts": {part: short(latency) for part, latency in one.parts.items()},
        "front_end_share": asdict(one.front_end_share),
        "drop_in": None if one.drop_in is None else short(one.drop_in),
        "drop_in_over_whole": None if one.drop_in_over_whole is None else asdict(one.drop_in_over_whole),
    }


def _profile(one: Profile, cost: GraphCost) -> dict[str, Any]:
    return {
        "method": one.method,
        "call": one.call,
        "sum": one.sum,
        "whole": one.whole,
        "noise": one.noise,
        "adds_up": one.adds_up,
        "runs": one.runs,
        "steps": [
            {
                "name": step.name,
                "layers": list(step.layers),
                "operations": [cost.layers[place].operation for place in step.layers],
                "macs": sum(cost.layers[place].macs for place in step.layers),
                "microseconds": step.microseconds,
                "interval": step.interval,
                "share": step.microseconds / one.sum if one.sum else 0.0,  # ONNX Runtime counts whole microseconds
            }
            for step in one.steps
        ],
    }
