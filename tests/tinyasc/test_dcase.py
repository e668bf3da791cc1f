from dataclasses import asdict

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


@pytest.mark.parametrize(
    ("year", "limits"),  # as the sources of each entry have them
    [
        (2022, {"parameters": 128_000, "parameter_bytes": None, "integer_parameters": True, "each_device": False}),
        (2023, {"parameters": None, "parameter_bytes": 128_000, "integer_parameters": False, "each_device": False}),
        (2024, {"parameters": None, "parameter_bytes": 128_000, "integer_parameters": False, "each_device": False}),
        (2025, {"parameters": None, "parameter_bytes": 128_000, "integer_parameters": False, "each_device": True}),
    ],
)
def test_the_rules_of_each_year(year, limits):
    found = asdict(LIMITS[year])
    assert found.pop("source")
    assert found == {**limits, "macs": 30_000_000}
