"""Fetches a data set from Zenodo: reads its record, shows the licence, fetches the files, unpacks them.

Nothing is unpacked outside of the folder, every file whole or not at all, none twice. record.json comes last, with the
record and where its data set lies: once it is there, neither the network nor the archives are needed any more.
"""

import hashlib
import itertools
import json
import shutil
import stat
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError
from tinyasc.fetch import AGAIN, RemoteFile, check_space, fetch, opened, readable, reason, size, unfinished

TAU_2022 = "https://zenodo.org/api/records/6337421"
"""TAU Urban Acoustic Scenes 2022 Mobile, development."""
LICENCE = """\
TAU data sets belong to Tampere University and its licensors. They may be used and copied for experiments that are not
commercial, and for nothing else: no selling, no redistribution for profit, no service for money built on them. The
copyright notice stays in every copy, and publications name the source."""
UNPACKED = 1.2
"""Guess of the bytes on disk that a byte of an archive becomes; TAU 2022: about 1.13."""


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
    answer = read_record(record)
    contents = parse(answer, record)
    missing = [file for file in contents.files if size(folder / file.name) != file.size]
    left = sum(file.size - max(0, size(unfinished(folder / file.name))) for file in missing)
    print(f"{contents.title}\n\n{LICENCE}\nThe record states: {contents.licence}. {contents.page}\n")
    print(f"{len(missing)} of {len(contents.files)} files, {readable(left)}, are to be fetched into {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    guess = round(UNPACKED * sum(file.size for file in missing if file.name.endswith(".zip")))
    check_space(folder, left + guess, f"the files and, guessed as {UNPACKED} times the archives, what is in them")
    with tqdm(total=left, unit="B", unit_scale=True, disable=not missing) as bar:
        for file in missing:
            bar.set_description(file.name)
            fetch(file, folder / file.name, bar)
    archives = [folder / file.name for file in contents.files if file.name.endswith(".zip")]
    members = {archive: members_of(archive) for archive in archives}
    root = root_of(members, record)
    unpack(members, folder)
    artifact.atomic_write(mark, json.dumps({"address": record, "record": answer, "root": str(root)}).encode())
    packed = readable(sum(map(size, archives)))
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


def read_record(address: str) -> Any:
    """The JSON of a record."""
    try:
        with opened(address) as response:
            return json.load(response)
    except (OSError, HTTPException) as error:
        raise UserError(f"{address}: {reason(error)}: {AGAIN} later") from None
    except ValueError:
        raise UserError(f"{address} is no record in Zenodo's API: their addresses are like {TAU_2022}") from None


def parse(answer: Any, address: str) -> Record:
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


def members_of(archive: Path) -> list[ZipInfo]:
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


def root_of(members: dict[Path, list[ZipInfo]], address: str) -> PurePosixPath:
    """The folder of the data set among what is unpacked: the outermost one that has its tables."""
    paths = [PurePosixPath(member.filename) for archived in members.values() for member in archived]
    roots = [path.parent for path in paths if path.name == "meta.csv"]
    roots = roots or [path.parent.parent for path in paths if path.parent.name == "evaluation_setup"]
    if not roots:
        raise UserError(f"{address}: no meta.csv in its archives, so it is no data set in TAU's layout")
    return min(roots, key=lambda root: len(root.parts))


def unpack(members: dict[Path, list[ZipInfo]], folder: Path) -> None:
    """Unpack what is not there yet; a file whose size fits is."""
    absent = [
        (archive, member)
        for archive, archived in members.items()
        for member in archived
        if size(folder / member.filename) != member.file_size
    ]
    total = sum(member.file_size for _, member in absent)
    check_space(folder, total, "what is in the archives")
    with tqdm(total=total, unit="B", unit_scale=True, disable=not absent) as bar:
        for archive, group in itertools.groupby(absent, key=itemgetter(0)):
            bar.set_description(f"unpacking {archive.name}")
            with ZipFile(archive) as packed:
                for _, member in group:
                    path = folder / member.filename
                    path.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        with packed.open(member) as source, unfinished(path).open("wb") as target:
                            shutil.copyfileobj(source, target)
                    except (BadZipFile, zlib.error, EOFError, RuntimeError) as error:
                        raise UserError(f"{archive}: {error}: remove it and {AGAIN}") from None
                    unfinished(path).replace(path)
                    bar.update(member.file_size)
