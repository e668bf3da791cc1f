"""`report.json`, format 3: one tree of records, read whole and only as its types have it (`page.write` writes it).

The records of the measuring packages are its branches; `report.html` is made from it alone. Its JSON Schema:

python -m bench.report.document > report.schema.json
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from bench.boards.device.result import TargetResult
from bench.measure import records
from bench.measure.accuracy.findings import Accuracy, FileAccuracy
from bench.measure.accuracy.pairs import Pair
from bench.measure.compliance.findings import Compliance
from bench.measure.energy.findings import Energies
from bench.measure.figure import Figure, figures
from bench.measure.graph.cost import Layer
from bench.measure.latency.measure import Latencies
from bench.measure.memory.findings import FileMemory
from bench.measure.records import Natural, RecordError
from bench.measure.subject import ModelUnderTest
from tinyasc.artifact import ModelCard
from tinyasc.errors import UserError
from tinyasc.machine import Machine

FORMAT = 3


@dataclass(frozen=True)
class Ancestor:
    """A run before the export, quoted from its model card; it counts a network as it trains."""

    stage: str
    architecture: str | None
    macro: Figure
    log_loss: Figure
    macs: Figure
    parameters: Figure


@dataclass(frozen=True)
class DataSet:
    """The data set whose test split was answered."""

    file: str
    source: str
    checksum: str
    trained_on: str | None
    """Checksum of the data set of the training; None: not known."""
    train_devices: list[str] | None
    """None: not known."""
    test_clips: Natural
    test_recordings: Natural
    test_moments: Natural
    made_up: bool


@dataclass(frozen=True)
class FileParity:
    """One runtime's logits against the integer simulator's."""

    file: str
    runtime: str
    kernels: str
    threads: Natural
    logits: Natural
    differing: Natural


@dataclass(frozen=True)
class DropInParity:
    """A drop-in against the front-end and the network that it stands for."""

    file: str
    runtime: str
    threads: Natural
    waveforms: str
    inputs: Natural
    relative_difference: float
    tolerance: float
    logits: Natural
    differing: Natural
    largest_difference: Natural
    differing_answers: Natural


@dataclass(frozen=True)
class Parity:
    """The proof of equality that came with the export, quoted from its parity.json."""

    inputs: dict[str, Natural]
    """Kind -> count."""
    agreements: list[FileParity]
    drop_in: list[DropInParity]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was measured."""

    format: Literal[3] = FORMAT
    made: str
    """When this machine was measured, ISO 8601."""
    command: str
    sentence: str
    lineage: list[Ancestor]
    """Oldest first; empty of a foreign file."""
    model: ModelUnderTest
    compliance: Compliance
    layers: list[Layer]
    accuracy: Accuracy | None
    """None: no data set was given."""
    latency: Latencies
    memory: dict[str, FileMemory]
    energy: Energies | None
    """None: it was not asked for."""
    targets: list[TargetResult]
    card: ModelCard | None
    """Without its accuracy and its lineage."""
    data: DataSet | None
    machine: Machine
    parity: Parity | None

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """Every number by its path, such as "accuracy/tflite/int8/macro"."""
        return figures(self)

    @property
    def answered(self) -> FileAccuracy | None:
        """Accuracy of the primary file."""
        return None if self.accuracy is None else self.accuracy.files.get(self.model.primary)

    @property
    def twin(self) -> FileAccuracy | None:
        """Accuracy of its float twin."""
        return None if self.accuracy is None else self.accuracy.files.get(self.model.reference or "")

    @property
    def pair(self) -> Pair | None:
        """The primary file against its float twin, where both answered the test clips."""
        wanted = (self.model.primary, self.model.reference)
        pairs = self.accuracy.pairs if self.accuracy is not None else []
        return next((pair for pair in pairs if (pair.first, pair.second) == wanted), None)


def read(path: Path) -> Report:
    """The report that a report.json holds.

    Raises:
        UserError: no such file, of another format, or not as its types have it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}: `make bench` writes a report.json") from error
    try:
        number = records.format_of(content)
    except RecordError:
        raise UserError(f"{path} is no JSON: give the report.json that `make bench` wrote") from None
    if number != FORMAT:
        raise UserError(f"{path} has format {number}, this version reads {FORMAT}: make it again with `make bench`")
    try:
        return records.decode(content, Report)
    except RecordError as error:
        raise UserError(f"{path} is no report: {error}: make it again with `make bench`") from None


if __name__ == "__main__":
    print(json.dumps(records.schema(Report), indent=1))
