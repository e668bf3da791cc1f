"""Energy from power whose integral is known, files as meters write them, and what codecarbon's figures become."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import energy as command
from bench.boards.device import result
from bench.boards.device.result import BoardState, TargetResult
from bench.measure.energy import findings, host, meter
from bench.measure.energy.host import Host
from bench.measure.energy.meter import Activity, Phase, Reading, read
from bench.measure.energy.per_inference import PerInference, Powers, student
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED, Unmeasured, figures
from bench.measure.records import decode, encode
from deploy.runtime import Model, Port
from tinyasc import recipe
from tinyasc.errors import UserError

CONSTANT = ([0, 1, 2, 3, 4], [2, 2, 2, 2, 2])
RAMP = ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
UNEVEN = ([0, 0.5, 0.75, 3, 4], [0, 1, 1.5, 6, 8])  # 2 t watts, sampled as it comes
PULSE = ([0, 1, 1, 3, 3, 4], [1, 1, 5, 5, 1, 1])  # two samples at one time are a step


def reading(seconds: Sequence[float], watts: Sequence[float]) -> Reading:
    return Reading(Path("meter.csv"), np.array(seconds, float), np.array(watts, float))


@pytest.mark.parametrize(
    ("power", "window", "expected"),
    [
        (CONSTANT, (0, 4), 8),
        (CONSTANT, (0.3, 0.6), 0.6),  # between two samples
        (RAMP, (0, 4), 8),
        (RAMP, (1.5, 2.5), 2),
        (UNEVEN, (0, 4), 16),
        (UNEVEN, (0.6, 3.5), 3.5**2 - 0.6**2),
        (PULSE, (0, 4), 12),
    ],
)
def test_integral(power: tuple[Sequence[float], Sequence[float]], window: tuple[float, float], expected: float) -> None:
    assert meter.joules(reading(*power), *window) == pytest.approx(expected, rel=1e-12)


def test_net_and_gross_with_the_interval_of_unequal_variances() -> None:
    load, idle = Powers((5, 6, 7, 6, 6), (2,) * 5), Powers((2, 3, 2, 3), (1,) * 4)
    found = PerInference(load, idle, 100)
    assert found.net is not None
    assert (found.gross.joules, found.net.joules) == pytest.approx((6 * 10 / 100, 3.5 * 10 / 100))
    # scipy.stats.ttest_ind(load, idle, equal_var=False).confidence_interval(0.95): 2.48696 to 4.51304 W
    assert found.net.interval == pytest.approx((0.248696, 0.451304), rel=1e-3)
    assert found.gross.interval == pytest.approx(
        (0.512201, 0.687799), rel=1e-3
    )  # scipy.stats.ttest_1samp(load, 0), likewise
    few = PerInference(Powers((5, 6, 7), (1, 1, 1)), None, 1)
    assert (few.net, few.gross.interval) == (None, None)


def test_blocks_count_by_their_length() -> None:
    assert Powers((1, 4), (3, 1)).mean == 7 / 4


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (120, 1.980)])
def test_students_quantile(freedom: int, quantile: float) -> None:
    """Against the printed table."""
    assert student(freedom) == pytest.approx(quantile, rel=0.008)


@pytest.mark.parametrize(
    "text",
    [
        "time_s,power_w\n0,0.5\n0.5,1e0\n",
        "\ufefftime_s,power_w\r\n 0 , 0.50\r\n\r\n.5,1",
        "time_s,power_w\n0,.5\n.5,1\n\n",
    ],
)
def test_the_one_form_of_a_reading(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_bytes(text.encode())
    found = read(tmp_path / "m.csv")
    assert (found.seconds.tolist(), found.watts.tolist()) == ([0, 0.5], [0.5, 1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", " has no two samples"),
        # the logs of a Joulescope, of an INA219, of a USB meter and of a program with a preamble and decimal commas
        ("#time,current,voltage,power,charge,energy\n0.0,0.1,5.0,0.5,0,0\n", ":1: '#time,current,voltage,power,"),
        (
            "timestamp,bus_voltage_V,current_mA\n1700000000.0,5.0,100\n",
            ":1: 'timestamp,bus_voltage_V,current_mA' cannot be read",
        ),
        (
            "timestamp sample voltage_V current_A\n1 0 5 0.5\n",
            ":1: 'timestamp sample voltage_V current_A' cannot be read",
        ),
        ("Protocol\n\nTime;Voltage(V)\n2024-01-05T12:00:00;5,0\n", ":1: 'Protocol' cannot be read"),
        ("time (s),power (W)\n0,1\n1,1\n", r":1: 'time \(s\),power \(W\)' cannot be read"),
        ("time_s,power_mw\n0,1\n1,1\n", ":1: 'time_s,power_mw' cannot be read"),
        ("time_s,power_w,mark\n0,1,0\n1,1,1\n", ":1: 'time_s,power_w,mark' cannot be read"),
        ("\ntime_s,power_w\n0,1\n1,1\n", ":1: '' cannot be read"),
        ("time_s,power_w\n0,1\n1,high\n", ":3: '1,high' is not two numbers"),
        ("time_s,power_w\n0,1\n1,nan\n", ":3: '1,nan' is not finite"),
        ("time_s,power_w\n0,1\ninf,1\n", ":3: 'inf,1' is not finite"),
        ("time_s,power_w\n0,1\n\n1\n", ":4: '1' is not two numbers"),
        ("time_s,power_w\n0,1\n1,1,1\n", ":3: '1,1,1' is not two numbers"),
        ("time_s,power_w\n0,1\n0;5\n", ":3: '0;5' is not two numbers"),
        ("time_s,power_w\n2024-01-05T12:00:00,1\n", ":2: '2024-01-05T12:00:00,1' is not two numbers"),
        (b"time_s,power_w\n0,\xff\n", ":2: '0,\ufffd' is not two numbers"),
        ("time_s,power_w\n3,1\n3,1\n", " has no two samples at different times"),
        ("time_s,power_w\n" + 200_000 * "0", ":2: '0000000000000000000000000000000000000000' cannot be read"),
        (80_000 * "[", r":1: '\[\[\["),  # a pattern that looks for a closing bracket would take minutes
    ],
)
def test_another_form_is_refused_by_line(tmp_path: Path, text: str | bytes, reason: str) -> None:
    (tmp_path / "m.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=f"m.csv{reason}") as error:
        read(tmp_path / "m.csv")
    assert "a reading is a CSV file whose first line is time_s,power_w, then" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_reading_goes_forward_and_is_there(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("time_s,power_w\n0,1\n2,1\n1.5,1\n")
    with pytest.raises(UserError, match=r"m.csv:4: time goes back, from 2 to 1.5 s"):
        read(tmp_path / "m.csv")
    with pytest.raises(UserError, match=r"cannot read .*none.csv"):
        read(tmp_path / "none.csv")


PHASES = [
    {"phase": "idle", "file": None, "kernels": None, "threads": None, "started": 0, "ended": 10, "inferences": 0},
    {"phase": "inference", "file": "m.tflite", "kernels": "XNNPACK", "threads": 1}
    | {"started": 10, "ended": 20, "inferences": 1000},
    {"phase": "inference", "file": "m.tflite", "kernels": "built-in kernels", "threads": 4}
    | {"started": 20, "ended": 30, "inferences": 100},
]


def target_result(**board: Any) -> TargetResult:
    """With the two phases that last until 20 s."""
    known = {"name": "b", "processor": None, "cores": 4, "architecture": "aarch64", "bits": 64, "runtimes": {}}
    state = BoardState(**known | board)
    made = "2026-01-01T00:00:00"
    return TargetResult(
        target="pi", kind="device", board=state, made=made, command="c", models={}, phases=activity().phases[:2]
    )


def activity(offset: float = 0.0) -> Activity:
    return Activity("pi", offset, [Phase(**phase) for phase in PHASES])


def test_phases_of_a_target_by_this_machines_clock() -> None:
    seconds = np.arange(90, 140, 0.01)
    watts = 2 + 1.0 * ((seconds >= 110) & (seconds < 120)) + 2.0 * ((seconds >= 120) & (seconds < 130))
    found = findings.of_meter(meter.of_target(reading(seconds.tolist(), watts.tolist()), activity(100)))
    values = {path: figure.value for path, figure in figures(found).items()}
    assert values == pytest.approx(
        {
            "energy/meter/tflite/m/gross": 0.03,
            "energy/meter/tflite/m/net": 0.01,
            "energy/meter/tflite/m/built_in/threads_4/gross": 0.4,
            "energy/meter/tflite/m/built_in/threads_4/net": 0.2,
        },
        rel=2e-3,
    )
    assert {figure.provenance for figure in figures(found).values()} == {MEASURED}
    with pytest.raises(UserError, match=r"covers 90 to 139\.99 s, not all from 0 to 10: give times of the same clock"):
        meter.of_target(reading(seconds.tolist(), watts.tolist()), activity())
    with pytest.raises(UserError, match="measure it again with steady phases"):
        meter.of_target(reading(*RAMP), Activity("pi", 0.0, []))


def test_command_says_net_and_gross(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{t / 10},{5 if t >= 100 else 2}" for t in range(202))
    (tmp_path / "m.csv").write_text(f"time_s,power_w\n{rows}\n")
    result.write(tmp_path / "early.json", target_result(clock_offset_seconds=-0.2))
    result.write(tmp_path / "result.json", target_result())
    windows = ["--load_from", "10", "--load_to", "19.9", "--idle_from", "0", "--idle_to", "9.9"]
    given = ["--meter", str(tmp_path / "m.csv")]
    assert recipe.run(command.measure, [*given, "--inferences", "990", *windows]) == 0
    said = capsys.readouterr().out
    assert "990 inferences at 5 W, 2 W at rest" in said
    assert "net, rest subtracted    30 mJ [30, 30]   measured" in said
    assert "gross                   50 mJ [50, 50]   measured" in said
    assert recipe.run(command.measure, [*given, "--target", str(tmp_path / "result.json")]) == 0
    assert "m.tflite, XNNPACK, threads: 1: 1000 inferences at 5 W, 2" in capsys.readouterr().out
    for arguments, reason in (
        ([], "give either --target"),
        (["--inferences", "0", *windows], "0 inferences cannot share an energy"),
        (["--inferences", "9"], "--inferences needs --load_from and --load_to"),
        (["--inferences", "9", "--load_from", "1"], "give both --load_from and --load_to"),
        (["--inferences", "9", "--load_from", "3", "--load_to", "2"], "from 3 to 2 s has no length"),
        (["--inferences", "9", "--load_from", "3.01", "--load_to", "3.02"], "has 0 samples from 3.01 to 3.02 s"),
        (["--target", str(tmp_path / "m.csv")], "m.csv is no JSON"),
        (["--target", str(tmp_path / "early.json")], "covers 0 to 20.1 s, not all from -0.2 to 9.8"),
        (["--target", str(tmp_path / "result.json"), *windows], "give no --load_from and no --idle_from"),
    ):
        assert recipe.run(command.measure, [*given, *arguments]) == 1
        assert reason in capsys.readouterr().err


def idle_model() -> Model:
    port = Port((1, 2), np.dtype(np.float32))
    return Model(Path("m.tflite"), "none", 0, port, port, lambda raw: raw)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "LEAST_SECONDS", 0)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(("description", "how"), [("CPU(Intel Rapl)", MEASURED), ("CPU(Cpu Load)", ESTIMATED)])
def test_what_codecarbon_says_becomes_joules_of_an_inference(
    monkeypatch: pytest.MonkeyPatch, description: str, how: str
) -> None:
    class Tracker:
        """Says 3 W of the processor and 5 W in all under load, 1 W and 3 W at rest."""

        load = False
        _hardware = (SimpleNamespace(description=lambda: description, _tdp=65),)

        def __init__(self, **settings: object) -> None:
            assert settings["output_methods"] == []

        def start(self) -> None:
            Tracker.load = False

        def stop(self) -> None:
            processor, whole = (3.0, 5.0) if Tracker.load else (1.0, 3.0)
            self.final_emissions_data = SimpleNamespace(
                duration=2.0, cpu_energy=2 * processor / 3.6e6, energy_consumed=2 * whole / 3.6e6
            )

    module = ModuleType("codecarbon")
    module.OfflineEmissionsTracker = Tracker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "codecarbon", module)
    monkeypatch.setattr(host.metadata, "version", lambda _: "3")
    model = idle_model()

    def run(raw: np.ndarray) -> np.ndarray:
        Tracker.load = True
        return raw

    found = host.measure({"m.tflite": Model(model.path, "none", 0, model.input, model.output, run)}, seconds=0.05)
    assert isinstance(found, Host)
    count = found.processor["m.tflite"].inferences
    energies = findings.of_host(found, 1000)
    paths = figures(energies)
    joules = {"net": 2 * 20 / count, "gross": 3 * 20 / count, "whole": 5 * 20 / count}  # ten rounds of 2 s
    for key, value in joules.items():
        figure = paths[f"energy/host/tflite/m/{key}"]
        assert figure.value == pytest.approx(value)
        assert figure.provenance == (ESTIMATED if key == "whole" else how)  # memory is never counted
    split = paths["energy/host/tflite/m/test_split"]
    assert (split.value, split.unit) == (pytest.approx(1000 * joules["whole"] / 3.6e6), "kWh")
    assert paths["energy/baseline_2022/test_split"].provenance == QUOTED
    of_host = energies.host
    assert of_host is not None
    assert of_host.counted == (how == MEASURED)
    assert ("65 W that it assumes" in of_host.means) == (how == ESTIMATED)
    assert of_host.files["m.tflite"].processor.idle_watts == pytest.approx(1)
    assert decode(encode(energies), findings.Energies) == energies


def test_energy_without_codecarbon_or_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="energy over 3 s is too short"):
        host.measure({}, seconds=3)
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    found = host.measure({"m.tflite": idle_model()}, seconds=10)
    assert found == Unmeasured(host.MISSING)
    assert findings.of_host(found, None) == findings.Energies(None, host.MISSING, [])


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_codecarbon_itself_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("codecarbon", reason="the extra: pip install -e '.[energy]'")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".codecarbon.config").write_text("[codecarbon]\noutput_methods=csv\nallow_multiple_runs=False\n")
    found = host.measure({"m.tflite": idle_model()}, seconds=0.5)
    assert isinstance(found, Host)
    assert found.means.startswith("codecarbon 3")
    assert found.processor["m.tflite"].inferences > 0
    assert found.whole["m.tflite"].gross.joules > 0
    assert os.listdir(tmp_path) == [".codecarbon.config"]
    assert "codecarbon" not in "".join(capfd.readouterr())
