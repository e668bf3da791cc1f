"""Command: the energy of an inference on a device, from a power meter's CSV file.

python -m bench.energy --meter FILE.csv --target RESULT.json
python -m bench.energy --meter FILE.csv --inferences N --load_from T --load_to T [--idle_from T --idle_to T]
"""

from pathlib import Path

from bench.boards.device import result
from bench.measure.energy import meter as power_meter
from bench.measure.energy.meter import Metered, Window
from bench.measure.energy.per_inference import Energy
from tinyasc import recipe
from tinyasc.errors import UserError


def measure(
    *,
    meter: Path,
    target: Path | None = None,
    inferences: int | None = None,
    load_from: float | None = None,
    load_to: float | None = None,
    idle_from: float | None = None,
    idle_to: float | None = None,
) -> None:
    """Print what one inference takes by the reading of a power meter.

    The reading is a CSV file whose first line is time_s,power_w, then a line of seconds,watts for each sample. With
    --target its seconds are Unix time by this machine's clock, else of any clock.

    Args:
        meter: the reading.
        target: result of a target (JSON), which says when what ran.
        inferences: how many ran, where there is no target.
        load_from: when the inferences began, in the reading's seconds.
        load_to: when they were over.
        idle_from: when the device began to rest; without it nothing is subtracted.
        idle_to: when its rest was over.
    """
    if (target is None) == (inferences is None):
        raise UserError("give either --target, the result that says what ran, or --inferences, how many ran")
    reading = power_meter.read(meter)
    load, idle = _window("load", load_from, load_to), _window("idle", idle_from, idle_to)
    if target is not None:
        if load or idle:
            raise UserError("the result of a target says itself what ran when: give no --load_from and no --idle_from")
        activities = power_meter.of_target(reading, result.read(target).activity)
    else:
        if load is None:
            raise UserError("--inferences needs --load_from and --load_to: when they ran, in the reading's seconds")
        activities = [power_meter.inferences(reading, inferences or 0, load, idle)]
    print(f"{meter}: {len(reading.seconds)} samples over {reading.seconds[-1] - reading.seconds[0]:.6g} s")
    for activity in activities:
        _print(activity)


def _window(name: str, start: float | None, end: float | None) -> Window | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UserError(f"give both --{name}_from and --{name}_to")
    return start, end


def _print(activity: Metered) -> None:
    energy = activity.energy
    ran = "" if activity.file is None else f"{activity.file}, {activity.kernels}, threads: {activity.threads}: "
    rest = "" if energy.idle is None else f", {energy.idle.mean:.4g} W at rest"
    print(f"{ran}{energy.inferences} inferences at {energy.load.mean:.4g} W{rest}")
    if energy.net is not None:
        print(f"  net, rest subtracted    {_text(energy.net)}   measured")
    print(f"  gross                   {_text(energy.gross)}   measured")


def _text(energy: Energy) -> str:
    low_high = energy.interval
    between = "" if low_high is None else f" [{1e3 * low_high[0]:.4g}, {1e3 * low_high[1]:.4g}]"
    return f"{1e3 * energy.joules:.4g} mJ{between}"


if __name__ == "__main__":
    raise SystemExit(recipe.run(measure))
