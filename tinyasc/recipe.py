"""Runs a typed function as a command: from a YAML recipe, from flags, or from both.

The signature is the command line. A frozen dataclass parameter becomes nested flags (`--mel.n_mels 256`), the
docstrings under its fields become their help, `--config recipe.yaml` fills in any of them, and later flags override it.
Hyphens in flags are as good as underscores, a switch of the command itself needs no value, and a list of the command
itself is given as its values in a row. A parameter before a `/` in the signature is given without a flag.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import Parameter, signature
from itertools import takewhile
from types import FrameType
from typing import Any, get_origin

from jsonargparse import (
    ActionConfigFile,  # pyright: ignore[reportPrivateImportUsage]  # documented, but not in its __all__
    ArgumentParser,
    Namespace,
    set_parsing_settings,
)

from tinyasc.errors import UserError

set_parsing_settings(docstring_parse_attribute_docstrings=True)

_resolved: ContextVar[str | None] = ContextVar("resolved_recipe", default=None)


def run(command: Callable[..., object], arguments: Sequence[str] | None = None) -> int:
    """Parse `arguments` (default: this process's) for `command`, call it, and return the exit code.

    Returns:
        0 on success; 1 after a `UserError` or an `OSError`, printed as one line; 130 after Ctrl-C or SIGTERM.

    Raises:
        SystemExit: 2 on wrong arguments, 0 after `--help`.
    """
    program = _program_name(command)
    description = (command.__doc__ or "").split("\nArgs:")[0].split("\n    Args:")[0].strip()
    parser = ArgumentParser(prog=program, description=description)
    parser.add_argument("--config", action=_Recipe, help="a YAML recipe; flags after it override it")
    given = signature(command).parameters.values()
    unflagged = [parameter.name for parameter in given if parameter.kind is Parameter.POSITIONAL_ONLY]
    several = [parameter for parameter in given if parameter.kind is Parameter.VAR_POSITIONAL]
    for parameter in several:
        described = re.search(rf"^ +{parameter.name}: (.+)", command.__doc__ or "", re.MULTILINE)
        about = described[1] if described else None
        parser.add_argument(parameter.name, nargs="+", type=parameter.annotation, help=about)
    parser.add_function_arguments(command, as_positional=bool(unflagged), fail_untyped=True)
    parsed = parser.parse_args(_as_declared(command, sys.argv[1:] if arguments is None else arguments))
    del parsed["config"]
    token = _resolved.set(parser.dump(parsed))
    try:
        values = _values(parser, parsed)
        first = [values.pop(name) for name in unflagged]
        first += [value for parameter in several for value in values.pop(parameter.name)]
        with _stopped_by_sigterm():
            command(*first, **values)
    except (UserError, OSError) as error:  # a full disk or a folder one may not write to is bad input too
        print(f"{program}: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{program}: interrupted", file=sys.stderr)
        return 130
    finally:
        _resolved.reset(token)
    return 0


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: its folders are removed and its processes ended on the way out."""
    if threading.current_thread() is not threading.main_thread():  # Python sets signals there alone
        yield
        return
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # forked a moment ago: the way out of the command is its parent's
            os._exit(128 + number)
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Recipe(ActionConfigFile):
    """A file that is no text is as wrong an argument as one that is no YAML."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        try:
            super().__call__(parser, cfg, values, option_string)
        except UnicodeDecodeError as error:
            raise TypeError(f"{values} is no YAML file: {error}") from None


def _values(parser: ArgumentParser, parsed: Namespace) -> dict[str, Any]:
    try:
        return vars(parser.instantiate(parsed))
    except ValueError as error:  # jsonargparse wraps what a config of several possible types says of its values
        reason: BaseException | None = error
        while reason is not None and not isinstance(reason, UserError):
            reason = reason.__cause__
        raise reason or error from None


def resolved() -> str | None:
    """The whole recipe of the running command as YAML, every default filled in; None outside `run`."""
    return _resolved.get()


def _as_declared(command: Callable[..., object], arguments: Sequence[str]) -> list[str]:
    """`--on-error skip --dry-run --runs A B` as it is declared: `--on_error skip --dry_run=true --runs=["A", "B"]`."""
    parameters = signature(command).parameters
    switches = {f"--{name}" for name, parameter in parameters.items() if parameter.default is False}
    lists = {f"--{name}" for name, parameter in parameters.items() if get_origin(parameter.annotation) is list}
    declared: list[str] = []
    place = 0
    while place < len(arguments):
        flag, equals, value = arguments[place].partition("=")
        flag = "--" + flag[2:].replace("-", "_") if flag.startswith("--") else flag
        place += 1
        values = list(takewhile(lambda argument: not argument.startswith("--"), arguments[place:]))
        if flag in switches and not equals and not values:
            declared.append(f"{flag}=true")
        elif flag in lists and not equals and values and not values[0].startswith("["):
            declared.append(f"{flag}={json.dumps(values)}")
            place += len(values)
        else:
            given = value if equals else (values or [""])[0]
            if re.match(r"\[\s*\{", given):  # jsonargparse would fill what its items leave out from the recipe's items
                declared.append(f"{flag}=[]")
            declared.append(flag + equals + value)
    return declared


def _program_name(command: Callable[..., object]) -> str:
    """What a person typed: the running module when the command is part of it, else the command's own module."""
    main = sys.modules["__main__"].__spec__
    running = "" if main is None else main.name.removesuffix(".__main__")
    module = command.__module__.removesuffix(".__main__")
    if module == "__main__" or (running and f"{module}.".startswith(f"{running}.")):
        module = running
    return f"python -m {module}"
