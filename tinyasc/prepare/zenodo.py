"""A record of Zenodo's API: what a data set is, and its files."""

import hashlib
import json
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import PureWindowsPath
from typing import Any

from tinyasc.errors import UserError
from tinyasc.prepare.transfer import AGAIN, RemoteFile, opened, reason

TAU_2022 = "https://zenodo.org/api/records/6337421"
"""TAU Urban Acoustic Scenes 2022 Mobile, development."""


@dataclass(frozen=True)
class Record:
    """What a record of Zenodo's API says about a data set."""

    title: str
    licence: str
    page: str
    """The record's page for people."""
    files: tuple[RemoteFile, ...]


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
