"""Python packages for the emulated machine."""

import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from bench.measure import process
from tinyasc.errors import UserError

RUNTIMES = ("ai-edge-litert", "onnxruntime")
FETCH_SECONDS = 60 * process.MINUTE
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


def runtimes_here() -> dict[str, str]:
    """Versions of the runtimes that are installed here: answers are compared between equal versions."""
    found = {}
    for package in RUNTIMES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def install(runtimes: Mapping[str, str], python: str, into: Path) -> None:
    """Install runtimes and numpy, built for 64-bit Arm, into a folder.

    Args:
        runtimes: versions by package.
        python: version of the Python that will import them, "3.11".
        into: an existing folder.

    Raises:
        UserError: pip does not find them.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(into)]
    wheels = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    wheels += [f"--platform={platform}" for platform in PLATFORMS]
    packages = ["numpy", *(f"{package}=={version}" for package, version in runtimes.items())]
    found = process.run([*pip, *wheels, *packages], "wheels for 64-bit Arm", seconds=FETCH_SECONDS)
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"no wheels of {', '.join(packages)} for 64-bit Arm and Python {python}: {reason}")
