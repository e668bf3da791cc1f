"""Which files a submission must answer."""

import csv
from pathlib import Path

from bench.challenge.submission.forms import Form
from tinyasc.clips import Clips
from tinyasc.errors import UserError


def files_of(path: Path) -> list[str]:
    """Names of the files of an evaluation set.

    Args:
        path: its table of files, tab separated, with a column filename; or the prepared set: its test clips are meant.

    Raises:
        UserError: it is neither.
    """
    if path.suffix == ".h5":
        with Clips(path) as clips:
            return [clips.files[clip] for clip in clips.indices("test")]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            found = [row.get("filename") or "" for row in csv.DictReader(file, delimiter="\t")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be read as a table of files ({error}): give fold1_test.csv, or an .h5"
        ) from None
    if not all(found) or not found:
        raise UserError(f"{path} has no column filename, or empty cells in it: give fold1_test.csv of the set")
    return found


def not_confirmed(form: Form, files_known: bool) -> str:
    """A line that says what of a form stands in no source; empty where there is nothing to say."""
    unknown = (
        [] if files_known or form.files is not None else ["the files of the evaluation set, which were not checked"]
    )
    parts = [part for part in (form.remark, *unknown) if part]
    return f"not confirmed of {form.year}: {'; '.join(parts)}\n" if parts else ""
