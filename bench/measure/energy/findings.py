"""The energy of inferences, as the report holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.measure.energy.host import JOULES, Host
from bench.measure.energy.meter import Metered
from bench.measure.energy.per_inference import Energy, PerInference
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, Figure
from bench.measure.unmeasured import Unmeasured

BASELINE = Figure(
    0.068,
    "kWh",
    QUOTED,
    "README of the DCASE 2022 Task 1 baseline (github.com/marmoi/dcase2022_task1_baseline): "
    "inference on its development test split, on a V100, by codecarbon",
)


@dataclass(frozen=True)
class Findings:
    """What was found out: of this machine, of a device, or of both."""

    host: Host | Unmeasured | None
    """None: it was not asked for."""
    metered: tuple[Metered, ...]
    """What a meter's reading covers; empty: there is none."""
    clips: int | None
    """Test clips that an evaluation infers once each; None: there is no data set."""


def content(found: Findings) -> dict[str, Any]:
    """JSON-able:

    host    null, or: means (how codecarbon got it), counted (whether the processor counted its energy), and files:
            name -> inferences; of one inference net, gross (of the processor) and whole (gross, with memory and
            graphics), each joules and interval (95 %, or null); load_watts, idle_watts (of the processor); clips and
            test_split_kwh, what inferring all test clips takes of the whole machine, both null without a data set
    host_unmeasured    one line that says why host is null though it was asked for, else null
    meter   one entry for each activity that a meter's reading covers: reading, file, kernels, threads (null where the
            reading alone does not say them), inferences, net, gross, load_watts, idle_watts; net and idle_watts are
            null where the power at rest is not known
    """
    host = found.host
    return {
        "host": _host_content(host, found.clips) if isinstance(host, Host) else None,
        "host_unmeasured": host.reason if isinstance(host, Unmeasured) else None,
        "meter": [
            {"reading": one.reading, "file": one.file, "kernels": one.kernels, "threads": one.threads}
            | _energy_content(one.energy)
            for one in found.metered
        ],
    }


def figures(found: Findings, path_of: Callable[[str], str]) -> dict[str, Figure]:
    """Every number by its path: energy/host/{path_of(file)}/net, energy/meter/{path_of(file)}/net and so on."""
    figures = _host_figures(found.host, found.clips, path_of) if isinstance(found.host, Host) else {}
    named: set[str | None] = set()
    for one in found.metered:
        place = "energy/meter" if one.file is None else f"energy/meter/{path_of(one.file)}"
        if one.file in named:
            place += f"/{str(one.kernels).split()[0].lower().replace('-', '_')}/threads_{one.threads}"
        named.add(one.file)
        figures |= _metered_figures(place, one)
    return figures


def _metered_figures(place: str, one: Metered) -> dict[str, Figure]:
    ran = "" if one.file is None else f"{one.file}, {one.kernels}, threads: {one.threads}; "
    source = f"{ran}{one.energy.inferences} inferences, by the power meter's {one.reading}"
    figures = {f"{place}/gross": _figure(one.energy.gross, MEASURED, f"{source}, rest not subtracted")}
    if one.energy.net is not None:
        figures[f"{place}/net"] = _figure(one.energy.net, MEASURED, f"{source}, rest subtracted")
    return figures


def _host_figures(host: Host, clips: int | None, path_of: Callable[[str], str]) -> dict[str, Figure]:
    figures = {}
    how = MEASURED if host.counted else ESTIMATED
    for file, processor in host.processor.items():
        place, source = f"energy/host/{path_of(file)}", f"{file}, one thread, {processor.inferences} inferences"
        if processor.net is not None:
            figures[f"{place}/net"] = _figure(processor.net, how, f"{source}, processor less rest, {host.means}")
        figures[f"{place}/gross"] = _figure(processor.gross, how, f"{source}, processor, {host.means}")
        whole = f"{source}, processor, memory and graphics, memory by an assumed power, {host.means}"
        figures[f"{place}/whole"] = _figure(host.whole[file].gross, ESTIMATED, whole)
        if clips is not None:
            kilowatt_hours = host.whole[file].gross.joules * clips / JOULES
            figures[f"{place}/test_split"] = Figure(kilowatt_hours, "kWh", ESTIMATED, f"{clips} clips; {whole}")
            figures["energy/baseline_2022/test_split"] = BASELINE
    return figures


def _figure(energy: Energy, how: str, source: str) -> Figure:
    return Figure(energy.joules, "joules", how, source, energy.interval)


def _host_content(host: Host, clips: int | None) -> dict[str, Any]:
    files = {}
    for file, processor in host.processor.items():
        gross = host.whole[file].gross
        files[file] = _energy_content(processor) | {
            "whole": _joules(gross),
            "clips": clips,
            "test_split_kwh": None if clips is None else gross.joules * clips / JOULES,
        }
    return {"means": host.means, "counted": host.counted, "files": files}


def _energy_content(energy: PerInference) -> dict[str, Any]:
    return {
        "inferences": energy.inferences,
        "net": _joules(energy.net),
        "gross": _joules(energy.gross),
        "load_watts": energy.load.mean,
        "idle_watts": None if energy.idle is None else energy.idle.mean,
    }


def _joules(energy: Energy | None) -> dict[str, Any] | None:
    if energy is None:
        return None
    return {"joules": energy.joules, "interval": None if energy.interval is None else list(energy.interval)}
