"""Fetches TAU from Zenodo: reads the record, shows the licence, fetches the files, unpacks them.

record.json comes last, with the record and where its data set lies: once it is there, neither the network nor the
archives are needed any more.
"""

import json
from pathlib import Path

from tqdm import tqdm

from tinyasc import artifact
from tinyasc.errors import UserError
from tinyasc.prepare.disk import check_space, readable, size, unfinished
from tinyasc.prepare.transfer import AGAIN, fetch
from tinyasc.prepare.unpack import members_of, root_of, unpack
from tinyasc.prepare.zenodo import TAU_2022, parse, read_record

LICENCE = """\
TAU data sets belong to Tampere University and its licensors. They may be used and copied for experiments that are not
commercial, and for nothing else: no selling, no redistribution for profit, no service for money built on them. The
copyright notice stays in every copy, and publications name the source."""
UNPACKED = 1.2
"""Guess of the bytes on disk that a byte of an archive becomes; TAU 2022: about 1.13."""


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
