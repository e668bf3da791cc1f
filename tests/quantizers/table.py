"""The rows of the study as a Markdown table."""

from collections.abc import Sequence

from tests.quantizers.row import Row
from tests.quantizers.source import SUFFIXES

COLUMNS = ("accuracy, %", "unseen, %", "log loss", "agreement, %", "mean logit difference")
COLUMNS += tuple(f"{suffix}, bytes" for suffix in SUFFIXES) + tuple(f"{suffix} / float" for suffix in SUFFIXES)
COLUMNS += ("logits off the simulator",)
NONE = "–"


def markdown(rows: Sequence[Row]) -> str:
    """A line a row; of a row without figures, the reason stands below the table."""
    lines = [["", *COLUMNS], ["---"] * (len(COLUMNS) + 1), *([row.name, *_cells(row)] for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    failures = "".join(f"\n- {row.name}: {row.failure}" for row in rows if row.failure)
    return f"{table}\n" + (f"{failures}\n" if failures else "")


def _cells(row: Row) -> list[str]:
    if row.failure:
        return [NONE] * len(COLUMNS)
    found = [row.files.get(suffix) for suffix in SUFFIXES]
    return [
        f"{100 * row.macro:.1f}",
        NONE if row.unseen is None else f"{100 * row.unseen:.1f}",
        f"{row.log_loss:.3f}",
        f"{100 * row.agreement:.1f}",
        f"{row.difference:.4f}",
        *(NONE if one is None else f"{one.bytes:,}" for one in found),
        *(NONE if one is None else f"{one.ratio:.2f}" for one in found),
        f"{row.differing:,} of {row.compared:,}" if row.compared else NONE,
    ]
