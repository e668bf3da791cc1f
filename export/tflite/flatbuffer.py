"""Writing a TFLite flatbuffer small: equal vectors, strings and tables are stored once.

A table is named and filled in the words of the schema that ai-edge-litert ships.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

# Weights are read in place by the kernels, which want 16-byte alignment (`force_align` in the schema).
BUFFER_ALIGNMENT = 16


class Writer:
    """A flatbuffer builder that remembers what it has written."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1 << 16)
        self._written: dict[tuple[Any, ...], int] = {}

    def string(self, text: str) -> int:
        """Offset of a string."""
        return self._once(("string", text), lambda: self.builder.CreateString(text))

    def numbers(self, values: NDArray[Any]) -> int:
        """Offset of a vector of numbers."""
        key = (values.dtype.str, values.tobytes())
        return self._once(key, lambda: self.builder.CreateNumpyVector(values))

    def data(self, content: bytes) -> int:
        """Offset of an aligned vector of bytes."""

        def write() -> int:
            self.builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
            self.builder.head = self.builder.Head() - len(content)
            self.builder.Bytes[self.builder.Head() : self.builder.Head() + len(content)] = content
            return self.builder.EndVector()

        return self._once(("data", content), write)

    def offsets(self, items: Sequence[int]) -> int:
        """Offset of a vector of tables."""
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return self.builder.EndVector()

    def table(self, kind: str, **fields: Any) -> int:
        """Offset of a table of the schema's type `kind`; `fields` are its fields in the schema's CamelCase."""

        def write() -> int:
            getattr(schema, f"{kind}Start")(self.builder)
            for name, value in fields.items():
                getattr(schema, f"{kind}Add{name}")(self.builder, value)
            return getattr(schema, f"{kind}End")(self.builder)

        return self._once((kind, *sorted(fields.items())), write)

    def finish(self, root: int) -> bytes:
        """The whole file."""
        self.builder.Finish(root, file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def _once(self, key: tuple[Any, ...], write: Any) -> int:
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]


def vector(*values: int) -> NDArray[np.int32]:
    """A vector of the schema's 32-bit integers."""
    return np.array(values, np.int32)
