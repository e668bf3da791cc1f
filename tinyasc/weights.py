"""Weights that others trained: found or fetched, checked, and read without running anything that a file may hold."""

import re
import tarfile
import zipfile
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc.artifact import file_sha256
from tinyasc.errors import UserError
from tinyasc.fetch import RemoteFile, check_space, fetch, opened, reason

PLAIN = (torch.strided, "cpu", False)
"""Layout and device of the tensors that are taken, and whether they are nested."""
TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)
"""Types of the tensors that are taken."""
ZIP = b"PK\x03\x04"
"""What a file of torch.save begins with."""
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""What a file of torch.save before PyTorch 1.6 begins with."""
LONGEST_NAME = 80
"""Characters of a tensor's name that a message shows."""


def locate(place: str, sha256: str | None = None) -> Path:
    """The file that a path or an address names; what is fetched is kept beside torch's own downloads ($TORCH_HOME).

    Args:
        place: path, or http(s) address.
        sha256: what the file must have; an address needs it, since nothing else says that the right file came.

    Raises:
        UserError: no such file, another sha256, or an address that gives no file.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UserError(f"weights_sha256 is {sha256!r}: give the 64 hexadecimal digits of a sha256")
    wanted = sha256.lower() if sha256 else None
    if place.startswith(("http://", "https://")):
        if wanted is None:
            raise UserError(f"{place} is only fetched with --weights_sha256: give the sha256 that the file must have")
        return _fetched(place, wanted)
    path = Path(place)
    if not path.is_file():
        fault = "a folder" if path.is_dir() else "missing"
        raise UserError(f"{path} is {fault}: give a file, or an address that begins with https://")
    if wanted is not None and (found := file_sha256(path)) != wanted:
        raise UserError(f"{path} has the sha256 {found}, not {wanted}: give the right file")
    return path


def read(path: Path, entry: str | None = None) -> dict[str, Tensor]:
    """Tensors by name out of a file of torch.save: all of it, or one entry of the dict in it.

    Raises:
        UserError: no or a damaged file, one that would run code or fill the memory, or anything but plain tensors of
            TYPES by name.
    """
    if not path.is_file():
        raise UserError(f"{path} is {'a folder' if path.is_dir() else 'missing'}: give a file")
    try:
        _check_container(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception:  # whatever a damaged or a hostile file sets off
        raise UserError(
            f"{path} cannot be read as PyTorch weights: it is damaged, or holds more than tensors and numbers"
        ) from None
    if entry is not None:
        found = found.get(entry) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not found:
        raise UserError(f"{path} holds no tensors by name{f' in {entry!r}' if entry else ''}: give another file")
    for name, tensor in found.items():
        if (
            not isinstance(name, str)
            or not isinstance(tensor, Tensor)
            or (tensor.layout, tensor.device.type, tensor.is_nested) != PLAIN
        ):
            raise UserError(f"{path} holds {_shown(name)}, which is no plain tensor: give another file")
        if tensor.dtype not in TYPES:
            taken = ", ".join(str(kind).removeprefix("torch.") for kind in TYPES)
            raise UserError(f"{path} holds {_shown(name)} of the type {tensor.dtype}: what is taken is {taken}")
    # A tensor may claim to be larger than its numbers in the file
    if sum(tensor.nbytes for tensor in found.values()) > path.stat().st_size:
        raise UserError(f"{path} holds fewer bytes than its tensors: it is damaged")
    return {name: tensor.detach() for name, tensor in found.items()}


def fitted(found: dict[str, Tensor], expected: dict[str, Tensor], path: Path, network: str) -> dict[str, Tensor]:
    """The tensors of a file in the types of a network that needs each of them, by name and shape, and no other.

    Raises:
        UserError: a tensor is missing, unknown, of another shape, not finite in the network's type, or a negative
            variance; the first is named.
    """
    taken = {}
    for name, tensor in expected.items():
        if name not in found:
            raise UserError(f"{path} does not fit {network}: {name} is missing")
        shape, needed = tuple(found[name].shape), tuple(tensor.shape)
        if shape != needed:
            raise UserError(f"{path} does not fit {network}: {name} has the shape {shape} and must have {needed}")
        if found[name].dtype.is_floating_point != tensor.dtype.is_floating_point:
            raise UserError(f"{path} does not fit {network}: {name} has the type {found[name].dtype}")
        taken[name] = found[name].to(tensor.dtype)
        if not taken[name].isfinite().all():
            raise UserError(f"{path} has values in {name} that are not finite as {tensor.dtype}: give another file")
        if name.endswith(".running_var") and (taken[name] < 0).any():
            raise UserError(f"{path} has negative variances in {name}: give another file")
    for name in found:
        if name not in expected:
            raise UserError(f"{path} does not fit {network}: {_shown(name)} is unknown")
    return taken


def _check_container(path: Path) -> None:
    """Refuse what torch.save never writes: a small file that is large once it is unpacked.

    Raises:
        UserError: it is such a file, or none of torch.save.
    """
    with path.open("rb") as file:
        start = file.read(len(LEGACY))
    if not start.startswith(ZIP):
        if start != LEGACY or tarfile.is_tarfile(path):  # PyTorch would unpack it
            raise UserError(f"{path} is no PyTorch checkpoint: give a file of torch.save")
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    shifted = all(member.header_offset for member in members)  # then PyTorch sees other members than zipfile
    if packed or shifted or sum(member.file_size for member in members) > path.stat().st_size:
        raise UserError(f"{path} is packed as torch.save packs nothing: save it anew with torch.save, or give another")


def _shown(name: object) -> str:
    """A name out of a file as one short line that does nothing to a terminal."""
    text = repr(name)
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


def _fetched(address: str, sha256: str) -> Path:
    name = Path(urlsplit(address).path).name or "weights"
    path = Path(torch.hub.get_dir()) / "checkpoints" / f"{sha256[:16]}-{name}"
    if path.is_file() and file_sha256(path) == sha256:
        return path
    try:
        with opened(address) as response:
            size = int(response.headers["Content-Length"])
    except (OSError, HTTPException) as error:
        raise UserError(f"{address}: {reason(error)}: check it, or fetch the file yourself and give its path") from None
    except (ValueError, TypeError):
        raise UserError(f"{address} does not say how long its file is: fetch it yourself and give its path") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    check_space(path.parent, size, name)
    with tqdm(total=size, desc=name, unit="B", unit_scale=True) as bar:
        fetch(RemoteFile(name, size, f"sha256:{sha256}", address), path, bar)
    return path
