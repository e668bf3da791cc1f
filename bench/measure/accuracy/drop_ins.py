"""Whether the drop-ins answer as the networks they were made of do behind `tinyasc`'s own front-end.

Shape legend: n test clips, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.measure.figure import MEASURED, Figure, path_of
from deploy.runtime import Model
from tinyasc.clips import Clips

BATCH = 64
"""Clips whose waveforms are held in memory at a time."""


@dataclass(frozen=True)
class SameAnswers:
    """Of one drop-in."""

    network: str
    """File name of the network that it was made of."""
    same: int
    """Test clips that both answer alike."""
    clips: int


def same_answers(
    models: Mapping[str, Model], networks: Mapping[str, str], clips: Clips, logits: Mapping[str, np.ndarray]
) -> dict[str, SameAnswers]:
    """How many test clips each drop-in answers as its network does.

    Args:
        models: the drop-ins by file name.
        networks: drop-in -> the network it was made of.
        clips: the data set.
        logits: of the networks on its labelled test clips, (n, K) by file name.
    """
    same, indices = dict.fromkeys(models, 0), clips.labelled("test")
    for start in tqdm(range(0, len(indices) if models else 0, BATCH), desc="drop-in", unit="batch"):
        waveforms = clips.waveform(indices[start : start + BATCH])
        for file, model in models.items():
            expected = logits[networks[file]][start : start + BATCH].argmax(axis=1)
            same[file] += int((model.scores(waveforms).argmax(axis=1) == expected).sum())
    return {file: SameAnswers(networks[file], count, len(indices)) for file, count in same.items()}


def content(found: Mapping[str, SameAnswers]) -> dict[str, Any]:
    """What report.json holds of it, by drop-in: network, same and clips."""
    return {file: vars(one) for file, one in found.items()}


def figures(found: Mapping[str, SameAnswers]) -> dict[str, Figure]:
    """accuracy/PATH/same_answers of every drop-in."""
    return {
        f"accuracy/{path_of(file)}/same_answers": Figure(
            one.same / one.clips, "fraction", MEASURED, f"{file} against {one.network} on {one.clips:,} test clips"
        )
        for file, one in found.items()
    }
