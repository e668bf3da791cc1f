"""What a GPU computes, held against the CPU: skipped where there is none, as in CI.

On a machine with one: `python -m pytest tests/test_cuda.py`; that it is fast enough, `python -m tests.perf.gpu` says.
"""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from compress import program, simulate
from compress.qat import train_qat
from compress.quantized_network import QuantizedNetwork
from compress.quantized_run import simulated
from compress.scheme import DEFAULT, Scheme
from tests.support import tiny_architectures, tiny_data, tiny_programs
from tinyasc import front_end, metrics, recipe
from tinyasc.artifact import load_card
from tinyasc.clips import Clips
from tinyasc.mel import log_mel
from tinyasc.mel_torch import LogMel
from tinyasc.models import MEL_CONFIGS
from tinyasc.runs import trained
from tinyasc.runs.setup import ComputeConfig, setup_fabric
from train.data.loader import DeviceSound, DiskSound
from train.data.selection import Slicing
from train.fit.task import Task
from train.student import train_student
from train.teacher import train_teacher

CUDA = torch.device("cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]

FIT = """
examples: {cache: false, validation: 0.3}
fit:
  epochs: 4
  batch_size: 4
  learning_rate: 5.0e-3
  weight_decay: 1.0e-3
  schedule: [{shape: exponential, epochs: 1}, {shape: hold, epochs: 1}, {shape: linear, epochs: 2, to: 0.005}]
compute: {threads: 1, device: cuda}
"""
RECIPES = {
    "teacher": """
architecture: passt
model: {embed_dim: 16, depth: 1, num_heads: 2, s_patchout_f: 3, drop_rate: 0.1}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation:
  impulse_response_probability: 0.6
  time_roll: 1600
  f_max_range: 1000.0
  frequency_mask: 8
  time_mask: 8
  mixup_alpha: 0.3
  mixstyle_probability: 0.5
  gain: 3.0
  noise_probability: 0.5
""",
    "student": """
architecture: cp_mobile
model: {base_channels: 8, channels_multiplier: 1.5, expansion_rate: 1.5, global_response_norm: true}
mel: {n_fft: 1024, win_length: 800, hop_length: 500, n_mels: 64}
augmentation: {time_roll: 2500, mixstyle_probability: 0.5, f_max_range: 1000.0}
distillation: {hard_weight: 0.5}
""",
    "qat": """
augmentation: {time_roll: 2500, mixstyle_probability: 0.5}
distillation: {hard_weight: 0.5}
observe_epochs: 3
range_momentum: 0.1
""",
}
COMMANDS = {"teacher": train_teacher, "student": train_student, "qat": train_qat}
BFLOAT16 = ("--compute.precision", "bfloat16")
FASTEST = (*BFLOAT16, "--compute.compile", "true", "--compute.deterministic", "false")
MEMORY = ("--compute.precision", "float16", "--fit.accumulate", "2", "--fit.clip_norm", "1", "--fit.average", "0.9")


@pytest.fixture(autouse=True)
def settled() -> None:
    """As training has it: TF32 where products are."""
    setup_fabric(ComputeConfig(device="cuda", threads=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data.h5, the recipes, a teacher and a student."""
    folder = tmp_path_factory.mktemp("cuda")
    tiny_data.write(folder / "set", train_devices="abc").rename(folder / "data.h5")
    for name, text in RECIPES.items():
        (folder / f"{name}.yaml").write_text(text + FIT)
    assert run(folder, "teacher", "teacher") == 0
    assert run(folder, "student", "student") == 0
    return folder


def run(folder: Path, kind: str, out: str, *more: str) -> int:
    parents = [] if kind == "teacher" else ["--teacher", str(folder / "teacher")]
    parents += ["--model", str(folder / "student")] if kind == "qat" else []
    files = ["--config", str(folder / f"{kind}.yaml"), "--data", str(folder / "data.h5"), "--out", str(folder / out)]
    return recipe.run(COMMANDS[kind], [*files, *parents, *more])


def losses(run: Path) -> list[float]:
    """Of each epoch."""
    return [float(row.split(",")[1]) for row in (run / "metrics.csv").read_text().splitlines()[1:]]


@pytest.mark.parametrize("name", ["cp_mobile", "passt", "baseline_2024", "cp_resnet", "bc_resnet"])
@pytest.mark.parametrize("edges", [None, (7.0, 7_001.0)])
def test_log_mel_is_the_definition(name: str, edges: tuple[float, float] | None) -> None:
    config = MEL_CONFIGS[name]
    waveform = 0.1 * np.random.default_rng(0).standard_normal((6, config.sample_rate), np.float32)
    waveform[0] = 0
    module = LogMel(config).to(CUDA)
    with torch.autocast("cuda", torch.bfloat16):
        found = module(torch.from_numpy(waveform).to(CUDA), edges)
    other = config if edges is None else replace(config, f_min=edges[0], f_max=edges[1])
    np.testing.assert_allclose(found[:, 0].cpu(), log_mel(waveform, other), atol=1e-4)


def test_sound_on_the_gpu_is_the_sound_on_disk(folder: Path) -> None:
    with Clips(folder / "data.h5") as clips:
        train = clips.indices("train")
        parts = np.split(Slicing(clips, train, windows_per_recording=3, seed=1).epoch(0).start, [10, 20])
        sources = DiskSound(clips, CUDA), DeviceSound(clips, train, CUDA)
        for ours, theirs in zip(*(source.read(parts) for source in sources), strict=True):
            assert torch.equal(ours, theirs)


SCHEMES = [
    (False, DEFAULT, False),
    (True, DEFAULT, False),
    (True, Scheme("per_tensor", "symmetric"), True),
    (False, Scheme(wide=["*"]), True),
]


@pytest.mark.parametrize(("normed", "scheme", "learn_steps"), SCHEMES)
def test_the_network_that_trains_is_the_program(normed: bool, scheme: Scheme, learn_steps: bool) -> None:
    same_as_simulator(tiny_programs.quantized(0, normed, scheme, learn_steps), tiny_programs.log_mel(48))


@pytest.mark.parametrize("name", sorted(tiny_architectures.NETWORKS))
def test_every_architecture_that_trains_is_the_program(name: str) -> None:
    same_as_simulator(tiny_architectures.quantized(name), tiny_architectures.inputs(name, 48))


def same_as_simulator(network: QuantizedNetwork, inputs: np.ndarray) -> None:
    """Its logits are the simulator's to the last bit, before training on the GPU and after."""
    network.to(CUDA, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for _ in range(2):
        with torch.no_grad():
            found = network.eval()(torch.from_numpy(inputs).to(CUDA)).cpu().numpy()
        expected = simulate.logits(network.to_program(), inputs)
        assert expected.std() > 0.01
        np.testing.assert_array_equal(found, expected)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        network.train()(torch.from_numpy(inputs).to(CUDA)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("more", [BFLOAT16, FASTEST])
def test_the_fast_ways_lose_what_float32_loses(folder: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    slowly = ("--fit.learning_rate", "1e-4")
    for name, how in (("float32", ()), ("fast", more)):
        assert run(folder, "student", str(tmp_path / name), *slowly, *how) == 0
    np.testing.assert_allclose(losses(tmp_path / "fast"), losses(tmp_path / "float32"), rtol=0.02)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("teacher", FASTEST),
        ("teacher", MEMORY),
        ("student", MEMORY),
        ("student", (*BFLOAT16, "--examples.windows_per_recording", "2", "--distillation.source", "live")),
        ("student", ("--examples.cache", "true", "--augmentation.f_max_range", "0", "--adversarial.weight", "0.5")),
    ],
)
def test_ways_to_train(folder: Path, tmp_path: Path, kind: str, more: tuple[str, ...]) -> None:
    """All losses and weights are finite, or the loop would say so."""
    assert run(folder, kind, str(tmp_path / "run"), *more) == 0


def test_qat_is_scored_as_its_program(folder: Path) -> None:
    assert run(folder, "qat", "qat") == 0
    int8, card = program.load(folder / "qat/int8.program"), load_card(folder / "qat")
    with Clips(folder / "data.h5") as clips:
        logits = simulated(int8, clips, front_end.from_card(card.mel), clips.indices("test"))
        score = metrics.score_test(logits, clips, card.data["train_devices"])
    assert score.log_loss == card.accuracy["log_loss"]


def test_stopped_it_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the functions that give the same bits again, it ends with those of a run that was never stopped."""
    calls, set_place = [0], Task.set_place

    def stopping(task: Task, epoch: int, step: int) -> float:
        calls[0] += 1
        if calls[0] == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return set_place(task, epoch, step)

    with monkeypatch.context() as changed:
        changed.setattr(Task, "set_place", stopping)
        assert run(folder, "student", "stopped") == 130
    assert run(folder, "student", "stopped") == 0
    assert "going on in epoch 2 after step 3 of 4" in capsys.readouterr().out
    whole, stopped = (load_file(folder / name / trained.FILE) for name in ("student", "stopped"))
    for name, value in whole.items():
        np.testing.assert_array_equal(stopped[name], value, err_msg=name)


def test_the_dry_run_tells_the_memory_of_the_gpu(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "student", "none", "--dry_run") == 0
    out = capsys.readouterr().out
    assert "clips/s on cuda" in out
    assert "torch.cuda.max_memory_allocated" in out
    assert not (folder / "none").exists()
