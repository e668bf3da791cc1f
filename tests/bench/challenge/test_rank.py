"""Ranks against published arithmetic and by hand, the front, and what tables may get wrong."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import rank as command
from bench.challenge import ranking as rules
from bench.challenge import systems as sources
from bench.challenge.ranking import Ranking, front_of
from bench.challenge.systems import UNITS, System
from bench.measure.accuracy import findings as accuracy
from bench.measure.accuracy.findings import Accuracy
from bench.measure.compliance.checks import Check
from bench.measure.figure import MEASURED, QUOTED, Figure
from bench.measure.records import encode
from tests.support import tiny_answers, tiny_report
from tinyasc import recipe
from tinyasc.errors import UserError

EVALUATION_2024 = """name,team,split_5,split_10,split_25,split_50,split_100
baseline,,44.00,46.95,51.47,54.40,56.84
Werning_UPBNT,UPBNT,49.21,52.51,55.49,56.20,58.34
"""
"""Accuracies on the evaluation set of 2024 (huggingface.co/WestAI-SC/dcase24_challenge_task1_upbnt)."""
RANK_SCORES_2024 = {"Werning_UPBNT": 54.35, "baseline": 50.73}
"""What the challenge published for them."""

RESULTS_2025 = {
    "Karasin_JKU": 61.47,
    "Tan_SNTL-NTU": 59.94,
    "Luo_CQUPT": 59.58,
    "Zhang_AITHU-SJTU": 59.28,
    "Han_HYU": 58.98,
    "Li_NTU": 58.85,
    "Ramezanee_SUT": 57.92,
    "Jeong_SEOULTECH": 57.86,
    "Chen_GXU": 56.63,
    "Krishna_SRIB": 56.06,
    "Zhou_XJTLU": 55.52,
    "baseline": 53.24,
    "Han_CSU": 32.58,
}
"""The best system of each team in its published order, accuracy in per cent (results page of DCASE 2025 Task 1)."""


def system(name: str, team: str | None = None, **values: float) -> System:
    return System(name, {key: Figure(value, UNITS[key], QUOTED, "test") for key, value in values.items()}, team)


def ranked(year: int, *systems: System) -> Ranking:
    return rules.rank(systems, year)


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([], []),
        ([(1, 1)], [0]),
        ([(2, 0.5), (1, 0.5), (1, 0.4)], [1]),  # as good for less; as cheap and better
        ([(3, 0.9), (1, 0.5), (2, 0.7)], [1, 2, 0]),  # nothing dominates; by cost
        ([(3, 0.6), (1, 0.5), (2, 0.7)], [1, 2]),
        ([(1, 0.5), (1, 0.5), (2, 0.5)], [0, 1]),  # twins stay both
    ],
)
def test_front(points: list[tuple[float, float]], kept: list[int]) -> None:
    systems = [system(str(place), macs=cost, accuracy=gain) for place, (cost, gain) in enumerate(points)]
    assert front_of(systems, "macs") == list(map(str, kept))


@pytest.mark.parametrize(
    ("values", "ranks"), [([3, 1, 2], [1, 3, 2]), ([5, 7, 5, 9], [3, 2, 3, 1]), ([9, 7, 9, 5], [1, 3, 1, 4]), ([], [])]
)
def test_equal_values_share_the_better_rank(values: list[float], ranks: list[int]) -> None:
    assert rules.ordered(values) == ranks


def test_2024_gives_the_published_scores(tmp_path: Path) -> None:
    (tmp_path / "2024.csv").write_text(EVALUATION_2024)
    places = ranked(2024, *sources.table(tmp_path / "2024.csv")).places
    assert {place.name: round(100 * place.score, 2) for place in places} == RANK_SCORES_2024
    assert [place.name for place in places] == ["Werning_UPBNT", "baseline"]


def test_2025_gives_the_published_order(tmp_path: Path) -> None:
    lines = [f"{name},{accuracy}" for name, accuracy in sorted(RESULTS_2025.items())]
    (tmp_path / "2025.csv").write_text("\n".join(["name,accuracy", *lines]))
    ranking = ranked(2025, *sources.table(tmp_path / "2025.csv"))
    assert [(place.rank, place.name) for place in ranking.places] == list(enumerate(RESULTS_2025, start=1))
    assert sorted(ranking.unchecked) == sorted(RESULTS_2025)  # the page's MACs and memory are not in the table


def test_teams_are_ranked_by_their_best_system() -> None:
    found = [("one", "A", 0.5), ("two", "B", 0.6), ("three", "A", 0.7), ("four", None, 0.8), ("five", "B", 0.4)]
    places = ranked(2025, *(system(name, team, accuracy=accuracy) for name, team, accuracy in found)).places
    assert {place.name: place.team_rank for place in places} == {
        "four": None,
        "three": 1,
        "two": 2,
        "one": None,
        "five": None,
    }


def test_systems_above_a_limit_are_ranked_apart() -> None:
    inside = system("inside", accuracy=0.5, memory_bytes=128_000, macs=30e6)
    heavy = system("heavy", accuracy=0.7, memory_bytes=128_000, macs=30e6 + 1)
    wide = system("wide", accuracy=0.6, memory_bytes=128_001, macs=1)
    half = system("half", accuracy=0.6, memory_bytes=122_296, parameters=61_148, macs=29e6)  # float16
    nothing = system("nothing", macs=1e6)
    ranking = ranked(2025, inside, heavy, wide, half, nothing)
    assert [place.name for place in ranking.places] == ["half", "inside"]
    assert [(place.rank, place.name) for place in ranking.apart] == [(1, "heavy"), (2, "wide")]
    assert ranking.above == {
        "heavy": ["30,000,001 MACs, 30,000,000 allowed"],
        "wide": ["128,001 bytes, 128,000 allowed"],
    }
    assert ranking.lacking == {"nothing": ["accuracy"]}
    assert ranked(2024, wide).lacking["wide"] == [f"split_{subset}" for subset in (5, 10, 25, 50, 100)]


def test_years_whose_rule_no_source_gives_in_full_are_not_ranked() -> None:
    assert list(rules.compare([system("one", accuracy=0.5, log_loss=1.2, memory_bytes=1, macs=1)]).rankings) == [
        2024,
        2025,
    ]
    assert all(rule.source for rule in rules.RULES.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: has no column name"),
        ("team,accuracy\nA,50\n", ":1: has no column name"),
        ("name,speed\na,1\n", ":1: has the column 'speed'"),
        ("name,accuracy,accuracy\na,50,51\n", ":1: has a column twice"),
        ("name,accuracy\n", " has no systems"),
        ("name,accuracy\na,50\n,51\n", ":3: has no name"),
        ("name,accuracy\na,50,3\n", ":2: has 3 cells"),
        ("name,accuracy\na,fifty\n", ":2: accuracy is 'fifty'"),
        ("name,accuracy\na,0.61\n", ":2: accuracy is 0.61: accuracies are in per cent"),
        ("name,accuracy\na,161\n", ":2: accuracy is 161: accuracies are in per cent"),
        ("name,macs\na,nan\n", ":2: macs is nan"),
        ("name,macs\na,-1\n", ":2: macs is -1"),
        ("name,macs\na,1\na,2\n", " has a second system by the name of a"),
        (b"name,macs\n\xff,1\n", " cannot be read as a table"),
    ],
)
def test_a_broken_table_is_refused_by_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "systems.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as error:
        sources.load([path])
    assert str(error.value).startswith(f"{path}{message}")
    assert "\n" not in str(error.value)


def answered() -> Accuracy:
    """Of a model that is right on 11 of 20 clips of each of three classes: 8 of 10 by device a, 3 of 10 by s4."""
    clip = np.arange(60)
    label, device, place = clip % 3, clip // 3 % 2, clip // 6
    answer = np.where(place < np.where(device == 0, 8, 3), label, (label + 1) % 3)
    network = tiny_answers.model("model.tflite", lambda one: np.eye(3)[answer[int(one[0, 0])]][None], samples=1)
    clips = tiny_answers.clips_of(label, clip, clip[:, None], device=device)
    return accuracy.judge({"model.tflite": network}, clips, clips.labels, None, train_devices=["a"], compared=[])


def write_report(folder: Path, accuracies: bool = True) -> Path:
    """A report.json with what a ranking reads."""
    memory = Check(2025, "parameter memory", "network", 30_000, 128_000, "bytes", QUOTED, decides=True)
    report = tiny_report.run()
    network = replace(
        report.compliance.network,
        macs=Figure(9e6, "MACs", QUOTED, "model card", path="cost/network/macs"),
        parameters=Figure(30_000, "parameters", QUOTED, "model card", path="cost/network/parameters"),
    )
    checks = [replace(memory, decides=False, value=40_000), memory, replace(memory, rule="MACs", unit="MACs")]
    report = replace(
        report,
        data=replace(report.data, checksum="c0ffee00c0ffee") if report.data is not None else None,
        accuracy=answered() if accuracies else None,
        compliance=replace(report.compliance, network=network, checks=checks),
    )
    folder.mkdir()
    (folder / "report.json").write_bytes(encode(report))
    return folder


def test_the_command_ranks_reports_and_tables_and_draws_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_report(tmp_path / "bench")
    others = (
        "name,accuracy,memory_bytes,macs\nlight,50,20000,3000000\nbetter,60,31000,9000000\nhuge,70,500000,90000000\n"
    )
    Path("others.csv").write_text(others)
    arguments = ["bench", "others.csv", "--out", "out/ranking.json", "--plot", "out/pareto.svg"]
    assert recipe.run(command.rank_systems, arguments) == 0
    shown = capsys.readouterr().out
    assert "55.00 % measured" in shown
    assert "60.00 % quoted" in shown
    assert "2025: accuracy (results page of Task 1, DCASE 2025)" in shown
    assert "huge is above the limits: 90,000,000 MACs, 30,000,000 allowed; 500,000 bytes, 128,000 allowed" in shown
    assert "not known to be measured on one data set" in shown

    found = json.loads(Path("out/ranking.json").read_text())
    figures = found["systems"]["bench"]["figures"]
    values = {name: (pytest.approx(figure["value"]), figure["provenance"]) for name, figure in figures.items()}
    assert values.pop("log_loss")[1] == MEASURED
    assert values == {
        "accuracy": (0.55, MEASURED),
        "known_devices": (0.8, MEASURED),
        "unknown_devices": (0.3, MEASURED),
        "macs": (9e6, QUOTED),
        "parameters": (30_000, QUOTED),
        "memory_bytes": (30_000, QUOTED),  # the count that decides
    }
    assert len(figures["accuracy"]["interval"]) == 2
    assert found["systems"]["bench"]["data"] == "data.h5 (c0ffee00)"
    assert [place["name"] for place in found["rankings"]["2025"]["places"]] == ["better", "bench", "light"]
    assert [place["name"] for place in found["rankings"]["2025"]["apart"]] == ["huge"]
    assert found["front"] == {"macs": ["light", "better", "huge"], "memory_bytes": ["light", "bench", "better", "huge"]}
    assert found["comparable"] is None

    picture = Path("out/pareto.svg").read_text()
    for text in ("bench 55.0 %", "better 60.0 %", "limit 30 M", "limit 128 k", "published (quoted)", "PACN"):
        assert text in picture
    assert recipe.run(command.rank_systems, ["bench", "--plot", "pareto.png"]) == 0
    assert Path("pareto.png").read_bytes().startswith(b"\x89PNG")


def test_ranks_are_quoted_where_what_they_rest_on_is(tmp_path: Path) -> None:
    own = sources.report(write_report(tmp_path / "bench"))
    for systems, how in (([own], MEASURED), ([own, system("other", accuracy=0.5)], QUOTED)):
        ranking = rules.rank(systems, 2025)
        assert (ranking.how, ranking.places[0].name) == (how, own.name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "none.csv cannot be read"),
        (["none"], "cannot read none"),
        (["bare"], "has no accuracy of model.tflite"),
        (["bare", "--plot", "pareto.pdf"], "pareto.pdf is neither .svg nor .png"),
        (["bare", "--out", "bare"], "bare is a folder"),
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
    write_report(tmp_path / "bare", accuracies=False)
    assert recipe.run(command.rank_systems, arguments) == 1
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["bare"]
