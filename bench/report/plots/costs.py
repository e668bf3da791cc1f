"""What files cost: time of one inference, and cost, time and live activations operation by operation."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from bench.boards.device.result import TargetEstimate, TargetLatency, TargetResult
from bench.measure.graph.cost import Layer
from bench.measure.latency.measure import TimedVariant
from bench.measure.latency.profile import Profile, Step
from bench.measure.memory.findings import FileMemory
from bench.measure.subject import File
from bench.report.plots.bars import Bar, bars
from bench.report.plots.canvas import Canvas, Margins, Scale, fitted
from bench.report.words import kilobytes, milliseconds, percent, short, three_digits

COLUMNS = (
    ("macs", "MACs", "int8", short),
    ("parameters", "parameters", "third", short),
    ("constant_bytes", "bytes", "float", kilobytes),
)
"""Key of a layer, its heading, class of its bars, how a number is written."""
BAR = 0.6
"""The longest bar, as a part of its column; its per cent stand behind it."""
GAP = 0.05
"""Between the columns, as a fraction of the picture."""
ROW, THICK, LEFT = 26, 13, 112
"""Pixels: of a row, of a bar, and for the names."""
MOST = 12
"""Steps that are shown one by one."""
HEIGHT = 170
"""Pixels of the picture of activations."""


def latency(variants: Sequence[TimedVariant], targets: Sequence[TargetResult], files: Mapping[str, File]) -> Markup:
    """Draw milliseconds of one inference on one thread: here by runtime, and on targets, measured or estimated."""
    rows = [_measured(one, files[one.file], one.runtime) for one in variants if one.threads == 1]
    order = list(dict.fromkeys(row.heading for row in rows))
    rows.sort(key=lambda row: order.index(row.heading))
    for target in targets:
        first = [one for one in target.latency if one.threads == 1 and one.file in files]
        rows += [_measured(one, files[one.file], f"{target.board.name}, measured there") for one in first]
        rows += [
            _estimated(one, files[one.file]) for one in target.estimates if one.file in files and one.milliseconds.value
        ]
    # By what is drawn as a bar or a band: on a busy machine the 95th percentile may be many times the median.
    most = max(max(1.1 * row.value, row.span[1] if row.span and row.estimated else 0) for row in rows)
    return bars(
        "Latency of one inference on one thread",
        rows,
        Scale(0, most),
        lambda time: f"{time:g}",
        axis="milliseconds",
        left=156,
        right=78,
    )


def _measured(one: TimedVariant | TargetLatency, file: File, heading: str) -> Bar:
    median, p95 = one.median.value or 0.0, one.p95.value
    tail = "" if p95 is None else f", 95th percentile {milliseconds(p95)}"
    return Bar(
        name=file.title,
        value=median,
        text=milliseconds(median),
        kind="drop-in" if file.drop_in else "int8" if file.integer else "float",
        span=None if p95 is None else (median, p95),
        hint=f"{one.file}: median {milliseconds(median)}{tail}, {one.runs} runs",
        heading=heading,
    )


def _estimated(one: TargetEstimate, file: File) -> Bar:
    value, band = one.milliseconds.value or 0.0, one.milliseconds.interval or (0.0, 0.0)
    return Bar(
        name=file.title,
        value=value,
        text=f"≈ {milliseconds(value)}",
        kind="int8",
        span=band,
        estimated=True,
        hint=f"{one.file}: estimated at {milliseconds(value)}, between {' to '.join(map(milliseconds, band))}",
        heading=f"{one.board}, estimated",
    )


def layers(found: Sequence[Layer], most: int = 14) -> Markup:
    """Draw shares of MACs, parameters and constant bytes: the `most` dearest operations by MACs, and the others."""
    order = sorted(range(len(found)), key=lambda place: (-found[place].macs, -found[place].constant_bytes))
    costs = [
        {"macs": one.macs, "parameters": one.weights + one.biases, "constant_bytes": one.constant_bytes}
        for one in found
    ]
    rows = [(f"{place + 1}  {short_name(found[place].operation)}", costs[place]) for place in order[:most]]
    if rest := order[most:]:
        others = {key: sum(costs[place][key] for place in rest) for key, *_ in COLUMNS}
        rows.append((f"{len(rest)} others", others))
    width = (1 - GAP * (len(COLUMNS) - 1)) / len(COLUMNS)
    canvas = Canvas("Cost of the dearest operations", ROW * len(rows), Margins(left=LEFT, right=4, top=24, bottom=4))
    for number, (key, heading, kind, write) in enumerate(COLUMNS):
        left = number * (width + GAP)
        total = max(1, sum(cost[key] for cost in costs))
        canvas.text(left, -12, heading, "tick")
        largest = max([1, *(cost[key] for _, cost in rows)])
        for row, (words, cost) in enumerate(rows):
            y = ROW * row + (ROW - THICK) / 2
            long = width * BAR * cost[key] / largest
            hint = f"{words}: {write(cost[key])} {heading}, {percent(cost[key] / total)}"
            canvas.rectangle(left, y, long, THICK, kind, hint=hint)
            canvas.text(left + long, ROW * row + ROW / 2, percent(cost[key] / total, 0), "tick", right=5)
    for row, (words, _) in enumerate(rows):
        canvas.text(0, ROW * row + ROW / 2, fitted(words, LEFT - 9), anchor="end", right=-9)
    return canvas.markup()


def short_name(operation: str) -> str:
    """DEPTHWISE_CONV_2D -> DEPTHWISE, CONV_2D -> CONV."""
    return operation.removesuffix("_2D").replace("DEPTHWISE_CONV", "DEPTHWISE")


def profile(found: Profile) -> Markup:
    """Draw what each operation takes of the time: the MOST longest steps, and all others as one row."""
    steps = sorted(found.steps, key=lambda step: -step.microseconds)
    rows = [_bar(step, found.share(step.microseconds)) for step in steps[:MOST]]
    rest = steps[MOST:]
    if len(rest) == 1:  # takes no more room than what would stand for it
        rows.append(_bar(rest[0], found.share(rest[0].microseconds)))
    elif rest:
        time = sum(step.microseconds for step in rest)
        rows.append(Bar(f"{len(rest)} others", time, _text(time, found.share(time)), "float"))
    most = max((row.value for row in rows), default=1) or 1
    title = "Microseconds by operation"
    return bars(title, rows, Scale(0, most), lambda time: f"{time:g}", axis="microseconds", left=132, right=88)


def _bar(step: Step, share: float) -> Bar:
    return Bar(
        name=_name(step),
        value=max(0.0, step.microseconds),
        text=_text(step.microseconds, share),
        kind="int8",
        span=step.interval,
        hint=f"{' + '.join(step.operations)} {step.name}: {step.microseconds:.2f} µs, {step.macs:,} MACs",
    )


def _name(step: Step) -> str:
    """Its places in running order and the operation that counts most among them, the last one."""
    if not step.layers:
        return step.name
    first, last = step.layers[0] + 1, step.layers[-1] + 1
    return f"{first if first == last else f'{first}–{last}'}  {short_name(step.operations[-1])}"


def _text(microseconds: float, share: float) -> str:
    """A difference of two times may come out below 0 by chance: that is no time."""
    return f"{three_digits(max(0.0, microseconds))} · {percent(max(0.0, share), 0)}"


def activations(memory: FileMemory) -> Markup:
    """Draw the bytes that live at each operation; the arena in TensorFlow Lite Micro, if known, is a dashed line."""
    live_bytes = [step.live_bytes for step in memory.timeline]
    names = [step.operation for step in memory.timeline]
    marks = {"TFLM arena": memory.arena.smallest.value or 0} if memory.arena is not None else {}
    scale = Scale(0, 1.12 * max([*live_bytes, *marks.values(), 1]))
    canvas = Canvas(
        "Bytes of live activations, operation by operation", HEIGHT, Margins(left=62, right=14, top=8, bottom=26)
    )
    for tick in scale.ticks(4):
        y = HEIGHT * (1 - scale(tick))
        canvas.line(0, y, 1, y, "grid")
        canvas.text(0, y, kilobytes(tick) if tick else "0", "tick", anchor="end", right=-8)
    each, top = 1 / len(live_bytes), [1 - scale(live) for live in live_bytes]
    steps = [(each * (place + side), y) for place, y in enumerate(top) for side in (0, 1)]
    canvas.curve([(0, 1), *steps, (1, 1)], "area", close=True)
    canvas.curve(steps, "outline")
    for place, (live, name) in enumerate(zip(live_bytes, names, strict=True)):
        canvas.rectangle(each * place, 0, each, HEIGHT, "touch", hint=f"{place + 1}. {name}: {live:,} bytes")
    peak = max(range(len(live_bytes)), key=live_bytes.__getitem__)
    x = each * (peak + 0.5)
    anchor = "start" if x < 0.25 else "end" if x > 0.75 else "middle"
    canvas.text(
        x, HEIGHT * top[peak] - 9, f"{kilobytes(live_bytes[peak])} in {names[peak]}", "value over", anchor=anchor
    )
    for name, level in marks.items():
        y = HEIGHT * (1 - scale(level))
        canvas.line(0, y, 1, y, "level")
        canvas.text(1, y - 9, f"{name}: {kilobytes(level)}", "faint over", anchor="end")
    canvas.text(0, HEIGHT + 14, "first operation", "tick")
    canvas.text(1, HEIGHT + 14, f"last of {len(live_bytes)}", "tick", anchor="end")
    return canvas.markup()
