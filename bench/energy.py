"""Command: the energy of an inference on a device, from a power meter's CSV file.

python -m bench.energy --meter FILE.csv --target RESULT.json
"""

from pathlib import Path

from bench.boards.device import result
from bench.measure.energy import meter as power_meter
from bench.measure.energy.meter import Metered, Window
from bench.measure.energy.per_inference import Energy
from bench.measure.energy.reading import Reading, moment, read
from tinyasc import recipe
from tinyasc.errors import UserError


def measure(
    *,
    meter: Path,
    target: Path | None = None,
    inferences: int | None = None,
    load_from: str | None = None,
    load_to: str | None = None,
    idle_from: str | None = None,
    idle_to: str | None = None,
) -> None:
    """Print what one inference takes by the reading of a power meter.

    Times are those of the reading: seconds, or ISO 8601. Without --target and --load_from, a column of marks in the
    reading says when the inferences ran.

    Args:
        meter: the reading, a CSV file with time and power, or voltage and current (see `bench.measure.energy.reading`).
        target: result of a target (JSON), which says when what ran.
        inferences: how many ran, where there is no target.
        load_from: when the inferences began.
        load_to: when they were over.
        idle_from: when the device began to rest; without it nothing is subtracted.
        idle_to: when its rest was over.
    """
    if (target is None) == (inferences is None):
        raise UserError("give either --target, the result that says what ran, or --inferences, how many ran")
    reading = read(meter)
    load, idle = _window("load", load_from, load_to), _window("idle", idle_from, idle_to)
    if target is not None:
        if load or idle:
            raise UserError("the result of a target says itself what ran when: give no --load_from and no --idle_from")
        found = power_meter.of_target(reading, result.read(target).activity)
    else:
        found = [_counted(reading, inferences or 0, load, idle)]
    print(f"{meter}: {len(reading.seconds)} samples over {reading.seconds[-1] - reading.seconds[0]:.6g} s")
    print(f"columns: {reading.columns}")
    for one in found:
        _print(one)


def _counted(reading: Reading, count: int, load: Window | None, idle: Window | None) -> Metered:
    if load is None:
        if idle is not None:
            raise UserError("--idle_from needs --load_from: the marks of a reading say both")
        return power_meter.inferences(reading, count, *power_meter.marked(reading))
    return power_meter.inferences(reading, count, [load], [] if idle is None else [idle])


def _window(name: str, start: str | None, end: str | None) -> Window | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UserError(f"give both --{name}_from and --{name}_to")
    return moment(start, f"--{name}_from"), moment(end, f"--{name}_to")


def _print(one: Metered) -> None:
    ran = "" if one.file is None else f"{one.file}, {one.kernels}, threads: {one.threads}: "
    rest = "" if one.energy.idle is None else f", {one.energy.idle.mean:.4g} W at rest"
    print(f"{ran}{one.energy.inferences} inferences at {one.energy.load.mean:.4g} W{rest}")
    if one.energy.net is not None:
        print(f"  net, rest subtracted    {_text(one.energy.net)}   measured")
    print(f"  gross                   {_text(one.energy.gross)}   measured")


def _text(energy: Energy) -> str:
    low_high = energy.interval
    between = "" if low_high is None else f" [{1e3 * low_high[0]:.4g}, {1e3 * low_high[1]:.4g}]"
    return f"{1e3 * energy.joules:.4g} mJ{between}"


if __name__ == "__main__":
    raise SystemExit(recipe.run(measure))
