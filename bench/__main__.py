"""Command: judge an exported run or any .tflite or .onnx file, here, on an emulated Raspberry Pi or on a real device.

python -m bench --model RUN --data FILE.h5
python -m bench --model RUN --data FILE.h5 --target pi4
python -m bench --model FILE.tflite
"""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.boards import on_target
from bench.boards.device import result
from bench.boards.device.result import TargetResult
from bench.boards.emulate import emulator as emulated
from bench.boards.estimate.refit import renewed
from bench.measure import environments as other_runtimes
from bench.measure import records, subject
from bench.measure.energy import findings as energy
from bench.measure.energy import host as energy_of_host
from bench.measure.energy import meter as power_meter
from bench.measure.energy.findings import Energies
from bench.measure.figure import Figure, path_of
from bench.measure.latency.measure import SECONDS
from bench.measure.subject import Subject
from bench.report import compare as reports
from bench.report import document, page
from bench.report import judge as judging
from bench.report.changes import DEFAULT
from bench.report.document import Report
from tinyasc import artifact, recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig

REPORT, TARGETS = "report.json", "targets"
SHOWN = {
    "accuracy": "accuracy/{}/macro",
    "log loss": "accuracy/{}/log_loss",
    "  on devices heard in training": "accuracy/{}/group/seen/macro",
    "  on unheard devices": "accuracy/{}/group/unseen/macro",
    "  same answer as float": "accuracy/{}/against/{}/same_top1",
    "file": "size/{}",
    "constants in the file": "cost/{}/constant_bytes",
    "peak activations": "memory/{}/peak_activations",
    "arena in TFLite Micro": "memory/{}/arena_tflm",
    "grows the process by": "memory/{}/resident_increment",
    "latency": "latency/{}/median",
    "  first inference": "latency/{}/start/first",
}
EARLIER = {"teacher accuracy": "accuracy/teacher/macro", "student accuracy": "accuracy/student/macro"}
COUNTED = {"MACs of one second": "cost/network/macs", "parameters": "cost/network/parameters"}
"""Figures of the summary: what each is called, and its path; {}: the primary file, then its float twin."""


def judge(
    *,
    model: Path,
    data: Path | None = None,
    out: Path | None = None,
    target: str | None = None,
    reference: Path | None = None,
    mel: MelConfig | None = None,
    latency_seconds: float = SECONDS,
    energy_seconds: float | None = None,
    environments: Path = other_runtimes.FOLDER,
    emulator: Path = emulated.FOLDER,
    keep: bool = False,
    meter: Path | None = None,
    compare: Path | None = None,
    json: Path | None = None,
) -> None:
    """Measure accuracy, size, cost, latency and memory of shipped files and write report.html and report.json.

    With a target, that machine is measured, and added to the report of this one, which is made first if need be.

    Args:
        model: export run (`make export`), or any .tflite or .onnx file.
        data: prepared data set (.h5), whose test split is answered; without, accuracy is left out.
        out: folder for the report; default: `bench` beside a run, NAME.bench beside a file.
        target: a board of bench/boards/targets (emulated), such as pi4, or ssh:user@host[:port].
        reference: float twin (.tflite or .onnx) of a file, to compare it with.
        mel: front-end of a file that takes spectrograms; a run brings its own.
        latency_seconds: time for the latencies, seconds.
        energy_seconds: time under load of each file for its energy, seconds; on this machine by codecarbon, on an ssh
            target for the reading of your power meter. Default: no energy.
        environments: where tflite-runtime and tflite-micro are, if they are (`python -m bench.environments`).
        emulator: where the emulated machines are set up.
        keep: leave the work folder on the device of an ssh target.
        meter: reading (CSV) of a power meter that an ssh target was on while it was measured.
        compare: older report.json; whatever is worse than in it ends the command with 1.
        json: one more place for report.json.
    """
    if latency_seconds <= 0:
        raise UserError(f"latency_seconds is {latency_seconds}: take more than 0")
    if energy_seconds is not None and target is None:
        energy_of_host.check(energy_seconds)
    elif energy_seconds is not None and energy_seconds <= 0:
        raise UserError(f"energy_seconds is {energy_seconds}: take more than 0")
    elif energy_seconds is not None and not str(target).startswith(on_target.SSH):
        raise UserError(f"{target} is emulated and takes no energy of its own: leave --energy_seconds out")
    artifact.check_files(json)
    reading = None if meter is None else power_meter.read(meter)
    if target is not None:
        on_target.check(target)
    old = None if compare is None else document.read(compare)
    judged = subject.of(model, reference, mel)
    out = _default_out(model) if out is None else out
    artifact.check_folder(out)
    results = _results(out, judged)
    with ExitStack() as opened:
        clips = None if data is None else opened.enter_context(Clips(data))
        report = None if target is None and reading is None else _report_of(out, judged, clips)
        if report is None:
            report = judging.judge(
                judged,
                clips,
                artifact.command_line(),
                latency_seconds=latency_seconds,
                energy_seconds=energy_seconds if target is None else None,
                environments=environments,
            )
            page.write(replace(report, targets=results), out)
        if target is not None:
            measured = on_target.measure(
                target,
                judged,
                clips,
                emulator=emulator,
                steady_seconds=energy_seconds or 0.0,
                keep=keep,
            )
            result.write(out / TARGETS / f"{measured.target}.json", measured)
            results = _results(out, judged)
    report = replace(report, targets=results)
    if reading is not None:
        metered = power_meter.of_results(reading, [one.activity for one in results])
        own = report.energy or Energies(None, None, [])
        report = replace(report, energy=replace(own, meter=energy.of_meter(metered)))
    page.write(report, out)
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        artifact.atomic_write(json, records.encode(report))
    print(_summary(report))
    places = [out / "report.html", out / REPORT, *([json] if json is not None else [])]
    print("\nwrote " + ", ".join(map(str, places)))
    if old is not None:
        changes = reports.changes(old, report, DEFAULT)
        print(f"\nagainst {compare}:\n{reports.table(changes)}")
        reports.need_no_regression(changes)


def _default_out(model: Path) -> Path:
    model = model.resolve()
    return model.with_suffix(".bench") if model.is_file() else model.parent / "bench"


def _report_of(out: Path, judged: Subject, clips: Clips | None) -> Report | None:
    """The report of these very files that is there already; on these clips, if there are any."""
    if not (out / REPORT).is_file():
        return None
    try:
        report = document.read(out / REPORT)
    except UserError:
        return None  # of an older version: it is made again
    other_data = clips is not None and (report.data is None or report.data.checksum != clips.checksum)
    return None if other_data or report.model != judged.model else report


def _results(out: Path, judged: Subject) -> list[TargetResult]:
    """What was measured of these very files on other machines; estimates are renewed by what real ones took."""
    found = [result.read(path) for path in sorted((out / TARGETS).glob("*.json"))]
    hashes = {name: file.sha256 for name, file in judged.model.files.items()}
    return renewed([one for one in found if all(hashes.get(file) == sha256 for file, sha256 in one.models.items())])


def _summary(report: Report) -> str:
    """The verdict, and the figures that people ask for first, each with its provenance."""
    model, figures = report.model, report.figures
    primary, reference = path_of(model.primary), path_of(model.reference) if model.reference else ""
    paths = {**EARLIER, **COUNTED} | {name: path.format(primary, reference) for name, path in SHOWN.items()}
    title = model.files[model.primary].title
    if model.reference:
        twin = model.files[model.reference].title
        paths[f"{twin} accuracy"] = f"accuracy/{reference}/macro"
        paths[f"{twin} latency"] = f"latency/{reference}/median"
        paths[f"  {title} / {twin}, latency"] = f"latency/{primary}_over_{reference.rpartition('/')[2]}"
    for target in report.targets:
        place = f"target/{target.target}/{primary}"
        paths[f"{target.board.name}, latency"] = f"{place}/median"
        paths[f"{target.board.name}, instructions"] = f"{place}/instructions"
        paths[f"{target.board.name}, estimate"] = f"{place}/estimate"
    lines = [f"\n{report.sentence}", *(one.text for one in report.compliance.violations), f"\n{title}:"]
    for name, path in paths.items():
        figure = figures.get(path)
        if figure is not None and figure.value is not None:
            lines.append(f"{name:44} {_value(figure.value, figure):>24}   {figure.provenance}")
    return "\n".join(lines)


def _value(value: float, figure: Figure) -> str:
    unit, interval = figure.unit, figure.interval
    if unit == "fraction":
        return f"{100 * value:.1f} %" + (f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else "")
    if unit in ("ms", "ratio", "nats"):
        between = f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else ""
        return f"{value:.3g}{' ' + unit if unit != 'ratio' else ''}{between}"
    return f"{value:,.0f} {unit}" if value == int(value) else f"{value:.3g} {unit}"


if __name__ == "__main__":
    raise SystemExit(recipe.run(judge))
