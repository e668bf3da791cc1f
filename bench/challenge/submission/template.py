"""The part of meta.yaml that a person writes, to be filled in."""

from bench.challenge.submission.forms import LONGEST_ABBREVIATION, Form
from bench.challenge.submission.meta import FILL_IN

_EXAMPLES = {
    "input_sampling_rate": "32kHz",
    "acoustic_features": "log-mel energies",
    "embeddings": "null when none are used",
    "data_augmentation": "mixstyle, device impulse responses; null when none",
    "machine_learning_method": "CNN",
    "ensemble_method_subsystem_count": "null when the system is no ensemble",
    "decision_making": "null when there is none",
    "external_data_usage": "AudioSet, pre-trained model; null when none",
    "complexity_management": "weight quantization, knowledge distillation",
    "pipeline": "training, quantization-aware training",
    "framework": "pytorch",
    "split_adaptations": "what was changed from subset to subset; null when nothing",
    "system_adaptations": "what else was changed; null when nothing",
    "training": "kWh",
    "inference": "kWh, of the development test split",
    "baseline_inference": "kWh of the baseline on the same machine",
    "total_parameters_non_zero": "count",
}


def text(form: Form) -> str:
    """A YAML file with FILL IN in the place of the answers.

    The label, the complexity and the results are not in it: they come from the command line and from measurement.
    """
    blocks = {"description": form.description, "energy_consumption": form.energy, "complexity": form.own_complexity}
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
            *(line for block, fields in blocks.items() if fields for line in _block(block, fields)),
            "  external_datasets: null  # or a list of name, url, total_audio_length (minutes)",
            f"  source_code: {FILL_IN}  # address; null when it is not public",
            "",
        ]
    )


def _block(name: str, fields: tuple[str, ...]) -> list[str]:
    return [f"  {name}:", *(f"    {field}: {FILL_IN}  # {_EXAMPLES[field]}" for field in fields)]
