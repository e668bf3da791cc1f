"""Everything that is timed of the files of one subject, within a stated time."""

import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from bench.measure import environments as other_runtimes
from bench.measure.latency import end_to_end, profile_onnx, profile_tflite, start, variants
from bench.measure.latency.end_to_end import EndToEnd, Sound
from bench.measure.latency.order_statistics import Median
from bench.measure.latency.profile import Profile
from bench.measure.latency.rounds import LEAST_ROUNDS, Latency, Timing, interleaved
from bench.measure.latency.start import Start
from bench.measure.latency.variants import Absent, Variant
from deploy import runtime
from tinyasc import machine
from tinyasc.errors import UserError

SECONDS = 35.0
SHARES = {"one thread": 0.4, "more threads": 0.15, "start": 0.2, "end to end": 0.1, "profile": 0.15}
"""Of the time. What is sure earlier leaves the rest unused."""
LEAST_ROUNDS_OF_MORE_THREADS = 10
"""Where other processes want the cores, a call on several threads may take a hundred times as long as alone."""


@dataclass(frozen=True)
class Ratio:
    """INT8 over float, the same way, in the same rounds."""

    variant: Variant
    reference: Variant
    quotient: Median


@dataclass(frozen=True)
class Latencies:
    """What was found."""

    latencies: dict[Variant, Latency]
    ratios: tuple[Ratio, ...]
    starts: dict[str, Start]
    """By file."""
    end_to_end: dict[str, EndToEnd]
    """By network."""
    profiles: dict[str, Profile]
    """By file."""
    absent: tuple[Absent, ...]
    """What was not timed, and why."""
    cores: int
    """That could be used."""
    seconds: float
    """That it took."""


def measure(
    files: Mapping[str, Path],
    thorough: Collection[str],
    sound: Sound | None = None,
    seconds: float = SECONDS,
    environments: Path = other_runtimes.FOLDER,
) -> Latencies:
    """Time files of one subject.

    Args:
        files: by name, such as model.tflite or drop_in.onnx, which is the drop-in of model.onnx.
        thorough: those that are timed in all ways, profiled and timed from the waveform (where some are INT8, those);
            the others in the usual way alone. An INT8 file and the one float file of its format are twins.
        sound: what one inference hears; none: that is not known, and the front-end is not timed.
        seconds: to spend; a little more where the least number of runs takes it.
        environments: folder of tflite-runtime's environment.

    Raises:
        UserError: a file that does not load, or that does not go with the sound.
    """
    begin = time.perf_counter()
    budget = {what: share * seconds for what, share in SHARES.items()}
    cores, python = machine.usable_cores(), other_runtimes.found(other_runtimes.TFLITE_RUNTIME, environments)
    counts = [count for count in variants.THREADS if count <= cores]
    asked = variants.variants(list(files), thorough, counts, python is not None)
    integer = [name for name in thorough if runtime.load(files[name]).integer]
    chosen = {name: files[name] for name in integer or thorough}
    twins = _twins(thorough, integer)
    latencies: dict[Variant, Latency] = {}
    ratios: list[Ratio] = []
    absent = _left_out(cores, python, environments, thorough, sound)
    with tqdm(total=len(counts) + 3, desc="latency", unit="part") as progress:
        for count in counts:
            same = [one for one in asked if one.threads == count]
            least = LEAST_ROUNDS if count == 1 else LEAST_ROUNDS_OF_MORE_THREADS
            share = budget["one thread"] if count == 1 else budget["more threads"] / (len(counts) - 1)
            with ExitStack() as open_:
                watches, gone = variants.opened(same, files, python, open_)
                timing = interleaved(watches, share, least)
            timed = [one for one in same if one.name in watches]
            latencies |= {one: timing.latency(one.name) for one in timed}
            ratios += _ratios(timed, twins, timing)
            absent += gone
            progress.update()
        starts = start.measure(files, budget["start"])
        progress.update()
        whole = {} if sound is None else _from_the_waveform(chosen, files, sound, budget["end to end"])
        progress.update()
        profiles, gone = _profiles(chosen, budget["profile"])
        progress.update()
    seconds = time.perf_counter() - begin
    return Latencies(latencies, tuple(ratios), starts, whole, profiles, tuple(absent + gone), cores, seconds)


def _left_out(
    cores: int, python: Path | None, environments: Path, thorough: Collection[str], sound: Sound | None
) -> list[Absent]:
    """What is not tried here."""
    left_out = [
        Absent(f"{count} threads", f"this process may use {cores} cores: threads would wait for one another")
        for count in variants.THREADS
        if count > cores
    ]
    if python is None and any(name.endswith(".tflite") for name in thorough):
        where = environments / other_runtimes.TFLITE_RUNTIME
        left_out.append(Absent("tflite-runtime", f"no environment {where}: `python -m bench.environments` makes it"))
    if sound is None:
        left_out.append(
            Absent("from the waveform", "the front-end is not known: a run's model card names it, --mel a file's")
        )
    return left_out


def _twins(files: Collection[str], integer: Collection[str]) -> dict[str, str]:
    """INT8 file -> its float twin."""
    found = {}
    for name in integer:
        real = [other for other in files if other not in integer and Path(other).suffix == Path(name).suffix]
        if len(real) == 1:
            (found[name],) = real
    return found


def _ratios(timed: Collection[Variant], twins: Mapping[str, str], timing: Timing) -> list[Ratio]:
    """Of every file over its float twin in the same way."""
    both = [(one, replace(one, file=twins[one.file])) for one in timed if one.file in twins]
    return [Ratio(one, twin, timing.quotient(one.name, twin.name)) for one, twin in both if twin in timed]


def _from_the_waveform(
    networks: Mapping[str, Path], files: Mapping[str, Path], sound: Sound, seconds: float
) -> dict[str, EndToEnd]:
    found = {}
    for name, path in networks.items():
        drop_in = files.get(name.replace("model", "drop_in", 1)) if name.startswith("model") else None
        found[name] = end_to_end.measure(path, drop_in, sound, seconds / len(networks))
    return found


def _profiles(files: Mapping[str, Path], seconds: float) -> tuple[dict[str, Profile], list[Absent]]:
    found, absent = {}, []
    for name, path in files.items():
        profile = profile_tflite if path.suffix == ".tflite" else profile_onnx
        try:
            found[name] = profile.measure(path, seconds / len(files))
        except UserError as error:
            absent.append(Absent(f"profile of {name}", str(error)))
    return found, absent
