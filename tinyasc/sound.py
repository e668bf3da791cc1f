"""Any sound file as mono float32 at one rate. The only place that knows audio formats."""

import os
import re
import wave
from pathlib import Path

import numpy as np
import soundfile
import soxr

_STREAMED_BYTES = 0xFFFF_0000
"""A wav header that claims this much or more was written to a pipe, without knowing the length."""


class TruncatedError(OSError):
    """A sound file that is shorter than its header says."""


def decoded(path: Path) -> tuple[np.ndarray, int]:
    """The sound of a file at its own rate: channels averaged.

    Returns:
        float32 (samples,), full scale = 1, and the rate, Hz.

    Raises:
        FileNotFoundError: the file is missing.
        TruncatedError: it is shorter than its header says.
        OSError: it is no sound file that libsndfile reads, or damaged.
    """
    try:
        return _plain_wav(path)
    except (wave.Error, EOFError):  # another format, or damaged: libsndfile knows more, and says what it is
        return _any_format(path)


def resampled(waveform: np.ndarray, source_rate: int, sample_rate: int) -> np.ndarray:
    """A sound at another rate, by soxr's HQ filter: float32 (S,) -> float32 (S sample_rate / source_rate,), rounded."""
    if source_rate == sample_rate:
        return waveform
    length = (len(waveform) * sample_rate + source_rate // 2) // source_rate
    filtered = soxr.resample(waveform, source_rate, sample_rate, quality="HQ")[:length]
    return filtered if len(filtered) == length else np.pad(filtered, (0, length - len(filtered)))


def _plain_wav(path: Path) -> tuple[np.ndarray, int]:
    """PCM of 16 or 24 bits, the shape of nearly every recording: a third of the time that libsndfile takes.

    Raises:
        wave.Error: it is something else.
        EOFError: it is cut off.
    """
    with path.open("rb") as stream, wave.open(stream) as file:
        channels, width, rate, samples = file.getparams()[:4]
        if width not in (2, 3) or not rate:
            raise wave.Error(f"{8 * width} bits")
        if samples * channels * width > os.fstat(stream.fileno()).st_size:
            raise EOFError
        content = file.readframes(samples)
    if width == 2:
        integers = np.frombuffer(content, "<i2")
    else:  # four bytes from one before each sample on; what the first of them adds is cleared
        words = np.ndarray((samples * channels,), "<i4", b"\0" + content, strides=(3,))
        integers = np.bitwise_and(words, -256)
    waveform = np.multiply(integers, np.float32(2.0 ** (-15 if width == 2 else -31)), dtype=np.float32)
    return _mono(waveform.reshape(-1, channels)), rate


def _any_format(path: Path) -> tuple[np.ndarray, int]:
    try:
        with soundfile.SoundFile(path) as file:
            # libsndfile shortens a cut-off wav file without a word, except in its log.
            claimed = re.search(r"^data *: (\d+) \(should be", file.extra_info, re.MULTILINE)
            if claimed and int(claimed[1]) < _STREAMED_BYTES:
                raise TruncatedError(f"{path}: cut off, its header speaks of {claimed[1]} bytes of sound")
            waveform = file.read(dtype="float32", always_2d=True)
            if len(waveform) != file.frames:
                raise TruncatedError(f"{path}: ends after {len(waveform)} of {file.frames} samples")
            return _mono(waveform), file.samplerate
    except (soundfile.SoundFileError, TypeError, ValueError, MemoryError) as error:  # by a header that makes no sense
        raise OSError(f"{path}: {error}") from None


def _mono(waveform: np.ndarray) -> np.ndarray:
    return waveform[:, 0] if waveform.shape[1] == 1 else waveform.mean(axis=1, dtype=np.float32)
