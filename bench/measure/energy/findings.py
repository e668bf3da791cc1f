"""The energy of inferences, as the report holds it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure.energy.host import JOULES, Host
from bench.measure.energy.meter import Metered
from bench.measure.energy.per_inference import Energy
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, Figure, Provenance, Unmeasured, path_of

BASELINE = Figure(
    0.068,
    "kWh",
    QUOTED,
    "README of the DCASE 2022 Task 1 baseline (github.com/marmoi/dcase2022_task1_baseline): "
    "inference on its development test split, on a V100, by codecarbon",
    path="energy/baseline_2022/test_split",
)


@dataclass(frozen=True)
class InferenceEnergy:
    """Of one inference."""

    net: Figure | None
    """Above rest; None where the power at rest is not known."""
    gross: Figure
    load_watts: float
    idle_watts: float | None
    """None: not known."""
    inferences: int
    """That were made."""


@dataclass(frozen=True)
class FileEnergy:
    """Of one file on this machine."""

    processor: InferenceEnergy
    whole: Figure
    """Gross, with memory and graphics."""
    test_split: Figure | None
    """What inferring all test clips takes of the whole machine; None: there is no data set."""


@dataclass(frozen=True)
class HostEnergy:
    """By codecarbon, of this machine."""

    means: str
    """How codecarbon got it."""
    counted: bool
    """Whether the processor counted its energy."""
    files: dict[str, FileEnergy]
    baseline: Figure | None
    """What the baseline of 2022 took for its own test split, to compare with; None: there is no data set."""


@dataclass(frozen=True)
class MeteredEnergy:
    """One activity that a power meter's reading covers."""

    reading: str
    """Name of its file."""
    file: str | None
    """What ran, with these kernels and on so many threads; None: the reading alone does not say it."""
    kernels: str | None
    threads: int | None
    energy: InferenceEnergy


@dataclass(frozen=True)
class Energies:
    """Of this machine, of a device, or of both."""

    host: HostEnergy | None
    host_unmeasured: str | None
    """One line that says why `host` is not there though it was asked for; else None."""
    meter: list[MeteredEnergy]


def of_host(host: Host | Unmeasured, clips: int | None) -> Energies:
    """The energy of this machine.

    Args:
        host: by codecarbon.
        clips: test clips that an evaluation infers once each; None: there is no data set.
    """
    if isinstance(host, Unmeasured):
        return Energies(None, host.reason, [])
    files = {file: _file(file, host, clips) for file in host.processor}
    return Energies(HostEnergy(host.means, host.counted, files, None if clips is None else BASELINE), None, [])


def of_meter(metered: Sequence[Metered]) -> list[MeteredEnergy]:
    """The energy of what a meter's reading covers."""
    found: list[MeteredEnergy] = []
    for one in metered:
        place = "energy/meter" if one.file is None else f"energy/meter/{path_of(one.file)}"
        if one.file in {other.file for other in found}:
            place += f"/{str(one.kernels).split()[0].lower().replace('-', '_')}/threads_{one.threads}"
        ran = "" if one.file is None else f"{one.file}, {one.kernels}, threads: {one.threads}; "
        source = f"{ran}{one.energy.inferences} inferences, by the power meter's {one.reading}"
        net, gross = one.energy.net, one.energy.gross
        energy = InferenceEnergy(
            net=None if net is None else _figure(net, MEASURED, f"{source}, rest subtracted", f"{place}/net"),
            gross=_figure(gross, MEASURED, f"{source}, rest not subtracted", f"{place}/gross"),
            load_watts=one.energy.load.mean,
            idle_watts=None if one.energy.idle is None else one.energy.idle.mean,
            inferences=one.energy.inferences,
        )
        found.append(MeteredEnergy(one.reading, one.file, one.kernels, one.threads, energy))
    return found


def _file(file: str, host: Host, clips: int | None) -> FileEnergy:
    processor, whole = host.processor[file], host.whole[file].gross
    place, source = f"energy/host/{path_of(file)}", f"{file}, one thread, {processor.inferences} inferences"
    provenance: Provenance = MEASURED if host.counted else ESTIMATED
    of_processor, net = f"{source}, processor, {host.means}", f"{source}, processor less rest, {host.means}"
    of_whole = f"{source}, processor, memory and graphics, memory by an assumed power, {host.means}"
    return FileEnergy(
        InferenceEnergy(
            net=None if processor.net is None else _figure(processor.net, provenance, net, f"{place}/net"),
            gross=_figure(processor.gross, provenance, of_processor, f"{place}/gross"),
            load_watts=processor.load.mean,
            idle_watts=None if processor.idle is None else processor.idle.mean,
            inferences=processor.inferences,
        ),
        whole=_figure(whole, ESTIMATED, of_whole, f"{place}/whole"),
        test_split=None
        if clips is None
        else Figure(
            whole.joules * clips / JOULES, "kWh", ESTIMATED, f"{clips} clips; {of_whole}", path=f"{place}/test_split"
        ),
    )


def _figure(energy: Energy, provenance: Provenance, source: str, path: str) -> Figure:
    return Figure(energy.joules, "joules", provenance, source, energy.interval, path)
