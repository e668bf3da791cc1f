"""Time on this machine: from the waveform to the answer."""

from collections.abc import Mapping
from typing import Any

from bench.report import words
from bench.report.plots.stacked import Stack


def end_to_end(content: Mapping[str, Any]) -> list[Stack]:
    """From the waveform to the answer, part by part, with the drop-in's time below."""
    rows = []
    for file, found in content["latency"]["end_to_end"].items():
        title = content["subject"]["files"][file]["title"]
        parts = {name.replace("_", "-"): part["median"] for name, part in found["parts"].items() if name != "whole"}
        whole = found["parts"]["whole"]["median"]  # one call of all, not the sum of the parts' medians
        rows.append(Stack(f"{title} behind the front-end in NumPy", parts, words.milliseconds(whole)))
        if found["drop_in"] is not None:
            time = found["drop_in"]["median"]
            rows.append(Stack(f"{title}, drop-in: the front-end inside", {"drop-in": time}, words.milliseconds(time)))
    return rows
