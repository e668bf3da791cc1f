"""A number of the report with its unit and its origin, so that no figure stands there unlabelled."""

from dataclasses import asdict, dataclass
from typing import Any

MEASURED, ESTIMATED, QUOTED = "measured", "estimated", "quoted"


def path_of(file: str) -> str:
    """A file's part of the path of its figures: model_float.onnx -> onnx/float, model.tflite -> tflite/int8,
    drop_in.tflite -> tflite/drop_in, kws.tflite -> tflite/kws."""
    stem, suffix = file.rsplit(".", 1)
    return f"{suffix}/{'int8' if stem == 'model' else stem.removeprefix('model_')}"


@dataclass(frozen=True)
class Figure:
    """One number. It serialises to {"value", "unit", "how", "source"}, with "interval" where there is one."""

    value: float | None
    """None: there is no such number, for example a teacher that nobody trained."""
    unit: str
    """"fraction" for accuracies and shares, else "bytes", "MACs", "parameters", "nats", "ms", "joules", "kWh",
    "instructions", "ratio" or "count"."""
    how: str
    """MEASURED: by this run of the judge. ESTIMATED: from a model of the machine. QUOTED: from a document or card."""
    source: str
    """The file, tool or document."""
    interval: tuple[float, float] | None = None
    """95 % confidence interval; of an estimated time its band, which is a judgement."""

    def to_dict(self) -> dict[str, Any]:
        content = asdict(self)
        if self.interval is None:
            del content["interval"]
        return content
