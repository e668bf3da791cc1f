"""Command: two reports side by side, for people and for continuous integration.

python -m bench.compare OLD.json NEW.json
"""

from pathlib import Path

from bench.report import compare as reports
from bench.report import document
from bench.report.changes import DEFAULT, Tolerance
from tinyasc import recipe


def compare(old: Path, new: Path, /, *, tolerance: Tolerance = DEFAULT) -> None:
    """Print what is better or worse in a new report than in an old one; exit with 1 if anything is worse.

    Accuracy counts as worse if it fell by more than a tolerance and by more than chance explains, on the same test
    data; a size or a count if it rose; a latency if it rose by more than noise, on the same machine; a limit that held
    and does not any more; and files that gave the same logits and do not any more.

    Args:
        old: report.json of `python -m bench`.
        new: another one.
        tolerance: how much is let pass.
    """
    found = reports.changes(document.read(old), document.read(new), tolerance)
    print(reports.table(found))
    reports.need_no_regression(found)


if __name__ == "__main__":
    raise SystemExit(recipe.run(compare))
