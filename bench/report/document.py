"""`report.json`, format 2: read and written whole, and only as its schema (schema.json) has it.

`report.html` is made from it alone, so that a page can be made again, and two reports be compared.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match

from bench.boards.device import result
from bench.report import page
from tinyasc.artifact import atomic_write
from tinyasc.errors import UserError

FORMAT = 2
SCHEMA = Path(__file__).with_name("schema.json")


def read(path: Path) -> dict[str, Any]:
    """The content of a report.json.

    Raises:
        UserError: no such file, of another format, or not as the schema has it.
    """
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}: `make bench` writes a report.json") from error
    except ValueError:
        raise UserError(f"{path} is no JSON: give the report.json that `make bench` wrote") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise UserError(f"{path} has format {found}, this version reads {FORMAT}: make it again with `make bench`")
    reason = best_match(_validator().iter_errors(content))
    if reason is not None:
        raise UserError(
            f"{path} is no report: {reason.json_path} {reason.message[:200]}: make it again with `make bench`"
        )
    for target in content["targets"]:
        result.check(target, str(path))
    return content


def write(content: dict[str, Any], out: Path) -> None:
    """Write report.html and report.json into `out`, each whole or not at all.

    report.json comes last: where it is, the report is complete (it is what make looks at).
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    _validator().validate(json.loads(text))
    html = page.render(json.loads(text))
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / "report.html", html.encode())
    atomic_write(out / "report.json", text.encode())


def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
