import pytest

from tinyasc.dcase import DEVICES, LIMITS, SCENES, TauName

NAMES = [
    (
        "audio/airport-lisbon-1000-40000-0-a.wav",
        TauName("airport", "lisbon", 1000, 40000, 0, "a"),
        "airport-lisbon-1000-40000-a",
    ),
    (
        "street_traffic-lyon-7-12-9-s6.wav",
        TauName("street_traffic", "lyon", 7, 12, 9, "s6"),
        "street_traffic-lyon-7-12-s6",
    ),
    ("metro-paris-3-4-b.wav", TauName("metro", "paris", 3, 4, None, "b"), "metro-paris-3-4-b"),
]


@pytest.mark.parametrize(("file", "parts", "recording"), NAMES)
def test_tau_names_are_read_and_written(file, parts, recording):
    assert TauName.parse(file) == parts
    assert str(parts) == file.removeprefix("audio/")
    assert parts.recording == recording == f"{parts.moment}-{parts.device}"


@pytest.mark.parametrize(
    "file", ["audio/0_george_0.wav", "airport-lisbon-1000.wav", "airport-lisbon-a-b-0-a.wav", "1.wav"]
)
def test_other_names_are_none_of_them(file):
    assert TauName.parse(file) is None


def test_the_task():
    assert list(SCENES) == sorted(SCENES)
    assert (len(SCENES), len(DEVICES)) == (10, 9)
    assert all(limits.macs == 30_000_000 for limits in LIMITS.values())
    assert [year for year, limits in LIMITS.items() if limits.parameter_bytes == 128_000] == [2023, 2024, 2025]
