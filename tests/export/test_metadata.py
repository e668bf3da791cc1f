"""What a file says about itself: read back by the schema's slots, the same bytes each time, and no hindrance."""

import json
import zipfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import flatbuffers.number_types as kinds
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import encode, packer
from flatbuffers.table import Table

from bench.measure.graph import cost as graph_cost
from compress.program import Program
from deploy import runtime
from export.drop_in import write_files
from export.metadata import Facts
from tests.export.test_front_end import SMALL, SOUND
from tests.support import tiny_programs
from tinyasc.errors import UserError

LABELS = ["airport", "métro", "park", "tram", "bus"]
FACTS = Facts(
    labels=LABELS,
    mel=vars(SMALL),
    sample_rate=8000,
    samples=8000,
    architecture="cp_mobile",
    parent="0" * 64,
    author="A. Uthor",
    licence="CC-BY-4.0",
    version="1.2.3",
)
NETWORK, DROP_IN = "model.tflite", "drop_in.tflite"


@lru_cache
def int8() -> Program:
    return tiny_programs.quantized().to_program()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("files"), FACTS)


def write(folder: Path, facts: Facts) -> Path:
    write_files(folder, int8(), tiny_programs.float_program(), sound=SOUND, facts=facts, variants=False)
    return folder


class Reader:
    """A table of the metadata's flatbuffer, read by slot."""

    def __init__(self, content: bytes, position: int | None = None):
        root = encode.Get(packer.uoffset, content, 0) if position is None else position
        self.content, self.table = content, Table(content, root)

    def __getitem__(self, slot: int) -> Any:
        """A table in a slot."""
        return Reader(self.content, self.table.Indirect(self._place(slot)))

    def text(self, slot: int) -> str | None:
        offset = self.table.Offset(4 + 2 * slot)
        return self.table.String(self.table.Pos + offset).decode() if offset else None

    def number(self, slot: int, kind: Any) -> int:
        return self.table.Get(kind, self._place(slot))

    def tables(self, slot: int) -> list["Reader"]:
        offset = self.table.Offset(4 + 2 * slot)
        start = self.table.Vector(offset)
        return [Reader(self.content, self.table.Indirect(start + 4 * i)) for i in range(self.table.VectorLen(offset))]

    def _place(self, slot: int) -> int:
        offset = self.table.Offset(4 + 2 * slot)
        assert offset, f"slot {slot} is empty"
        return self.table.Pos + offset


def metadata(path: Path) -> bytes:
    model: Any = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    (entry,) = model.metadata
    assert entry.name == b"TFLITE_METADATA"
    return bytes(np.asarray(model.buffers[entry.buffer].data, np.uint8))


@pytest.mark.parametrize("file", [NETWORK, DROP_IN, "model_float.tflite"])
def test_tflite_says_what_it_is(file: str, folder: Path) -> None:
    content = metadata(folder / file)
    assert content[4:8] == b"M001"
    model = Reader(content)  # slots of metadata_schema.fbs 1.5.0
    assert (model.text(0), model.text(2), model.text(4), model.text(5)) == (
        *("cp_mobile", "1.2.3", "A. Uthor", "CC-BY-4.0"),
    )
    assert model.text(1) == "cp_mobile: 1 s of mono sound at 8000 Hz, full scale 1 to 5 scores"
    (subgraph,) = model.tables(3)
    (source,), (result,) = subgraph.tables(2), subgraph.tables(3)
    (labels,) = result.tables(6)
    assert (labels.text(0), labels.number(2, kinds.Int8Flags)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    audio, sound = source[3].number(0, kinds.Uint8Flags) == 4, source[3][1]
    assert audio == (file == DROP_IN)
    if audio:
        assert [sound.number(slot, kinds.Uint32Flags) for slot in (0, 1)] == [8000, 1]
    assert (source.text(0), result.text(0)) == (("waveform", "scores") if audio else ("log_mel", "logits"))


@pytest.mark.parametrize("file", [NETWORK, DROP_IN])
def test_tflite_carries_labels_and_settings_as_files(file: str, folder: Path) -> None:
    with zipfile.ZipFile(folder / file) as archive:
        assert all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())
        assert archive.read("labels.txt").decode() == "airport\nmétro\npark\ntram\nbus\n"
        facts = json.loads(archive.read("tinyasc.json"))
        (described,) = Reader(metadata(folder / file)).tables(6)
        assert described.text(0) == "tinyasc.json"
    assert facts["labels"] == LABELS
    assert facts["mel"] == vars(SMALL)
    assert (facts["parent_sha256"], facts["author"], facts["samples"]) == ("0" * 64, "A. Uthor", 8000)


@pytest.mark.parametrize("file", ["model.onnx", "drop_in.onnx"])
def test_onnx_says_the_same(file: str, folder: Path) -> None:
    found = {entry.key: entry.value for entry in onnx.load(folder / file).metadata_props}
    assert json.loads(found["labels"]) == LABELS
    assert json.loads(found["mel"]) == vars(SMALL)
    assert (found["author"], found["licence"], found["version"]) == ("A. Uthor", "CC-BY-4.0", "1.2.3")
    assert ("input_scale" in found) == (file == "model.onnx")


def test_what_is_not_given_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, replace(FACTS, author="", licence="", version=""))
    model = Reader(metadata(tmp_path / DROP_IN))
    assert [model.text(slot) for slot in (2, 4, 5)] == [None] * 3
    found = {entry.key for entry in onnx.load(tmp_path / "drop_in.onnx").metadata_props}
    assert not found & {"author", "licence", "version"}


def test_the_same_facts_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, FACTS)
    files = sorted(path.name for path in folder.iterdir())
    stems = ("drop_in", "model", "model_float")
    assert files == sorted(f"{stem}{suffix}" for stem in stems for suffix in (".tflite", ".onnx"))
    for name in files:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_device_half_reads_and_runs_the_files(folder: Path) -> None:
    waveforms = 0.1 * np.random.default_rng(0).standard_normal((6, 8000)).astype(np.float32)
    for suffix in (".tflite", ".onnx"):
        model = runtime.load(folder / f"drop_in{suffix}")
        scores = model.scores(waveforms)
        assert scores.shape == (6, len(LABELS))
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
        network, whole = (graph_cost.read(folder / f"{stem}{suffix}") for stem in ("model", "drop_in"))
        assert whole.macs > network.macs
        assert whole.constant_bytes > network.constant_bytes
        assert whole.float_operations > 0 == network.float_operations
        with pytest.raises(UserError, match="takes a waveform of 8000 samples, not 4000"):
            model.scores(waveforms[:, :4000])
        with pytest.raises(UserError, match="gives logits, not scores"):
            runtime.load(folder / f"model{suffix}").scores(waveforms)


def test_a_line_break_is_refused() -> None:
    with pytest.raises(UserError, match="is not one line of text"):
        replace(FACTS, author="two\nlines")
    with pytest.raises(UserError, match="is not one line of text"):
        replace(FACTS, labels=["a\nb"])
