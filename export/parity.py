"""The proof that the files are the program: the same inputs through the simulator and through every runtime.

A network's file is exact. A drop-in file is tried with waveforms, against the two stages that it stands for. The
front-end's arithmetic is float32 and a runtime's own, so it is proven to a tolerance, not to the bit: the largest
difference from `tinyasc.mel` in a clip, relative to the largest value of the clip. Where a value lies on the edge of
two integers, the INT8 program then takes its neighbour, and logits may differ by a step: that is counted.

Shapes: N inputs or waveforms, C channels, F mel bands, T frames, S samples, K classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from compress.program import Program
from compress.simulate import BATCH, quantize_input, simulate
from export.drop_in import DROP_IN, FEATURES, LOGITS, Sound, drop_in_onnx, drop_in_tflite
from export.runtimes import DropIn, Runtime, litert_drop_in, onnx_runtime_drop_in
from tinyasc import front_end
from tinyasc.errors import UserError
from tinyasc.front_end import FrontEnd

Int8 = NDArray[np.int8]


@dataclass(frozen=True)
class Agreement:
    """One runtime against the simulator."""

    file: str
    runtime: str
    kernels: str
    threads: int
    inputs: int
    logits: int
    """Compared: inputs x classes."""
    differing: int
    """Logits that are not equal."""
    largest_difference: int
    """In steps of the output scale."""

    def to_dict(self) -> dict[str, object]:
        """As `parity.json` holds it."""
        return asdict(self)


def compare(program: Program, inputs: Int8, runtimes: Iterable[tuple[str, Runtime]]) -> list[Agreement]:
    """Each (file name, runtime) against the simulator over the inputs (N, C, F, T)."""
    parts = [inputs[i : i + BATCH] for i in range(0, len(inputs), BATCH)]
    expected = np.concatenate([simulate(program, part) for part in tqdm(parts, "simulate", unit="batch", leave=False)])
    found = []
    for file, runtime in runtimes:
        outputs = np.concatenate([runtime.run(part) for part in tqdm(parts, runtime.name, unit="batch", leave=False)])
        difference = np.abs(outputs.astype(np.int64) - expected)
        found.append(
            Agreement(
                file,
                runtime.name,
                runtime.kernels,
                runtime.threads,
                len(inputs),
                expected.size,
                int(np.count_nonzero(difference)),
                int(difference.max()),
            )
        )
    return found


Int8 = NDArray[np.int8]
Float32 = NDArray[np.float32]

KINDS = ("sounds", "tones")
"""Of waveforms."""
TOLERANCE, ROUNDED_TOLERANCE = 5e-4, 2e-3
"""Largest relative difference of the log-mel. CP-Mobile's settings stay below 1e-4 over thousands of sounds. What is
loud in one place of the spectrum and all but silent in the rest leaves that rest to the rounding of float32, where
torch's own transform differs from `tinyasc.mel` by as much: steady tones alone, and any sound without pre-emphasis."""
LEAST = 1e-6
"""A clip whose largest value is below counts as if it were this: a silent waveform that no front-end changes."""
SCORES_TOLERANCE = 1e-5
"""Of the scores, against the softmax of the logits."""


@dataclass(frozen=True)
class DropInAgreement:
    """One drop-in file in one runtime against the two stages, over one kind of waveforms."""

    file: str
    runtime: str
    kernels: str
    threads: int
    waveforms: str
    """Which, one of KINDS."""
    inputs: int
    """N."""
    relative_difference: float
    """Of what the network is given, log-mel or waveform: the largest difference in a clip over the clip's largest
    value, the largest of all clips."""
    tolerance: float
    """For the relative difference."""
    logits: int
    """Compared: N x K."""
    differing: int
    """Logits that are not equal."""
    largest_difference: int
    """Of the logits, in steps of the output scale."""
    differing_answers: int
    """Waveforms whose best label is another one."""
    score_difference: float
    """Largest difference of the file's scores from the softmax of its logits."""

    def to_dict(self) -> dict[str, object]:
        """As `parity.json` holds it."""
        return asdict(self)


def prove_drop_in(
    folder: Path, program: Program, sound: Sound, network: Runtime, waveforms: Mapping[str, Float32]
) -> list[DropInAgreement]:
    """The drop-in files of a run in the runtimes, against `tinyasc`'s front-end and then the network.

    Args:
        folder: of the run.
        program: INT8.
        sound: what the files take.
        network: the program, proven, in any runtime.
        waveforms: (N, S) by their kind, one of KINDS.

    Raises:
        UserError: a file is further from the two stages than its tolerance.
    """
    inside, found = (FEATURES, LOGITS), []
    tflite, onnx_file = folder / f"{DROP_IN}.tflite", folder / f"{DROP_IN}.onnx"
    with TemporaryDirectory() as temporary:
        shown = [Path(temporary, path.name) for path in (tflite, onnx_file)]
        shown[0].write_bytes(drop_in_tflite(program, sound, outputs=inside))
        drop_in_onnx(program, sound, shown[1], {}, inside)
        runtimes = [
            (tflite.name, litert_drop_in(tflite, shown[0], threads=1)),
            (tflite.name, litert_drop_in(tflite, shown[0], threads=2)),
            (onnx_file.name, onnx_runtime_drop_in(onnx_file, shown[1], threads=1)),
        ]
        for kind, heard in waveforms.items():
            features = np.concatenate([front_end.features(one[None], sound.config) for one in heard])
            logits = network.run(quantize_input(program, features[:, None]))
            trial = _Trial(kind, heard, features, logits, _tolerance(kind, sound.config))
            found += [_compare_drop_in(program, file, runtime, trial) for file, runtime in runtimes]
    for one in found:
        _refuse(one)
    return found


@dataclass(frozen=True)
class _Trial:
    kind: str
    heard: Float32
    """(N, S)."""
    features: Float32
    """(N, F, T), of `tinyasc`."""
    logits: Int8
    """(N, K), of the network."""
    tolerance: float


def _tolerance(kind: str, config: FrontEnd) -> float:
    emphasised = config is not None and config.pre_emphasis > 0
    return TOLERANCE if kind == "sounds" and emphasised else ROUNDED_TOLERANCE


def _compare_drop_in(program: Program, file: str, runtime: DropIn, trial: _Trial) -> DropInAgreement:
    outcomes = [runtime.run(one) for one in tqdm(trial.heard, f"{file}, {runtime.name}", unit="clip", leave=False)]
    apart = np.array([np.abs(out.features - one).max() for out, one in zip(outcomes, trial.features, strict=True)])
    answers, scores = np.stack([out.logits for out in outcomes]), np.stack([out.scores for out in outcomes])
    steps = np.abs(answers.astype(np.int64) - trial.logits)
    return DropInAgreement(
        file=file,
        runtime=runtime.name,
        kernels=runtime.kernels,
        threads=runtime.threads,
        waveforms=trial.kind,
        inputs=len(trial.heard),
        relative_difference=float((apart / np.maximum(np.abs(trial.features).max(axis=(1, 2)), LEAST)).max()),
        tolerance=trial.tolerance,
        logits=steps.size,
        differing=int(np.count_nonzero(steps)),
        largest_difference=int(steps.max()),
        differing_answers=int(np.count_nonzero(answers.argmax(axis=1) != trial.logits.argmax(axis=1))),
        score_difference=float(np.abs(scores - _softmax(program, answers)).max()),
    )


def _refuse(found: DropInAgreement) -> None:
    where = f"{found.file} in {found.runtime} ({found.kernels}, {found.threads} threads)"
    if not found.relative_difference <= found.tolerance:
        raise UserError(
            f"{where}: the network's input for {found.waveforms} is {found.relative_difference:.1e} from tinyasc's, "
            f"more than {found.tolerance:g}; nothing was written: report this processor and these versions"
        )
    if not found.score_difference <= SCORES_TOLERANCE:
        raise UserError(
            f"{where}: its scores are not the softmax of its logits, by {found.score_difference:.1e}; "
            "nothing was written: report this processor and these versions"
        )


def _softmax(program: Program, logits: NDArray[np.int8]) -> NDArray[np.float64]:
    steps = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(steps * program.quantization(program.output).scale)
    return powers / powers.sum(axis=1, keepdims=True)
