"""What a recipe's changes do together, and which recipes are refused. B clips, S samples, F bands, T frames."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy import stats
from torch import Tensor

from tests.support import originals
from tinyasc import recipe
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from train.data.augment import AugmentConfig, Augmenter
from train.data.augmentations import AUGMENTATIONS
from train.data.augmentations.gain import gain
from train.data.augmentations.impulse_response import convolve, made_up

RATE, CLIPS, SAMPLES = 32_000, 32, 4_000
MEL = MelConfig()
DEVICES = ["a", "b", "c"]
EVERYTHING = AugmentConfig(
    impulse_response_probability=0.6,
    impulse_response_device="b",
    gain=6,
    noise_probability=0.5,
    time_roll=400,
    f_min_range=50,
    f_max_range=1000,
    frequency_mask=5,
    time_mask=4,
    mixup_alpha=0.3,
    mixstyle_probability=0.5,
)


def augmentation(config: AugmentConfig, front_end: MelConfig | None = MEL, *, cached: bool = False) -> Augmenter:
    return Augmenter(config, front_end, DEVICES, sample_rate=RATE, cached=cached)


def clips() -> tuple[Tensor, Tensor, Tensor]:
    """Waveforms (B, S), devices (B,) and features (B, 1, F, T), always the same."""
    random = torch.Generator().manual_seed(1)
    waveform = 0.1 * torch.randn(CLIPS, SAMPLES, generator=random)
    return waveform, torch.arange(CLIPS) % 3, torch.randn(CLIPS, 1, 20, 30, generator=random)


def test_all_is_off_by_default():
    waveform, device, features = clips()
    state = torch.get_rng_state()
    nothing = augmentation(AugmentConfig())
    assert nothing.waveform(waveform, device) is waveform
    assert nothing.edges() is None
    same, mix = nothing.features(features)
    assert same is features
    assert mix(device) is device
    assert torch.equal(torch.get_rng_state(), state)


def test_the_seed_decides_everything_and_the_arguments_stay():
    waveform, device, features = clips()
    results = []
    for seed in (5, 5, 6):
        changes = augmentation(EVERYTHING)
        torch.manual_seed(seed)
        changed, mix = changes.features(features)
        edges = torch.tensor(changes.edges())
        results.append([changes.waveform(waveform, device), edges, changed, mix(features)])
    for first, again, other in zip(*results, strict=True):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    for left, new in zip((waveform, device, features), clips(), strict=True):
        assert torch.equal(left, new)


def test_the_waveform_is_convolved_then_amplified_then_rolled():
    waveform, device, _ = clips()
    config = AugmentConfig(impulse_response_probability=1, impulse_response_device="b", gain=6, time_roll=400)
    torch.manual_seed(0)
    changed = augmentation(config).waveform(waveform, device)
    torch.manual_seed(0)
    torch.rand(CLIPS)
    response = made_up(RATE)[torch.randint(16, (CLIPS,))]
    expected = torch.where((device == 1)[:, None], convolve(waveform, response), waveform)
    expected = gain(expected, 6)
    for clip, wanted in zip(changed, expected, strict=True):
        # Where the correlation of the two is largest, they must be equal.
        spectrum = torch.fft.rfft(clip) * torch.fft.rfft(wanted).conj()
        shift = (int(torch.fft.irfft(spectrum, SAMPLES).argmax()) + 400) % SAMPLES - 400
        assert abs(shift) <= 400
        torch.testing.assert_close(clip, wanted.roll(shift), atol=1e-5, rtol=1e-5)


def test_responses_come_from_the_folder_of_the_recipe(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.array([0, 0, 0.5]), RATE, "FLOAT")
    waveform, device, _ = clips()
    config = AugmentConfig(impulse_response_probability=1, impulse_responses=tmp_path)
    changed = augmentation(config).waveform(waveform, device)
    torch.testing.assert_close(changed[:, 2:], waveform[:, :-2], atol=1e-6, rtol=1e-5)


def test_mel_edges_are_drawn_like_those_of_hear21passt(monkeypatch):
    config = AugmentConfig(f_min_range=3, f_max_range=6)
    original = originals.passt_mel().AugmentMelSTFT(
        n_mels=8, n_fft=64, win_length=64, hopsize=32, fmin=20.0, fmax=15_000.0, fmin_aug_range=3, fmax_aug_range=6
    )
    golden = set()
    kaldi = originals.torchaudio().compliance.kaldi
    monkeypatch.setattr(
        kaldi,
        "get_mel_banks",
        lambda n_mels, n_fft, rate, low, high, **_: (golden.add((low, high)) or torch.zeros(n_mels, n_fft // 2), 0),
    )
    torch.manual_seed(0)
    changes = augmentation(config, MelConfig(f_min=20.0, f_max=15_000.0))
    own = {changes.edges() for _ in range(300)}
    for _ in range(300):
        original.train()(torch.zeros(1, 100))
    assert len(golden) == 18
    assert own == golden


def test_kept_spectrograms_are_rolled_by_frames_and_waveforms_left_alone():
    waveform, device, _ = clips()
    places = torch.arange(64.0).expand(500, 1, 4, 64)
    changes = augmentation(AugmentConfig(time_roll=4_100), cached=True)
    assert changes.waveform(waveform, device) is waveform
    rolled, _ = changes.features(places)
    assert set(((-rolled[:, 0, 0, 0] + 32) % 64 - 32).int().tolist()) == set(range(-8, 9))
    same, _ = augmentation(AugmentConfig(time_roll=4_100)).features(places)
    assert same is places


def test_shares_are_those_of_the_recipe():
    # Clip i has mean 1 in band i alone: what is left of it there is its own share.
    features = torch.eye(1000)[:, None, :, None] + torch.tensor([-1.0, 1.0])
    shares = stats.beta(2, 2)
    torch.manual_seed(0)
    changes = augmentation(AugmentConfig(mixstyle_probability=1, mixstyle_alpha=2))
    own = changes.features(features)[0].mean(3)[:, 0].diagonal()
    assert stats.kstest(own.numpy(), shares.cdf).pvalue > 0.001
    mixed, mix = augmentation(AugmentConfig(mixup_alpha=2)).features(features)
    own = mixed.mean(3)[:, 0].diagonal()
    assert stats.kstest(own.numpy(), lambda x: np.where(x < 0.5, 0, shares.cdf(x) - shares.cdf(1 - x))).pvalue > 0.001
    assert torch.equal(mixed, mix(features))


def test_mixstyle_changes_the_asked_share_of_the_batches():
    torch.manual_seed(0)
    features = torch.randn(8, 1, 4, 6)
    changes = augmentation(AugmentConfig(mixstyle_probability=0.3))
    changed = sum(not torch.equal(changes.features(features)[0], features) for _ in range(1000))
    assert stats.binomtest(changed, 1000, 0.3).pvalue > 0.001


def test_mixup_works_on_waveforms_too():
    waveform = clips()[0].view(CLIPS, 1, 1, SAMPLES)
    changed, mix = augmentation(AugmentConfig(mixup_alpha=0.3), None).features(waveform)
    assert torch.equal(changed, mix(waveform))
    assert not torch.equal(changed, waveform)


@pytest.mark.parametrize(
    "wrong",
    [
        {"impulse_response_probability": -0.1},
        {"gain": float("nan")},
        {"gain": float("inf")},
        {"noise_probability": 1.1},
        {"noise_snr": (20.0, 10.0)},
        {"noise_snr": (float("nan"), 10.0)},
        {"time_roll": -1},
        {"f_min_range": -1.0},
        {"f_max_range": float("nan")},
        {"frequency_mask": -1},
        {"time_mask": -1},
        {"mixup_alpha": -0.1},
        {"mixstyle": "time"},
        {"mixstyle_probability": 1.1},
        {"mixstyle_probability": float("nan")},
        {"mixstyle_alpha": 0.0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=f"^augmentation: {next(iter(wrong))} is .*: take [^\n]*$"):
        AugmentConfig(**wrong)


@pytest.mark.parametrize(
    ("config", "front_end", "cached", "message"),
    [
        ({"gain": 1, "f_max_range": 10}, MEL, True, "take cache: false, or turn off gain, f_max_range"),
        ({"time_roll": 249}, MEL, True, "take cache: false, or a time_roll of 500 or more"),
        ({"time_mask": 2, "mixstyle_probability": 1}, None, False, "turn off time_mask, mixstyle_probability"),
        ({"f_max_range": 1001}, MEL, False, "upper mel edge to 16000.5 Hz.*take 1000 or less"),
        ({"f_min_range": 900}, MelConfig(f_max=900.0), False, "can meet"),
        (
            {"impulse_response_probability": 0.5, "impulse_response_device": "z"},
            MEL,
            False,
            "impulse_response_device z .*take one of a, b, c",
        ),
    ],
)
def test_changes_that_do_not_fit_are_refused(config, front_end, cached, message):
    with pytest.raises(UserError, match=f"^augmentation: [^\n]*{message}[^\n]*$"):
        augmentation(AugmentConfig(**config), front_end, cached=cached)


def test_a_device_matters_only_where_its_change_is_on():
    augmentation(AugmentConfig(impulse_response_device="z"))


def test_a_recipe_holds_every_field(tmp_path):
    found = []

    def command(augmentation: AugmentConfig) -> None:
        found.append(augmentation)

    (tmp_path / "recipe.yaml").write_text(
        "augmentation: {impulse_responses: folder, noise_snr: [10, 30.0], f_max_range: 1000, mixstyle: channel}\n"
    )
    assert recipe.run(command, ["--config", str(tmp_path / "recipe.yaml")]) == 0
    wanted = AugmentConfig(impulse_responses=Path("folder"), noise_snr=(10, 30), f_max_range=1000, mixstyle="channel")
    assert found == [wanted]


NEW_FILE = '''
from dataclasses import dataclass
import torch
from train.data.augmentations import Preview, WaveformAugmentation, register

@dataclass(frozen=True)
class PolarityConfig:
    """How often signs change."""

    polarity_probability: float = 0.0
    """Share of the batches whose sign changes."""

@register(order=25)
class Polarity(WaveformAugmentation):
    Config = PolarityConfig
    switches = ("polarity_probability",)
    previews = (Preview("Polarity", "always", {"polarity_probability": 1}),)

    def apply(self, waveform, device):
        return -waveform if torch.rand(()) < self.config.polarity_probability else waveform
'''
USE_IT = """
import torch
from train.data.augment import AugmentConfig, Augmenter
from train.data.augmentations import AUGMENTATIONS
from train.preview import PREVIEWS
from train.student import train_student
from tinyasc import recipe
from tinyasc.errors import UserError

config = AugmentConfig(polarity_probability=1)
assert torch.equal(Augmenter(config, None, [], sample_rate=8000).waveform(torch.ones(2, 3), None), -torch.ones(2, 3))
assert [shown.title for shown in PREVIEWS][2] == "Polarity"
for wrong in (lambda: AugmentConfig(polarity_probability=2),
              lambda: Augmenter(config, None, [], sample_rate=8000, cached=True)):
    try:
        wrong()
    except UserError as error:
        assert "polarity_probability" in str(error)
    else:
        raise AssertionError
recipe.run(train_student, ["--help"])
"""


@pytest.mark.slow
def test_a_new_augmentation_is_one_file(tmp_path):
    root = Path(__file__).parents[2]
    shutil.copytree(root / "train", tmp_path / "train", ignore=shutil.ignore_patterns("__pycache__", "recipes"))
    (tmp_path / "train/data/augmentations/polarity.py").write_text(NEW_FILE)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root}", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", USE_IT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--augmentation.polarity_probability" in done.stdout
    assert "Share of the batches whose sign changes." in done.stdout


def test_settings_belong_to_one_augmentation_and_leave_it_off():
    names = [field.name for kind in AUGMENTATIONS for field in fields(kind.Config)]
    assert names == [field.name for field in fields(AugmentConfig)]
    assert len(set(names)) == len(names)
    for kind in AUGMENTATIONS:
        assert not kind.active(AugmentConfig())
        assert all(kind.active(AugmentConfig(**shown.config)) for shown in kind.previews)
