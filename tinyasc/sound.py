"""Any sound file as mono float32 at one rate. The only place that knows audio formats."""

import re
from pathlib import Path

import numpy as np
import soundfile
import soxr

_STREAMED_BYTES = 0xFFFF_0000
"""A wav header that claims this much or more was written to a pipe, without knowing the length."""


def samples_at(path: Path, sample_rate: int) -> int:
    """How many samples `read(path, sample_rate)` gives, from the header alone.

    Raises:
        OSError: the file is missing, or its header is not one of a sound file.
    """
    with _open(path) as file:
        return _resampled_length(file.frames, file.samplerate, sample_rate)


def read(path: Path, sample_rate: int) -> np.ndarray:
    """The sound of a file: channels averaged, resampled by soxr's HQ filter.

    Returns:
        float32 (samples,), full scale = 1.

    Raises:
        OSError: the file is missing, unreadable or shorter than its header says.
    """
    with _open(path) as file:
        try:
            waveform = file.read(dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise OSError(f"{path}: {error}") from None
        if len(waveform) != file.frames:
            raise OSError(f"{path}: ends after {len(waveform)} of {file.frames} samples")
        source_rate = file.samplerate
    mono = np.ascontiguousarray(waveform.mean(axis=1, dtype=np.float32))
    if source_rate == sample_rate:
        return mono
    length = _resampled_length(len(mono), source_rate, sample_rate)
    resampled = np.zeros(length, np.float32)
    filtered = soxr.resample(mono, source_rate, sample_rate, quality="HQ")[:length]
    resampled[: len(filtered)] = filtered
    return resampled


def _open(path: Path) -> soundfile.SoundFile:
    try:
        file = soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        raise OSError(f"{path}: {error}") from None
    # libsndfile shortens a cut-off wav file without a word, except in its log.
    claimed = re.search(r"^data *: (\d+) \(should be", file.extra_info, re.MULTILINE)
    if claimed and int(claimed[1]) < _STREAMED_BYTES:
        file.close()
        raise OSError(f"{path}: cut off, its header speaks of {claimed[1]} bytes of sound")
    return file


def _resampled_length(samples: int, source_rate: int, sample_rate: int) -> int:
    """Rounded in integers, so that header and signal always agree."""
    return (samples * sample_rate + source_rate // 2) // source_rate
