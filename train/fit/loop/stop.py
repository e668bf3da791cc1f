"""Ctrl-C and SIGTERM: training ends after the step that is going on; a second one ends it at once."""

import signal
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """While this block runs, a signal is only noted."""

    def __init__(self) -> None:
        self.asked = False
        """Whether a signal has come."""

    def __enter__(self) -> "Stop":
        self._handlers = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
