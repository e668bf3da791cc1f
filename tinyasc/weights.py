"""Weights that others trained: found or fetched, checked, and read without running anything that a file may hold."""

import re
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor
from tqdm import tqdm

from tinyasc.artifact import file_sha256
from tinyasc.errors import UserError
from tinyasc.prepare.disk import check_space
from tinyasc.prepare.transfer import RemoteFile, fetch, opened, reason

PLAIN = (torch.strided, "cpu")
"""Layout and device of the tensors that are taken."""


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
        raise UserError(f"{path} is missing: give a file, or an address that begins with https://")
    if wanted is not None and (found := file_sha256(path)) != wanted:
        raise UserError(f"{path} has the sha256 {found}, not {wanted}: give the right file")
    return path


def read(path: Path, entry: str | None = None) -> dict[str, Tensor]:
    """Tensors by name out of a file of torch.save: all of it, or one entry of the dict in it.

    Raises:
        UserError: no or a damaged file, one that would run code, or anything but plain finite tensors by name.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or a hostile file sets off
        raise UserError(
            f"{path} cannot be read as PyTorch weights ({error.__class__.__name__}): it is damaged or no such file"
        ) from None
    if entry is not None:
        found = found.get(entry) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not found:
        raise UserError(f"{path} holds no tensors by name{f' in {entry!r}' if entry else ''}: give another file")
    for name, tensor in found.items():
        if not isinstance(tensor, Tensor) or tensor.is_quantized or (tensor.layout, tensor.device.type) != PLAIN:
            raise UserError(f"{path} holds {str(name)!r}, which is no plain tensor: give another file")
    # A tensor may claim to be larger than its numbers in the file
    if sum(tensor.nbytes for tensor in found.values()) > path.stat().st_size:
        raise UserError(f"{path} holds fewer bytes than its tensors: it is damaged")
    if broken := next((name for name, tensor in found.items() if not tensor.isfinite().all()), None):
        raise UserError(f"{path} has values in {broken} that are not finite: give another file")
    return {str(name): tensor.detach() for name, tensor in found.items()}


def check(found: dict[str, Tensor], expected: dict[str, Tensor], path: Path, network: str) -> None:
    """Whether a file has the tensors that a network needs: each of them, by name and shape, and no other.

    Raises:
        UserError: it has not; the first that differs is named.
    """
    for name, tensor in expected.items():
        if name not in found:
            raise UserError(f"{path} does not fit {network}: {name} is missing")
        shape, needed = tuple(found[name].shape), tuple(tensor.shape)
        if shape != needed:
            raise UserError(f"{path} does not fit {network}: {name} has the shape {shape} and must have {needed}")
        if found[name].dtype.is_floating_point != tensor.dtype.is_floating_point:
            raise UserError(f"{path} does not fit {network}: {name} has the type {found[name].dtype}")
    if unknown := next((name for name in found if name not in expected), None):
        raise UserError(f"{path} does not fit {network}: {unknown} is unknown")


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
