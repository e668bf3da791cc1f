"""Live activations while the network runs: bytes that must exist at each operation, in running order."""

from markupsafe import Markup

from bench.measure.memory.findings import FileMemory
from bench.report.plots.canvas import Canvas, Margins, Scale
from bench.report.words import kilobytes

HEIGHT = 170
"""Pixels."""


def activations(memory: FileMemory) -> Markup:
    """The picture; the file's arena in TensorFlow Lite Micro, if known, is a dashed line."""
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
