"""Builds the plugin that counts instructions, and reads what it says.

What is counted of an inference includes the call from Python: its frames, the binding, the lock of the interpreter, the
runtime's own way in and out. How much that is was counted of networks without work, on emulated boards with Debian's
Python 3.11: 4,600 to 4,800 instructions for a .tflite of no operation (ai-edge-litert 2.3.0; the call of a Python
function that does nothing is 1,100; one ADD of four values in XNNPACK makes it 5,300), and 38,000 for an .onnx of one
Identity (onnxruntime 1.32.0). The three cores differ by less than 1 %. Nothing is subtracted: what an application in C
would pay of it is not known.
"""

import hashlib
import shutil
from pathlib import Path

from bench.measure import process
from tinyasc.errors import UserError

SOURCES = sorted((Path(__file__).parent / "counter").glob("*.[ch]"))
LIBRARY = "counter.so"
WORD = "counted"
CLASSES = ("load", "store", "branch", "sdot", "integer_mac", "float_mac", "other_simd", "integer")
"""Classes of instructions (counter/classify.c says what is in them); an inference's instructions are their sum."""
REPEATABLE = 2e-4
"""Largest difference, as a part, between the instructions of equal inferences that needs no word: 0.01 % to each side.
ai-edge-litert repeats to the instruction; onnxruntime asks for memory in every run, and that takes what it takes."""

CALL = (
    "Counts include the call from Python and the runtime's own way in and out: about 4,700 instructions of a .tflite "
    "and 38,000 of an .onnx, counted of networks without work; they are not subtracted."
)
"""What a reader of counts must know."""

Counts = dict[str, int]


def compiler() -> str | None:
    """The C compiler of this machine."""
    return shutil.which("gcc") or shutil.which("cc")


def sources_sha256() -> str:
    """Of the plugin's sources."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()


def build(into: Path) -> None:
    """Compile the plugin into a folder.

    Raises:
        UserError: the compiler does not take it.
    """
    c_files = [path for path in SOURCES if path.suffix == ".c"]
    command = [compiler() or "gcc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", *c_files, "-o", into / LIBRARY]
    found = process.run(command, "the plugin that counts instructions", seconds=5 * process.MINUTE)
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[0]
        raise UserError(f"the plugin that counts instructions does not compile: {reason}")


def environment(library: Path, into: Path) -> dict[str, str]:
    """Variables under which an emulated program writes its counts into a file."""
    quoted = str(library).replace(",", ",,")  # QEMU's own escape
    return {"QEMU_PLUGIN": f"file={quoted}", "QEMU_LOG": "plugin", "QEMU_LOG_FILENAME": str(into)}


def read(text: str) -> list[Counts]:
    """One entry for each region that the guest marked, in their order.

    Raises:
        ValueError: a line that is cut short, or is not the plugin's.
    """
    regions = []
    for line in text.splitlines():
        word, *pairs = line.split()
        said = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
        if word != WORD or tuple(said) != CLASSES or not all(value.isdigit() for value in said.values()):
            raise ValueError(f"not a line of the counter: {line[:100]!r}")
        regions.append({name: int(value) for name, value in said.items()})
    return regions


def total(counts: Counts) -> int:
    """All instructions of a region."""
    return sum(counts.values())


def spread(regions: list[Counts]) -> float:
    """By what part the instructions of equal inferences differ."""
    totals = [total(counts) for counts in regions]
    return (max(totals) - min(totals)) / min(totals)


def median(regions: list[Counts]) -> Counts:
    """The region of the median total."""
    return sorted(regions, key=total)[len(regions) // 2]
