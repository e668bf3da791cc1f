"""All that was found, as one dictionary for JSON and as one table; each figure says how it came about."""

from typing import Any

from tests.perf.gpu.training import Speed
from tests.perf.gpu.workloads import Workload

TAU = 139_620
"""Training clips of TAU Urban Acoustic Scenes 2022 Mobile."""
BUSY, NEAR_PEAK = 0.8, 0.4
"""Shares from which on a step counts as bound by the GPU, and by its arithmetic."""


def entry(workload: Workload, found: Speed, peak: dict[str, Any] | None) -> dict[str, Any]:
    """One variant: what was measured, and what follows from it."""
    step = 1e3 * found.batch_size / found.clips_per_second
    hours = workload.epochs * TAU / found.clips_per_second / 3600
    derived: dict[str, Any] = {"milliseconds_per_step": step}
    flops, kernels = found.parts.flops_per_clip, found.parts.kernel_milliseconds
    if flops is not None:
        derived["tflops_per_second"] = flops * found.clips_per_second / 1e12
        if peak is not None:
            derived["share_of_bfloat16_peak"] = derived["tflops_per_second"] / peak["bfloat16"]
    if kernels is not None:
        derived["share_of_step_in_kernels"] = kernels / step
    derived["bound"] = _bound(derived, found)
    return {
        "measured": found.to_dict(),
        "derived": derived,
        "estimated": {"epochs": workload.epochs, "clips_per_epoch": TAU, "hours": hours},
    }


def _bound(derived: dict[str, Any], found: Speed) -> str:
    """What bounds the step, by the rule that is printed below the table."""
    parts = found.parts.milliseconds
    slowest = f"; longest part alone: {max(parts, key=parts.__getitem__)}" if parts else ""
    busy, near = derived.get("share_of_step_in_kernels"), derived.get("share_of_bfloat16_peak")
    if busy is None or near is None:
        return f"not known{slowest}"
    if busy < BUSY:
        return f"the processor, which launches {found.parts.kernels:.0f} kernels a step{slowest}"
    return ("arithmetic" if near >= NEAR_PEAK else "memory and small kernels of the GPU") + slowest


def table(report: dict[str, Any]) -> str:
    """The report for a reader."""
    lines = [_head(report)]
    for name, workload in report["workloads"].items():
        lines += ["", f"{name}: {workload['recipe']}.yaml"]
        lines.append(
            f"  {'':<34}{'clips/s':>10}{'slowest':>10}{'fastest':>10}{'ms/step':>9}{'GB':>7}{'busy %':>8}{'steps':>7}"
            f"{'first s':>9}{'hours':>9}"
        )
        for variant, result in workload["variants"].items():
            lines += _rows(variant, result)
    lines += ["", *_legend()]
    return "\n".join(lines) + "\n"


def _head(report: dict[str, Any]) -> str:
    data, peak = report["data"], report["peak"]
    written = f"{data['bytes'] / 1e9:.2f} GB, written in {data['seconds']:.0f} s"
    sound = f"{data['clips']:,} made-up clips of a second ({written})"
    if "failed" in peak:
        return f"{sound}\nlargest rates not measured: {peak['failed']}"
    rates = f"bfloat16 {peak['bfloat16']:.4g} TFLOP/s, float32 {peak['float32']:.4g} TFLOP/s"
    return f"{peak['device']}\n{sound}\nmeasured: large matrix products {rates}; copying {peak['copy']:.4g} GB/s"


def _rows(variant: str, result: dict[str, Any]) -> list[str]:
    if "failed" in result:
        return [f"  {variant:<34}not measured: {result['failed']}"]
    found, derived, parts = result["measured"], result["derived"], result["measured"]["parts"]
    speeds = "".join(f"{found[name]:>10,.0f}" for name in ("clips_per_second", "slowest", "fastest"))
    taken = f"{_number(found['memory'], 7, 2)}{_number(found['busy_percent'], 8, 0)}{found['steps']:>7}"
    times = f"{found['first_seconds']:>9.1f}{result['estimated']['hours']:>9.2f}"
    rows = [f"  {variant:<34}{speeds}{derived['milliseconds_per_step']:>9.2f}{taken}{times}"]
    if parts["milliseconds"]:
        alone = ", ".join(f"{name} {value:.2f}" for name, value in parts["milliseconds"].items())
        rows.append(f"    parts alone, ms: {alone}")
    more = [f"sound on {found['sound']}"]
    if parts["kernels"] is not None:
        more.append(f"{parts['kernels']:.0f} kernels, {parts['kernel_milliseconds']:.2f} ms a step")
    if "tflops_per_second" in derived:
        share = derived.get("share_of_bfloat16_peak")
        of_peak = "" if share is None else f", {share:.1%} of the large product's"
        more.append(f"{derived['tflops_per_second']:.3g} TFLOP/s{of_peak}")
    rows.append("    " + "; ".join([*more, f"bound by: {derived['bound']}"]))
    reasons = parts["failed"] + ([f"busy: {found['why_not_busy']}"] if found["why_not_busy"] else [])
    return rows + [f"    not measured: {reason}" for reason in reasons]


def _number(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"


def _legend() -> list[str]:
    return [
        "measured: clips/s (median of blocks of steps through the real loop, after warming up), slowest and fastest",
        "  block, GB (torch.cuda.max_memory_allocated), busy (the driver's: any kernel of any process at work), steps",
        "  counted, first step with compiling, parts alone (median, with the time to launch them), kernels and their",
        "  time (torch's profiler)",
        "counted: the network's arithmetic, three times its forward pass; derived: ms/step, TFLOP/s, what bounds",
        f"estimated from clips/s: hours of all the recipe's epochs of {TAU:,} clips, without scoring and checkpoints",
        f"bound by: the processor where kernels take less than {BUSY:.0%} of a step; else arithmetic where it reaches",
        f"  {NEAR_PEAK:.0%} of the large bfloat16 product's rate; else the GPU's memory and kernels too small for it",
    ]
