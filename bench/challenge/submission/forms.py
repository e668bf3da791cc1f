"""The form of a submission, year by year, as data.

Sources: of 2024 the organisers' validator (toni-heittola/dcase2024_task1_submission_validator), of 2023 its first
commit, which still has the fields of the year before. What stands nowhere says so in `Form.remark`.
"""

import re
from dataclasses import dataclass

from tinyasc.dcase import SCENES
from tinyasc.errors import UserError

COLUMNS = ("filename", "scene_label", *SCENES)
"""Of output.csv, separated by tabs."""
LABEL = re.compile(r"[^\W_]+_[^\W_]+_task1_[1-4]")
"""LastName_Institute_task1_1: at most four systems a team."""
LONGEST_ABBREVIATION = 10
"""Characters."""
TOP = ("submission", "system", "results")
SUBMISSION = ("label", "name", "abbreviation", "authors")
AUTHOR = ("lastname", "firstname", "email", "affiliation")
EXTERNAL_DATASET = ("name", "url", "total_audio_length")
SCORES = ("accuracy", "logloss")
MEMORY_USE = "memory_use"
"""Of 2022 and 2023; taken for the memory of the parameters, from memory."""

_ALWAYS = ("input_sampling_rate", "acoustic_features", "data_augmentation", "machine_learning_method")
_DESCRIPTION_2023 = (*_ALWAYS, "embeddings", "ensemble_method_subsystem_count", "decision_making")
_DESCRIPTION = ("external_data_usage", "complexity_management", "pipeline", "framework")
_COMPLEXITY = ("total_model_size", "total_parameters", "macs")
_COMPLEXITY_2023 = ("total_parameters_non_zero", MEMORY_USE)
_ENERGY = ("training", "inference", "baseline_inference")


@dataclass(frozen=True)
class Form:
    """What one year asks for."""

    year: int
    remark: str
    """What of its fields is not confirmed; empty: all is."""
    description: tuple[str, ...]
    """Fields of system.description."""
    complexity: tuple[str, ...] = _COMPLEXITY
    """Fields of system.complexity."""
    energy: tuple[str, ...] = ()
    """Fields of system.energy_consumption, kWh; none: the year does not ask."""
    subsets: tuple[int, ...] = ()
    """Per cent of the training split that a system is trained on, once each, with an output.csv and results of each;
    none: the system is one model."""
    inference_package: bool = False
    """Whether it asks for a module that gives the answers (`inference`)."""
    files: int | None = None
    """Files of the evaluation set, named 0.wav and so on; none: not known here."""

    @property
    def splits(self) -> tuple[str, ...]:
        """split_5 and so on; none where the year has no subsets."""
        return tuple(f"split_{subset}" for subset in self.subsets)

    @property
    def own_complexity(self) -> tuple[str, ...]:
        """Fields of system.complexity that a person writes; the others are measured."""
        return tuple(field for field in self.complexity if field not in (*_COMPLEXITY, MEMORY_USE))

    @property
    def system(self) -> tuple[str, ...]:
        """Fields of the block system."""
        energy = ("energy_consumption",) if self.energy else ()
        return ("description", "complexity", *energy, "external_datasets", "source_code")

    def evaluation_files(self) -> list[str] | None:
        """Names of the evaluation set's files; none: not known here."""
        return None if self.files is None else [f"{number}.wav" for number in range(self.files)]


FORMS = {
    form.year: form
    for form in (
        Form(
            2022,
            "fields of meta.yaml as in 2023, from memory",
            (*_DESCRIPTION_2023, *_DESCRIPTION),
            (*_COMPLEXITY, *_COMPLEXITY_2023),
            _ENERGY,
        ),
        Form(
            2023,
            "fields of meta.yaml as 2024's validator had them at first",
            (*_DESCRIPTION_2023, *_DESCRIPTION),
            (*_COMPLEXITY, *_COMPLEXITY_2023),
            _ENERGY,
        ),
        Form(
            2024,
            "",
            (*_ALWAYS, *_DESCRIPTION, "split_adaptations", "system_adaptations"),
            subsets=(5, 10, 25, 50, 100),
            files=135_730,
        ),
        Form(
            2025,
            "fields of meta.yaml as in 2024 without subsets, from memory",
            (*_ALWAYS, *_DESCRIPTION),
            inference_package=True,
        ),
    )
}
"""By year."""


def form_of(year: int) -> Form:
    """The form of a year.

    Raises:
        UserError: there is none.
    """
    if year not in FORMS:
        raise UserError(f"there is no form of {year}: choose from {', '.join(map(str, FORMS))}")
    return FORMS[year]
