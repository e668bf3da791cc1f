"""Writes a small exported run, and a prepared data set that it fits, for the tests of the device half."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bench.measure.memory import findings as memory
from tests.support import tiny_models
from tinyasc import artifact, clips
from tinyasc.mel import MelConfig

MEL = MelConfig(n_mels=tiny_models.F, hop_length=6399, n_fft=1024, win_length=800)  # one second gives 8 x 6
LABELS, DEVICES = ["bus", "metro_station", "tram"], ["a", "b", "s4"]


def write_data(path: Path, clips_of_each: int = 4) -> None:
    """A prepared file: one train clip by device a and b each, the rest test, by all three devices."""
    generator = np.random.default_rng(0)
    n = 2 + clips_of_each * len(LABELS) * len(DEVICES)
    index = np.arange(n - 2)
    columns = {
        "label": np.concatenate([[0, 1], index % 3]),
        "device": np.concatenate([[0, 1], index // 3 % 3]),
        "city": np.zeros(n, int),
        "recording": np.concatenate([[0, 1], 2 + index // 2]),
        "split": np.concatenate([[0, 0], np.ones(n - 2, int)]),
    }
    with h5py.File(path, "w") as file:
        loudness = np.exp(generator.uniform(-6, -1, (n, 1)))
        file["pcm"] = (
            (loudness * generator.standard_normal((n, 32_000)) * 2**13).clip(-(2**15), 2**15 - 1).astype("<i2")
        )
        for name, column in columns.items():
            file[name] = column.astype(np.int16)
        rest = {
            "length": np.full(n, 32_000),
            "joined": np.zeros(n),
            "row": np.arange(n),
            "source_rate": np.full(n, 44_100),
        }
        for name, column in rest.items():
            file[name] = column.astype(np.int32)
        file["digest"] = np.zeros((1, 32), np.uint8)
        file["file"] = [f"{i}.wav" for i in range(n)]
        names = {"label": LABELS, "device": DEVICES, "city": ["lyon"], "split": list(clips.SPLITS), "subset": []}
        names["recording"] = [f"r{i}" for i in range(columns["recording"].max() + 1)]
        for name, values in names.items():
            file.create_dataset(f"names/{name}", (len(values),), h5py.string_dtype(), np.array(values, object))
        file["whole"] = np.ones(len(names["recording"]), np.int8)
        facts = {"source": "field trip", "checksum": "c0ffee", "versions": "{}"}
        file.attrs.update(format=clips.FORMAT, sample_rate=32_000, **facts)


def write_run(run: Path) -> None:
    weights = tiny_models.random_weights()
    parents = [
        {"stage": "teacher", "architecture": "passt", "cost": {"macs": 2_000_000_000}, "accuracy": {"macro": 0.9}},
        {"stage": "student", "architecture": "cp_mobile", "cost": {}, "accuracy": {}},
    ]
    ancestors: Any = [{**parent, "config": {}, "sha256": parent["stage"]} for parent in parents]
    with artifact.new_run(run) as new:
        for integer, name in ((True, "model"), (False, "model_float")):
            tiny_models.write_tflite(new.path(f"{name}.tflite"), integer, weights)
            tiny_models.write_onnx(new.path(f"{name}.onnx"), integer, weights)
        found = {"file": "model.tflite", "runtime": "r 1", "kernels": "k", "threads": 1, "inputs": 1000}
        found |= {"logits": 3000, "differing": 0, "largest_difference": 0}
        new.path("parity.json").write_text(
            json.dumps({"agreements": [found], "inputs": {"noise": 1000}, "drop_in": []})
        )
        new.card = artifact.ModelCard(
            stage="export",
            architecture="tiny",
            config={},
            mel=asdict(MEL),
            labels=LABELS,
            cost={},
            accuracy={},
            data={"checksum": "c0ffee", "train_devices": ["a", "b"]},
            seed=0,
            lineage=ancestors,
        )


@contextmanager
def few_processes() -> Iterator[None]:
    """The judge measures the memory of a file in one new process, not in many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "measure", partial(memory.measure, repeats=1))
        yield
