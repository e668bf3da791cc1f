"""Weight files of others: fetched once and checked, and nothing but plain tensors is taken out of them."""

import contextlib
import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from tests.support import tiny_data
from tests.support.hostile import Touch, pack
from tinyasc import models, recipe, weights
from tinyasc.errors import UserError
from tinyasc.models.passt import Passt
from tinyasc.runs import trained
from train.teacher import train_teacher

CONTENT = bytes(range(256)) * 1024
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Site(ThreadingHTTPServer):
    """One file on loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}/release/passt.pt"
        self.content = CONTENT
        self.status = 200
        self.cut = 0
        """Number of the request whose answer ends in the middle, from 1 on."""
        self.asked: list[str | None] = []
        """Range header of every request."""


class Answer(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted else 0
        rest = self.server.content[start:]
        self.send_response(206 if start else self.server.status)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(self.server.content) - 1}/{len(self.server.content)}"
            )
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = len(self.server.asked) == self.server.cut
        with contextlib.suppress(ConnectionError):  # who asked for the length alone has left
            self.wfile.write(rest[: len(rest) // 2] if cut else rest)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("tinyasc.fetch.WAITS", (0,))
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_an_address_is_fetched_once_and_again_only_when_the_file_was_damaged(site):
    path = weights.locate(site.address, SHA256.upper())
    assert path.read_bytes() == CONTENT
    assert path.name == f"{SHA256[:16]}-passt.pt"
    asked = len(site.asked)
    assert weights.locate(site.address, SHA256) == path
    assert len(site.asked) == asked
    path.write_bytes(CONTENT[:-1])
    assert weights.locate(site.address, SHA256).read_bytes() == CONTENT


def test_a_cut_connection_goes_on_where_it_was(site):
    site.cut = 2  # the first one asks for the length
    assert weights.locate(site.address, SHA256).read_bytes() == CONTENT
    assert site.asked == [None, None, f"bytes={len(CONTENT) // 2}-"]


def test_what_does_not_come_as_promised_is_one_line_and_leaves_nothing(site, tmp_path):
    with pytest.raises(UserError, match="only fetched with --weights_sha256"):
        weights.locate(site.address)
    with pytest.raises(UserError, match="64 hexadecimal digits"):
        weights.locate(site.address, "c0ffee")
    assert site.asked == []
    with pytest.raises(UserError, match=r"passt\.pt came with a wrong sha256 checksum and was removed"):
        weights.locate(site.address, "0" * 64)
    site.status = 404
    with pytest.raises(UserError, match=r"passt\.pt: HTTP 404 Not Found: check it"):
        weights.locate(site.address, SHA256)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_local_file_is_taken_as_it_is_or_checked(tmp_path):
    path = tmp_path / "own.pt"
    with pytest.raises(UserError, match=r"own\.pt is missing"):
        weights.locate(str(path))
    with pytest.raises(UserError, match=f"{tmp_path} is a folder: give a file"):
        weights.locate(str(tmp_path))
    path.write_bytes(CONTENT)
    assert weights.locate(str(path)) == weights.locate(str(path), SHA256) == path
    with pytest.raises(UserError, match=f"has the sha256 {SHA256}, not 000"):
        weights.locate(str(path), "0" * 64)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda mark: {"weight": torch.ones(2), "more": Touch(mark)}, "cannot be read as PyTorch weights"),
        (lambda _: torch.ones(2), "holds no tensors by name"),
        (lambda _: {}, "holds no tensors by name"),
        (lambda _: {"weight": torch.ones(2), "epoch": 3}, "'epoch', which is no plain tensor"),
        (lambda _: {"weight": torch.ones(2).to_sparse()}, "'weight', which is no plain tensor"),
        (lambda _: {"weight": torch.ones(2, device="meta")}, "'weight', which is no plain tensor"),
        (lambda _: {"weight": torch.ones(1).expand(10**12)}, "holds fewer bytes than its tensors"),
        (lambda _: {"weight": torch.ones(2, dtype=torch.complex64)}, "'weight' of the type torch.complex64: what is"),
        (lambda _: {"weight": torch.ones(2).to(torch.float8_e4m3fn)}, "of the type torch.float8_e4m3fn: what is taken"),
        (lambda _: {1: torch.ones(2)}, "holds 1, which is no plain tensor"),
        (lambda _: {"\x1b[2J\n": 3}, r"holds '\\x1b\[2J\\n', which is no plain tensor"),
        (lambda _: {"w" * 10_000: 3}, r"holds 'w{79}\.\.\., which is no plain tensor"),
    ],
)
def test_a_hostile_or_foreign_file_is_one_line(tmp_path, content, message):
    torch.save(content(tmp_path / "mark"), tmp_path / "weights.pt")
    with pytest.raises(UserError, match=message) as error:
        weights.read(tmp_path / "weights.pt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.tensor([1.0, torch.nan])}, "in weight that are not finite as torch.float32"),
        (
            {"weight": torch.tensor([1.0, 1e300], dtype=torch.float64)},
            "in weight that are not finite as torch.float32",
        ),
        ({"bn.running_var": torch.tensor([1.0, -1.0])}, "negative variances in bn.running_var"),
        ({"weight": torch.ones(3)}, r"weight has the shape \(3,\) and must have \(2,\)"),
        ({"weight": torch.ones(2).long()}, "weight has the type torch.int64"),
        ({"\x1b[2J": torch.ones(2)}, r"'\\x1b\[2J' is unknown"),
    ],
)
def test_what_would_compute_nan_or_does_not_fit_is_one_line(tmp_path, tensors, message):
    expected = {"weight": torch.zeros(2), "bn.running_var": torch.zeros(2)}
    with pytest.raises(UserError, match=message):
        weights.fitted({"weight": torch.ones(2), "bn.running_var": torch.ones(2)} | tensors, expected, tmp_path, "it")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_cast_to_the_network_s(tmp_path, kind):
    expected = {"weight": torch.zeros(2), "steps": torch.zeros((), dtype=torch.int64)}
    found = {"weight": torch.ones(2, dtype=kind), "steps": torch.tensor(7)}
    torch.save(found, tmp_path / "weights.pt")
    taken = weights.fitted(weights.read(tmp_path / "weights.pt"), expected, tmp_path, "it")
    assert {name: (tensor.dtype, tensor.tolist()) for name, tensor in taken.items()} == {
        "weight": (torch.float32, [1.0, 1.0]),
        "steps": (torch.int64, 7),
    }


def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.read("weights/data/0")) == 4 * 10**6
    longer = tmp_path / "longer.pt"
    longer.write_bytes(path.read_bytes())
    prefixed = tmp_path / "prefixed.pt"
    prefixed.write_bytes(weights.ZIP + path.read_bytes())
    pack(path)
    assert path.stat().st_size < 10**4
    with zipfile.ZipFile(longer, "a") as archive:  # names what it has a second time
        archive.filelist.append(archive.getinfo("weights/data/0"))
        archive.writestr("more", "")
    monkeypatch.setattr(torch, "load", None)
    for file in (path, longer, prefixed):
        with pytest.raises(UserError, match=r"is packed as torch.save packs nothing: save"):
            weights.read(file)


def test_files_of_old_versions_of_torch_are_read(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert weights.read(tmp_path / "old.pt")["weight"].tolist() == [1, 1]


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path} is a folder: give a file"):
        weights.read(tmp_path)


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (0, "is no PyTorch checkpoint"),
        (1, "is no PyTorch checkpoint"),
        (100, "cannot be read as PyTorch weights: it is damaged"),
        (-1, "cannot be read as PyTorch weights: it is damaged"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, length, message):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=message) as error:
        weights.read(path)
    assert "\n" not in str(error.value)


def test_an_entry_of_a_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"weight": torch.ones(2)}, "epoch": 3}, path)
    assert weights.read(path, "state_dict")["weight"].tolist() == [1, 1]
    with pytest.raises(UserError, match="no tensors by name in 'weights'"):
        weights.read(path, "weights")


TEACHER = """
architecture: passt
model: {embed_dim: 16, depth: 1, num_heads: 2}
mel: {n_fft: 1024, win_length: 800, hop_length: 320, n_mels: 128}
augmentation: {}
examples: {cache: true}
compute: {threads: 1, device: cpu}
fit:
  epochs: 1
  batch_size: 8
  learning_rate: 1.0e-30
  weight_decay: 0.0
  schedule: [{shape: hold}]
"""


def test_a_teacher_starts_from_weights_at_an_address(site, tmp_path, capsys):
    published = models.build("passt", {"embed_dim": 16, "depth": 1, "num_heads": 2, "frames": 998}, 527)
    assert isinstance(published, Passt)
    file = io.BytesIO()
    torch.save(published.net.state_dict(), file)
    site.content = file.getvalue()
    (tmp_path / "teacher.yaml").write_text(TEACHER)
    places = ["--data", str(tiny_data.write(tmp_path / "set")), "--out", str(tmp_path / "run")]
    command = ["--config", str(tmp_path / "teacher.yaml"), *places, "--weights", site.address]
    assert recipe.run(train_teacher, command) == 1
    assert "give the sha256" in capsys.readouterr().err
    sha256 = hashlib.sha256(site.content).hexdigest()
    student = ["--architecture", "cp_mobile", "--model", "{}", "--weights_sha256", sha256]
    assert recipe.run(train_teacher, [*command, *student]) == 1
    assert "--weights are of PaSST, the architecture is cp_mobile" in capsys.readouterr().err
    assert site.asked == []
    assert recipe.run(train_teacher, [*command, "--weights_sha256", sha256]) == 0
    trained_network, _, _ = trained.load(tmp_path / "run")
    assert isinstance(trained_network, Passt)
    torch.testing.assert_close(trained_network.net.cls_token, published.net.cls_token)
    given = published.net.head[1].weight[:264].mean(0)  # the first half of 527 classes, for the first of two
    torch.testing.assert_close(trained_network.net.head[1].weight[0], given)
