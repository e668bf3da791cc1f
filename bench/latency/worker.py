"""A file timed by another Python, so that a runtime whose packages do not go with ours takes part in the same rounds.

    python -m bench.latency.worker FILE THREADS

loads the file with `deploy.runtime` and says so in a line of JSON, {"kernels": ...} or {"error": ...}. From then on every
line that it reads is answered by a line: the nanoseconds of one call, taken over there. It ends where its input does.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.latency import stopwatch
from bench.latency.stopwatch import Stopwatch
from deploy import runtime
from tinyasc.errors import UserError

SOURCES = Path(__file__).parents[2]
"""What the other Python must find: bench, deploy and tinyasc."""


class Worker:
    """The other end, in a process of its own; to be closed."""

    def __init__(self, python: Path, path: Path, threads: int = 1) -> None:
        """Start it.

        Raises:
            UserError: no such Python, a package that is missing there, or a file that its runtime refuses.
        """
        self._name = f"{path} in {python}"
        self._errors = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would fill
        try:
            self._process = subprocess.Popen(
                [python, "-m", "bench.latency.worker", path, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env=environment(),
            )
        except OSError as error:
            self._errors.close()
            raise UserError(f"{self._name}: {error.strerror}") from error
        try:
            said = self._answer()
            if "error" in said:
                raise UserError(f"{self._name}: {said['error']}")
        except UserError:
            self.close()
            raise
        self.stopwatch = Stopwatch(said["kernels"], self._time)

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # what it was asked last it does not hear any more
                pass
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _time(self) -> int:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise UserError(self._ended()) from None
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UserError(self._ended())
        try:
            return json.loads(line)
        except ValueError:
            raise UserError(f"{self._name}: said {line.strip()!r}") from None

    def _ended(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return f"{self._name}: {(self._errors.read().strip().splitlines() or ['ended without a word'])[-1]}"


def environment() -> dict[str, str]:
    """Of a process that runs a module of this project, whatever its Python and its folder."""
    paths = [str(SOURCES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def main(path: str, threads: str) -> None:
    """The side that is asked."""
    try:
        one = stopwatch.of_model(runtime.load(Path(path), int(threads)))
    except UserError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"kernels": one.kernels}), flush=True)
    for _ in sys.stdin:
        print(one.time(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
