"""Records as JSON: frozen dataclasses, written and read strictly.

msgspec does it: one small C extension without dependencies that takes plain dataclasses, checks every type while it
reads, and makes the JSON Schema from the same types. pydantic would want base classes of its own and five packages.
"""

from typing import Annotated, Any, TypeVar

import msgspec

Record = TypeVar("Record")
Natural = Annotated[int, msgspec.Meta(ge=0)]
"""A count; checked where a document is read."""


class RecordError(ValueError):
    """A document that is not of its type; says in one line where and why."""


def encode(record: object) -> bytes:
    """Write a record as JSON, a line a value, with a line break at the end."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def decode(content: bytes, kind: type[Record]) -> Record:
    """Read a record.

    Raises:
        RecordError: no JSON, a field that is missing or unknown, or a value of another type.
    """
    try:
        record = msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(str(error)) from None
    place = _unknown(msgspec.json.decode(content), msgspec.json.decode(msgspec.json.encode(record)), "$")
    if place is not None:  # of a dataclass msgspec skips what it does not know
        raise RecordError(f"Object contains unknown field `{place.rpartition('.')[2]}` - at `{place}`")
    return record


def format_of(content: bytes) -> object:
    """The number under "format" of a document; None: it has none.

    Raises:
        RecordError: no JSON.
    """
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(str(error)) from None
    return document.get("format") if isinstance(document, dict) else None


def schema(kind: type) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a type of records."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kind)}


def _unknown(written: object, known: object, place: str) -> str | None:
    """The place of the first key of a document that its record does not have."""
    if isinstance(written, dict) and isinstance(known, dict):
        if extra := [key for key in written if key not in known]:
            return f"{place}.{extra[0]}"
        pairs = [(f"{place}.{key}", value, known[key]) for key, value in written.items()]
    elif isinstance(written, list) and isinstance(known, list):
        pairs = [(f"{place}[{index}]", *both) for index, both in enumerate(zip(written, known, strict=True))]
    else:
        return None
    return next(filter(None, (_unknown(value, other, inside) for inside, value, other in pairs)), None)
