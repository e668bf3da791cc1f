"""Freed memory is kept: pages are fetched from the system once."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import resource, sys
from tinyasc.runs.setup import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def take():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * 2**27  # above every threshold of glibc's own
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
take()
print(take())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_block_that_is_taken_again_costs_no_page_faults() -> None:
    def faults(mode: str) -> int:
        command = [sys.executable, "-c", RUN, mode]
        return int(subprocess.run(command, cwd=Path(__file__).parents[2], check=True, capture_output=True).stdout)

    assert faults("kept") * 100 < faults("returned")
