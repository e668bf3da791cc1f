"""What processes and arenas say of a tiny file, what the report holds of it, and why there is none."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from bench.measure import environments
from bench.measure.figure import Unmeasured, figures
from bench.measure.memory import arena, findings, resident, resident_child
from bench.measure.memory.arena import Allocations
from bench.measure.memory.resident import Resident, Spread
from tests.support import tiny_models

# Written by tflite-micro 0.dev20261023182759 for MLPerf Tiny's keyword-spotting reference model (kws_ref_model.tflite).
KEYWORDS = """\
[RecordingMicroAllocator] Arena allocation total 24272 bytes
[RecordingMicroAllocator] Arena allocation head 16000 bytes
[RecordingMicroAllocator] Arena allocation tail 8272 bytes
[RecordingMicroAllocator] 'TfLiteEvalTensor data' used 840 bytes with alignment overhead (requested 840 bytes for 35 \
allocations)
[RecordingMicroAllocator] 'Persistent TfLiteTensor data' used 128 bytes with alignment overhead (requested 128 bytes \
for 2 tensors)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With m.tflite and m.onnx, both INT8."""
    folder = tmp_path_factory.mktemp("files")
    tiny_models.write_tflite(folder / "m.tflite", True, tiny_models.random_weights())
    tiny_models.write_onnx(folder / "m.onnx", True, tiny_models.random_weights())
    return folder


def test_a_process_grows_by_runtime_and_model(folder: Path) -> None:
    ballast = bytearray(2**28)  # a parent's peak must not become the child's
    found = resident.measure({name: folder / name for name in ("m.tflite", "m.onnx")}, repeats=2)
    del ballast
    for name, runtime in (("m.tflite", "ai-edge-litert "), ("m.onnx", "onnxruntime ")):
        one = found[name]
        assert isinstance(one, Resident)
        assert one.runtime.startswith(runtime)
        medians = [one.stage(stage).median for stage in resident.STAGES]
        assert 2**22 < medians[0] < medians[1] < medians[2] <= medians[3]
        assert medians[-1] <= one.stage("peak").median < 2**28
        assert one.increment("last").least > 0
        assert one.runtime_increment.least > 2**20
        if one.kind == "resident":
            assert one.anonymous_increment is not None
            assert 0 < one.anonymous_increment.median < one.increment("last").median


def test_increments_are_taken_process_by_process() -> None:
    def reading(*resident_bytes: int) -> dict:
        stages = {
            name: {"resident": size, "anonymous": size // 2}
            for name, size in zip(resident.STAGES, resident_bytes, strict=True)
        }
        return {"stages": stages, "peak": 99, "runtime": "r 1", "kind": "resident"}

    found = Resident((reading(10, 20, 30, 34, 40), reading(20, 40, 44, 46, 48), reading(10, 20, 30, 34, 36)))
    assert found.increment("last") == Spread(16, 8, 20)
    assert found.increment("peak") == Spread(79, 59, 79)
    assert found.runtime_increment == Spread(10, 10, 20)
    assert found.anonymous_increment == Spread(8, 4, 10)
    assert found.stage("loaded") == Spread(30, 30, 44)


def test_without_proc_a_reading_is_the_peak_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident_child, "STATUS", tmp_path / "none")
    said = resident_child.reading()
    assert said["resident"] is not None
    assert said["resident"] > 2**22
    assert said["anonymous"] is None
    stages = dict.fromkeys(resident.STAGES, said)
    found = Resident(({"stages": stages, "peak": said["resident"], "runtime": "r 1", "kind": "peak so far"},))
    assert found.anonymous_increment is None
    assert found.increment("peak") == Spread(0, 0, 0)


def test_a_file_that_does_not_run_is_said_and_not_fatal(folder: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "place"], ["out"], axis=0)],  # ones are no index into one row
        "g",
        [helper.make_tensor_value_info("place", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
        [helper.make_tensor("table", TensorProto.FLOAT, [1], [0.0])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "g.onnx")
    found = findings.measure({"g.onnx": folder / "g.onnx", "m.onnx": folder / "m.onnx"}, folder, repeats=1)
    assert found["g.onnx"].resident is None
    assert "g.onnx does not run in a process of its own: " in str(found["g.onnx"].resident_unmeasured)
    assert found["m.onnx"].resident_unmeasured is None
    assert found["m.onnx"].arena_unmeasured == "TensorFlow Lite Micro runs .tflite files only"
    paths = figures(found)
    assert set(paths) == {"memory/onnx/g/peak_activations"} | {
        f"memory/onnx/m/{key}"
        for key in (
            "peak_activations",
            "resident_increment",
            "resident_anonymous_increment",
            "resident_peak",
            "resident_runtime",
        )
    }
    assert paths["memory/onnx/m/resident_increment"].interval is None  # one process has no spread


def test_recorded_allocations_are_read() -> None:
    assert arena.parsed(KEYWORDS) == Allocations(total=24272, head=16000, tail=8272)


def test_without_the_environment_one_line_says_what_makes_it(folder: Path) -> None:
    assert arena.measure(folder / "m.tflite", folder) == Unmeasured(arena.MISSING)


def tflite_micro() -> Path:
    if environments.found(environments.TFLITE_MICRO) is None:
        pytest.skip("no tflite-micro: `python -m bench.environments` installs it beside")
    return environments.FOLDER


@pytest.mark.parametrize("integer", [True, False])
def test_arena_of_a_tiny_file(tmp_path: Path, integer: bool) -> None:
    tiny_models.write_tflite(tmp_path / "m.tflite", integer, tiny_models.random_weights())
    found = findings.measure({"m.tflite": tmp_path / "m.tflite"}, tflite_micro(), repeats=1)
    memory = found["m.tflite"]
    micro, peak = memory.arena, memory.peak_activations.value or 0
    assert micro is not None
    assert micro.total == (micro.head.value or 0) + (micro.tail.value or 0)
    assert (micro.head.value or 0) >= peak
    # Loading needs temporary memory beside what is recorded, which a tiny network does not hide in its activations.
    assert micro.total <= (micro.smallest.value or 0) < micro.total + 2048
    live = [step.live_bytes for step in memory.timeline]
    assert memory.timeline[memory.peak].operation == "ADD"
    assert live[memory.peak] == max(live) == peak
    assert figures(found)["memory/tflite/m/arena_tflm"] == micro.smallest


@pytest.mark.parametrize(
    ("operation", "scale", "reason"),
    [("GELU", 0.1, "tflite-micro has no operation GELU"), ("SOFTMAX", 1e-30, "tflite-micro ended with SIGABRT")],
)
def test_what_the_micro_runtime_does_not_run_is_said(tmp_path: Path, operation: str, scale: float, reason: str) -> None:
    file = tiny_models.Flatbuffer()
    source = file.tensor("source", (1, 4), "int8", grid=(scale, 0))
    sink = file.tensor("sink", (1, 4), "int8", grid=(1 / 256, -128))
    options = {"kind": "SoftmaxOptions", "beta": 1.0} if operation == "SOFTMAX" else {}
    file.operation(operation, [source], [sink], **options)
    file.write(tmp_path / "m.tflite", [source], [sink])
    assert arena.measure(tmp_path / "m.tflite", tflite_micro()) == Unmeasured(reason)
