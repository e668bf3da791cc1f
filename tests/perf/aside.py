"""Work that is measured in a process of its own: how memory is taken from the system is a choice of a process."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType


class Aside:
    """A process that does a round of its work whenever it is asked to, and sleeps between rounds."""

    def __init__(self, setup: Callable[..., Callable[[], object]], *arguments: object) -> None:
        """Starts it, and waits until it is ready.

        Args:
            setup: a function of a module, called there; what it returns is called for a round.
            arguments: of `setup`.
        """
        context = multiprocessing.get_context("spawn")
        self._asked, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, setup, arguments))
        self._process.start()
        there.close()
        self._asked.recv()

    def __enter__(self) -> "Aside":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._asked.close()
        self._process.join()

    def __call__(self) -> None:
        """One round."""
        self._asked.send(None)
        self._asked.recv()


def _serve(asked: Connection, setup: Callable[..., Callable[[], object]], arguments: tuple[object, ...]) -> None:
    work = setup(*arguments)
    try:
        while True:
            asked.send(None)
            asked.recv()
            work()
    except (EOFError, ConnectionError):  # nobody will ask again
        return
