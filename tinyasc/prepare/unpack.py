"""Unpacks the archives of a data set: nothing outside its folder, every file whole or not at all, none twice."""

import itertools
import shutil
import stat
import zlib
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from tqdm import tqdm

from tinyasc.errors import UserError
from tinyasc.prepare.disk import check_space, size, unfinished
from tinyasc.prepare.transfer import AGAIN


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
