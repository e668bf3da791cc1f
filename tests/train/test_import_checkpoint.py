"""A published CP-Mobile checkpoint becomes a student run that computes the same; any other file is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from compress.qat import train_qat
from tests.support import tiny_data
from tests.support.hostile import Touch
from tinyasc import artifact, dcase, models, recipe
from tinyasc.mel import mel_bank
from tinyasc.models import MEL_CONFIGS, SIZES
from tinyasc.runs import trained
from train.evaluate import evaluate
from train.import_checkpoint import import_checkpoint

TENSORS = {
    # some of the 138 tensors of the published file: stem, first block, widest blocks, head
    "model.in_c.0.0.weight": (8, 1, 3, 3),
    "model.in_c.1.1.running_var": (32,),
    "model.stages.s1.b1.after_block_norm.gamma": (1,),
    "model.stages.s1.b1.block.0.0.weight": (96, 32, 1, 1),
    "model.stages.s1.b1.block.1.0.weight": (96, 1, 3, 3),
    "model.stages.s1.b1.block.2.1.num_batches_tracked": (),
    "model.stages.s2.b5.block.0.0.weight": (216, 72, 1, 1),
    "model.stages.s3.b6.block.2.0.weight": (168, 216, 1, 1),
    "model.stages.s3.b6.after_block_norm.beta": (1,),
    "model.feed_forward.0.weight": (10, 168, 1, 1),
    "model.feed_forward.1.running_mean": (10,),
}


def network_of(config: dict[str, Any], n_classes: int = 10) -> nn.Module:
    """A CP-Mobile no tensor of which has the value that it starts from."""
    torch.manual_seed(0)
    network = models.build("cp_mobile", config, n_classes)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.mul_(torch.rand_like(tensor) + 0.5).add_(0.1 * torch.rand_like(tensor))
    return network.eval()


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a CP-Mobile by their published names."""
    state = {}
    for name, tensor in network.state_dict().items():
        module, rest = name.split(".", 1)
        rest = rest.replace("norm.gamma", "after_block_norm.gamma").replace("norm.beta", "after_block_norm.beta")
        state[f"model.{ {'stem': 'in_c', 'head': 'feed_forward'}.get(module, module) }.{rest}"] = tensor.clone()
    return state


def write(path: Path, state: dict[str, Any]) -> Path:
    """A checkpoint with the entries that PyTorch Lightning writes."""
    entries = {"epoch": 149, "global_step": 81_900, "pytorch-lightning_version": "1.9.5", "state_dict": state}
    torch.save(entries | {"loops": {}, "callbacks": {}, "optimizer_states": [], "lr_schedulers": []}, path)
    return path


def run(checkpoint: Path, out: Path, *more: str) -> int:
    return recipe.run(import_checkpoint, [str(checkpoint), "--arch", "cp_mobile", "--out", str(out), *more])


@pytest.mark.parametrize("size", ["cp_mobile", "cp_mobile_s1", "cp_mobile_88k", "baseline_2024"])
def test_the_same_logits_after_import(tmp_path, size):
    network = network_of(SIZES[size].config)
    state = state_of(network)
    if size == "cp_mobile":
        assert {name: tuple(state[name].shape) for name in TENSORS} == TENSORS
        state["mel.window"] = torch.hann_window(3072, periodic=False)
        state["mel.preemphasis_coefficient"] = torch.tensor([[[-0.97, 1]]])
    if size == "baseline_2024":
        state["mel.0.kernel"] = torch.zeros(320, 1, 459)
        state["mel.1.spectrogram.window"] = torch.hann_window(3072)
        state["mel.1.mel_scale.fb"] = torch.tensor(mel_bank(MEL_CONFIGS["baseline_2024"]).T) + 2e-5
    assert run(write(tmp_path / "file.ckpt", state), tmp_path / "run") == 0

    imported, mel, card = trained.load(tmp_path / "run", "student")
    assert mel == SIZES[size].front_end
    log_mel = torch.randn(3, 1, 256, 65)
    with torch.no_grad():
        assert torch.equal(imported(log_mel), network(log_mel))
    # rates and multipliers that give the same shapes are the same network: the published ones are the roundest
    assert models.resolve("cp_mobile", card.config) == models.resolve("cp_mobile", SIZES[size].config)
    assert card.labels == list(dcase.SCENES)
    assert card.accuracy == {}
    assert card.data["checksum"] is None
    assert card.data["source_sha256"] == artifact.file_sha256(tmp_path / "file.ckpt")
    assert card.cost["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert sorted(card.files) == [trained.FILE, "recipe.yaml"]


BLOCK = "model.stages.s1.b2.block."


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [  # a tensor that is left out, added, or has another shape
        ("model.in_c.1.0.weight", None, "has no convolution model.in_c.1.0.weight"),
        (BLOCK + "1.1.bias", None, f"{BLOCK}1.1.bias is missing"),
        ("model.stages.s2.b5.after_block_norm.beta", None, "s2.b5.after_block_norm.beta is missing"),
        ("model.fc.weight", torch.ones(2), "'model.fc.weight' is unknown"),
        ("teacher.weight", torch.ones(2), "'teacher.weight' is unknown"),
        ("model.stages.s4.b7.block.0.0.weight", torch.ones(64, 32, 1, 1), "no convolution model.stages.s4.b7.block.2"),
        ("mel.1.mel_scale.fb", torch.ones(2049, 256), "'mel.1.mel_scale.fb' is unknown"),  # of the other form
        ("mel.window", torch.ones(800), r"mel.window has the shape \(800,\) and must have \(3072,\)"),
        ("mel.window", torch.hann_window(3072), "of another front-end than cp_mobile: mel.window has other values"),
        ("mel.preemphasis_coefficient", torch.tensor([[[-0.9, 1]]]), "another front-end than cp_mobile: mel.preemph"),
        (BLOCK + "0.0.weight", torch.ones(8, 8, 1, 1), "block.0.0.weight has 8 channels, and no expansion_rate"),
        (BLOCK + "0.0.weight", torch.ones(16, 7, 1, 1), r"block.0.0.weight has the shape \(16, 7, 1, 1\)"),
        (BLOCK + "2.0.weight", torch.ones(9, 16, 1, 1), "block.2.0.weight has 9 channels, and no channels_mult"),
        (BLOCK + "1.0.weight", torch.ones(16, 1, 5, 5), "block.1.0.weight has the shape"),
        (BLOCK + "0.1.weight", torch.ones(16).long(), "block.0.1.weight has the type torch.int64"),
        (BLOCK + "0.1.weight", torch.full((16,), torch.inf), "values in .*block.0.1.weight that are not finite"),
        (BLOCK + "0.1.weight", torch.full((16,), 1e300, dtype=torch.float64), "block.0.1.weight that are not finite"),
        (BLOCK + "0.1.weight", torch.ones(16).to(torch.float8_e4m3fn), "block.0.1.weight' of the type torch.float8_"),
        (BLOCK + "0.1.running_var", -torch.ones(16), "negative variances in .*block.0.1.running_var"),
        (BLOCK + "0.1.weight", torch.ones(1).expand(10**9), "holds fewer bytes than its tensors"),
        ("model.feed_forward.0.weight", torch.ones(9, 32, 1, 1), "feed_forward.1.weight has the shape"),
    ],
)
def test_a_wrong_checkpoint_is_one_line_that_names_the_tensor(tmp_path, capsys, name, tensor, message):
    state = state_of(network_of(SIZES["cp_mobile_s1"].config)) | {name: tensor}
    state = {name: value for name, value in state.items() if value is not None}
    refused(write(tmp_path / "file.ckpt", state), capsys, message)


def test_a_hostile_a_damaged_and_another_file_are_one_line(tmp_path, capsys):
    state = state_of(network_of(SIZES["cp_mobile_s1"].config))
    refused(write(tmp_path / "file.ckpt", state | {"x": Touch(tmp_path / "mark")}), capsys, "cannot be read")
    assert not (tmp_path / "mark").exists()
    whole = write(tmp_path / "file.ckpt", state)
    whole.write_bytes(whole.read_bytes()[:-1000])
    refused(whole, capsys, "cannot be read")
    whole.write_bytes(b"no checkpoint")
    refused(whole, capsys, "is no PyTorch checkpoint")
    write(whole, {"weight": torch.ones(2, 2)})
    refused(whole, capsys, "is no published CP-Mobile: it has no convolution")
    torch.save(state, whole)
    refused(whole, capsys, "holds no tensors by name in 'state_dict'")
    whole.unlink()
    refused(whole, capsys, "file.ckpt is missing")


def test_another_filter_bank_than_the_form_s_is_refused(tmp_path, capsys):
    state = state_of(network_of(SIZES["baseline_2024"].config))
    for bank in (torch.zeros(2049, 256), torch.tensor(mel_bank(MEL_CONFIGS["tf_sepnet"])[::2].T)):
        path = write(tmp_path / "file.ckpt", state | {"mel.1.mel_scale.fb": bank})
        refused(path, capsys, "of another front-end than baseline_2024: mel.1.mel_scale.fb has other values")


def refused(checkpoint: Path, capsys: pytest.CaptureFixture[str], message: str) -> None:
    files = set(checkpoint.parent.iterdir())
    assert run(checkpoint, checkpoint.parent / "run") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line), line
    assert set(checkpoint.parent.iterdir()) == files


def test_labels_are_those_that_are_named_one_for_each_class(tmp_path, capsys):
    path = write(tmp_path / "file.ckpt", state_of(network_of(SIZES["cp_mobile_s1"].config, n_classes=2)))
    for labels in ([], ["--labels", "[indoor]"], ["--labels", "[indoor, indoor]"]):
        assert run(path, tmp_path / "run", *labels) == 1
        assert "tells 2 classes apart: name each of them with --labels" in capsys.readouterr().err
    assert run(path, tmp_path / "run", "--labels", "[outdoor, indoor]") == 0
    assert artifact.load_card(tmp_path / "run").labels == ["outdoor", "indoor"]


def test_the_command_asks_for_its_file_and_an_architecture_it_knows(capsys):
    for arguments in (["--help"], [], ["file.ckpt", "--arch", "passt", "--out", "run"]):
        with pytest.raises(SystemExit) as end:
            recipe.run(import_checkpoint, arguments)
        assert end.value.code == (0 if arguments == ["--help"] else 2)
    said = capsys.readouterr()
    assert "the .ckpt file" in said.out
    assert "scoring with --data is the check" in " ".join(said.out.split())
    assert "cp_mobile" in said.err


QAT = """
augmentation: {}
distillation: {hard_weight: 1.0}
observe_epochs: 1
calibration_clips: 8
examples: {cache: true}
compute: {threads: 1, device: cpu}
fit:
  epochs: 1
  batch_size: 8
  learning_rate: 1.0e-3
  weight_decay: 0.0
  schedule: [{shape: hold}]
"""


def test_an_imported_run_is_scored_and_quantized_on_other_data(tmp_path, capsys):
    data = tiny_data.write(tmp_path / "set")
    config = {"base_channels": 8, "n_blocks": [1, 1], "strides": {}, "global_response_norm": False}
    path = write(tmp_path / "file.ckpt", state_of(network_of(config, n_classes=2)))
    assert run(path, tmp_path / "run", "--labels", "[low, high]", "--data", str(data)) == 1
    assert "has the classes high, low" in capsys.readouterr().err
    assert run(path, tmp_path / "run", "--labels", "[high, low]", "--data", str(data)) == 0
    card = artifact.load_card(tmp_path / "run")
    assert card.accuracy["n"] == 2 * tiny_data.TEST
    assert not {"seen", "unseen"} & set(card.accuracy["groups"])  # nobody knows what it heard
    assert recipe.run(evaluate, ["--model", str(tmp_path / "run"), "--data", str(data)]) == 0
    assert f"macro accuracy {card.accuracy['macro']:.1%}" in capsys.readouterr().out

    (tmp_path / "qat.yaml").write_text(QAT)
    places = ["--model", str(tmp_path / "run"), "--data", str(data), "--out", str(tmp_path / "qat")]
    assert recipe.run(train_qat, ["--config", str(tmp_path / "qat.yaml"), *places]) == 0
    assert "was imported" in capsys.readouterr().out
    assert [parent["stage"] for parent in artifact.load_card(tmp_path / "qat").lineage] == ["student"]
