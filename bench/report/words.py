"""How the page writes numbers: rounded to what is worth reading, with their unit, and a dash where there is none."""

from collections.abc import Sequence

from bench.measure.compliance.findings import listed
from bench.measure.figure import Figure

NONE = "–"


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.824 -> 82.4 %."""
    return NONE if fraction is None else f"{100 * fraction:.{digits}f} %"


def interval(bounds: Sequence[float] | None) -> str:
    """(0.5, 0.625) -> 50.0–62.5 %."""
    return NONE if bounds is None else f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f} %"


def thousands(number: float | None) -> str:
    """1234567 -> 1,234,567."""
    return NONE if number is None else f"{number:,.0f}"


def short(number: float | None) -> str:
    """1,500,000 -> 1.5 M."""
    if number is None:
        return NONE
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.3g}"


def three_digits(number: float | None) -> str:
    """0.5 -> 0.500, 114.2 -> 114."""
    if number is None:
        return NONE
    text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:#.3g}".removesuffix(".")
    return text.replace("-", "−")


def number(found: float | None) -> str:
    """A whole number as it is, 1234567 -> 1,234,567; anything else to three digits."""
    return thousands(found) if found is not None and found == int(found) else three_digits(found)


def milliseconds(number: float | None) -> str:
    """0.5 -> 0.500 ms."""
    return NONE if number is None else f"{three_digits(number)} ms"


def kilobytes(number: float | None) -> str:
    """147132 -> 147.1 kB, 128000 -> 128 kB, 512 -> 512 B; kB = 1,000 bytes as in the rules."""
    if number is None:
        return NONE
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= size:
            return f"{f'{number / size:.1f}'.removesuffix('.0')} {unit}"
    return f"{number:.0f} B"


def span(bounds: Sequence[float] | None) -> str:
    """(0.5, 1.25) -> 0.500–1.25."""
    return NONE if bounds is None else f"{three_digits(bounds[0])}–{three_digits(bounds[1])}"


def gigahertz(hertz: float | None) -> str:
    """1.5e9 -> 1.50 GHz."""
    return NONE if hertz is None else f"{hertz / 1e9:.2f} GHz"


def celsius(degrees: float | None) -> str:
    """48.3 -> 48 °C."""
    return NONE if degrees is None else f"{degrees:.0f} °C"


def joules(found: float | None) -> str:
    """0.0123 -> 12.3 mJ."""
    if found is None:
        return NONE
    for size, unit in ((1, "J"), (1e-3, "mJ")):
        if abs(found) >= size:
            return f"{three_digits(found / size)} {unit}"
    return f"{three_digits(found / 1e-6)} µJ"


def joule_span(bounds: Sequence[float] | None) -> str:
    """(0.012, 0.013) -> 12.0 mJ to 13.0 mJ."""
    return NONE if bounds is None else f"{joules(bounds[0])} to {joules(bounds[1])}"


def watts(found: float | None) -> str:
    """2.5 -> 2.50 W."""
    return NONE if found is None else f"{three_digits(found)} W"


def watt_hours(kilowatt_hours: float | None) -> str:
    """0.068 -> 68.0 Wh, 0.0000012 -> 1.20 mWh."""
    if kilowatt_hours is None:
        return NONE
    hours = 1000 * kilowatt_hours
    return f"{three_digits(hours)} Wh" if hours >= 1 else f"{three_digits(1000 * hours)} mWh"


def figure(found: Figure) -> str:
    """The value of a figure with its unit: 82.4 %, 0.301 ms, 147.1 kB, 26,622,208 MACs."""
    return _in_unit(found.value, found.unit)


def figure_interval(found: Figure) -> str:
    """The interval of a figure, in its unit."""
    return "" if found.interval is None else " to ".join(_in_unit(bound, found.unit) for bound in found.interval)


def _in_unit(value: float | None, unit: str) -> str:
    writers = {"fraction": percent, "ms": milliseconds, "bytes": kilobytes, "joules": joules, "kWh": watt_hours}
    if value is None or unit in writers:
        return writers.get(unit, number)(value)
    return f"{number(value)}{'' if unit in ('ratio', 'count') else f' {unit}'}"


def signed(number: float, digits: int = 2) -> str:
    """-0.5 -> −0.50, with a true minus sign."""
    return f"{number:+.{digits}f}".replace("-", "−")


def years(found: Sequence[int]) -> str:
    """2022 to 2025, or the years one by one where some are missing."""
    found = sorted(found)
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]} to {found[-1]}"
    return listed(found)
