"""The task: DCASE acoustic scene classification on small devices. Its scenes, devices, file names and limits.

Sources: the data set TAU Urban Acoustic Scenes 2022 Mobile (Zenodo 6337421), the rules of DCASE Task 1, 2022 to 2025.
Nothing here binds a data set: labels and devices of a prepared file are data (see `tinyasc.clips`).
"""

import re
from dataclasses import dataclass

SCENES = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)
"""The ten scenes in the alphabetical order that TAU's published class indices follow."""

REAL_DEVICES = ("a", "b", "c")
"""Recorded devices; `a` is the reference and by far the most frequent one."""

SEEN_DEVICES = ("s1", "s2", "s3")
"""Devices simulated from `a` that occur in training."""

UNSEEN_DEVICES = ("s4", "s5", "s6")
"""Devices simulated from `a` that occur in the test split only."""

DEVICE_GROUPS = {"real": REAL_DEVICES, "simulated_seen": SEEN_DEVICES, "simulated_unseen": UNSEEN_DEVICES}
"""The groups whose accuracies are reported when a data set's device names are these."""

DEVICES = REAL_DEVICES + SEEN_DEVICES + UNSEEN_DEVICES

_TAU_NAME = re.compile(
    r"(?P<scene>[a-z_]+)-(?P<city>[a-z]+)-(?P<location>\d+)-(?P<segment>\d+)(?:-(?P<index>\d))?-(?P<device>[a-z]\d*)\.wav"
)


@dataclass(frozen=True)
class TauName:
    """The name of one TAU file, `airport-lisbon-1000-40000-0-a.wav`; data sets before 2022 have no index."""

    scene: str
    city: str
    location: int
    segment: int
    """Number of the 10-second recording."""
    index: int | None
    """Which 1-second piece of the recording, 0 to 9; None: the recording in one file."""
    device: str

    @classmethod
    def parse(cls, file: str) -> "TauName | None":
        """The parts of a file name (folders before it are ignored), or None when it is not a TAU name."""
        match = _TAU_NAME.fullmatch(file.rpartition("/")[2])
        if match is None:
            return None
        index = match["index"]
        return cls(
            scene=match["scene"],
            city=match["city"],
            location=int(match["location"]),
            segment=int(match["segment"]),
            index=None if index is None else int(index),
            device=match["device"],
        )

    def __str__(self) -> str:
        parts = (self.scene, self.city, self.location, self.segment, self.index, self.device)
        return "-".join(str(part) for part in parts if part is not None) + ".wav"

    @property
    def recording(self) -> str:
        """What the pieces of one recording have in common: the name without index and suffix."""
        return f"{self.moment}-{self.device}"

    @property
    def moment(self) -> str:
        """What all devices recorded side by side, or was simulated from that: the recording without its device."""
        return f"{self.scene}-{self.city}-{self.location}-{self.segment}"


@dataclass(frozen=True)
class Limits:
    """What one year's rules allow one model. None: no such limit.

    The rules bind the model that answers: what computes its input (a spectrogram) is no part of it.
    """

    macs: int
    """Multiply-accumulate operations for one second of sound."""
    source: str
    """Where the rules of that year are written down."""
    parameter_bytes: int | None = None
    """Memory of all parameters, kB = 1,000 bytes, at any precision."""
    parameters: int | None = None
    """Number of all parameters, zeros too."""
    integer_parameters: bool = False
    """Whether parameters must be INT8."""
    each_device: bool = False
    """Whether there may be a model for each recording device, each of which may be as large as this."""


LIMITS = {
    2022: Limits(
        macs=30_000_000,
        parameters=128_000,
        integer_parameters=True,
        source="Martín-Morató et al., arXiv 2206.03835; README of marmoi/dcase2022_task1_baseline",
    ),
    2023: Limits(
        macs=30_000_000,
        parameter_bytes=128_000,
        source="page of Task 1, DCASE 2023; the 128 kB as CPJKU/dcase2024_task1_baseline refers to them",
    ),
    2024: Limits(
        macs=30_000_000,
        parameter_bytes=128_000,
        source="Schmid et al., arXiv 2405.10018; README and helpers/nessi.py of CPJKU/dcase2024_task1_baseline",
    ),
    2025: Limits(
        macs=30_000_000,
        parameter_bytes=128_000,
        each_device=True,
        source="Schmid et al., arXiv 2505.01747; README and helpers/complexity.py of CPJKU/dcase2025_task1_baseline",
    ),
}
"""By year. 2022: at most 128,000 INT8 parameters; later: 128 kB at any precision; 30 M MACs for one second in each."""
