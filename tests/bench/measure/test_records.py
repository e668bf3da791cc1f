"""Records of the report: figures are found wherever they stand, and a document is read only as its types have it."""

from dataclasses import dataclass, field

import pytest

from bench.measure import records
from bench.measure.figure import ESTIMATED, Figure, Origin, figures, path_of
from bench.measure.records import RecordError


@dataclass(frozen=True)
class Part:
    macro: Figure
    clips: int = 0


@dataclass(frozen=True)
class Tree:
    whole: Part
    parts: dict[str, Part] = field(default_factory=dict)
    pairs: list[Part] = field(default_factory=list)
    spare: Figure | None = None


def part(place: str, value: float = 0.5) -> Part:
    return Part(Origin(place, "a test").figure("macro", value, "fraction", (0.4, 0.6)))


TREE = Tree(part("whole"), {"tram": part("tram"), "bus": part("bus")}, [part("pair")])


def test_every_figure_of_a_tree_is_found_by_its_path_in_the_order_of_the_fields() -> None:
    found = figures(TREE)
    assert list(found) == ["whole/macro", "tram/macro", "bus/macro", "pair/macro"]
    assert found["bus/macro"] is TREE.parts["bus"].macro
    more = Figure(3, "count", ESTIMATED, "a test", path="spare")
    assert list(figures(Tree(part("whole"), spare=more))) == ["whole/macro", "spare"]  # one more field: one more figure
    assert figures({"a": 1, "b": ["text", None]}) == {}


def test_what_is_written_is_read_again() -> None:
    assert records.decode(records.encode(TREE), Tree) == TREE
    whole = records.decode(records.encode(Figure(147_132, "bytes", ESTIMATED, "a test")), Figure)
    assert isinstance(whole.value, int)  # a count stays one


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"clips": 0', '"clips": "many"', r"Expected `int`, got `str` - at `\$\.whole\.clips`"),
        ('"clips": 0', '"clips": 0, "colour": "red"', r"unknown field `colour` - at `\$\.whole\.colour`"),
        ('"unit": "fraction",', "", r"missing required field `unit` - at `\$\.whole\.macro`"),
        ('"measured"', '"guessed"', r"Invalid enum value 'guessed' - at `\$\.whole\.macro\.provenance`"),
        ("0.4", "0.4, 0.5", r"Expected `array` of length 2"),
        ('"whole"', "whole", "JSON is malformed"),
    ],
)
def test_another_document_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    content = records.encode(TREE).decode().replace(old, new, 1)
    with pytest.raises(RecordError, match=message) as raised:
        records.decode(content.encode(), Tree)
    assert "\n" not in str(raised.value)


def test_what_is_no_number_is_no_figure() -> None:
    with pytest.raises(ValueError, match="whole/macro is nan"):
        part("whole", float("nan"))


def test_an_unknown_field_of_an_entry_is_named_by_its_place() -> None:
    content = records.encode(TREE).decode()
    at = content.rindex('"clips"')
    with pytest.raises(RecordError, match=r"unknown field `colour` - at `\$\.pairs\[0\]\.colour`"):
        records.decode(f'{content[:at]}"colour": 1, {content[at:]}'.encode(), Tree)


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("model.tflite", "tflite/int8"),
        ("model_float.onnx", "onnx/float"),
        ("drop_in.tflite", "tflite/drop_in"),
        ("kws.tflite", "tflite/kws"),
    ],
)
def test_files_have_their_part_of_a_path(file: str, path: str) -> None:
    assert path_of(file) == path


def test_the_schema_knows_every_field() -> None:
    schema = records.schema(Tree)
    assert schema["$defs"]["Tree"]["required"] == ["whole"]
    assert set(schema["$defs"]["Figure"]["properties"]) == {"value", "unit", "provenance", "source", "interval", "path"}
