"""Peak memory of preparing: it must not grow with the number of files beyond what their names take."""

import subprocess
import sys
from pathlib import Path

from tests.perf import sounds

ROOT = Path(__file__).parents[2]
RUN = """
import re, resource, sys
from pathlib import Path
from tinyasc.prepare import prepare
prepare(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)
# getrusage would count what the process that started this one had in memory
own = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peaks(scratch: Path, files: int) -> tuple[float, float]:
    """Peak resident memory of the command and of the larger of its two workers, MB."""
    root = sounds.write(scratch / f"set{files}", files, different=1000)
    command = [sys.executable, "-c", RUN, str(root), str(scratch / f"set{files}.h5")]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (scratch / f"set{files}.h5").unlink()
    own, worker = map(int, done.stdout.split()[-2:])
    return own / 1e3, worker / 1e3
