"""Fetches TAU from Zenodo: reads the record, shows the licence, fetches the files, unpacks them.

Each file grows as NAME.part, which a later run goes on with, and takes its own name once its checksum is the record's;
each unpacked file appears in the same way. record.json comes last, with the record and where its data set lies: once it
is there, neither the network nor the archives are needed any more.
"""

import errno
import hashlib
import itertools
import json
import re
import shutil
import stat
import time
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from zipfile import BadZipFile, ZipFile, ZipInfo

from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError

TAU_2022 = "https://zenodo.org/api/records/6337421"
"""TAU Urban Acoustic Scenes 2022 Mobile, development."""
LICENCE = """\
TAU data sets belong to Tampere University and its licensors. They may be used and copied for experiments that are not
commercial, and for nothing else: no selling, no redistribution for profit, no service for money built on them. The
copyright notice stays in every copy, and publications name the source. The whole text comes with the data set."""
WAITS = (1, 5, 20, 60)
"""Seconds before each further attempt after a connection broke; attempts that bring new bytes do not count."""
TIMEOUT = 60
"""Seconds without a byte after which a connection counts as broken."""
AGAIN = "give the same command again"
CHUNK = 2**16
"""Bytes read at a time."""
UNPACKED = 1.2
"""Guess of the bytes on disk that a byte of an archive becomes; TAU 2022: about 1.13."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a record."""

    name: str
    size: int
    """Bytes."""
    checksum: str
    """Algorithm and hexadecimal digest: "md5:..."."""
    url: str


@dataclass(frozen=True)
class Record:
    """What a record of Zenodo's API says about a data set."""

    title: str
    licence: str
    page: str
    """The record's page for people."""
    files: tuple[RemoteFile, ...]


def download(folder: Path, record: str = TAU_2022) -> Path:
    """Fetch and unpack a data set; after an interruption the same call goes on where it was.

    Args:
        folder: where the archives and the unpacked data set go.
        record: address of a record in Zenodo's API; the evaluation sets work the same.

    Returns:
        The folder of the unpacked data set: the one with meta.csv, or with evaluation_setup in a set without labels.

    Raises:
        UserError: no such record, no connection, too little free disk, a wrong checksum, or an archive that is damaged
            or would write outside of `folder`.
    """
    record = record.rstrip("/")
    mark = folder / "record.json"
    if mark.is_file() and (root := _complete(mark, record)).is_dir():
        print(f"{root} is complete, says {mark} (to have every file checked, remove it and {AGAIN})")
        return root
    answer = _read(record)
    contents = _parse(answer, record)
    missing = [file for file in contents.files if _size(folder / file.name) != file.size]
    left = sum(file.size - max(0, _size(_unfinished(folder / file.name))) for file in missing)
    print(f"{contents.title}\n\n{LICENCE}\nThe record states: {contents.licence}. {contents.page}\n")
    print(f"{len(missing)} of {len(contents.files)} files, {_bytes(left)}, are to be fetched into {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    guess = round(UNPACKED * sum(file.size for file in missing if file.name.endswith(".zip")))
    _check_space(folder, left + guess, f"the files and, guessed as {UNPACKED} times the archives, what is in them")
    with tqdm(total=left, unit="B", unit_scale=True, disable=not missing) as bar:
        for file in missing:
            bar.set_description(file.name)
            _fetch(file, folder / file.name, bar)
    archives = [folder / file.name for file in contents.files if file.name.endswith(".zip")]
    members = {archive: _members(archive) for archive in archives}
    root = _root(members, record)
    _unpack(members, folder)
    artifact.atomic_write(mark, json.dumps({"address": record, "record": answer, "root": str(root)}).encode())
    packed = _bytes(sum(map(_size, archives)))
    print(f"{folder / root} is complete; the archives in {folder} take {packed} and may be deleted")
    return folder / root


def _complete(mark: Path, address: str) -> Path:
    """The folder of the data set that an earlier call fetched."""
    try:
        kept = json.loads(mark.read_bytes())
        if kept["address"] == address:
            return mark.parent / kept["root"]
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{mark} is not of {address}: give another folder")


def _read(address: str) -> Any:
    """The JSON of a record."""
    try:
        with _open(address) as response:
            return json.load(response)
    except (OSError, HTTPException) as error:
        raise UserError(f"{address}: {_reason(error)}: {AGAIN} later") from None
    except ValueError:
        raise UserError(f"{address} is no record in Zenodo's API: their addresses are like {TAU_2022}") from None


def _parse(answer: Any, address: str) -> Record:
    """Reads today's JSON, and the older one with `filename`, `filesize`, `download` and checksums without `md5:`."""
    try:
        links, metadata = answer.get("links", {}), answer["metadata"]
        files = tuple(
            RemoteFile(
                name=file.get("key") or file["filename"],
                size=int(file["size"] if "size" in file else file["filesize"]),
                checksum=file["checksum"] if ":" in file["checksum"] else f"md5:{file['checksum']}",
                url=file["links"].get("download") or file["links"]["self"],
            )
            for file in answer["files"]
        )
        licence = (metadata.get("license") or {}).get("id", "no licence")
        contents = Record(metadata["title"], licence, links.get("self_html") or links.get("html") or address, files)
        for file in files:
            strange = PureWindowsPath(file.name).name != file.name or not file.url.startswith(("https://", "http://"))
            if strange or file.checksum.split(":")[0] not in hashlib.algorithms_available:
                raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{address}: its answer is not a record whose files can be fetched") from None
    return contents


def _open(url: str, start: int = 0) -> Any:
    """A connection that gives the bytes of `url`, from byte `start` on if the server can do that."""
    headers = {"User-Agent": "tinyasc"} | ({"Range": f"bytes={start}-"} if start else {})
    return urlopen(Request(url, headers=headers), timeout=TIMEOUT)


def _fetch(file: RemoteFile, path: Path, bar: tqdm) -> None:
    """Fetch one file, from where an earlier attempt got to."""
    part = _unfinished(path)
    part.touch()
    waits = iter(WAITS)
    while (have := _size(part)) < file.size:
        problem = _append(file, part, bar)
        if _size(part) > have:
            waits = iter(WAITS)
        elif (wait := next(waits, None)) is not None:
            tqdm.write(f"{file.name}: {problem}; trying again in {wait} s")
            time.sleep(wait)
        else:
            raise UserError(f"{file.url}: {problem}: {AGAIN} later, it goes on from here")
    algorithm, digest = file.checksum.split(":")
    with part.open("rb") as stream:
        came = hashlib.file_digest(stream, algorithm).hexdigest()
    if came != digest.lower():
        part.unlink()
        raise UserError(f"{file.name} came with a wrong {algorithm} checksum and was removed: {AGAIN}")
    part.replace(path)


def _append(file: RemoteFile, part: Path, bar: tqdm) -> str:
    """Add what is missing of a file, or what comes of it; returns what ended the connection.

    A server that sends all of the file, or begins at another byte than was asked for, is followed.
    """
    have = _size(part)
    with part.open("r+b") as stream:
        try:
            with _open(file.url, have) as response:
                sent = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
                start = int(sent[1]) if response.status == 206 and sent else 0
                length = int(response.headers.get("Content-Length", file.size - start))
                if start + length != file.size:  # a page that says something: what is there must not be lost for it
                    return f"the server offers {start + length:,} bytes and not the record's {file.size:,}"
                stream.seek(start)
                bar.update(start - have)
                while chunk := response.read(CHUNK):
                    stream.write(chunk)
                    bar.update(len(chunk))
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError) and error.code < 500 and error.code != 429:  # 429: too many requests
                raise UserError(f"{file.url}: {_reason(error)}: {AGAIN} later") from None
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return _reason(error)
    return "the connection was cut"


def _members(archive: Path) -> list[ZipInfo]:
    """The files in an archive, once it is clear that none of them would leave the folder it is unpacked into."""
    try:
        with ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
    except BadZipFile as error:
        raise UserError(f"{archive} is damaged ({error}): remove it and {AGAIN}") from None
    for member in members:
        path = PureWindowsPath(member.filename)  # the stricter rules: both slashes, drives
        if path.anchor or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise UserError(f"{archive}: {member.filename!r} is a link or would be written elsewhere; not unpacked")
    return members


def _root(members: dict[Path, list[ZipInfo]], address: str) -> PurePosixPath:
    """The folder of the data set among what is unpacked: the outermost one that has its tables."""
    paths = [PurePosixPath(member.filename) for archived in members.values() for member in archived]
    roots = [path.parent for path in paths if path.name == "meta.csv"]
    roots = roots or [path.parent.parent for path in paths if path.parent.name == "evaluation_setup"]
    if not roots:
        raise UserError(f"{address}: no meta.csv in its archives, so it is no data set in TAU's layout")
    return min(roots, key=lambda root: len(root.parts))


def _unpack(members: dict[Path, list[ZipInfo]], folder: Path) -> None:
    """Unpack what is not there yet; a file whose size fits is."""
    absent = [
        (archive, member)
        for archive, archived in members.items()
        for member in archived
        if _size(folder / member.filename) != member.file_size
    ]
    total = sum(member.file_size for _, member in absent)
    _check_space(folder, total, "what is in the archives")
    with tqdm(total=total, unit="B", unit_scale=True, disable=not absent) as bar:
        for archive, group in itertools.groupby(absent, key=itemgetter(0)):
            bar.set_description(f"unpacking {archive.name}")
            with ZipFile(archive) as packed:
                for _, member in group:
                    path = folder / member.filename
                    path.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        with packed.open(member) as source, _unfinished(path).open("wb") as target:
                            shutil.copyfileobj(source, target)
                    except (BadZipFile, zlib.error, EOFError, RuntimeError) as error:
                        raise UserError(f"{archive}: {error}: remove it and {AGAIN}") from None
                    _unfinished(path).replace(path)
                    bar.update(member.file_size)


def _check_space(folder: Path, needed: int, what: str) -> None:
    if (free := shutil.disk_usage(folder).free) < needed:
        raise UserError(f"{folder} has {_bytes(free)} free and {_bytes(needed)} are needed for {what}")


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _size(path: Path) -> int:
    """Bytes of a file, -1 if there is none."""
    return path.stat().st_size if path.is_file() else -1


def _bytes(count: int) -> str:
    return tqdm.format_sizeof(count, "B")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"HTTP {error.code} {error.reason}"
    return str(error.reason if isinstance(error, URLError) else error) or type(error).__name__
