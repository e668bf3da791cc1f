"""What is wrong with a file of a submission, by line; and YAML whose every value knows its line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

SHOWN = 50
"""Problems that are printed; a file may have one in each of its hundred thousand lines."""
_SAFE = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Problem:
    """One thing to correct."""

    file: str
    line: int | None
    """From 1; none: the file as a whole."""
    what: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.file}{'' if self.line is None else f':{self.line}'}: {self.what}"


def show(problems: Sequence[Problem]) -> str:
    """Print the first of them, and return in words how many there are."""
    for problem in problems[:SHOWN]:
        print(problem)
    if len(problems) > SHOWN:
        print(f"and {len(problems) - SHOWN:,} more")
    return "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"


@dataclass(frozen=True)
class Value:
    """One value of a YAML file: a mapping, a list, or a scalar."""

    node: yaml.Node
    path: str
    """Keys from the top, `system.complexity.macs`."""
    line: int
    """Where its key stands, from 1; of an item of a list, where it begins."""

    @property
    def pairs(self) -> list[tuple[str, Value]]:
        """Of a mapping, every key and its value, as they stand; empty for anything else."""
        if not isinstance(self.node, yaml.MappingNode):
            return []
        return [
            (str(key.value), Value(value, f"{self.path}.{key.value}".lstrip("."), key.start_mark.line + 1))
            for key, value in self.node.value
        ]

    @property
    def fields(self) -> dict[str, Value]:
        """Of a mapping, by key; the last of equal keys; empty for anything else."""
        return dict(self.pairs)

    @property
    def items(self) -> list[Value]:
        """Of a list; empty for anything else."""
        if not isinstance(self.node, yaml.SequenceNode):
            return []
        return [Value(v, f"{self.path}[{n}]", v.start_mark.line + 1) for n, v in enumerate(self.node.value)]

    @property
    def null(self) -> bool:
        """Whether nothing is given: no value, `null`, or `!!null`."""
        return self.node.tag == f"{_SAFE}null"

    @property
    def text(self) -> str | None:
        """Of a scalar, as it is written; none for anything else."""
        return self.node.value if isinstance(self.node, yaml.ScalarNode) else None

    @property
    def number(self) -> float | None:
        """Of a scalar that is a finite decimal number; none for anything else."""
        if self.text is None or self.node.tag not in (f"{_SAFE}int", f"{_SAFE}float", f"{_SAFE}str"):
            return None
        try:
            value = float(self.text)  # 1e-3, which YAML 1.1 takes for a string, is a number to the organisers' check
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    @property
    def true(self) -> bool:
        """Whether it is a boolean that is true."""
        return self.node.tag == f"{_SAFE}bool" and str(self.text).lower() in ("true", "yes", "on")

    def scalars(self) -> list[Value]:
        """Every scalar in it, each place of the file once."""
        found, waiting, seen = [], [self], set()
        while waiting:
            value = waiting.pop()
            if id(value.node) not in seen:
                seen.add(id(value.node))  # an alias leads to a place again, perhaps to one above it
                waiting += [*value.fields.values(), *value.items]
                found += [value] if isinstance(value.node, yaml.ScalarNode) else []
        return sorted(found, key=lambda value: value.line)

    def repeated(self) -> list[Value]:
        """The fields of a mapping whose key stands there more than once, each after the first."""
        first: dict[str, Value] = {}
        return [value for key, value in self.pairs if first.setdefault(key, value) is not value]


def read(name: str, content: str) -> Value | Problem:
    """The top of a YAML file, or why it is none.

    Args:
        name: of the file, for the problem.
        content: its text.
    """
    try:
        node = yaml.compose(content, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        unclosed = error.problem == "found unexpected end of stream"  # then what matters is where it was opened
        mark = (unclosed and error.context_mark) or error.problem_mark
        return Problem(
            name, None if mark is None else mark.line + 1, f"is no YAML ({error.problem or error.context}): correct it"
        )
    except yaml.reader.ReaderError as error:
        line = content.count("\n", 0, error.position) + 1
        return Problem(name, line, "is no YAML, it has a character that is not allowed: remove it")
    except RecursionError:
        return Problem(name, None, "is nested too deeply: keep to the form")
    return Value(node, "", 1) if node is not None else Problem(name, None, "is empty: fill in the form")
