"""A file timed by another Python, so that a runtime whose packages do not go with ours takes part in the same rounds.

    python -m bench.measure.latency.worker FILE THREADS

loads the file with `deploy.runtime` and says so in a line of JSON, {"kernels": ...} or {"error": ...}. From then on it
answers every line by a line: the nanoseconds of one call, taken over there. It ends where its input does.
"""

import gc
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.measure.latency import stopwatch
from bench.measure.latency.stopwatch import Stopwatch
from bench.measure.process import project_environment
from deploy import runtime
from tinyasc.errors import UserError

PATIENCE_SECONDS = 600.0
"""For one answer; loading and a call take seconds at most."""
END_SECONDS = 5.0
"""Until one that was told to end has ended."""


@contextmanager
def worker(python: Path, path: Path, threads: int = 1) -> Iterator[Stopwatch]:
    """The stopwatch of a file in a process of another Python, while the context lasts.

    Raises:
        UserError: no such Python, a package that is missing there, a file that its runtime refuses, or, while timing, a
            process that ended.
    """
    command = [python, "-m", "bench.measure.latency.worker", path, str(threads)]
    pipe, variables = subprocess.PIPE, project_environment()
    with tempfile.TemporaryFile("w+") as errors:  # of a pipe that nobody reads, the writer would wait
        try:
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=variables)
        except OSError as error:
            raise UserError(f"{path} in {python}: {error.strerror}") from error

        def answer() -> Any:
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], PATIENCE_SECONDS)[0]:
                raise UserError(f"{path} in {python}: no answer within {PATIENCE_SECONDS / 60:g} minutes")
            try:
                return json.loads(process.stdout.readline())
            except ValueError:  # nothing, or not a line of ours
                process.kill()
                process.wait()
                errors.seek(0)
                reason = (errors.read().strip().splitlines() or ["it ended without a word"])[-1]
                raise UserError(f"{path} in {python}: {reason}") from None

        def time() -> int:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # the answer tells
                process.stdin.write("\n")
                process.stdin.flush()
            return answer()

        with process:
            try:
                said = answer()
                if "error" in said:
                    raise UserError(f"{path} in {python}: {said['error']}")
                yield Stopwatch(said["kernels"], time)
            finally:
                assert process.stdin is not None
                with suppress(BrokenPipeError):
                    process.stdin.close()
                try:
                    process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:  # it hangs
                    process.kill()


def main(path: str, threads: str) -> None:
    """The side that is asked."""
    try:
        one = stopwatch.of_model(runtime.load(Path(path), int(threads)))
        one.time()  # what cannot run ends here, and not in the rounds of others
    except UserError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    gc.disable()  # as in the rounds of the one who asks
    print(json.dumps({"kernels": one.kernels}), flush=True)
    for _ in sys.stdin:
        print(one.time(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
