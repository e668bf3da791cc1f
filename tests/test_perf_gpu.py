"""The measurement of a GPU, on the CPU with little of everything: what it writes, and that it outlives what fails."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.perf.gpu.__main__ import _ordered, run
from tests.perf.gpu.worker import Worker, WorkerError
from tests.perf.gpu.workloads import EAGER, Pace, Variant, Workload

pytestmark = pytest.mark.slow

SMALL = (EAGER, "--compute.threads=1", "--fit.batch_size=4", "--compute.precision=float32")
WORKLOADS = (
    Workload(
        "student",
        "cp_mobile_s1",
        150,
        (Variant("small"), Variant("impossible", ("--fit.batch_size=40",)), Variant("from disk", sound="disk")),
        SMALL,
    ),
    Workload(
        "teacher",
        "cpjku_passt",
        25,
        (Variant("small"),),
        (*SMALL, "--architecture=passt", '--model={"embed_dim": 16, "depth": 1, "num_heads": 2, "s_patchout_f": 6}'),
    ),
)


def test_every_variant_is_measured_or_said_to_have_failed(tmp_path: Path) -> None:
    pace = Pace(warm_up=1, block=1, blocks=2, seconds=0, repeats=1)
    text = run(WORKLOADS, pace, device="cpu", clips=30, out=tmp_path, minutes=5)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert text == (tmp_path / "gpu.txt").read_text()
    student, teacher = (found["workloads"][name]["variants"] for name in ("student", "teacher"))
    assert student["impossible"] == {"failed": "UserError: 30 clips are less than a step's 40"}
    assert "UserError: 30 clips are less" in text
    for workload, epochs in ((student, 150), (teacher, 25)):
        speed = workload["small"]["measured"]["clips_per_second"]
        assert workload["small"]["estimated"]["hours"] == pytest.approx(epochs * 139_620 / speed / 3600)
        parts = workload["small"]["measured"]["parts"]
        assert parts["failed"] == []
        assert list(parts["milliseconds"])[-3:] == ["forward", "backward", "optimizer"]
    macs = 1_460_952  # tinyasc.cost, which counts norms and shortcuts too
    assert student["from disk"]["measured"]["parts"]["flops_per_clip"] == pytest.approx(6 * macs, rel=0.03)


def test_what_is_most_important_of_each_recipe_comes_first() -> None:
    order = [(workload.name, variant.name) for workload, variant in _ordered(WORKLOADS)]
    assert order == [("student", "small"), ("teacher", "small"), ("student", "impossible"), ("student", "from disk")]


def test_what_there_is_no_time_for_is_said(tmp_path: Path) -> None:
    text = run(WORKLOADS[1:], Pace(0, 1, 1, 0, 1), device="cpu", clips=10, out=tmp_path, minutes=0)
    assert "not measured: no time left of 0 minutes" in text


def test_a_process_that_fails_ends_or_hangs_is_told_and_replaced() -> None:
    worker = Worker()
    for work, argument, reason in [
        (os.listdir, "/nowhere", "FileNotFoundError: "),
        (os._exit, 3, "its process ended with exit code 3"),
        (time.sleep, 60, "not done after 2 s"),
    ]:
        with pytest.raises(WorkerError, match=reason):
            worker.call(work, argument, seconds=2)
    assert worker.call(abs, -1, seconds=60) == 1
    worker.close()
