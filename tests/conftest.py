"""What all tests share: the tiny data set, written once a session, and the order of the files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tiny_data
from tinyasc.clips import Clips


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with slow tests first, so that no core is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def tiny_h5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared file of `tests.support.tiny_data`; tests only read it."""
    return tiny_data.write(tmp_path_factory.mktemp("tiny") / "set")


@pytest.fixture(scope="module")
def tiny_clips(tiny_h5: Path) -> Iterator[Clips]:
    """The same, open."""
    with Clips(tiny_h5) as clips:
        yield clips
