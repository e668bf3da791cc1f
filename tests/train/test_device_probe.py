"""The device probe on clips whose sound says nothing but the device, nothing but the place, or nothing."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import nn

from train.report import device_probe

PLACES, CLIPS = 60, 6  # of each class; at each place, all by one device


def clips(kind: str, devices: int = 3) -> Any:
    """As much of a data set as the probe needs: two classes, devices of which the first is the most frequent."""
    random = np.random.default_rng(0)
    place = np.repeat(np.arange(2 * PLACES), CLIPS)
    label = (place >= PLACES).astype(np.int64)
    device = np.repeat(np.minimum(random.geometric(0.6, 2 * PLACES) - 1, devices - 1), CLIPS)
    sound = {"device": np.eye(devices)[device], "place": np.eye(2 * PLACES)[place], "nothing": np.ones((len(place), 1))}
    waveform = sound[kind].astype(np.float32)
    if kind == "device":
        waveform += 0.1 * random.standard_normal(waveform.shape).astype(np.float32)
    files = [f"audio/park-oslo-{where}-{where}-0-a.wav" for where in place]
    return SimpleNamespace(
        label=label, labels=["bus", "park"], device=device, files=files, waveform=lambda index: waveform[index]
    )


def probed(of: Any) -> device_probe.Probe | None:
    channels = of.waveform(np.arange(1)).shape[1]
    network = nn.Sequential(nn.Flatten(), nn.Linear(channels, 2))
    return device_probe.measure(network, "1", None, of, np.arange(len(of.label)))


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("device", 0.98, 1), ("place", 0.2, 0.45), ("nothing", 1 / 3, 1 / 3)]
)
def test_the_device_is_found_where_it_can_be_and_no_place_helps(kind, low, high):
    found, again = probed(clips(kind)), probed(clips(kind))
    assert found is not None
    assert low - 1e-9 <= found.balanced_accuracy <= high + 1e-9
    assert found.chance == pytest.approx(1 / 3)
    assert found.n == 2 * PLACES * CLIPS
    assert found == again


def test_of_one_device_there_is_nothing_to_tell():
    assert probed(clips("nothing", devices=1)) is None


def test_frequent_devices_are_thinned_out_and_the_network_is_left_as_it_was(monkeypatch):
    monkeypatch.setattr(device_probe, "CLIPS_A_DEVICE", 50)
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3, 2)).train()
    found = device_probe.measure(network, "2", None, clips("device"), np.arange(2 * PLACES * CLIPS))
    assert found is not None
    assert found.n == 150
    assert found.balanced_accuracy > 0.98  # nothing was dropped out
    assert network.training
