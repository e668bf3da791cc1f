"""Work on many recordings, in order, by several processes, without ever holding more than a few of them in memory."""

import ctypes
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from tinyasc.errors import UserError

T = TypeVar("T")
R = TypeVar("R")
CHUNK = 4
"""Items that go to a process at a time: large enough to make little talk, small enough to share out."""
PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process is sent when its parent ends (prctl(2))."""
AHEAD = 3
"""Chunks for each process that are begun before their turn."""


def in_order(work: Callable[[T], R], items: Iterable[T], processes: int | None) -> Iterator[R]:
    """`work` of every item, in their order.

    Args:
        work: can be sent to another process.
        items: what to work on.
        processes: how many processes; None: one per CPU core; 1: this one.

    Raises:
        UserError: the system killed a process.
    """
    if processes == 1:
        yield from map(work, items)
        return
    processes = processes or os.cpu_count() or 1
    items = iter(items)
    waiting: deque[Future[list[R]]] = deque()
    executor = ProcessPoolExecutor(processes, initializer=_belong_to_the_parent)
    try:
        while True:
            while len(waiting) < AHEAD * processes and (chunk := list(islice(items, CHUNK))):
                waiting.append(executor.submit(_work_on, work, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            "the system killed a process (out of memory?): give the same command again, it goes on"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _work_on(work: Callable[[T], R], chunk: list[T]) -> list[R]:
    return [work(item) for item in chunk]


def _belong_to_the_parent() -> None:
    """Leave Ctrl-C to the parent process, and die with it even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
