"""MediaPipe's AudioClassifier on drop_in.tflite: the labels, and the scores of a 16-bit wav file and of every case.

    python mediapipe_classifier.py FOLDER        (needs mediapipe alone)

MediaPipe carries kernels of its own and a value may fall on the other side of an integer's edge: scores are held to a
step of two logits.
"""

import sys
import wave
from pathlib import Path

import mediapipe  # type: ignore[import-not-found]
import numpy as np
from mediapipe.tasks.python.audio import AudioClassifier  # type: ignore[import-not-found]
from mediapipe.tasks.python.components.containers import AudioData  # type: ignore[import-not-found]

LARGEST_DIFFERENCE = 0.05
"""Of a score."""


def main(folder: Path) -> int:
    cases = np.load(folder / "cases.npz")
    labels, rate = cases["labels"].tolist(), int(cases["sample_rate"])
    classifier = AudioClassifier.create_from_model_path(str(folder / "drop_in.tflite"))

    def scores(waveform: np.ndarray) -> list[float]:
        (result,) = classifier.classify(AudioData.create_from_array(waveform, rate))
        found = {category.category_name: category.score for category in result.classifications[0].categories}
        assert sorted(found) == sorted(labels), f"labels are {sorted(found)}, not {sorted(labels)}"
        return [found[label] for label in labels]

    difference = np.abs(np.array([scores(one) for one in cases["waveforms"]]) - cases["scores"])
    loudest = int(np.argmax([np.abs(one).max() <= 1 and one.std() for one in cases["waveforms"]]))
    read = through_wav(folder / "case.wav", cases["waveforms"][loudest], rate)
    heard = labels[int(np.argmax(scores(read)))]
    expected = labels[int(cases["scores"][loudest].argmax())]
    classifier.close()
    agreed = bool(difference.max() <= LARGEST_DIFFERENCE and heard == expected)
    print(
        f"mediapipe {mediapipe.__version__}, AudioClassifier: {len(labels)} labels, scores of {len(difference)} "
        f"waveforms within {difference.max():.1e}; a wav file is {heard}, expected {expected}"
    )
    return 0 if agreed else 1


def through_wav(path: Path, waveform: np.ndarray, rate: int) -> np.ndarray:
    """A waveform written as a 16-bit wav file and read again."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.rint(waveform * 32768), -32768, 32767).astype("<i2").tobytes())
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
