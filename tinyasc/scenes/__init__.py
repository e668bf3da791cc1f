"""The embedded data set: ten procedurally made scenes, several cities and nine devices, in TAU's own layout.

It lets every stage be run and compared without a download. Accuracies on it say nothing about real scenes. Here is the
plan of the set, and it is written as TAU 2022 Mobile is: 1-second files and four tables. What it is made of:

    world        size and hardness of the set, and what differs from city to city
    synthesis    building blocks: noise, tones, events in time
    people, vehicles, surroundings    the sources
    places       the scenes as mixtures of sources, and one recording
    devices      what a device makes of a recording
"""

import json
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import soundfile
from tqdm import tqdm

from tinyasc.dcase import DEVICES, REAL_DEVICES, SCENES, SEEN_DEVICES, TauName
from tinyasc.errors import UserError
from tinyasc.prepare.folder import MARK, META, SPLIT_TABLES
from tinyasc.scenes import devices
from tinyasc.scenes.places import recorded
from tinyasc.scenes.synthesis import RATE, SECONDS
from tinyasc.scenes.world import EMBEDDED, ScenesConfig, generator

TRAIN_CITIES = ("barcelona", "lisbon", "lyon", "milan", "prague", "vienna")
TEST_CITIES = ("helsinki", "stockholm")
TEST_TABLE = "evaluation_setup/fold1_test.csv"


@dataclass(frozen=True)
class Recording:
    """One event of ten seconds and the devices that were there."""

    scene: str
    city: str
    location: int
    segment: int
    split: str
    devices: tuple[str, ...]

    def name(self, index: int, device: str) -> TauName:
        """The file of one second of it, by one device."""
        return TauName(self.scene, self.city, self.location, self.segment, index, device)

    @property
    def names(self) -> list[TauName]:
        """All its 1-second files."""
        return [self.name(index, device) for device in self.devices for index in range(SECONDS)]


def planned(config: ScenesConfig) -> list[Recording]:
    """Every recording of the data set: two at each place in training, one at each in the test split."""
    others = (*REAL_DEVICES[1:], *SEEN_DEVICES)
    plan = []
    for order, scene in enumerate(SCENES):
        for number in range(config.train_recordings):
            city = TRAIN_CITIES[number // 2 % len(TRAIN_CITIES)]
            # Places alternate between the reference and the others, so that no device belongs to a city.
            device = REAL_DEVICES[0] if number % 2 == 0 else others[(number // 2 + order) % len(others)]
            plan.append(Recording(scene, city, 100 * order + number // 2, len(plan), "train", (device,)))
        for number in range(config.test_recordings):
            city = TEST_CITIES[number % len(TEST_CITIES)]
            plan.append(Recording(scene, city, 100 * order + 50 + number, len(plan), "test", DEVICES))
    return plan


def write(out: Path, seed: int = 0, scenes: ScenesConfig = EMBEDDED, processes: int | None = None) -> None:
    """Make the embedded data set: ten made-up scenes through nine made-up devices, in the layout of TAU 2022 Mobile.

    Args:
        out: the folder to write; it appears only when it is complete.
        seed: another seed, another world; the same seed, the same bytes.
        scenes: size and hardness.
        processes: how many processes work; default: one per CPU core.
    """
    if out.exists() and not (out / MARK).is_file():
        raise UserError(f"{out} exists and was not made by this command: move it away, or name another --out")
    unfinished = out.with_name(out.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "audio").mkdir(parents=True)
    (unfinished / "evaluation_setup").mkdir()
    plan = planned(scenes)
    # The recordings with many devices take longest: begin with them, so that no process is left alone at the end.
    order = sorted(plan, key=lambda recording: -len(recording.devices))
    with ProcessPoolExecutor(processes or os.cpu_count()) as executor:
        work = executor.map(partial(make, unfinished, seed, scenes), order)
        for _ in tqdm(work, unit=" recordings", total=len(order), mininterval=0.5):
            pass
    _write_tables(unfinished, plan)
    (unfinished / MARK).write_text(json.dumps({"seed": seed, "scenes": asdict(scenes)}, indent=1) + "\n")
    if out.exists():
        shutil.rmtree(out)
    unfinished.replace(out)
    files = SECONDS * sum(len(recording.devices) for recording in plan)
    print(f"wrote {out}: {files:,} files of 1 s of made-up scenes, seed {seed}")


def make(folder: Path, seed: int, scenes: ScenesConfig, recording: Recording) -> None:
    """Write the files of one recording; they depend on nothing but the arguments."""
    sound = recorded(recording.name(0, REAL_DEVICES[0]), seed, scenes)
    for device in recording.devices:
        random = generator(seed, "device", recording.name(0, device))
        captured = devices.captured(sound, devices.DEVICES[device], random, scenes.device_strength)
        for index, piece in enumerate(captured.reshape(SECONDS, RATE)):
            soundfile.write(folder / "audio" / str(recording.name(index, device)), piece, RATE, "PCM_24")


def _write_tables(folder: Path, plan: list[Recording]) -> None:
    names = {split: [] for split in SPLIT_TABLES}
    for recording in plan:
        names[recording.split] += recording.names
    everything = [name for split in names.values() for name in split]
    _write_table(
        folder / META,
        ("filename", "scene_label", "identifier", "source_label"),
        ((f"audio/{name}", name.scene, f"{name.city}-{name.location}", name.device) for name in everything),
    )
    for split, table in SPLIT_TABLES.items():
        _write_table(folder / table, ("filename", "scene_label"), ((f"audio/{n}", n.scene) for n in names[split]))
    _write_table(folder / TEST_TABLE, ("filename",), ((f"audio/{name}",) for name in names["test"]))


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in [columns, *rows]), encoding="utf-8")
