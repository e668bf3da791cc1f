"""Command: make a student run of a published CP-Mobile checkpoint, a `.ckpt` file of PyTorch Lightning.

    python -m train.import_checkpoint FILE --arch cp_mobile --out RUN

Nothing in the file is run, every tensor in it is accounted for by name and shape, and the size of the network is read
from the shapes. Strides are not in such a file, and of the front-end at most the window and the filter bank, which are
compared with ours. There are two published forms, which the response norm tells apart: CP-Mobile of 2023, and the
baseline of 2024 and 2025 without it; each has its own strides and front-end. Whether a network that somebody trained
himself keeps to them only its accuracy shows: score it with --data.
Writes model.safetensors, recipe.yaml, model_card.json.

Sources: fschmid56/cpjku_dcase23, CPJKU/dcase2024_task1_baseline.
"""

import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tinyasc import artifact, cost, dcase, front_end, metrics, models, recipe, weights
from tinyasc.artifact import ModelCard, new_run
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.mel import hann, mel_bank
from tinyasc.models import MEL_CONFIGS, SIZES
from tinyasc.models.cp_mobile import CPMobileConfig, round_channels
from tinyasc.runs import trained
from tinyasc.runs.scores import predict, summary
from tinyasc.runs.setup import ComputeConfig, setup_fabric

TOLERANCE = 4e-4
"""Of windows and filter banks: torchaudio's differ from ours by 2e-5, other kinds of either by 7e-4 and more."""
RENAMED = ((r"^stem\.", "in_c."), (r"^head\.", "feed_forward."), (r"\.norm\.", ".after_block_norm."))
"""What modules of `tinyasc.models.cp_mobile` are called there."""
BLOCK = re.compile(r"model\.stages\.s(\d{1,2})\.b(\d{1,2})\.")
FACTORS = [number / 10**digits for digits in (1, 2, 3) for number in range(10**digits, 10 * 10**digits)]
"""Values that a multiplier or an expansion rate may have, the roundest first. Several give the same network."""


def import_checkpoint(
    checkpoint: Path,
    /,
    *,
    arch: Literal["cp_mobile"],
    out: Path,
    labels: list[str] | None = None,
    data: Path | None = None,
) -> None:
    """Make a student run of a published CP-Mobile checkpoint.

    Strides and front-end are taken from the published form that the file has; scoring with --data is the check of them.

    Args:
        checkpoint: the .ckpt file.
        arch: architecture of the network in it.
        out: run folder to write.
        labels: class names in the order of the logits; none = TAU's ten scenes in alphabetical order.
        data: prepared data set (.h5) whose test split it is scored on, the only check of the strides; none = the run
            states no accuracy.
    """
    found = weights.read(checkpoint, "state_dict")
    form = "cp_mobile" if any(".after_block_norm." in name for name in found) else "baseline_2024"
    network, config, n_classes = _rebuild(found, form, checkpoint)
    names: list[str] = labels or [*dcase.SCENES]
    if len(set(names)) != n_classes or len(names) != n_classes:
        raise UserError(f"{checkpoint} tells {n_classes} classes apart: name each of them with --labels")
    mel = MEL_CONFIGS[form]
    card = ModelCard(
        stage="student",
        architecture=arch,
        config=models.resolve(arch, config),
        mel=asdict(mel),
        labels=names,
        cost=cost.measure(network, (1, 1, *front_end.shape(mel, SIZES[form].samples))).to_dict(),
        accuracy={},
        # what it was trained on is not in the file
        data={
            "checksum": None,
            "source": checkpoint.name,
            "source_sha256": artifact.file_sha256(checkpoint),
            "subset": None,
            "train_devices": None,
        },
        seed=0,
    )
    print(f"{arch} ({card.cost['parameters']:,} parameters); strides and front-end assumed as in {form}")
    if data is not None:
        device = setup_fabric(ComputeConfig(threads=torch.get_num_threads())).device
        with Clips(data) as clips:
            trained.check_fits(card, clips)
            logits = predict(network.to(device), mel, clips, clips.labelled("test"))
            score = metrics.score_test(logits, clips, card.data["train_devices"])
        print(summary(score))
        card = replace(card, accuracy=score.to_dict())
    with new_run(out) as run:
        trained.save(run.path(trained.FILE), network)
        run.card = card
    print(f"wrote {out}")


def _rebuild(found: dict[str, Tensor], form: str, path: Path) -> tuple[nn.Module, dict[str, Any], int]:
    """The network that holds the tensors of a checkpoint of a published form, its settings, and its number of classes.

    Raises:
        UserError: a tensor is missing, unknown, or of another shape than its neighbours ask for.
    """
    config, n_classes = _sizes(found, path)
    last = sum(config["n_blocks"])
    strides = SIZES[form].config.get("strides", CPMobileConfig().strides)
    config["strides"] = {block: pair for block, pair in strides.items() if int(block[1:]) <= last}
    config["global_response_norm"] = form == "cp_mobile"
    with torch.device("meta"):  # has shapes and takes no memory: a wrong file may ask for a lot
        own = models.build("cp_mobile", config, n_classes).state_dict()
    expected = {_published_name(name): tensor for name, tensor in own.items()}
    buffers = {name: tensor for name, tensor in _mel_buffers(form).items() if name in found}
    found = weights.fitted(found, expected | buffers, path, f"the published format of {form}")
    for name, tensor in buffers.items():
        if not tensor.is_meta and not torch.allclose(found[name], tensor, rtol=0, atol=TOLERANCE):
            raise UserError(f"{path} is of another front-end than {form}: {name} has other values")
    network = models.build("cp_mobile", config, n_classes)
    network.load_state_dict({name: found[_published_name(name)] for name in own})
    return network.eval(), config, n_classes


def _mel_buffers(form: str) -> dict[str, Tensor]:
    """What a published file may hold of its front-end; of the resampler, which is not ours, the shape alone."""
    mel = MEL_CONFIGS[form]
    window = torch.tensor(hann(mel))
    if form == "cp_mobile":
        return {"mel.window": window, "mel.preemphasis_coefficient": torch.tensor([[[-mel.pre_emphasis, 1.0]]])}
    return {
        "mel.0.kernel": torch.empty(320, 1, 459, device="meta"),  # from 44.1 to 32 kHz
        "mel.1.spectrogram.window": window,
        "mel.1.mel_scale.fb": torch.tensor(mel_bank(mel).T),
    }


def _published_name(name: str) -> str:
    """What the published format calls a tensor of `tinyasc.models.cp_mobile`."""
    for ours, theirs in RENAMED:
        name = re.sub(ours, theirs, name)
    return f"model.{name}"


def _sizes(found: dict[str, Tensor], path: Path) -> tuple[dict[str, Any], int]:
    """Settings of CP-Mobile that give the shapes in a file, and the number of classes."""

    def outputs(name: str) -> int:
        if name not in found or found[name].ndim != 4:
            raise UserError(f"{path} is no published CP-Mobile: it has no convolution {name}")
        return len(found[name])

    base = outputs("model.in_c.1.0.weight")
    matches = filter(None, map(BLOCK.match, found))
    blocks = sorted({(int(match[1]), int(match[2])) for match in matches}) or [(1, 1)]
    multipliers, rates, inputs = FACTORS, FACTORS, base
    for stage, block in blocks:
        prefix = f"model.stages.s{stage}.b{block}.block"
        wide, narrow = f"{prefix}.0.0.weight", f"{prefix}.2.0.weight"
        inner, width = outputs(wide), outputs(narrow)
        rates = [rate for rate in rates if round_channels(inputs * rate) == inner]
        multipliers = [factor for factor in multipliers if round_channels(base * factor ** (stage - 1)) == width]
        for name, left, setting in ((wide, rates, "expansion_rate"), (narrow, multipliers, "channels_multiplier")):
            if not left:
                raise UserError(
                    f"{path} is no published CP-Mobile: {name} has {outputs(name)} channels, "
                    f"and no {setting} gives that and the blocks before it"
                )
        inputs = width
    depths = Counter(stage for stage, _ in blocks)
    config = {
        "base_channels": base,
        "channels_multiplier": multipliers[0],
        "expansion_rate": rates[0],
        "n_blocks": tuple(depths[stage] for stage in sorted(depths)),
    }
    return config, outputs("model.feed_forward.0.weight")


if __name__ == "__main__":
    raise SystemExit(recipe.run(import_checkpoint))
