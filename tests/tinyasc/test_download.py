import contextlib
import hashlib
import io
import json
import random
import shutil
import stat
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyasc.errors import UserError
from tinyasc.prepare.download import LICENCE, download

ROOT = "TAU-mobile-development"
SOUND = {f"{ROOT}/audio/park-oslo-1-2-{piece}-a.wav": random.Random(piece).randbytes(150_000) for piece in range(3)}
TABLES = {f"{ROOT}/meta.csv": b"filename\tscene_label\n", f"{ROOT}/evaluation_setup/fold1_train.csv": b"filename\n"}


def packed(members: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            file.writestr(member, content)
    return archive.getvalue()


class Zenodo(ThreadingHTTPServer):
    """A record and its files on loopback, with the faults that a test switches on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = {"sound.zip": packed(SOUND), "meta.zip": packed(TABLES), "README.md": b"Read me."}
        self.address = f"http://127.0.0.1:{self.server_port}/api/records/7"
        self.answers: dict[str, tuple[int, bytes]] = {}
        """What a path answers instead of what it should."""
        self.cuts: Counter[str] = Counter()
        """How many more times a file is cut in the middle of what was asked for."""
        self.ranges = True
        self.older = False
        self.sent: list[tuple[str, str | None, int]] = []
        """File, Range header and bytes sent, of each request for a file."""
        self.events: list[str] = []

    def record(self) -> bytes:
        files = []
        for name, content in self.files.items():
            digest, url = hashlib.md5(content).hexdigest(), f"{self.address}/files/{name}/content"
            if self.older:
                links = {"self": f"{self.address}/files/0815", "download": url}
                files.append({"filename": name, "filesize": len(content), "checksum": digest, "links": links})
            else:
                links = {"self": url}
                files.append({"key": name, "size": len(content), "checksum": f"md5:{digest}", "links": links})
        metadata = {"title": "TAU, a little", "license": {"id": "other-nc"}}
        return json.dumps({"metadata": metadata, "links": {"self_html": "http://page/7"}, "files": files}).encode()


class Answer(BaseHTTPRequestHandler):
    server: Zenodo

    def do_GET(self) -> None:
        name = self.path.split("/")[-2] if self.path.endswith("/content") else "record"
        self.server.events.append(name)
        wanted = self.headers["Range"]
        status, content = 200, self.server.record() if name == "record" else self.server.files[name]
        start = int(wanted[len("bytes=") : -1]) if wanted and self.server.ranges else 0
        if name in self.server.answers:
            start, (status, content) = 0, self.server.answers[name]
        whole, content = len(content), content[start:]
        promised = len(content)
        if self.server.cuts[name]:
            self.server.cuts[name] -= 1
            content = content[: promised // 2]
        if name != "record":  # noted before anything is sent: the test may be far ahead by then
            self.server.sent.append((name, wanted, len(content)))
        self.send_response(206 if start else status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def zenodo(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("tinyasc.fetch.WAITS", (0, 0))
    with Zenodo() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_fetches_after_the_licence_and_then_needs_neither_network_nor_archives(zenodo, tmp_path):
    class Said(io.StringIO):
        def write(self, text: str) -> int:
            zenodo.events.append(text)
            return super().write(text)

    with contextlib.redirect_stdout(Said()) as said:
        root = download(tmp_path / "data", zenodo.address)
    assert root == tmp_path / "data" / ROOT
    assert contents(tmp_path / "data") == SOUND | TABLES | zenodo.files | {
        "record.json": (tmp_path / "data/record.json").read_bytes()
    }
    shown = next(place for place, event in enumerate(zenodo.events) if LICENCE in event)
    assert zenodo.events[0] == "record"
    assert shown < min(zenodo.events.index(name) for name in zenodo.files)
    assert "other-nc. http://page/7" in said.getvalue()
    assert "3 of 3 files, 451kB" in said.getvalue()

    zenodo.shutdown()
    zenodo.server_close()
    for archive in (tmp_path / "data").glob("*.zip"):
        archive.unlink()
    assert download(tmp_path / "data", zenodo.address) == root
    with pytest.raises(UserError, match=r"record\.json is not of .*/8: give another folder"):
        download(tmp_path / "data", zenodo.address[:-1] + "8")


def test_a_cut_connection_goes_on_where_it_was(zenodo, tmp_path):
    zenodo.cuts["sound.zip"] = 2
    download(tmp_path, zenodo.address)
    size = len(zenodo.files["sound.zip"])
    half, quarter = size // 2, (size - size // 2) // 2
    assert [request for request in zenodo.sent if request[0] == "sound.zip"] == [
        ("sound.zip", None, half),
        ("sound.zip", f"bytes={half}-", quarter),
        ("sound.zip", f"bytes={half + quarter}-", size - half - quarter),
    ]
    assert contents(tmp_path).items() >= SOUND.items()


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_run_is_continued(zenodo, tmp_path, ranges):
    zenodo.ranges = ranges  # a server without ranges sends the whole file again
    whole = zenodo.files["sound.zip"]
    (tmp_path / "sound.zip.part").write_bytes(whole[:100_000])
    (tmp_path / "meta.zip").write_bytes(zenodo.files["meta.zip"])
    download(tmp_path, zenodo.address)
    assert zenodo.sent == [
        ("sound.zip", "bytes=100000-", len(whole) - 100_000 * ranges),
        ("README.md", None, len(zenodo.files["README.md"])),
    ]
    assert contents(tmp_path).items() >= (SOUND | TABLES | zenodo.files).items()


def test_only_what_is_not_there_is_unpacked(zenodo, tmp_path):
    kept, lost, short = (tmp_path / name for name in SOUND)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(150_000))  # as long as the real one, so it is left alone
    short.write_bytes(b"short")
    download(tmp_path, zenodo.address)
    assert kept.read_bytes() == bytes(150_000)
    assert [path.read_bytes() for path in (lost, short)] == list(SOUND.values())[1:]


def test_the_older_form_of_a_record_and_a_set_without_labels(zenodo, tmp_path):
    zenodo.older = True
    zenodo.files["meta.zip"] = packed({f"{ROOT}/evaluation_setup/fold1_test.csv": b"filename\n"})
    assert download(tmp_path, zenodo.address + "/") == tmp_path / ROOT
    assert contents(tmp_path).items() >= SOUND.items()


@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("record", (404, b""), "records/7: HTTP 404 Not Found: give the same command again later"),
        ("record", (500, b""), "records/7: HTTP 500"),
        ("record", (200, b"<html>"), "records/7 is no record in Zenodo's API"),
        ("record", (200, b'{"hits": []}'), "its answer is not a record whose files can be fetched"),
        ("sound.zip", (404, b""), r"sound\.zip/content: HTTP 404 Not Found"),
        ("sound.zip", (503, b""), r"sound\.zip/content: HTTP 503 Service Unavailable"),
        ("sound.zip", (200, b"<html>"), r"sound\.zip/content: the server offers 6 bytes and not"),
        ("sound.zip", (200, bytes(len(packed(SOUND)))), r"sound\.zip came with a wrong md5 checksum and was removed"),
    ],
)
def test_a_bad_answer_is_one_line_and_loses_nothing(zenodo, tmp_path, name, answer, message):
    whole = zenodo.files["sound.zip"]
    (tmp_path / "sound.zip.part").write_bytes(whole[:100_000])
    zenodo.answers[name] = answer
    with pytest.raises(UserError, match=message) as error:
        download(tmp_path, zenodo.address)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "sound.zip").exists()
    assert not (tmp_path / "record.json").exists()
    zenodo.answers.clear()
    zenodo.sent.clear()
    assert download(tmp_path, zenodo.address) == tmp_path / ROOT
    wrong = "checksum" in message
    assert zenodo.sent[0] == ("sound.zip", None if wrong else "bytes=100000-", len(whole) - 100_000 * (not wrong))


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (packed({"../evil.wav": b"evil"}), r"'\.\./evil\.wav' is a link or would be written elsewhere"),
        (packed({"/tmp/evil.wav": b"evil"}), "would be written elsewhere"),
        (packed({"C:\\evil.wav": b"evil"}), "would be written elsewhere"),
        (packed({"evil.wav": b"/etc"}, stat.S_IFLNK | 0o777), "is a link"),
        (b"PK, but no archive", "sound.zip is damaged"),
        (packed({"evil.wav": b"evil"}).replace(b"evil.wav", b"evil/wav", 1), "remove it and give the same command"),
    ],
)
def test_a_bad_archive_is_refused(zenodo, tmp_path, archive, message):
    zenodo.files["sound.zip"] = archive
    with pytest.raises(UserError, match=message):
        download(tmp_path / "data", zenodo.address)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name and path.suffix != ".part"]


def test_no_connection_no_address_no_space(zenodo, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="7 is no record in Zenodo's API: their addresses are like https://"):
        download(tmp_path, "7")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=900_000))
    with pytest.raises(
        UserError, match=r"has 900kB free and \d+kB are needed for the files and, guessed as 1\.2 times"
    ):
        download(tmp_path, zenodo.address)
    assert zenodo.sent == []
    zenodo.shutdown()
    zenodo.server_close()
    with pytest.raises(UserError, match="refused"):
        download(tmp_path, zenodo.address)
