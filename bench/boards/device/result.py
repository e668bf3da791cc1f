"""The result of one target, emulated or real: one record in one form, checked when it is written and when it is read.

Figures of a file's default kernels on the fewest threads have the short path, for example
"target/pi4/tflite/int8/median"; other kernels of the same file add "/built_in", other thread counts "/threads_4".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from bench.measure import records
from bench.measure.energy.meter import Activity, Phase
from bench.measure.figure import Figure, path_of
from bench.measure.records import Natural, RecordError
from tinyasc.artifact import atomic_write
from tinyasc.errors import UserError

FORMAT = 2
EMULATED: Literal["emulated"] = "emulated"
DEVICE: Literal["device"] = "device"
Positive = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What ran a file."""

    file: str
    runtime: str
    """Package and version."""
    kernels: str
    """Kernel family: XNNPACK, built-in kernels or MLAS."""
    threads: Positive


@dataclass(frozen=True, kw_only=True)
class TargetLatency(Configuration):
    """Milliseconds from a ready input to a copied output, on a device."""

    runs: Positive
    warm_up: Natural
    median: Figure
    """Its interval: percentile bootstrap over whole blocks, spread by sqrt(blocks / (blocks - 1))."""
    p95: Figure
    p99: Figure
    load: Figure
    first: Figure
    resident_growth_bytes: int
    """Resident memory after the first inference less that before loading."""

    def __post_init__(self) -> None:
        _need_above_zero(self.median, self.p95, self.p99)


@dataclass(frozen=True, kw_only=True)
class Equality(Configuration):
    """Outputs on the target against this machine's: same file, same inputs, same kernel family."""

    reference: str
    """Runtime and kernels of this machine."""
    inputs: Positive
    differing: Figure
    """Share of the output values that differ."""
    largest_difference: Annotated[float, Meta(ge=0)]
    """Integer outputs: steps; floats: share of the largest reference value."""
    same_top1: Natural
    """Inputs with the same highest output."""
    same_share: Figure
    """Their share."""
    allowed: float | None
    """Largest difference that agrees, in the same unit; None: only the highest output must agree."""
    agreed: bool

    def __post_init__(self) -> None:
        if self.differing.value is None or not 0 <= self.differing.value <= 1:
            raise ValueError(f"{self.differing.path} is {self.differing.value}, no share")


@dataclass(frozen=True, kw_only=True)
class Instructions(Configuration):
    """Instructions executed by one inference, counted in emulation."""

    processor: str
    integer: bool
    """Whether the network computes in integers."""
    total: Figure
    classes: dict[str, Natural]
    """Kind of instruction -> count."""
    inferences: Positive
    """Equal ones that were counted; the median is given."""
    spread: float
    """Between them, as a share."""

    def __post_init__(self) -> None:
        _need_above_zero(self.total)


@dataclass(frozen=True, kw_only=True)
class TargetEstimate(Configuration):
    """Milliseconds that a real board may take, from the counts."""

    board: str
    clock_hz: float
    milliseconds: Figure
    """Its interval is a band by judgement. Without a number: `reason` says why."""
    instructions_per_cycle: float | None
    sources: list[str]
    reason: str | None

    def __post_init__(self) -> None:
        if self.milliseconds.value is not None:
            _need_above_zero(self.milliseconds)


@dataclass(frozen=True)
class Throttled:
    """The firmware's word on power and heat (Raspberry Pi)."""

    bits: str
    now: list[str]
    since_boot: list[str]


@dataclass(frozen=True)
class State:
    """What the clocks did at one moment; None: the board does not tell."""

    governor: str | None = None
    frequency_hz: float | None = None
    temperature_c: float | None = None
    load: float | None = None
    throttled: Throttled | None = None


@dataclass(frozen=True)
class During:
    """What the clocks did while files ran; None: the board does not tell."""

    lowest_frequency_hz: float | None = None
    median_frequency_hz: float | None = None
    """Of the clocks seen right after each block of runs."""
    middle_frequencies_hz: tuple[float, float] | None = None
    """10 % and 90 % quantile of the same."""
    highest_temperature_c: float | None = None


@dataclass(frozen=True, kw_only=True)
class BoardState:
    """What ran the files; what it does not tell is None."""

    name: str
    """As the board calls itself, or as the emulated one is called."""
    processor: str | None
    """Arm's name of the core, for example cortex-a72."""
    cores: int | None
    architecture: str
    """Of the kernel, as uname gives it."""
    bits: Literal[32, 64]
    """Of the Python that ran the files."""
    runtimes: dict[str, str]
    """Python, numpy and the runtimes -> version."""
    clock_hz: float | None = None
    """Highest clock that the board allows, or the one assumed."""
    features: list[str] = field(default_factory=list)
    """CPU features by their names in /proc/cpuinfo."""
    memory_bytes: int | None = None
    system: str | None = None
    kernel: str | None = None
    before: State | None = None
    after: State | None = None
    during: During | None = None
    clock_offset_seconds: float | None = None
    """This machine's time of day less the board's."""
    peak_rss_bytes: int | None = None
    """Of the measuring process with every model loaded."""


@dataclass(frozen=True, kw_only=True)
class TargetResult:
    """What was found out on one target."""

    format: Literal[2] = FORMAT
    target: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Its name, as paths of figures use it."""
    kind: Literal["emulated", "device"]
    """Emulated: no time of it is a latency. Device: a machine of its own."""
    board: BoardState
    made: str
    """ISO 8601."""
    command: str
    """The command line that made it."""
    models: dict[str, Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]]
    """File -> sha256: a result holds for these bytes alone."""
    latency: list[TargetLatency] = field(default_factory=list)
    """Empty when emulated."""
    equality: list[Equality] = field(default_factory=list)
    instructions: list[Instructions] = field(default_factory=list)
    estimates: list[TargetEstimate] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What a reader must know, one sentence each."""

    @property
    def activity(self) -> Activity:
        """What ran when, for a power meter."""
        return Activity(self.target, self.board.clock_offset_seconds or 0.0, self.phases)


def read(path: Path) -> TargetResult:
    """The result that a file holds.

    Raises:
        UserError: no such file, no JSON, another format, or not of this form.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no file {path}: measuring on a target writes it (`python -m bench --target`)") from None
    try:
        number = records.format_of(content)
    except RecordError as error:
        raise UserError(f"{path} is no JSON: {error}") from None
    if isinstance(number, int) and number != FORMAT:
        older = f"{path} has format {number}, this version reads {FORMAT}"
        raise UserError(f"{older}: remove it and measure the target again")
    return _decoded(content, str(path))


def write(path: Path, result: TargetResult) -> None:
    """Write a result, whole or not at all.

    Raises:
        UserError: it is not of this form.
    """
    content = records.encode(checked(result, str(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content)


def checked(result: TargetResult, name: str) -> TargetResult:
    """The same result, as it is read again.

    Args:
        result: what was found out.
        name: where it is from, for the message.

    Raises:
        UserError: it is not of this form; says where the first fault is.
    """
    return _decoded(records.encode(result), name)


def place(target: str, configuration: Configuration, entries: Sequence[Configuration]) -> str:
    """Where the paths of an entry's figures begin.

    Args:
        target: name of the target.
        configuration: of the entry.
        entries: those of the same part of the result; the first of each file has the short path.
    """
    first = next((entry for entry in entries if entry.file == configuration.file), configuration)
    kernels = configuration.kernels.split()[0].lower().replace("-", "_")
    return "/".join(
        [
            f"target/{target}/{path_of(configuration.file)}",
            *([] if configuration.kernels == first.kernels else [kernels]),
            *([] if configuration.threads == first.threads else [f"threads_{configuration.threads}"]),
        ]
    )


def source(configuration: Configuration, board: str) -> str:
    """What ran a file, in words."""
    return (
        f"{configuration.file}, {configuration.runtime}, {configuration.kernels}, threads: {configuration.threads}, "
        f"{board}"
    )


def _need_above_zero(*figures: Figure) -> None:
    """What estimates are refitted by divides by these."""
    for figure in figures:
        if figure.value is None or figure.value <= 0:
            raise ValueError(f"{figure.path} is {figure.value}, not above 0")


def _decoded(content: bytes, name: str) -> TargetResult:
    try:
        return records.decode(content, TargetResult)
    except RecordError as error:
        raise UserError(f"{name} is not the result of a target: {error}") from None
