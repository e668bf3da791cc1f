"""Batches: every clip once or random windows, in an order that follows from seed and epoch, wherever the sound lies."""

import numpy as np
import pytest
import torch

from tinyasc import mel
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from train.data import loader
from train.data.augment import AugmentConfig, Augmenter
from train.data.loader import Batches, DeviceSound, DiskSound, sound_source
from train.data.selection import ExamplesConfig, Slicing

MEL = mel.MelConfig(n_fft=1024, win_length=800, hop_length=640, n_mels=32)
CPU = torch.device("cpu")


@pytest.fixture
def clips(tiny_clips: Clips) -> Clips:
    return tiny_clips


def batches(clips: Clips, seed: int = 0, changes: AugmentConfig | None = None, **examples) -> Batches:
    augmentation = Augmenter(
        changes or AugmentConfig(), MEL, clips.devices, sample_rate=32_000, cached=examples.get("cache", False)
    )
    return Batches(clips, ExamplesConfig(**examples), augmentation, batch_size=7, seed=seed, device=CPU)


def test_every_clip_once_with_its_own_label_and_spectrogram(clips):
    seen = list(batches(clips).epoch(0))
    assert [len(batch.label) for batch in seen] == [7, 7, 7, 3]
    assert len(batches(clips)) == 4
    index = torch.cat([batch.index for batch in seen]).numpy()
    assert sorted(index) == clips.indices("train").tolist()
    assert not np.array_equal(index, np.sort(index))
    np.testing.assert_array_equal(torch.cat([batch.label for batch in seen]).numpy(), clips.label[index])
    np.testing.assert_allclose(
        torch.cat([batch.features for batch in seen])[:, 0], mel.log_mel(clips.waveform(index), MEL), atol=1e-4
    )


def test_order_follows_from_seed_and_epoch(clips):
    def order(seed, epoch):
        return torch.cat([batch.index for batch in batches(clips, seed).epoch(epoch)]).tolist()

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)


def test_cached_batches_are_the_same(clips):
    kept = batches(clips, cache=True)
    for epoch in (0, 1):
        for ours, theirs in zip(kept.epoch(epoch), batches(clips).epoch(epoch), strict=True):
            assert torch.equal(ours.index, theirs.index)
            assert torch.equal(ours.features, theirs.features)


def test_the_bar_advances_with_the_spectrograms_not_before_them(clips, monkeypatch):
    passed = []

    def bar(items, description, total, **options):
        for number, item in enumerate(items, 1):
            passed.append((type(item), number, total))
            yield item

    monkeypatch.setattr(loader, "tqdm", bar)
    list(batches(clips, cache=True).epoch(0))
    assert passed == [(torch.Tensor, 1, 1)]  # 24 clips are one chunk


def test_changes_of_the_waveform_come_before_the_front_end(clips):
    torch.manual_seed(0)
    (changed, *_), (plain, *_) = (list(batches(clips, changes=AugmentConfig(gain=g)).epoch(0)) for g in (20.0, 0.0))
    shift = (changed.features - plain.features)[:, 0].mean(dim=(1, 2)) * MEL.scale * 10 / np.log(10)
    assert shift.abs().max() > 3  # dB
    assert shift.abs().max() < 20
    torch.manual_seed(0)
    mixed = next(batches(clips, changes=AugmentConfig(mixup_alpha=0.3)).epoch(0))
    torch.testing.assert_close(mixed.features, mixed.mix(plain.features))


def test_random_windows_begin_anywhere_in_the_recordings_of_the_chosen_clips(clips):
    train = clips.indices("train")
    first, last = clips.window_range(train)
    slicing = Slicing(clips, train, windows_per_recording=50, seed=0)
    assert len(slicing) == 50 * 12
    drawn = slicing.epoch(0)
    place = np.searchsorted(train, drawn.index)
    assert (drawn.start >= first[place]).all()
    assert (drawn.start <= last[place]).all()
    assert (np.abs(drawn.start - clips.starts(drawn.index)) <= clips.samples // 2).all()  # the clip it has most of
    share = (drawn.start - first[place]) / (last[place] - first[place])
    assert 0.45 < share.mean() < 0.55
    assert (np.bincount(clips.recording[drawn.index]) <= 50).all()
    assert np.array_equal(slicing.epoch(0).start, drawn.start)
    assert not np.array_equal(slicing.epoch(1).start, drawn.start)


def test_a_run_on_random_windows_sees_each_recording_once_an_epoch(clips):
    chosen = batches(clips, windows_per_recording=1)
    seen = list(chosen.epoch(0))
    assert [len(batch.label) for batch in seen] == [7, 5]
    index = torch.cat([batch.index for batch in seen]).numpy()
    assert len(set(clips.recording[index])) == 12
    starts = chosen.slicing.epoch(0).start
    expected = mel.log_mel(clips.windows(starts), MEL)
    np.testing.assert_allclose(torch.cat([batch.features for batch in seen])[:, 0], expected, atol=1e-4)


def test_sound_on_the_device_is_the_sound_on_disk(clips):
    train = clips.indices("train")
    drawn = Slicing(clips, train, windows_per_recording=3, seed=1).epoch(0).start
    parts = np.split(drawn, [10, 20])
    sources = DiskSound(clips, CPU), DeviceSound(clips, train, CPU)
    for ours, theirs in zip(*(source.read(parts) for source in sources), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs)
    assert isinstance(sound_source(clips, train, CPU), DiskSound)


@pytest.mark.parametrize(("free", "kind"), [(10**9, DeviceSound), (10**6, DiskSound)])
def test_a_gpu_is_given_the_sound_if_it_has_the_room(clips, monkeypatch, free, kind):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    assert isinstance(sound_source(clips, clips.indices("train"), torch.device("cuda")), kind)


def test_networks_of_the_waveform_are_given_it(clips):
    augmentation = Augmenter(AugmentConfig(), None, clips.devices, sample_rate=32_000)
    chosen = Batches(clips, ExamplesConfig(), augmentation, batch_size=5, seed=0, device=CPU)
    batch = next(chosen.epoch(0))
    assert batch.features.shape == (5, 1, 1, 32_000)
    np.testing.assert_array_equal(batch.features[:, 0, 0].numpy(), clips.waveform(batch.index.numpy()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"subset": "test"}, "subset is test: train on train"),
        ({"windows_per_recording": -1}, "windows_per_recording is -1"),
        ({"windows_per_recording": 1, "cache": True}, "cache keeps the spectrograms of fixed pieces"),
    ],
)
def test_impossible_examples_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        ExamplesConfig(**wrong)
