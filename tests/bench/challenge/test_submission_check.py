"""What is wrong with an output.csv or a meta.yaml, by line; broken ones are a good one with one thing changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.challenge import meta, output
from bench.challenge.forms import COLUMNS, COMPLEXITY, FORMS, SCORES, template
from bench.challenge.output import check
from bench.challenge.package import packed
from bench.submission import validate
from tinyasc import recipe
from tinyasc.dcase import DEVICES, SCENES

FILES = [f"{number}.wav" for number in range(4)]
LABEL = "Lee_KU_task1_1"
FORM = replace(FORMS[2024], files=len(FILES))


def good_output() -> str:
    random = np.random.default_rng(0)
    return output.text(FILES, random.dirichlet(np.ones(10), len(FILES)), list(SCENES))


def good_meta(year: int = 2024) -> str:
    own = yaml.safe_load(template(FORMS[year]).replace("FILL IN", "1.5"))
    own["submission"] |= {"label": LABEL, "abbreviation": "ten_letter"}
    form, scores = FORMS[year], dict.fromkeys(SCORES, 1.5)
    own["system"]["complexity"] = dict.fromkeys(COMPLEXITY, 100)
    one = {
        "overall": scores,
        "class_wise": dict.fromkeys(SCENES, scores),
        "device_wise": dict.fromkeys(DEVICES, scores),
    }
    own["results"] = {"development_dataset": dict.fromkeys(form.models, one)}
    plain = yaml.SafeDumper
    plain.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]
    return yaml.dump(own, Dumper=plain, sort_keys=False)


def test_columns_stand_under_their_scenes_whatever_the_order_of_a_network() -> None:
    row = output.text(["a/b.wav"], np.eye(10)[[1]], list(SCENES[::-1])).splitlines()[1].split("\t")
    assert row == ["b.wav", "street_traffic", *("1" if scene == "street_traffic" else "0" for scene in SCENES)]


@pytest.mark.parametrize("year", FORMS)
def test_good_files_have_no_problem(year: int) -> None:
    form = replace(FORMS[year], files=len(FILES))
    outputs = dict.fromkeys(form.outputs(LABEL).values(), good_output())
    assert check(outputs | {f"{LABEL}.meta.yaml": good_meta(year)}, form, None) == []


def test_2024_has_the_files_that_its_validator_wants() -> None:
    files = FORMS[2024].evaluation_files()
    assert files is not None
    assert (len(files), files[0], files[-1]) == (135_730, "0.wav", "135729.wav")
    assert FORMS[2024].outputs(LABEL)["split_5"] == f"{LABEL}.output.split_5.csv"
    assert FORMS[2025].outputs(LABEL) == {"general": f"{LABEL}.output.csv"}


def changed(row: int, column: str, value: str) -> Callable[[str], str]:
    """Another value in one field of an output.csv; row 0 is the header."""

    def change(text: str) -> str:
        rows = [line.split("\t") for line in text.splitlines()]
        rows[row][COLUMNS.index(column)] = value
        return "".join("\t".join(fields) + "\n" for fields in rows)

    return change


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (lambda text: "", 1, "the file is empty"),
        (lambda text: text.replace("\t", ","), 1, "the header lacks filename, scene_label"),
        (changed(0, "tram", "Tram"), 1, "the header lacks tram and has 'Tram' too much"),
        (changed(0, "tram", "bus"), 1, "the header lacks tram and has 'bus' too much"),
        (lambda text: text.split("\n", 1)[1], 1, "the header lacks filename"),
        (changed(2, "filename", "0.wav"), 3, "0.wav stands in line 2 too"),
        (changed(2, "filename", "audio/0.wav"), 3, "0.wav stands in line 2 too"),
        (changed(4, "filename", "4.wav"), 5, "4.wav is not one of the 4 files of the evaluation set (0.wav to 3.wav)"),
        (changed(1, "filename", "-1.wav"), 2, "-1.wav is not one of the 4 files"),
        (changed(1, "filename", "0.mp3"), 2, "'0.mp3' is no .wav file"),
        (changed(3, "scene_label", "Airport"), 4, "'Airport' is no scene: choose from airport"),
        (changed(3, "scene_label", ""), 4, "'' is no scene"),
        (changed(3, "metro", "high"), 4, "metro is 'high': give a probability"),
        (changed(3, "metro", ""), 4, "metro is '': give a probability"),
        (changed(3, "metro", "nan"), 4, "metro is 'nan': give a probability"),
        (changed(3, "metro", "1.01"), 4, "metro is '1.01': give a probability"),
        (changed(3, "metro", "-0.1"), 4, "metro is '-0.1': give a probability"),
        (changed(3, "metro", "0.99"), 4, "the probabilities sum to 1."),
        (changed(3, "metro", "0.1\t0.2"), 4, "has 13 fields instead of 12"),
        (lambda text: text.replace("\n2.wav", "\n\n2.wav"), 4, "is empty: remove the line"),
        (lambda text: "\n".join(text.split("\n")[:3]) + "\n", None, "has no answer to 2 of the 4 files"),
    ],
)
def test_a_broken_output_is_refused_by_line(change: Callable[[str], str], line: int | None, what: str) -> None:
    problems = output.check_output("x.csv", change(good_output()), FILES)
    assert (problems[0].line, what in problems[0].what) == (line, True), list(map(str, problems))
    assert str(problems[0]).startswith("x.csv: " if line is None else f"x.csv:{line}: ")


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        (f"label: {LABEL}", "label: Lee_KU_task1_5", 13, "submission.label 'Lee_KU_task1_5' is no label"),
        (f"label: {LABEL}", "label: Lee_KU_task2_1", 13, "submission.label 'Lee_KU_task2_1' is no label"),
        (f"label: {LABEL}", "label: Lee_KU_task1_2", 13, "submission.label is Lee_KU_task1_2, the files are named Lee"),
        (f"label: {LABEL}", "lable: x", 1, "submission lacks label"),
        ("abbreviation: ten_letter", "abbreviation: elevenchars", 3, "'elevenchars' has 11 characters: at most 10"),
        ("abbreviation: ten_letter", "abbreviation:", 3, "submission.abbreviation is empty"),
        ("corresponding: true", "corresponding: false", 4, "submission.authors has 0 corresponding authors"),
        ("  label:", "  - corresponding: yes\n  label:", 13, "submission.authors has 2 corresponding authors"),
        ("email: 1.5", "mail: 1.5", 5, "submission.authors[0] lacks email"),
        ("email: 1.5", "email: FILL IN", 7, "submission.authors[0].email is not filled in"),
        ("pipeline: 1.5", "pipelines: 1.5", 15, "system.description lacks pipeline"),
        ("pipeline: 1.5", "framework: 1.5", 23, "system.description.framework stands there twice"),
        ("total_parameters: 100", "total_parameters: 100 k", 30, "system.complexity.total_parameters is '100 k'"),
        ("total_parameters: 100", "total_parameters: 1e2", 30, "system.complexity.total_parameters is '1e2'"),
        ("macs: 100", "macs: few", 31, "system.complexity.macs is 'few': give a number"),
        ("macs: 100", "macs: 30000001", 31, "system.complexity.macs is 30,000,001: 2024 allows 30,000,000"),
        ("model_size: 100", "model_size: 128001", 29, "total_model_size is 128,001: 2024 allows 128,000 bytes"),
        ("datasets: null", "datasets: AudioSet", 26, "system.external_datasets is no list"),
        ("datasets: null", "datasets:\n  - {name: A, url: b}", 27, "external_datasets[0] lacks total_audio_length"),
        ("source_code: 1.5", "code: 1.5", 14, "system lacks source_code"),
        ("    split_10:", "    split_11:", 33, "results.development_dataset lacks split_10"),
        ("accuracy: 1.5", "accuracy: good", 36, "split_5.overall.accuracy is 'good': give a number"),
        ("accuracy: 1.5", "accuracy: .nan", 36, "split_5.overall.accuracy is '.nan': give a number"),
        ("accuracy: 1.5", "accuracy: 101", 36, "split_5.overall.accuracy is 101: accuracies are 0 to 100 %"),
        ("        tram:", "        trams:", 38, "split_5.class_wise lacks tram"),
        ("        s6:", "        s7:", 69, "split_5.device_wise lacks s6"),
        ("results:", "result:", 1, "the file lacks results"),
        ("system:\n", "system: 3\nsysten:\n", 14, "system is no block of fields"),
        ("name: 1.5", "name: 'x", 2, "is no YAML"),
        ("name: 1.5", "name: \x07", 2, "is no YAML, it has a character"),
        ("  email: 1.5", " email: 1.5", 7, "is no YAML"),
    ],
)
def test_a_broken_meta_is_refused_by_line(old: str, new: str, line: int, what: str) -> None:
    good = good_meta()
    assert old in good
    problems = meta.check("x.yaml", good.replace(old, new, 1), FORM, LABEL)
    assert [problem.line for problem in problems if what in problem.what] == [line], list(map(str, problems))


SCORE_2025 = "general:\n      overall:\n        accuracy: 1.5"
"""Where the results of 2025 begin."""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("accuracy: 1.5", "accuracy: !!null", None),  # the form of 2025 lets results be left out
        (SCORE_2025, f"device_specific: null\n    {SCORE_2025}", None),
        ("    general:", "    device_specific:", None),
        (SCORE_2025, SCORE_2025.replace("1.5", "101"), "general.overall.accuracy is 101: accuracies are 0 to 100 %"),
        (
            "    general:",
            "    device_specific: {overall: 1}\n    general:",
            "device_specific lacks class_wise, device_wise",
        ),
        ("    general:", "    all:", "results.development_dataset lacks general: add it"),
        ("inference_code: 1.5", "inference_code: null", "system.inference_code is empty: give its address"),
        ("inference_code: 1.5", "code: 1.5", "system lacks inference_code"),
        ("source_code: 1.5", "", None),
        ("num_models_at_inference: 1.5", "num_models: 1", "system.description lacks num_models_at_inference"),
    ],
)
def test_2025_asks_for_inference_code_and_takes_results_in_part(old: str, new: str, what: str | None) -> None:
    good = good_meta(2025)
    assert old in good
    problems = meta.check("x.yaml", good.replace(old, new, 1), FORMS[2025], LABEL)
    assert any(what in problem.what for problem in problems) if what else not problems, list(map(str, problems))


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- a\n- b\n", "just text\n", "a: &a\n  b: *a\n", "[" * 500, "submission: []\n"]
)
def test_what_is_no_form_is_refused_without_a_crash(text: str) -> None:
    assert meta.check("x.yaml", text, FORM, LABEL)
    assert meta.check_own_part("x.yaml", text, FORM, LABEL)


def test_a_template_asks_for_all_that_is_not_measured() -> None:
    for form in FORMS.values():
        problems = meta.check_own_part("own.yaml", template(form), form, LABEL)
        assert {problem.what.rpartition(" is ")[2] for problem in problems} <= {
            "not filled in",
            "'FILL IN': give a number",
        }
        assert meta.check_own_part("own.yaml", template(form).replace("FILL IN", "1.5"), form, LABEL) == []


def test_files_that_do_not_belong_together_are_named() -> None:
    texts = dict.fromkeys(FORM.outputs(LABEL).values(), good_output())
    assert check(texts, FORM, None)[0].what == "needs one LABEL.meta.yaml, there is none"
    texts |= {f"{LABEL}.meta.yaml": good_meta(), "Lee_KU_task1_2.output.csv": good_output()}
    del texts[f"{LABEL}.output.split_50.csv"]
    problems = check(texts, FORM, None)
    assert "Lee_KU_task1_2.output.csv: does not belong to" in str(problems[0])
    assert str(problems[1]) == f"{LABEL}.output.split_50.csv: is missing: add it"
    alone = {f"{LABEL}.output.csv": good_output(), f"{LABEL}.meta.yaml": good_meta()}
    assert check(alone, FORM, None) == []  # one entry, as the organisers' validator takes it too
    wrong = {name.replace("KU_", "KU"): text for name, text in alone.items()}
    assert "is not named LastName_Institute_task1_1.meta.yaml" in check(wrong, FORM, None)[0].what


def test_the_command_checks_loose_and_packed_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = {f"{LABEL}.output.csv": good_output(), f"{LABEL}.meta.yaml": good_meta(2025)}
    for name, text in texts.items():
        Path(name).write_text(text)
    Path("good.zip").write_bytes(packed(LABEL, texts))
    Path("list.csv").write_text("filename\tdevice_id\n" + "".join(f"audio/{file}\ta\n" for file in FILES))
    assert recipe.run(validate.validate, list(texts)) == 0
    assert "not checked: which files the evaluation set of 2025 has" in capsys.readouterr().out
    assert recipe.run(validate.validate, ["good.zip", "--evaluation", "list.csv"]) == 0
    assert "not checked" not in capsys.readouterr().out

    Path("bad.zip").write_bytes(packed(LABEL, texts | {f"{LABEL}.output.csv": changed(2, "bus", "x")(good_output())}))
    assert recipe.run(validate.validate, ["bad.zip"]) == 1
    shown = capsys.readouterr()
    assert f"{LABEL}.output.csv:3: bus is 'x': give a probability from 0 to 1\n" in shown.out
    assert "1 problem by the rules of 2025" in shown.err
    assert recipe.run(validate.validate, [*texts, "--year", "2024"]) == 1
    shown = capsys.readouterr()
    assert f"{LABEL}.output.csv: has no answer to 135,726 of the 135,730 files" in shown.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "none.csv"),
        (["good.csv", "--year", "2021"], "there is no form of 2021: choose from 2024, 2025"),
        (["good.csv", "--year", "2023"], "choose from 2024, 2025, as the form of 2023 stands in no source"),
        (["damaged.zip"], "damaged.zip is no .zip file"),
        (["latin.csv"], "latin.csv:2: is no UTF-8 text"),
        (["good.csv", "--evaluation", "good.csv"], "good.csv has no column filename"),
    ],
)
def test_bad_input_gets_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text("a\n1\n")
    Path("damaged.zip").write_bytes(b"PK nothing")
    Path("latin.csv").write_bytes(b"filename\n\xe4.wav\n")
    assert recipe.run(validate.validate, arguments) == 1
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
