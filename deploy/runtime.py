"""Runs an exported .tflite or .onnx file with numpy, one runtime and `tinyasc`'s foundation; needs no torch.

    model = load(Path("model.tflite"))
    logits = model.logits(log_mel)                 # (n, F, T) float32 -> (n, K) float32
    scores = load(Path("drop_in.tflite")).scores(waveform)        # (n, S) float32 -> (n, K) float32

An INT8 file takes and gives integers: integer = clip(round_half_even(real / scale) + zero_point). A .tflite carries
scale and zero point on its input and output tensors; an .onnx carries them in its metadata as `input_scale`,
`input_zero_point`, `output_scale` and `output_zero_point`. A float file takes and gives reals.

Shape legend: n clips, F mel bands, T frames, S samples, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deploy import open_runtime
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Port:
    """The input or the output of a model: shape, type, and what its integers stand for."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float | None = None
    """Real value of one integer step; None: the numbers are reals."""
    zero_point: int = 0
    """The integer that stands for 0."""

    def quantize(self, real: np.ndarray) -> np.ndarray:
        """Reals to what this port holds, in float32 arithmetic; a float port only converts the type."""
        if self.scale is None:
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.rint(real.astype(np.float32) / np.float32(self.scale)) + np.float32(self.zero_point)
        return np.clip(steps, limits.min, limits.max).astype(self.dtype)

    def dequantize(self, held: np.ndarray) -> np.ndarray:
        """What this port holds to reals, float32."""
        if self.scale is None:
            return held.astype(np.float32)
        return (held.astype(np.int32) - self.zero_point).astype(np.float32) * np.float32(self.scale)


@dataclass(frozen=True)
class Model:
    """A loaded file with one input and one output, batch 1."""

    path: Path
    kernels: str
    """Runtime, kernel family and version, for example "ai-edge-litert 2.1.0, XNNPACK"."""
    bytes: int
    """Size of the file."""
    input: Port
    output: Port
    run: Callable[[np.ndarray], np.ndarray]
    """One raw input of input.shape and input.dtype -> a copy of the raw output: what a latency figure times."""

    @property
    def integer(self) -> bool:
        """Whether the file takes and gives integers."""
        return self.input.scale is not None

    def quantize(self, log_mel: np.ndarray) -> np.ndarray:
        """(n, F, T) float -> (n, *input.shape), ready for `run` one by one.

        Raises:
            UserError: the spectrogram is not of the size that the model takes.
        """
        size = tuple(length for length in self.input.shape if length != 1)
        if tuple(length for length in log_mel.shape[1:] if length != 1) != size:
            raise UserError(
                f"{self.path} takes {'x'.join(map(str, size))} inputs, not {'x'.join(map(str, log_mel.shape[1:]))}: "
                "compute the log-mel with the settings in its model_card.json"
            )
        return self.input.quantize(log_mel).reshape(len(log_mel), *self.input.shape)

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        """(n, F, T) float32 -> (n, K) float32, one inference a clip."""
        raw = [self.run(one).reshape(-1) for one in self.quantize(log_mel)]
        return self.output.dequantize(np.stack(raw))

    def scores(self, waveform: np.ndarray) -> np.ndarray:
        """(n, S) float32, full scale = 1 -> (n, K) float32, in all 1 a clip; of a file with the front-end inside.

        Raises:
            UserError: a file that takes something else than a waveform, or a waveform of another length.
        """
        if len(self.input.shape) != 2:
            raise UserError(f"{self.path} gives logits, not scores: take the file drop_in{self.path.suffix}")
        if waveform.shape[1:] != self.input.shape[1:]:
            raise UserError(
                f"{self.path} takes a waveform of {self.input.shape[1]} samples, not {waveform.shape[-1]}: "
                "its sample rate is in its model_card.json"
            )
        return np.concatenate([self.run(one[None]) for one in waveform.astype(np.float32)])


Kernels = Literal["default", "built-in"]
"""Of a .tflite: what the runtime chooses (XNNPACK), or its built-in kernels, which round differently."""


def load(path: Path, threads: int = 1, kernels: Kernels = "default") -> Model:
    """Load a .tflite or .onnx file for the CPU.

    Args:
        path: the file; its suffix says which runtime runs it.
        threads: CPU threads for one inference.
        kernels: of a .tflite.

    Raises:
        UserError: no such file, an unknown suffix, no runtime for it, a file the runtime refuses, integers without
            a scale, or a model that does not have one input and one output of fixed size.
    """
    path = Path(path)
    if path.suffix not in (".tflite", ".onnx"):
        raise UserError(f"{path} is neither .tflite nor .onnx: give the file that `make export` wrote")
    if not path.is_file():
        raise UserError(f"no file {path}: `make export` writes it")
    return _load_tflite(path, threads, kernels) if path.suffix == ".tflite" else _load_onnx(path, threads)


def tflite_interpreter(
    path: Path,
    threads: int = 1,
    kernels: Kernels = "default",
    content: bytes | None = None,
    preserve_all_tensors: bool = False,
) -> tuple[Any, str]:
    """The allocated interpreter of a .tflite, and the package that it is of with its version.

    Args:
        path: the file.
        threads: CPU threads for one inference.
        kernels: which.
        content: to be read in the place of the file.
        preserve_all_tensors: keep what lies between operations, for whoever reads it.

    Raises:
        UserError: no runtime for it, or a file that the runtime refuses.
    """
    try:
        package, _ = open_runtime.import_runtime(".tflite")
    except ImportError:
        raise UserError("no runtime for .tflite files: pip install ai-edge-litert") from None
    try:
        interpreter = open_runtime.open_interpreter(path, threads, kernels, content, preserve_all_tensors)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path} does not load in {package}: {_first_line(error)}") from error
    return interpreter, open_runtime.runtime_version(".tflite")


def _load_tflite(path: Path, threads: int, kernels: Kernels) -> Model:
    interpreter, version = tflite_interpreter(path, threads, kernels)
    ports = []
    for side, details in (("input", interpreter.get_input_details()), ("output", interpreter.get_output_details())):
        _need_one(path, side, [one["name"] for one in details])
        if side == "input":
            _need_fixed(path, details[0]["shape_signature"])
        scale, zero_point = details[0]["quantization"]
        shape, dtype = tuple(int(length) for length in details[0]["shape"]), np.dtype(details[0]["dtype"])
        if dtype.kind in "iu":
            if not scale > 0:
                raise UserError(f"{path} has an {side} of {dtype} without a scale: export it again with quantization")
            ports.append(Port(shape, dtype, float(scale), int(zero_point)))
        else:
            ports.append(Port(shape, dtype))
    input_index, output_index = (
        interpreter.get_input_details()[0]["index"],
        interpreter.get_output_details()[0]["index"],
    )

    def run(raw: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(input_index, raw)
        interpreter.invoke()
        return interpreter.get_tensor(output_index)

    family = f"{version}, {open_runtime.kernel_family(interpreter)}"
    return Model(path, family, path.stat().st_size, ports[0], ports[1], run)


def onnx_session(path: Path, threads: int = 1, profile: Path | None = None, content: bytes | None = None) -> Any:
    """The session of an .onnx.

    Args:
        path: the file.
        threads: CPU threads for one inference.
        profile: where its own profiler writes, the beginning of a file's path; none: it is off.
        content: to be read in the place of the file.

    Raises:
        UserError: no runtime for it, or a file that the runtime refuses.
    """
    try:
        open_runtime.import_runtime(".onnx")
    except ImportError:
        raise UserError("no runtime for .onnx files: pip install onnxruntime") from None
    try:
        return open_runtime.open_session(path, threads, profile, content)
    except Exception as error:  # its exceptions derive from nothing but Exception
        raise UserError(f"{path} does not load in onnxruntime: {_first_line(error)}") from error


def _load_onnx(path: Path, threads: int) -> Model:
    session = onnx_session(path, threads)
    carried = session.get_modelmeta().custom_metadata_map
    ports = []
    for side, nodes in (("input", session.get_inputs()), ("output", session.get_outputs())):
        _need_one(path, side, [one.name for one in nodes])
        if side == "input":
            _need_fixed(path, nodes[0].shape)
        if not nodes[0].type.startswith("tensor(") or nodes[0].type == "tensor(string)":
            raise UserError(f"{path} has an {side} of {nodes[0].type}: only numbers are run here")
        shape = tuple(length if isinstance(length, int) else 1 for length in nodes[0].shape)  # a named batch is 1
        dtype = np.dtype({"float": "float32", "double": "float64"}.get(name := nodes[0].type[7:-1], name))  # tensor(…)
        if dtype.kind in "iu":
            try:
                port = Port(shape, dtype, float(carried[f"{side}_scale"]), int(carried[f"{side}_zero_point"]))
            except (KeyError, ValueError):
                raise UserError(
                    f"{path} does not carry {side}_scale and {side}_zero_point: put them into its metadata"
                ) from None
        else:
            port = Port(shape, dtype)
        ports.append(port)
    name, wanted = session.get_inputs()[0].name, [session.get_outputs()[0].name]

    def run(raw: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(wanted, {name: raw})[0])

    kernels = f"{open_runtime.runtime_version('.onnx')}, CPU (MLAS)"
    return Model(path, kernels, path.stat().st_size, ports[0], ports[1], run)


def _need_one(path: Path, side: str, names: list[str]) -> None:
    if len(names) != 1:
        raise UserError(f"{path} has {len(names)} {side}s ({', '.join(names)}): only files with one are run here")


def _need_fixed(path: Path, shape: Sequence[object]) -> None:
    """The batch may be open, and is 1 then."""
    sizes = [str(size) if isinstance(size, int | np.integer) and size > 0 else f"{size or '?'}" for size in shape]
    if any(not size.isdigit() for size in sizes[1:]):
        raise UserError(
            f"{path} leaves its input open, {' x '.join(sizes)}: write it with fixed sizes, an .onnx such as by "
            "`python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name NAME --input_shape 1,...`"
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
