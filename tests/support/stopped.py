"""A process that gives training commands to children of its own, each of which may send itself a signal at a step.

    python -m tests.support.stopped

Each line on stdin is a JSON object: `arguments` of train.teacher, `output`, the file for what it prints, and `at`,
where it is stopped, if anywhere: [signal, what, nth], at the nth call of one of PLACES. Each line on stdout is an exit
code, negative for a signal. A child is there in no time, because torch is loaded once.
"""

import json
import os
import signal
import sys
from typing import Any

from tinyasc import recipe
from train import teacher
from train.fit import history
from train.fit.task import Task

PLACES: dict[str, tuple[Any, str]] = {
    "step": (Task, "set_place"),  # before each step, and at the end of each epoch
    "replace": (os, "replace"),  # of each file that is written whole or not at all
    "draw": (history, "draw_curves"),  # amid the writing of the run
}


def stop_at(name: str, what: str, nth: int) -> None:
    """Have this process send itself a signal at the nth call of a place, counted from 1."""
    owner, attribute = PLACES[what]
    called, original = [0], getattr(owner, attribute)

    def counted(*arguments: Any, **named: Any) -> Any:
        called[0] += 1
        if called[0] == nth:
            os.kill(os.getpid(), signal.Signals[name])
        return original(*arguments, **named)

    setattr(owner, attribute, counted)


def child(task: dict[str, Any]) -> int:
    """Run one command in a fork of this process; its exit code."""
    if (process := os.fork()) == 0:
        output = os.open(task["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        if task.get("at"):
            stop_at(*task["at"])
        code = recipe.run(teacher.train_teacher, task["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        print(child(json.loads(line)), flush=True)
