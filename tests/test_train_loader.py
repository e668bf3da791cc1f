"""Batches: every clip once, in an order that follows from seed and epoch, cached or not."""

import numpy as np
import pytest
import torch

from tests import tiny_data
from tinyasc import mel
from tinyasc.clips import Clips
from train import loader
from train.loader import Batches

MEL = mel.MelConfig(n_fft=1024, win_length=800, hop_length=640, n_mels=32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    with Clips(tiny_data.write(tmp_path_factory.mktemp("data") / "set")) as clips:
        yield clips


def batches(clips: Clips, seed: int = 0, cache: bool = False) -> Batches:
    return Batches(clips, clips.indices("train"), MEL, batch_size=7, seed=seed, device=torch.device("cpu"), cache=cache)


def test_every_clip_once_with_its_own_label_and_spectrogram(clips):
    seen = list(batches(clips).epoch(0))
    assert [len(batch.label) for batch in seen] == [7, 7, 7, 3]
    assert len(batches(clips)) == 4
    index = torch.cat([batch.index for batch in seen]).numpy()
    assert sorted(index) == clips.indices("train").tolist()
    assert not np.array_equal(index, np.sort(index))
    np.testing.assert_array_equal(torch.cat([batch.label for batch in seen]).numpy(), clips.label[index])
    np.testing.assert_allclose(
        torch.cat([batch.log_mel for batch in seen])[:, 0], mel.log_mel(clips.waveform(index), MEL), atol=1e-4
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
            torch.testing.assert_close(ours.log_mel, theirs.log_mel, atol=1e-5, rtol=0)


def test_the_bar_advances_with_the_spectrograms_not_before_them(clips, monkeypatch):
    passed = []

    def bar(items, description, total, **options):
        for number, item in enumerate(items, 1):
            passed.append((type(item), number, total))
            yield item

    monkeypatch.setattr(loader, "tqdm", bar)
    list(batches(clips, cache=True).epoch(0))
    assert passed == [(torch.Tensor, 1, 1)]  # 24 clips are one chunk
