"""The result of one target, emulated or real: one JSON in one form, checked when it is written and when it is read.

result.schema.json describes it key by key. The parts:
    target, kind, board        what ran the files; kind is "emulated" or "device"
    models                     file -> sha256: a result holds for these bytes alone
    latency                    milliseconds of a device; an emulated target has none
    equality                   the target's outputs against this machine's
    instructions, estimates    counts of one inference in emulation, and what milliseconds they suggest
    phases                     when what ran, for a power meter: board.clock_offset_seconds + phases[i].started is the
                               Unix time by this machine's clock at which phase i began, and .ended when it was over;
                               .inferences were made in between
    warnings                   what a reader must know
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from bench.measure.figure import ESTIMATED, MEASURED, Figure
from tinyasc.artifact import atomic_write
from tinyasc.errors import UserError

FORMAT = 1
EMULATED, DEVICE = "emulated", "device"
SCHEMA = Path(__file__).with_name("result.schema.json")


def read(path: Path) -> dict[str, Any]:
    """The result that a file holds.

    Raises:
        UserError: no such file, no JSON, another format, or not of this form.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"no file {path}: measuring on a target writes it (`python -m bench --target`)") from None
    except ValueError as error:
        raise UserError(f"{path} is no JSON: {error}") from None
    check(content, str(path))
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a result, whole or not at all.

    Raises:
        UserError: it is not of this form.
    """
    check(content, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())


def check(content: Any, name: str) -> None:
    """Whether something is the result of a target.

    Args:
        content: what was read.
        name: where it is from, for the message.

    Raises:
        UserError: it is not; says where the first fault is.
    """
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise UserError(f"{name} has format {found}, this version reads {FORMAT}: measure the target again")
    fault = best_match(_validator().iter_errors(content))
    if fault is not None:
        raise UserError(f"{name} is not the result of a target: {fault.json_path}: {fault.message[:200]}")


def figures(content: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Figure]:
    """Every number of a result by its path, for example "target/pi4/tflite/int8/median".

    A file's default kernels on the fewest threads have the short path; other kernels of the same file add
    "/built_in", other thread counts "/threads_4".

    Args:
        content: a result.
        paths: file -> its part of the path, for example "tflite/int8"; files that are not in it are left out.
    """
    board, found = content["board"], {}
    place = f"target/{content['target']}"
    for kind in ("latency", "equality", "instructions", "estimates"):
        for entry in content[kind]:
            if entry["file"] in paths:
                where = f"{place}/{paths[entry['file']]}{_variant(entry, content[kind])}"
                what = f"{entry['file']}, {entry['runtime']}, {entry['kernels']}, threads: {entry['threads']}"
                found |= {
                    f"{where}/{name}": figure for name, figure in _FIGURES[kind](entry, f"{what}, {board['name']}")
                }
    return found


def _variant(entry: Mapping[str, Any], entries: list[dict[str, Any]]) -> str:
    """What tells this entry from the first of the same file."""
    first = next(other for other in entries if other["file"] == entry["file"])
    kernels = (
        "" if entry["kernels"] == first["kernels"] else "/" + entry["kernels"].split()[0].lower().replace("-", "_")
    )
    return kernels + ("" if entry["threads"] == first["threads"] else f"/threads_{entry['threads']}")


def _latency(entry: Mapping[str, Any], source: str) -> list[tuple[str, Figure]]:
    median = Figure(entry["median"], "ms", MEASURED, source, tuple(entry["interval"]))
    others = [(name, Figure(entry[name], "ms", MEASURED, source)) for name in ("p95", "p99", "load", "first")]
    return [("median", median), *others]


def _equality(entry: Mapping[str, Any], source: str) -> list[tuple[str, Figure]]:
    source = f"{source}; against {entry['reference']}"
    return [
        ("differing", Figure(entry["differing"], "fraction", MEASURED, source)),
        ("same_top1", Figure(entry["same_top1"] / entry["inputs"], "fraction", MEASURED, source)),
    ]


def _instructions(entry: Mapping[str, Any], source: str) -> list[tuple[str, Figure]]:
    return [("instructions", Figure(entry["total"], "instructions", MEASURED, f"{source}; counted in emulation"))]


def _estimate(entry: Mapping[str, Any], source: str) -> list[tuple[str, Figure]]:
    if entry["milliseconds"] is None:
        return [("estimate", Figure(None, "ms", ESTIMATED, f"{source}: {entry['reason']}"))]
    how = f"{source} as {entry['board']}; the band is a judgement; {', '.join(entry['sources'])}"
    return [("estimate", Figure(entry["milliseconds"], "ms", ESTIMATED, how, (entry["low"], entry["high"])))]


_FIGURES = {
    "latency": _latency,
    "equality": _equality,
    "instructions": _instructions,
    "estimates": _estimate,
}


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))
