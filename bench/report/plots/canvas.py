"""A picture that is as wide as its place on the page: across in fractions of the plot, down in pixels.

A drawing with a viewBox shrinks its words with it, to five pixels on a phone. Here positions across are per cent of the
plot's width, and words keep their size on every screen. Labels stand outside of the plot, in margins that style.css
keeps free. Colours are classes of style.css, so that they follow light and dark.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from xml.etree import ElementTree

from markupsafe import Markup

LONG = 1000
"""Units of a curve's own coordinates, across and down."""
LETTER, CAPITAL = 6.4, 8.6
"""Pixels of a letter of 13, on average, in a wide font."""


@dataclass(frozen=True)
class Margins:
    """Pixels kept free around the plot."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class Canvas:
    """One picture. Positions: x and widths as fractions of the plot, y and heights in pixels from its top."""

    def __init__(self, title: str, height: float, margins: Margins) -> None:
        """`title`: what a screen reader says of the picture."""
        margin = f"{margins.top}px {margins.right}px {margins.bottom}px {margins.left}px"
        across = margins.left + margins.right
        style = f"margin:{margin};width:calc(100% - {across}px);height:{height:g}px"
        self.root = ElementTree.Element("svg", {"role": "img", "aria-label": title, "class": "plot", "style": style})

    def rectangle(
        self, x: float, y: float, width: float, height: float, kind: str, *, hint: str = "", opacity: float = 1
    ) -> None:
        """A bar or a cell; `hint` is shown while the pointer rests on it."""
        place = {"x": _percent(x), "y": f"{y:g}", "width": _percent(max(0.0, width)), "height": f"{height:g}"}
        if opacity != 1:
            place["fill-opacity"] = f"{opacity:.2f}"
        self._add("rect", kind, place, hint)

    def line(self, x: float, y: float, x_end: float, y_end: float, kind: str) -> None:
        self._add("line", kind, {"x1": _percent(x), "y1": f"{y:g}", "x2": _percent(x_end), "y2": f"{y_end:g}"})

    def circle(self, x: float, y: float, radius: float, kind: str, *, hint: str = "") -> None:
        self._add("circle", kind, {"cx": _percent(x), "cy": f"{y:g}", "r": f"{radius:g}"}, hint)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        kind: str = "",
        *,
        anchor: str = "start",
        right: float = 0,
        turn: float = 0,
    ) -> None:
        """Words whose middle height is at `y`, moved `right` by pixels, turned by degrees."""
        # An <svg> of its own: a turn takes its centre in pixels, which a place in per cent is not.
        place = self._add("svg", "place", {"x": _percent(x), "y": f"{y:g}"})
        attributes = {"x": f"{right:g}", "dy": "0.35em", "text-anchor": anchor}
        if turn:
            attributes["transform"] = f"rotate({turn:g})"
        if kind:
            attributes["class"] = kind
        ElementTree.SubElement(place, "text", attributes).text = words

    def curve(self, points: Iterable[tuple[float, float]], kind: str, close: bool = False) -> None:
        """A line through points (x as a fraction of the width, y as one of the height, from the top)."""
        steps = " ".join(f"{LONG * x:.4g},{LONG * y:.4g}" for x, y in points)
        ElementTree.SubElement(self._stretched(), "polygon" if close else "polyline", {"points": steps, "class": kind})

    def dots(self, points: Iterable[tuple[float, float]], kind: str) -> None:
        """Many small points as one path: as in `curve`; the stroke's round ends are the dots."""
        steps = "".join(f"M{LONG * x:.4g} {LONG * y:.4g}h0" for x, y in points)
        ElementTree.SubElement(self._stretched(), "path", {"d": steps, "class": f"dots {kind}"})

    def markup(self) -> Markup:
        return Markup(ElementTree.tostring(self.root, encoding="unicode"))

    def _stretched(self) -> ElementTree.Element:
        box = {"viewBox": f"0 0 {LONG} {LONG}", "preserveAspectRatio": "none", "width": "100%", "height": "100%"}
        return self._add("svg", "place", box)

    def _add(self, tag: str, kind: str, attributes: dict[str, str], hint: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(self.root, tag, {**attributes, "class": kind} if kind else attributes)
        if hint:
            ElementTree.SubElement(element, "title").text = hint
        return element


@dataclass(frozen=True)
class Scale:
    """Numbers from `low` to `high` as fractions from 0 to 1; what lies outside stays at the edge."""

    low: float
    high: float
    logarithmic: bool = False

    def __call__(self, number: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, number = math.log(low), math.log(high), math.log(max(number, self.low))
        return min(1.0, max(0.0, (number - low) / (high - low))) if high > low else 0.0

    def ticks(self, most: int = 6) -> list[float]:
        """At most about `most` round numbers: 1, 2, 2.5 and 5 times powers of ten; on a logarithmic scale 1 and 3."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [n * 10.0**p for p in powers for n in (1, 3) if self.low <= n * 10.0**p <= self.high]
        rough = (self.high - self.low) / most
        if rough <= 0:
            return [self.low]
        power = 10 ** math.floor(math.log10(rough))
        step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def fitted(words: str, pixels: float) -> str:
    """Words that come from elsewhere, cut to what a margin of so many pixels holds."""
    ends = list(accumulate(CAPITAL if letter.isupper() else LETTER for letter in words))
    if not ends or ends[-1] <= pixels:
        return words
    return f"{words[: sum(end <= pixels - CAPITAL for end in ends)]}…"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.4g}%"
