"""Fetches one file over HTTP: it grows as NAME.part, which a later run goes on with, and takes its own name once its
checksum is the one that was promised. Beside it, what must be known of the disk: room, and files that are not whole.
"""

import errno
import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from tinyasc.errors import UserError

WAITS = (1, 5, 20, 60)
"""Seconds before each further attempt after a connection broke; attempts that bring new bytes do not count."""
TIMEOUT = 60
"""Seconds without a byte after which a connection counts as broken."""
AGAIN = "give the same command again"
CHUNK = 2**16
"""Bytes read at a time."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a record."""

    name: str
    size: int
    """Bytes."""
    checksum: str
    """Algorithm and hexadecimal digest: "md5:..."."""
    url: str


def fetch(file: RemoteFile, path: Path, bar: tqdm) -> None:
    """Fetch one file, from where an earlier attempt got to."""
    part = unfinished(path)
    part.touch()
    waits = iter(WAITS)
    while (have := size(part)) < file.size:
        problem = _append(file, part, bar)
        if size(part) > have:
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


def opened(url: str, start: int = 0) -> Any:
    """A connection that gives the bytes of `url`, from byte `start` on if the server can do that."""
    headers = {"User-Agent": "tinyasc"} | ({"Range": f"bytes={start}-"} if start else {})
    return urlopen(Request(url, headers=headers), timeout=TIMEOUT)


def reason(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, HTTPError):
        error.close()
        return f"HTTP {error.code} {error.reason}"
    return str(error.reason if isinstance(error, URLError) else error) or type(error).__name__


def _append(file: RemoteFile, part: Path, bar: tqdm) -> str:
    """Add what is missing of a file, or what comes of it; returns what ended the connection.

    A server that sends all of the file, or begins at another byte than was asked for, is followed.
    """
    have = size(part)
    with part.open("r+b") as stream:
        try:
            with opened(file.url, have) as response:
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
                raise UserError(f"{file.url}: {reason(error)}: {AGAIN} later") from None
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return reason(error)
    return "the connection was cut"


def check_space(folder: Path, needed: int, what: str) -> None:
    """Whether there is room for `needed` bytes in a folder that may not exist yet.

    Raises:
        UserError: there is not.
    """
    place = existing(folder)
    if (free := shutil.disk_usage(place).free) < needed:
        raise UserError(f"{place} has {readable(free)} free and {readable(needed)} are needed for {what}")


def existing(folder: Path) -> Path:
    """The folder, or the innermost one around it that exists."""
    return next(place for place in (folder, *folder.resolve().parents) if place.exists())


def unfinished(path: Path) -> Path:
    """Where a file grows until it is whole."""
    return path.with_name(path.name + ".part")


def size(path: Path) -> int:
    """Bytes of a file, -1 if there is none."""
    return path.stat().st_size if path.is_file() else -1


def readable(count: int) -> str:
    """Bytes for people: 1.23GB."""
    return tqdm.format_sizeof(count, "B")
