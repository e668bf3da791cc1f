"""A prepared data set as large as a benchmark wants, in TAU's shape, made up without a sound file."""

import hashlib
from pathlib import Path

import numpy as np

from tinyasc.dcase import SCENES
from tinyasc.prepare import layout
from tinyasc.prepare.convert import ClipFormat, Converted
from tinyasc.prepare.folder import Entry, Folder

PIECES = 10
"""Clips of a recording."""
DIFFERENT = 100
"""Recordings of noise that are drawn; the others repeat them, which no benchmark notices."""
DEVICES = ("a",) * 14 + ("b", "c", "s1", "s2", "s3")
"""Three quarters are of device a, as in TAU's training split."""
CLIP = ClipFormat()


def write(path: Path, clips: int) -> Path:
    """Write `clips` training clips of noise, a second each; a multiple of PIECES.

    Returns:
        `path`.
    """
    recordings = clips // PIECES
    sound = _sound(min(recordings, DIFFERENT))  # (recordings, pieces, samples)
    digests = [hashlib.sha256(one.data).hexdigest() for one in sound]
    with path.open("wb") as file:
        file.write(layout.head(path.with_suffix(".head"), clips, CLIP.samples))
        for begin in range(0, recordings, DIFFERENT):
            file.write(sound[: recordings - begin].data)
    entries = [_entry(number, piece) for number in range(recordings) for piece in range(PIECES)]
    contents = layout.Contents(
        files=[Converted(entry.file, CLIP.sample_rate, (CLIP.samples,), bool(entry.piece)) for entry in entries],
        rows=np.arange(clips),
        digests=[digests[number % DIFFERENT] for number in range(recordings)],
        whole={entry.recording for entry in entries},
    )
    layout.write_indices(path, Folder(Path("made_up"), entries, {}), CLIP, contents)
    return path


def _sound(recordings: int) -> np.ndarray:
    random = np.random.default_rng(0)
    noise = random.standard_normal((recordings, PIECES, CLIP.samples), np.float32)
    return (1000 * noise).astype("<i2")


def _entry(number: int, piece: int) -> Entry:
    scene, device = SCENES[number % len(SCENES)], DEVICES[number % len(DEVICES)]
    recording = f"{scene}-oslo-{number}-{number}"
    file = f"audio/{recording}-{piece}-{device}.wav"
    return Entry(file, scene, device, "oslo", f"oslo-{number}", f"{recording}-{device}", piece, "train")
