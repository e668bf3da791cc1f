"""The form of a submission, year by year, as data; and the part of it that a person writes, to be filled in.

Sources: of 2024 the organisers' validator (toni-heittola/dcase2024_task1_submission_validator); of 2025 their meta.yaml
as a participant filled it in, comments and all (wa976/dcase2025_task1_inference, Jeong_SEOULTECH_task1_1.yaml), and the
inference package that goes with it. The forms of 2022 and 2023 stand in no source that could be found.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tinyasc.dcase import SCENES
from tinyasc.errors import UserError

COLUMNS = ("filename", "scene_label", *SCENES)
"""Of output.csv, separated by tabs."""
LABEL = re.compile(r"[^\W_]+_[^\W_]+_task1_[1-4]")
"""LastName_Institute_task1_1: at most four systems a team."""
LONGEST_ABBREVIATION = 10
"""Characters."""
FILL_IN = "FILL IN"
"""What a template has in the place of the answers."""
TOP = ("submission", "system", "results")
SUBMISSION = ("label", "name", "abbreviation", "authors")
AUTHOR = ("lastname", "firstname", "email", "affiliation")
COMPLEXITY = ("total_model_size", "total_parameters", "macs")
EXTERNAL_DATASET = ("name", "url", "total_audio_length")
SCORES = ("accuracy", "logloss")
SUBSETS = ("split_5", "split_10", "split_25", "split_50", "split_100")
"""Of 2024: per cent of the training split that a system is trained on, once each."""
_DESCRIPTION = {
    "input_sampling_rate": "32kHz",
    "acoustic_features": "log-mel energies",
    "data_augmentation": "mixstyle, device impulse responses; null when none",
    "machine_learning_method": "CNN",
    "external_data_usage": "AudioSet, pre-trained model; null when none",
    "complexity_management": "weight quantization, knowledge distillation",
    "pipeline": "training, quantization-aware training",
    "framework": "pytorch",
}


@dataclass(frozen=True)
class Form:
    """What one year asks for."""

    year: int
    description: Mapping[str, str]
    """Fields of system.description, each with an example of an answer."""
    models: tuple[str, ...]
    """The models of a system, each with an output.csv and results of its own, by the name that the results have."""
    system: tuple[str, ...] = ("description", "complexity", "external_datasets", "source_code")
    """Fields of the block system that must be there."""
    further_results: tuple[str, ...] = ()
    """Results that may stand beside those of the models; where there are any, part of the results may be left out."""
    files: int | None = None
    """Files of the evaluation set, named 0.wav and so on; none: not known here."""

    @property
    def inference_code(self) -> bool:
        """Whether it asks for a package that gives the answers (`package.inference_files`), and for its address."""
        return "inference_code" in self.system

    def outputs(self, label: str) -> dict[str, str]:
        """Name of the output.csv of each model."""
        if len(self.models) == 1:
            return {self.models[0]: f"{label}.output.csv"}
        return {model: f"{label}.output.{model}.csv" for model in self.models}

    def evaluation_files(self) -> list[str] | None:
        """Names of the evaluation set's files; none: not known here."""
        return None if self.files is None else [f"{number}.wav" for number in range(self.files)]


FORMS = {
    2024: Form(
        2024,
        _DESCRIPTION
        | {
            "split_adaptations": "what was changed from subset to subset; null when nothing",
            "system_adaptations": "what else was changed; null when nothing",
        },
        models=SUBSETS,
        files=135_730,
    ),
    2025: Form(
        2025,
        _DESCRIPTION
        | {
            "device_information": "how the device was used at inference time; null when it was not",
            "num_models_at_inference": "1 when one model answers every device",
            "model_weight_sharing": "fully shared when one model answers every device",
        },
        models=("general",),
        system=("inference_code", "description", "complexity", "external_datasets"),
        further_results=("device_specific",),
    ),
}
"""By year."""


def form_of(year: int) -> Form:
    """The form of a year.

    Raises:
        UserError: there is none.
    """
    if year not in FORMS:
        why = f", as the form of {year} stands in no source that could be found" if year in (2022, 2023) else ""
        raise UserError(f"there is no form of {year}: choose from {', '.join(map(str, FORMS))}{why}")
    return FORMS[year]


def template(form: Form) -> str:
    """The part of meta.yaml that a person writes, with FILL IN in the place of the answers.

    The label, the complexity and the results are not in it: they come from the command line and from measurement.
    """
    code = [f"  inference_code: {FILL_IN}  # address of the inference package"] * form.inference_code
    return "\n".join(
        [
            f"# Your part of LABEL.meta.yaml, DCASE Task 1 of {form.year}. Write an answer over each {FILL_IN}.",
            "# The label, the complexity and the results are added by python -m bench.submission.",
            "submission:",
            f"  name: {FILL_IN}",
            f"  abbreviation: {FILL_IN}  # at most {LONGEST_ABBREVIATION} characters",
            "  authors:  # in the order of the publication; exactly one is corresponding",
            f"    - lastname: {FILL_IN}",
            f"      firstname: {FILL_IN}",
            f"      email: {FILL_IN}",
            "      corresponding: true",
            "      affiliation:",
            f"        abbreviation: {FILL_IN}",
            f"        institute: {FILL_IN}",
            f"        location: {FILL_IN}",
            "system:",
            *code,
            "  description:",
            *(f"    {field}: {FILL_IN}  # {example}" for field, example in form.description.items()),
            "  external_datasets: null  # or a list of name, url, total_audio_length (minutes)",
            f"  source_code: {FILL_IN}  # address; null when it is not public",
            "",
        ]
    )
