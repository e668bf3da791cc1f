"""The files beside one another: which two are twins, which are held to give the same numbers, a row for each."""

from collections.abc import Mapping
from typing import Any

from bench.measure.accuracy.moments import FREEDOM

Content = Mapping[str, Any]


def few_moments(content: Content) -> int | None:
    """Moments of the class that has fewest, where they are too few for an interval of one class drawn over them."""
    classes = content["accuracy"]["files"][content["subject"]["headline"]]["parts"]["class"]
    least = min(part["moments"] for part in classes.values())
    return least if least - 1 < FREEDOM else None


def twins(content: Content) -> Content | None:
    """The headline file against its float twin, where both answered the test clips."""
    subject, accuracy = content["subject"], content["accuracy"]
    wanted = (subject["headline"], subject["reference"])
    pairs = accuracy["pairs"] if accuracy else []
    return next((pair for pair in pairs if (pair["first"], pair["second"]) == wanted), None)


def same_numbers(content: Content) -> list[dict[str, Any]]:
    """Pairs of files that are held to give the same numbers: all but INT8 against float."""
    accuracy, twin = content["accuracy"], twins(content)
    pairs = accuracy["pairs"] if accuracy else []
    return [
        {"first": pair["first"], "second": pair["second"], "clips": pair["agreement"]["clips"], **pair["exact"]}
        for pair in pairs
        if pair is not twin and pair["exact"] is not None
    ]


def rows(content: Content) -> list[dict[str, Any]]:
    """name, title, bytes; accuracy, interval, log_loss; same (answers of a drop-in as of its
    network: same, clips); median, p95 and over_float on one thread. What is not known is null."""
    accuracy = content["accuracy"] or {"files": {}, "drop_ins": {}}
    found = []
    for name, file in content["subject"]["files"].items():
        whole = accuracy["files"].get(name, {}).get("whole", {})
        timed = _usual(content, "variants", name) or {}
        found.append(
            {
                "name": name,
                "title": file["title"],
                "bytes": file["bytes"],
                "accuracy": whole.get("macro"),
                "interval": whole.get("interval"),
                "log_loss": whole.get("log_loss"),
                "median": timed.get("median"),
                "p95": timed.get("p95"),
                "same": accuracy["drop_ins"].get(name),
                "over_float": (_usual(content, "ratios", name) or {}).get("value"),
            }
        )
    return found


def latency(content: Content) -> Content | None:
    """The headline file in its usual runtime on one thread."""
    return _usual(content, "variants", content["subject"]["headline"])


def _usual(content: Content, part: str, file: str) -> Content | None:
    wanted = (file, "default", 1)
    return next(
        (one for one in content["latency"][part] if (one["file"], one["kernels"], one["threads"]) == wanted), None
    )
