"""Everything that is timed of the files of one subject, within a stated time."""

import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from bench.measure import environments as other_runtimes
from bench.measure.figure import MEASURED, Figure, Origin, path_of
from bench.measure.latency import end_to_end, profile, rounds, start, variants
from bench.measure.latency.end_to_end import EndToEnd, Sound
from bench.measure.latency.profile import Profile
from bench.measure.latency.rounds import LEAST_ROUNDS, Latency, Timing, interleaved
from bench.measure.latency.start import Start
from bench.measure.latency.variants import Skipped, Variant
from bench.measure.records import Natural
from deploy import runtime
from tinyasc import machine
from tinyasc.errors import UserError

SECONDS = 35.0
SHARES = {"one thread": 0.4, "more threads": 0.15, "start": 0.2, "end to end": 0.1, "profile": 0.15}
"""Of the time. What is sure earlier leaves the rest unused."""
LEAST_ROUNDS_OF_MORE_THREADS = 10
"""Where other processes want the cores, a call on several threads may take a hundred times as long as alone."""


@dataclass(frozen=True, kw_only=True)
class TimedVariant(Variant):
    """One file in one way, and what it takes."""

    runtime: str
    median: Figure
    p95: Figure
    """Without a number after too few runs, as the next."""
    p99: Figure
    drift: float
    """Median of the later half of the runs over that of the earlier."""
    runs: Natural
    converged: bool
    """Whether `max_rel_ci` and `max_drift` are kept."""


@dataclass(frozen=True)
class Ratio:
    """INT8 over float, the same way, in the same rounds."""

    variant: Variant
    reference: str
    quotient: Figure


@dataclass(frozen=True)
class FirstInference:
    """Of one file in new processes, medians."""

    importing: Figure
    """The runtime, NumPy and `deploy.runtime`."""
    loading: Figure
    """From the path to allocated tensors."""
    first: Figure
    processes: Natural


@dataclass(frozen=True)
class Latencies:
    """How fast the files are on this machine."""

    max_rel_ci: float
    """Half an interval, as a share of its median, up to which a median counts as known."""
    max_drift: float
    """And up to which distance of the drift from 1."""
    seconds: float
    """That all took."""
    cores: Natural
    """That could be used."""
    variants: list[TimedVariant]
    ratios: list[Ratio]
    starts: dict[str, FirstInference]
    """By file; the next by network, then by file again."""
    end_to_end: dict[str, EndToEnd]
    profiles: dict[str, Profile]
    skipped: list[Skipped]

    def usual(self, file: str) -> TimedVariant | None:
        """A file in its default kernels on one thread."""
        return next((one for one in self.variants if one.file == file and not one.way), None)


def measure(
    files: Mapping[str, Path],
    thorough: Collection[str],
    sound: Sound | None = None,
    seconds: float = SECONDS,
    *,
    environments: Path = other_runtimes.FOLDER,
    cpu: str = "",
) -> Latencies:
    """Time files of one subject.

    Args:
        files: by name, such as model.tflite or drop_in.onnx, which is the drop-in of model.onnx.
        thorough: those that are timed in all ways, profiled and timed from the waveform (where some are INT8, those);
            the others in the usual way alone. An INT8 file and the one float file of its format are twins.
        sound: what one inference takes; none: that is not known, and the front-end is not timed.
        seconds: to spend; a little more where the least number of runs takes it.
        environments: folder of tflite-runtime's environment.
        cpu: this machine's processor, for the source of the figures.

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
    timed: list[TimedVariant] = []
    ratios: list[Ratio] = []
    skipped = _left_out(cores, python, environments, thorough, sound)
    with tqdm(total=len(counts) + 3, desc="latency", unit="part") as progress:
        for count in counts:
            same = [one for one in asked if one.threads == count]
            least = LEAST_ROUNDS if count == 1 else LEAST_ROUNDS_OF_MORE_THREADS
            share = budget["one thread"] if count == 1 else budget["more threads"] / (len(counts) - 1)
            with ExitStack() as open_:
                watches, gone = variants.opened(same, files, python, open_)
                timing = interleaved(watches, share, least)
            ran = [variant for variant in same if variant.name in watches]
            timed += [_timed(variant, timing.latency(variant.name), cpu) for variant in ran]
            ratios += _ratios(ran, twins, timing, cpu)
            skipped += gone
            progress.update()
        starts = start.measure(files, budget["start"])
        progress.update()
        whole = {} if sound is None else _from_the_waveform(chosen, files, sound, budget["end to end"], cpu)
        progress.update()
        profiles, gone = _profiles(chosen, budget["profile"])
        progress.update()
    return Latencies(
        max_rel_ci=rounds.MAX_REL_CI,
        max_drift=rounds.MAX_DRIFT,
        seconds=round(time.perf_counter() - begin, 1),
        cores=cores,
        variants=timed,
        ratios=ratios,
        starts={file: _start(file, one, cpu) for file, one in starts.items()},
        end_to_end=whole,
        profiles=profiles,
        skipped=skipped + gone,
    )


def _timed(variant: Variant, latency: Latency, cpu: str) -> TimedVariant:
    place = "/".join(filter(None, ["latency", path_of(variant.file), variant.way]))
    figure = Origin(place, f"{latency.kernels}, {_threads(variant)}, {latency.runs} interleaved runs, {cpu}").figure
    return TimedVariant(
        file=variant.file,
        kernels=variant.kernels,
        threads=variant.threads,
        runtime=latency.kernels,
        median=figure("median", latency.median, "ms", latency.interval),
        p95=figure("p95", latency.p95, "ms"),
        p99=figure("p99", latency.p99, "ms"),
        drift=latency.drift,
        runs=latency.runs,
        converged=latency.converged,
    )


def _start(file: str, start: Start, cpu: str) -> FirstInference:
    figure = Origin(f"latency/{path_of(file)}/start", f"{start.processes} fresh processes, one thread, {cpu}").figure
    medians = {"importing": start.importing, "loading": start.loading, "first": start.first}
    parts = {name: figure(name, median.value, "ms", median.interval) for name, median in medians.items()}
    return FirstInference(**parts, processes=start.processes)


def _threads(variant: Variant) -> str:
    return "one thread" if variant.threads == 1 else f"{variant.threads} threads"


def _left_out(
    cores: int, python: Path | None, environments: Path, thorough: Collection[str], sound: Sound | None
) -> list[Skipped]:
    """What is not tried here."""
    left_out = [
        Skipped(f"{count} threads", f"this process may use {cores} cores: threads would wait for one another")
        for count in variants.THREADS
        if count > cores
    ]
    if python is None and any(name.endswith(".tflite") for name in thorough):
        where = environments / other_runtimes.TFLITE_RUNTIME
        left_out.append(Skipped("tflite-runtime", f"no environment {where}: `python -m bench.environments` makes it"))
    if sound is None:
        left_out.append(
            Skipped("from the waveform", "the front-end is not known: a run's model card names it, --mel a file's")
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


def _ratios(timed: Collection[Variant], twins: Mapping[str, str], timing: Timing, cpu: str) -> list[Ratio]:
    """Of every file over its float twin in the same way."""
    ratios = []
    for variant in timed:
        twin = replace(variant, file=twins.get(variant.file, ""))
        if twin in timed:
            quotient = timing.quotient(variant.name, twin.name)
            over = f"{path_of(variant.file)}_over_{path_of(twin.file).rpartition('/')[2]}"
            path = "/".join(filter(None, ["latency", over, variant.way]))
            source = f"median of paired quotients, {_threads(variant)}, {cpu}"
            figure = Figure(quotient.value, "ratio", MEASURED, source, quotient.interval, path)
            ratios.append(Ratio(variant, twin.file, figure))
    return ratios


def _from_the_waveform(
    networks: Mapping[str, Path], files: Mapping[str, Path], sound: Sound, seconds: float, cpu: str
) -> dict[str, EndToEnd]:
    found = {}
    for name, path in networks.items():
        drop_in = files.get(name.replace("model", "drop_in", 1)) if name.startswith("model") else None
        found[name] = end_to_end.measure(name, path, drop_in, sound, seconds=seconds / len(networks), cpu=cpu)
    return found


def _profiles(files: Mapping[str, Path], seconds: float) -> tuple[dict[str, Profile], list[Skipped]]:
    found, skipped = {}, []
    for name, path in files.items():
        try:
            found[name] = profile.measure(path, seconds / len(files))
        except UserError as error:
            skipped.append(Skipped(f"profile of {name}", str(error)))
    return found, skipped
