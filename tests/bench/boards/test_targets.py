"""The boards that can be asked for by name."""

from pathlib import Path

import pytest

from bench.boards.targets import boards
from tinyasc.errors import UserError

PI4 = (boards.FOLDER / "pi4.yaml").read_text()
# MIDR_EL1 (variant, part, revision) of the cores in Arm's reference manuals; clocks of the product briefs.
KNOWN = {
    "pi3": ("cortex-a53", 1.4e9, "0x0", "0xd03", 4),
    "pi4": ("cortex-a72", 1.5e9, "0x0", "0xd08", 3),
    "pi5": ("cortex-a76", 2.4e9, "0x4", "0xd0b", 1),
    "zero2": ("cortex-a53", 1.0e9, "0x0", "0xd03", 4),
}


def test_every_board_reads_and_is_what_it_is() -> None:
    found = [boards.load(key) for key in boards.known()]
    assert {
        board.key: (board.processor, board.clock_hz, board.core.variant, board.core.part, board.core.revision)
        for board in found
    } == KNOWN
    assert {board.key for board in found if "asimddp" in board.core.features} == {"pi5"}  # dot products
    assert all(board.cores == 4 and board.source for board in found)


@pytest.mark.parametrize("key", ["pi2", "zero", "armv7", "../targets/pi4"])
def test_what_is_no_64_bit_board_is_refused(key: str) -> None:
    with pytest.raises(UserError, match=rf"no target .*: take {', '.join(KNOWN)} \(emulated, all 64-bit"):
        boards.load(key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "while parsing"),
        ("- a", "it is no mapping"),
        ("cors: 4", "unknown field `cors`"),
        ("name: Pi", "missing required field"),
        (PI4.replace("1500000000", "1.5e9"), "Expected `float`, got `str` - at `$.clock_hz`"),  # YAML 1.1: no float
    ],
)
def test_a_file_that_describes_no_board_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "pi.yaml").write_text(text)
    monkeypatch.setattr(boards, "FOLDER", tmp_path)
    with pytest.raises(UserError) as refused:
        boards.load("pi")
    assert f"{tmp_path / 'pi.yaml'} describes no board: " in str(refused.value)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
