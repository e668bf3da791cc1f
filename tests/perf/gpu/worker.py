"""The process that measures: what goes wrong there is told, and ends nothing but itself."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class WorkerError(Exception):
    """Why there is no result."""


class Worker:
    """A process that does one thing after the other, to be closed; after one that failed a new process goes on."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._process: Any = None
        self._here: Connection

    def call(self, work: Callable[..., Any], *arguments: object, seconds: float) -> Any:
        """The result of a module's function.

        Args:
            work: the function.
            arguments: of it.
            seconds: no longer than this.

        Raises:
            WorkerError: it raised, the process ended, or it took too long.
        """
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._here, there = context.Pipe()
            self._process = context.Process(target=_serve, args=(there,))
            self._process.start()
            there.close()
        try:
            self._here.send((work, arguments))
            if not self._here.poll(seconds):
                raise WorkerError(f"not done after {seconds:.0f} s")
            done, result = self._here.recv()
        except (EOFError, OSError):
            self._process.join()
            code, self._process = self._process.exitcode, None
            raise WorkerError(f"its process ended with exit code {code}") from None
        except BaseException:
            self.close()
            raise
        if not done:  # a GPU that failed once may not work again in that process
            self.close()
            raise WorkerError(result)
        return result

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(asked: Connection) -> None:
    while True:
        try:
            work, arguments = asked.recv()
        except EOFError:
            return
        try:
            answer = True, work(*arguments)
        except Exception as error:
            text = " ".join(str(error).split())
            answer = False, f"{type(error).__name__}: {text[:300]}"
        asked.send(answer)
