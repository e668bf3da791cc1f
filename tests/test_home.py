"""No command leaves anything in its user's home folder: each runs as a process of its own, with an empty one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.challenge.forms import FORMS, template
from tests.support import tiny_challenge, tiny_data
from tests.train import test_import_checkpoint

ROOT = Path(__file__).parent.parent
FIT = """
examples: {cache: true}
compute: {threads: 1, device: cpu}
fit:
  epochs: 2
  batch_size: 8
  learning_rate: 5.0e-3
  weight_decay: 0.0
  schedule: [{shape: hold, epochs: 1}, {shape: linear, epochs: 1, to: 0.005}]
"""
STUDENT = """
architecture: cp_mobile
model: {base_channels: 8, channels_multiplier: 1.5, expansion_rate: 1.5, global_response_norm: false}
mel: {n_fft: 1024, win_length: 800, hop_length: 500, n_mels: 64}
augmentation: {time_roll: 2500}
"""
TEACHER = """
architecture: passt
model: {embed_dim: 16, depth: 1, num_heads: 2}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation: {}
"""
QAT = "augmentation: {time_roll: 2500}\nobserve_epochs: 1\nrange_momentum: 0.1\n"
PRUNE = """
pruning: {parameters: 3900, macs: 300000, rounds: 1, round_to: 2, clips: 8, criterion: magnitude}
round_fit: {epochs: 1, batch_size: 8, learning_rate: 5.0e-3, weight_decay: 0.0, schedule: [{shape: hold}]}
augmentation: {time_roll: 2500}
distillation: {}
"""
LABEL = "Lee_KU_task1_1"
COMMANDS = (
    "tinyasc.scenes --out scenes --scenes.train_recordings 1 --scenes.test_recordings 1",
    "tinyasc.prepare --root set --out data.h5",
    "tinyasc.verify --data data.h5",
    "tinyasc.models --plot sizes.png",
    "train.schedule student.yaml --plot rate.png",
    "train.preview --data data.h5 --out preview.png",
    "train.teacher --config teacher.yaml --data data.h5 --out teacher",
    "train.student --config student.yaml --data data.h5 --out student --teacher teacher",
    "train.student --config student.yaml --data data.h5 --out second --seed 1",
    "train.evaluate --model student --data data.h5 --plot scores.png",
    "train.compare student second --out compared.png",
    "train.ensemble --teachers teacher --data data.h5 --out ensemble",
    "train.import_checkpoint published.ckpt --arch cp_mobile --labels [high,low] --out imported",
    "compress.prune --config prune.yaml --model student --data data.h5 --out pruned",
    "compress.qat --config qat.yaml --model student --data data.h5 --teacher teacher --out qat",
    "compress.ptq --model student --data data.h5 --out ptq --ptq.adaround.steps 5 --threads 1",
    "compress.sensitivity --model ptq --data data.h5 --plot layers.png",
    "export --model qat --out export",
    "bench --model export --data data.h5 --latency_seconds 0.3 --out bench",
    "bench.compare bench/report.json bench/report.json",
    "bench.rank bench --plot rank.png",
    "bench.estimate",
    "bench.energy --meter meter.csv --inferences 100 --load_from 10 --load_to 19 --idle_from 0 --idle_to 9",
    "bench.report.document",
    f"bench.submission --model whole --data dev.h5 --evaluation eval.h5 --label {LABEL} --meta own.yaml --out sent",
    f"bench.submission.validate sent/{LABEL}.zip --evaluation eval.h5",
)
"""After `python -m`, in the order in which each finds its files."""
ELSEWHERE = {
    "bench.environments": "installs packages from the network",
    "bench.boards.emulate.prepare": "downloads an emulator",
    "bench.boards.device.runner": "runs on a board, out of a bundle",
    "bench.measure.latency.worker": "started by bench",
    "bench.measure.latency.first_inference": "started by bench",
    "bench.measure.memory.resident_child": "started by bench",
    "bench.measure.memory.arena_child": "started by bench, in an environment of its own",
}
"""What has a main part and is not run here by itself, and why."""


def test_every_command_is_run_here() -> None:
    packages = ("tinyasc", "train", "compress", "export", "deploy", "bench")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
        for path in files
        if 'if __name__ == "__main__":' in path.read_text()
    }
    assert modules - ELSEWHERE.keys() == {command.split()[0] for command in COMMANDS}


@pytest.mark.slow
def test_every_command_leaves_an_empty_home_folder_empty(tmp_path: Path) -> None:
    work, home, temporary = (tmp_path / name for name in ("work", "home", "tmp"))
    for folder in (work, home, temporary):
        folder.mkdir()
    tiny_data.write(work / "set").unlink()
    texts = {"teacher": TEACHER + FIT, "student": STUDENT + FIT, "qat": QAT + FIT, "prune": PRUNE + FIT}
    texts["own"] = template(FORMS[2025]).replace("FILL IN", "1.5")
    for name, text in texts.items():
        (work / f"{name}.yaml").write_text(text)
    tiny_challenge.write_development(work / "dev")
    tiny_challenge.write_evaluation(work / "eval")
    tiny_challenge.write_run(work / "whole", "train")
    test_import_checkpoint.write(
        work / "published.ckpt", test_import_checkpoint.state_of(test_import_checkpoint.network_of({}, n_classes=2))
    )
    samples = (f"{second},{2 + second // 10}\n" for second in range(20))  # seconds, watts: 2 idle, 3 under load
    (work / "meter.csv").write_text("time_s,power_w\n" + "".join(samples))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "TMPDIR": str(temporary)}
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
        assert sorted(home.rglob("*")) == [], command
