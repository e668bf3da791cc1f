"""The page: `report.html`, made from the report alone.

One document, complete in itself: style, pictures and words inside, nothing to load and nothing to run. A section is a
template of templates/sections; a part that was not measured is one line that names the command that measures it.
"""

from functools import cache
from inspect import isfunction
from pathlib import Path

import jinja2
from markupsafe import Markup

from bench.measure import records
from bench.report import views, words
from bench.report.document import Report
from bench.report.plots import accuracy, bars, costs
from tinyasc.artifact import atomic_write

TEMPLATES = Path(__file__).with_name("templates")
STYLE = Path(__file__).with_name("style.css")
SECTIONS = {
    "verdict": "Verdict",
    "accuracy": "Accuracy",
    "precision": "Float against INT8",
    "latency": "Latency",
    "memory": "Memory",
    "layers": "Layer by layer",
    "map": "Among published systems",
    "limits": "Limits",
    "targets": "Targets",
    "energy": "Energy",
    "lineage": "Lineage",
    "again": "How to get this again",
}
"""Template -> heading, in the order of the page."""
PLOTS = {"accuracy": accuracy, "bars": bars, "costs": costs}
WRITERS = {name: writer for name, writer in vars(words).items() if isfunction(writer) and not name.startswith("_")}


def write(report: Report, out: Path) -> None:
    """Write report.html and report.json into `out`, each whole or not at all.

    report.json comes last: make takes the report as complete where it is. What would not be read again is not written.
    """
    content = records.encode(report)
    html = render(records.decode(content, Report))
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / "report.html", html.encode())
    atomic_write(out / "report.json", content)


def render(report: Report) -> str:
    """The page of a report. Everything in it may come from a foreign file: all is escaped."""
    page = _environment().get_template("page.html.jinja")
    return page.render(report=report, figures=report.figures, sections=SECTIONS, style=Markup(STYLE.read_text()))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,  # a name that is misspelt is an error, not an empty place
    )
    environment.filters |= WRITERS
    environment.globals |= {"views": views, "plots": PLOTS}
    return environment
