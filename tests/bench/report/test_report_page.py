"""The page of a report: complete in itself, every figure tagged, whole without parts, and sound in a browser."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench.measure import records
from bench.measure.figure import MEASURED, Figure
from bench.measure.latency.profile import Profile, Step
from bench.report import page, views, words
from bench.report.document import Report
from bench.report.plots import accuracy as plots
from bench.report.plots.canvas import Scale, fitted
from bench.report.plots.costs import profile
from tests.support import tiny_report
from tests.support.tiny_report import edited

REPORTS = {"run": tiny_report.run, "foreign": tiny_report.foreign}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BOXES = ("tile", "figure", "table")
"""Whatever shows figures: each must hold a tag that says how they were got."""


class Read(HTMLParser):
    """What a page could load, its tags and ids, and the boxes of figures without a tag."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.untagged: list[tuple[str, str]] = []
        self.boxes = 0
        self._open: list[tuple[str, str | None, bool]] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [
            value or "" for name, value in attrs if name.split(":")[-1] in ("src", "href", "srcset", "data")
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        kinds = (dict(attrs).get("class") or "").split()
        if "how" in kinds:
            self._open = [(name, box, True) for name, box, _ in self._open]
        box = tag if tag in BOXES else "tile" if "tile" in kinds else None
        self.boxes += box is not None
        if tag not in self.VOID:
            self._open.append((tag, box, False))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        name, box, tagged = self._open.pop()
        assert name == tag, f"<{name}> is closed by </{tag}> in line {self.getpos()[0]}"
        if box is not None and not tagged:
            self.untagged.append((box, str(self.getpos())))


@pytest.mark.parametrize("name", REPORTS)
def test_page_is_complete_in_itself_and_tags_every_figure(name: str) -> None:
    report = REPORTS[name]()
    text = page.render(report)
    read = Read(text)
    assert all(reference.startswith("#") and reference[1:] in read.ids for reference in read.references)
    assert not {"script", "link", "iframe", "object", "img", "use"} & set(read.tags)
    assert not re.findall(r"@import|url\((?!#)|https?:", text.replace("http://www.w3.org/2000/svg", ""))
    assert len(read.ids) == len(set(read.ids))
    assert read.boxes > 10
    assert not read.untagged
    assert html.escape(report.sentence) in text
    assert text.count("<section") == len(page.SECTIONS)


def test_page_of_a_run_says_what_was_found() -> None:
    text = page.render(tiny_report.run())
    for words_ in (
        "Made-up data.",
        "Other data than in training.",
        "identical numbers on all 270",
        "parameter memory would be over, 129,000 of 128,000",
        "269 of 270",
        "teacher, 2 G MACs 81.0 %",  # off the axis: a line
        "No estimate: no constants for these kernels.",
        "Throttled after: under-voltage; since boot: under-voltage and throttled.",
        "a call without the profile to",
        "68.0 Wh",
    ):
        assert words_ in text, words_
    for label in ("measured", "estimated", "quoted"):
        assert f'<span class="how {label}"' in text
    assert 'class="band"' in text  # the estimate, unlike what was measured


@pytest.mark.parametrize(
    ("part", "empty", "words_"),
    [
        ("accuracy", None, "No data set was given"),
        ("energy", None, "--energy_seconds"),
        ("targets", [], "--target pi4"),
        ("lineage", [], "came without a model card"),
        ("parity", None, "The files"),
        ("card", None, "How to get this again"),
        ("data", None, "How to get this again"),
    ],
)
def test_a_part_that_was_not_measured_is_one_line(part: str, empty: Any, words_: str) -> None:
    text = page.render(edited(tiny_report.run(), (part, empty)))
    assert words_ in text
    assert not Read(text).untagged
    assert "None" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_an_interval_of_two_moments_is_not_left_to_be_believed() -> None:
    report = tiny_report.run()
    assert "too narrow" not in page.render(report)
    few = edited(report, ("accuracy/files/model.tflite/parts/class/airport/moments", 2))
    assert "From 2 moments of a class an interval comes out too narrow" in page.render(few)


def profiled(steps: list[Step]) -> Profile:
    return Profile("", steps, call=None, whole=24.0, noise=0.0, runs=1)


def test_no_operation_takes_less_than_no_time() -> None:
    """Differences of times may fall below 0 by chance."""
    times = [5.0, 4.0, 3.0] + 11 * [1.0] + [-0.04]
    steps = [Step([place], ["CONV_2D"], 0, "one", time, None) for place, time in enumerate(times)]
    drawn = str(profile(profiled(steps[2:])))
    assert "15  CONV" in drawn  # one more than are shown one by one: by its own name
    assert "others" not in drawn
    assert "−" not in drawn
    assert "-0 %" not in drawn
    assert "3 others" in str(profile(profiled(steps)))


def test_names_from_a_foreign_file_are_words_and_nothing_else() -> None:
    hostile = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    text = records.encode(tiny_report.run()).decode()
    for innocent in ("metro_station", "DEPTHWISE_CONV_2D", "drop_in.tflite", "under-voltage", "AMD EPYC", "seen"):
        text = text.replace(json.dumps(innocent)[1:-1], json.dumps(hostile)[1:-1])
    made = page.render(records.decode(text.encode(), Report))
    read = Read(made)
    assert "script" not in read.tags
    assert "<script" not in made
    assert "alert(1)" in made
    assert "49" not in re.findall(r"alert\(1\).{0,60}", made)[0]


def test_no_numbers_at_all_are_no_error() -> None:
    zero = replace(tiny_report.foreign().compliance.network.macs, value=0)
    report = edited(
        tiny_report.foreign(),
        ("layers", []),
        ("compliance/network/macs", zero),
        ("compliance/network/parameters", zero),
        ("memory/kws.tflite/timeline", []),
        ("latency/profiles", {}),
        ("latency/skipped", []),
    )
    assert "kws.tflite" in page.render(report)


def test_both_colour_schemes_can_be_read() -> None:
    """WCAG 2.2: text has a contrast of 4.5 or more, marks of pictures 3 (https://www.w3.org/TR/WCAG22/)."""
    style = page.STYLE.read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in style.split("@media", 2)[:2])
    pairs = {"ink": ("page", "card", "sunk", "warn-back"), "muted": ("page", "card"), "on-int8": ("int8",)}
    pairs |= {kind: (f"{kind}-back", "card", "page") for kind in ("good", "bad", "warn", "quoted")}
    marks = ("int8", "unseen", "float", "third", "over")
    for scheme in (light, light | dark):
        for text, backs in pairs.items():
            for back in backs:
                assert contrast(scheme[text], scheme[back]) >= 4.5, (text, back)
        for mark in marks:
            assert contrast(scheme[mark], scheme["card"]) >= 3, mark


def contrast(one: str, other: str) -> float:
    """Of two colours #rrggbb, as WCAG defines it, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_long_names_are_cut_to_their_margin() -> None:
    assert fitted("street pedestrian", 109) == "street pedestrian"
    assert fitted("a device in the kitchen upstairs", 109) == "a device in the…"
    assert fitted("FULLY_CONNECTED", 60) == "FULLY_…"


def test_numbers_of_published_systems_stand_apart() -> None:
    chart = views.on_the_map(tiny_report.run())
    places = [(0.3, 100.0), (0.31, 101.0), (0.3, 100.0), (0.32, 104.0), (0.9, 20.0)]
    offsets = plots._apart(places, 0)
    labels = [(plots.NARROW * x + right, y + down) for (x, y), (right, down) in zip(places, offsets, strict=True)]
    for place, one in enumerate(labels):
        for other in labels[:place]:
            assert max(abs(one[0] - other[0]), abs(one[1] - other[1])) >= 11
    assert [point.name for point in chart.own] == ["INT8 .tflite", "float"]


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0, 1), [0, 0.25, 0.5, 0.75, 1]),
        (Scale(0, 7.8), [0, 2, 4, 6]),
        (Scale(0, 8.5), [0, 2.5, 5, 7.5]),
        (Scale(8e5, 1.15e8, logarithmic=True), [1e6, 3e6, 1e7, 3e7, 1e8]),
        (Scale(0, 0), [0]),
    ],
)
def test_scales_have_round_ticks_inside(scale: Scale, ticks: list[float]) -> None:
    assert scale.ticks(4) == pytest.approx(ticks)
    assert all(0 <= scale(tick) <= 1 for tick in scale.ticks(4))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.three_digits(0.5), "0.500"),
        (words.three_digits(1.236), "1.24"),
        (words.three_digits(114.2), "114"),
        (words.three_digits(-0.25), "−0.250"),
        (words.percent(None), "–"),
        (words.percent(0.8244), "82.4 %"),
        (words.interval((0.5, 0.625)), "50.0–62.5 %"),
        (words.short(26_622_208), "26.6 M"),
        (words.kilobytes(128_000), "128 kB"),
        (words.kilobytes(147_132), "147.1 kB"),
        (words.joules(0.0123), "12.3 mJ"),
        (words.joules(-1.08e-5), "−10.8 µJ"),
        (words.watt_hours(0.068), "68.0 Wh"),
        (words.signed(-0.5), "−0.50"),
        (words.years([2022]), "2022"),
        (words.years([2025, 2022, 2023]), "2022, 2023 and 2025"),
        (words.years([2023, 2024, 2025]), "2023 to 2025"),
        (words.figure(Figure(26_622_208, "MACs", MEASURED, "")), "26,622,208 MACs"),
        (words.figure(Figure(0.4980, "ratio", MEASURED, "")), "0.498"),
        (words.figure(Figure(0.0123, "joules", MEASURED, "")), "12.3 mJ"),
    ],
)
def test_numbers_are_written_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected


WATCH = """<script>
const errors = [];
addEventListener('error', event => errors.push(event.message || 'resource'), true);
addEventListener('load', () => {
  document.querySelectorAll('details').forEach(one => one.open = true);
  const plots = [...document.querySelectorAll('svg.plot')];
  const drawn = plots.filter(one => [...one.querySelectorAll('rect, circle, polyline, .dots')].some(mark => {
    const box = mark.getBoundingClientRect(), style = getComputedStyle(mark);
    return box.width > 1 && (style.fill.startsWith('rgb') || style.stroke.startsWith('rgb'));
  }));
  const cut = [...document.querySelectorAll('svg.plot text')].filter(one => {
    const box = one.getBoundingClientRect(), card = one.closest('.card').getBoundingClientRect();
    return box.width && (box.left < card.left || box.right > card.right + 1);
  });
  parent.postMessage({
    width: innerWidth, needed: document.documentElement.scrollWidth, errors, plots: plots.length, drawn: drawn.length,
    cut: cut.map(one => one.textContent), bar: getComputedStyle(document.querySelector('rect.int8')).fill,
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
  }, '*');
});
</script>"""
FRAMES = """<pre id=said></pre><script>
const said = [];
addEventListener('message', event => {{
  said.push(event.data);
  document.all.said.textContent = JSON.stringify(said);
}});
</script>{}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_holds_in_a_browser(scheme: str, tmp_path: Path) -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)}")
    frames = []
    for name, make in REPORTS.items():
        (tmp_path / f"{name}.html").write_text(page.render(make()).replace("<head>", f"<head>{WATCH}", 1))
        frames += [
            f'<iframe src="{name}.html" style="width:{width}px;height:900px;border:0"></iframe>'
            for width in (1280, 390)
        ]
    (tmp_path / "frames.html").write_text(FRAMES.format("".join(frames)))
    done = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            (tmp_path / "frames.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'<pre id="said">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr[-500:]
    said = json.loads(html.unescape(found[1]))
    assert sorted(one["width"] for one in said) == [390, 390, 1280, 1280]
    for one in said:
        assert one["needed"] <= one["width"], "the page scrolls sideways"
        assert not one["errors"]
        assert one["plots"] == one["drawn"] > 3
        assert not one["cut"]
        assert one["dark"] == (scheme == "dark")
    assert {one["bar"] for one in said} == {"rgb(15, 118, 110)" if scheme == "light" else "rgb(53, 179, 164)"}


def test_operations_shorter_than_the_profilers_microsecond_are_drawn() -> None:
    assert "Add" in profile(profiled([Step([0], ["Add"], 1, "x", 0.0, None)]))


def test_the_way_from_the_waveform_is_as_long_as_one_call_of_all() -> None:
    report = tiny_report.run()
    (whole,) = {one.parts["whole"].value for one in report.latency.end_to_end.values()}
    assert views.end_to_end(report)[0].text == words.milliseconds(whole)


@pytest.mark.parametrize(
    ("ran", "again"),
    [
        ("python -m bench --model RUN --data 'my d.h5'", "python -m bench --model RUN --data 'my d.h5' --target pi4"),
        ("python -m bench --target pi5 --model RUN --json=X", "python -m bench --model RUN --target pi4"),
        ("python -m bench --model RUN --compare A.json", "python -m bench --model RUN --target pi4"),
    ],
)
def test_the_command_for_what_is_missing_judges_the_same(ran: str, again: str) -> None:
    assert views.command(replace(tiny_report.foreign(), command=ran), "--target", "pi4") == again
