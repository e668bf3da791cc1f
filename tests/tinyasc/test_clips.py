"""Reading a prepared file: clips, whole recordings and windows are readings of the same sound, in any process."""

import multiprocessing
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from tinyasc import recipe
from tinyasc.clips import Clips
from tinyasc.errors import UserError
from tinyasc.prepare import prepare
from tinyasc.verify import describe

SECOND = 32_000
PIECES = {"a": (0, 1, 2, 3), "b": (0, 1, 3)}
"""Which pieces of the recording of device a and of device b there are."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings in pieces of a second, and one of 2.75 s in one file; every sample tells where it is from."""
    folder = tmp_path_factory.mktemp("clips") / "set"
    (folder / "audio").mkdir(parents=True)
    random = np.random.default_rng(0)
    sounds = {
        f"audio/park-oslo-1-2-{index}-{device}.wav": random.integers(-(2**15), 2**15, SECOND)
        for device, pieces in PIECES.items()
        for index in pieces
    } | {"audio/bus.wav": random.integers(-(2**15), 2**15, SECOND * 11 // 4)}
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    for name, sound in sounds.items():
        soundfile.write(folder / name, sound.astype(np.int16), SECOND, "PCM_16")
        meta.append(f"{name}\tpark\toslo-1\t{name[-5]}")
    (folder / "meta.csv").write_text("\n".join(meta) + "\n")
    (folder / "evaluation_setup").mkdir()
    (folder / "evaluation_setup/fold1_train.csv").write_text("\n".join(["filename", *sounds]) + "\n")
    (folder / "evaluation_setup/fold1_evaluate.csv").write_text("filename\n")
    tables = {"split5": list(sounds)[1:3], "fold1_evaluate": ["audio/test.wav"]}
    soundfile.write(folder / "audio/test.wav", random.integers(-(2**15), 2**15, SECOND).astype(np.int16), SECOND)
    with (folder / "meta.csv").open("a") as table:
        table.write("audio/test.wav\tpark\toslo-2\ta\n")
    for name, files in tables.items():
        (folder / f"evaluation_setup/{name}.csv").write_text("\n".join(["filename", *files]) + "\n")
    prepare(folder, folder.parent / "set.h5", processes=1)
    return folder.parent / "set.h5"


def test_clips_recordings_and_windows_are_the_same_sound(file: Path) -> None:
    with Clips(file) as clips:
        assert clips.joined.tolist() == [0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0]
        whole = clips.waveform(np.arange(4)).reshape(-1)
        assert clips.length[clips.recording == clips.recording[7]].sum() == SECOND * 11 // 4  # without the padding
        np.testing.assert_array_equal(clips.windows(clips.starts(np.array([3, 0]))), clips.waveform(np.array([3, 0])))
        window = clips.windows(clips.starts(np.array([0])) + 12_345)
        np.testing.assert_array_equal(window[0], whole[12_345 : 12_345 + SECOND])
        assert window.dtype == np.float32
        np.testing.assert_array_equal(clips.waveform(slice(2, 9)), clips.waveform(np.arange(2, 9)))
        np.testing.assert_array_equal(clips.waveform(np.array([8, 2, 2]))[1:], clips.waveform(np.array([2, 2])))
        assert clips.waveform(np.array([], int)).shape == (0, SECOND)


def test_devices_side_by_side_are_one_moment_and_other_names_tell_nothing(file: Path) -> None:
    with Clips(file) as clips:
        by_name = dict(zip(clips.files, clips.moment.tolist(), strict=True))
        together = {moment for name, moment in by_name.items() if "oslo" in name}
        assert len(set(clips.recording[:7].tolist())) == 2
        assert len(together) == 1
        assert len({*together, by_name["audio/bus.wav"], by_name["audio/test.wav"]}) == 3
        assert len(set(clips.moment[7:10].tolist())) == 1  # the pieces of one file


@pytest.mark.parametrize(
    ("chosen", "seconds"),
    [  # for each chosen clip: how many seconds before and after its begin a window may begin
        (list(range(10)), [(0, 3), (1, 2), (2, 1), (3, 0), (0, 1), (1, 0), (0, 0), (0, 1.75), (1, 0.75), (2, -0.25)]),
        ([1, 2], [(0, 1), (1, 0)]),  # a subset: its windows stay inside it
        ([0, 2, 3], [(0, 0), (0, 1), (1, 0)]),
    ],
)
def test_a_window_stays_in_its_recording_and_in_the_chosen_clips(
    file: Path, chosen: list[int], seconds: list[tuple[float, float]]
) -> None:
    with Clips(file) as clips:
        first, last = clips.window_range(np.array(chosen))
        begins = clips.starts(np.array(chosen))
    assert ((begins - first) / SECOND).tolist() == [before for before, _ in seconds]
    assert ((last - begins) / SECOND).tolist() == [after for _, after in seconds]


def _read(clips: Clips, indices: np.ndarray) -> float:
    return float(np.abs(clips.waveform(indices)).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same_file(file: Path, method: str) -> None:
    with Clips(file) as clips, multiprocessing.get_context(method).Pool(2) as pool:
        parts = [np.arange(start, 11, 3) for start in range(3)]
        assert pool.starmap(_read, [(clips, part) for part in parts]) == [_read(clips, part) for part in parts]


def test_verifying_finds_one_changed_sample(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.run(describe, ["--data", str(file)]) == 0
    assert "3 of them whole" in capsys.readouterr().out
    broken = tmp_path / "broken.h5"
    broken.write_bytes(file.read_bytes())
    with h5py.File(broken, "r+") as opened:
        opened["pcm"][5, 100] ^= 1  # type: ignore[index]
    assert recipe.run(describe, ["--data", str(broken)]) == 1
    assert "the sound of 1 recordings is damaged, first park-oslo-1-2-b" in capsys.readouterr().err
    broken.write_bytes(file.read_bytes())
    with h5py.File(broken, "r+") as opened:
        opened["split"][0] = 1  # type: ignore[index]
    assert recipe.run(describe, ["--data", str(broken)]) == 1
    assert "its tables are damaged" in capsys.readouterr().err


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make data"):
        Clips(tmp_path / "absent.h5")
    with pytest.raises(UserError, match="is a folder: give the prepared file"):
        Clips(tmp_path)
    (tmp_path / "text.h5").write_text("no data")
    h5py.File(tmp_path / "empty.h5", "w").close()
    for name in ("text.h5", "empty.h5"):
        with pytest.raises(UserError, match="not a prepared data set"):
            Clips(tmp_path / name)
