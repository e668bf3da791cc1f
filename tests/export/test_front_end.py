"""The front-end inside a file is `tinyasc.mel`, and the joined file is the two stages it stands for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto
from torch.nn import functional

from bench.measure.graph import cost as graph_cost
from compress.arithmetic.arithmetic import Tensor
from compress.operations.convolution import Convolution
from compress.operations.mean import Mean
from compress.program import Program, Value
from compress.simulate import quantize_input, simulate
from deploy import open_runtime
from export import parity
from export.drop_in import DROP_IN, Sound, drop_in_onnx, drop_in_tflite
from export.front_end import fourier, log_mel
from export.inputs import sounds, tones
from export.onnx_graph import Graph as OnnxGraph
from export.onnx_graph import OnnxArithmetic
from export.parity import prove_drop_in
from export.runtimes import Runtime
from export.tflite.arithmetic import TfliteArithmetic
from export.tflite.graph import Graph as TfliteGraph
from export.to_onnx import to_onnx
from export.to_tflite import to_tflite
from tests.support import tiny_programs
from tinyasc import mel
from tinyasc.errors import UserError
from tinyasc.mel import MelConfig
from tinyasc.models import MEL_CONFIGS

# What a small network of tests/support/tiny_programs takes: 32 x 16.
SMALL = MelConfig(sample_rate=8000, n_fft=512, win_length=400, hop_length=530, n_mels=tiny_programs.F, f_max=3900.0)
SOUND = Sound(SMALL, SMALL.sample_rate)
ODD = {
    "n_fft without factors of 2": replace(SMALL, n_fft=450, win_length=449),
    "hop longer than the window": replace(SMALL, n_fft=256, win_length=200),
    "a window of all of n_fft, low edge, magnitudes of one": replace(
        SMALL, win_length=512, f_min=300.0, log_offset=1.0
    ),
    "bands too narrow for any bin": replace(SMALL, n_mels=200, bank="htk"),
}


def write(config: MelConfig, folder: Path) -> tuple[Path, Path]:
    """The front-end alone, in both formats."""
    tflite, onnx_file, shape = folder / "front_end.tflite", folder / "front_end.onnx", (1, config.sample_rate)
    graph = TfliteGraph()
    source = graph.activation("waveform", shape, None)
    made = log_mel(TfliteArithmetic(graph), Tensor(source, shape), config)
    tflite.write_bytes(graph.file([source], [made.key]))
    other = OnnxGraph()
    made = log_mel(OnnxArithmetic(other), Tensor("waveform", shape), config)
    ends = [("waveform", TensorProto.FLOAT, shape)], [(made.key, TensorProto.FLOAT, made.shape)]
    other.write(onnx_file, *ends, {})
    return tflite, onnx_file


def runner(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What gives a file's output for one waveform (S,)."""
    if path.suffix == ".onnx":
        session = open_runtime.open_session(path)
        return lambda waveform: np.asarray(session.run(None, {"waveform": waveform[None]})[0])
    interpreter = open_runtime.open_interpreter(path)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(waveform: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source["index"], waveform[None])
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return run


def operators(path: Path) -> set[str]:
    """Names of the builtin operators of a .tflite."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    return {names[code.builtinCode] for code in model.operatorCodes or []}


@pytest.mark.parametrize("config", [*MEL_CONFIGS.values(), *ODD.values()], ids=[*MEL_CONFIGS, *ODD])
def test_log_mel_is_the_definition(config: MelConfig, tmp_path: Path) -> None:
    files = write(config, tmp_path)
    waveforms = sounds(np.zeros((0, config.sample_rate), np.float32), 9, config.sample_rate, seed=1)
    expected = mel.log_mel(waveforms, config)
    for path in files:
        run = runner(path)
        for waveform, one in zip(waveforms, expected, strict=True):
            found = run(waveform)
            assert found.shape == one.shape
            assert np.abs(found - one).max() <= 1e-4 * np.abs(one).max(), path


@pytest.mark.parametrize("n_fft", [4096, 450, 14, 2])
def test_factored_transform_has_every_bin(n_fft: int) -> None:
    transform = fourier(n_fft, n_fft, n_fft // 2)
    assert transform.outer * transform.inner == n_fft
    assert set(transform.bins) == set(range(n_fft // 2 + 1))


def test_cp_mobiles_front_end_is_small_and_all_of_it_delegated(tmp_path: Path) -> None:
    tflite, onnx_file = write(MEL_CONFIGS["cp_mobile"], tmp_path)
    assert tflite.stat().st_size < 230_000
    assert onnx_file.stat().st_size < 240_000
    assert operators(tflite) == {
        *("SLICE", "CONCATENATION", "RESHAPE", "TRANSPOSE", "ADD", "SUB", "MUL", "DIV", "LOG"),
        *("BATCH_MATMUL", "FULLY_CONNECTED"),
    }
    interpreter = open_runtime.open_interpreter(tflite)
    assert sum(one["op_name"] == "DELEGATE" for one in interpreter._get_ops_details()) == 1
    for path in (tflite, onnx_file):
        assert graph_cost.read(path).macs < 50e6  # a dense bank alone has 34 million, a dense transform 800


@pytest.fixture(scope="module")
def program() -> Program:
    return tiny_programs.quantized().to_program()


@pytest.fixture(scope="module")
def heard() -> np.ndarray:
    return sounds(np.zeros((0, SOUND.samples), np.float32), 120, SOUND.samples, seed=0)


def write_drop_in(program: Program, folder: Path, sound: Sound = SOUND) -> None:
    (folder / f"{DROP_IN}.tflite").write_bytes(drop_in_tflite(program, sound))
    drop_in_onnx(program, sound, folder / f"{DROP_IN}.onnx", {})


def in_integers(program: Program) -> Runtime:
    return Runtime("", "", 1, lambda inputs: simulate(program, inputs))


@pytest.mark.parametrize("normed", [False, True])
def test_joined_files_are_the_two_stages(normed: bool, heard: np.ndarray, tmp_path: Path) -> None:
    program = tiny_programs.quantized(normed=normed).to_program()
    write_drop_in(program, tmp_path)
    waveforms = {"sounds": heard, "tones": tones(20, SOUND.samples, seed=0)}
    found = prove_drop_in(tmp_path, program, SOUND, in_integers(program), waveforms)
    assert [(one.file, one.threads, one.waveforms) for one in found] == [
        (file, threads, kind)
        for kind in ("sounds", "tones")
        for file, threads in (("drop_in.tflite", 1), ("drop_in.tflite", 2), ("drop_in.onnx", 1))
    ]
    for one in found:
        assert one.logits == one.inputs * tiny_programs.CLASSES
        assert one.differing <= 0.02 * one.logits
        assert one.largest_difference <= 1
        assert one.differing_answers == 0
        assert one.score_difference < 1e-6
    answers = in_integers(program).run(quantize_input(program, mel.log_mel(heard, SMALL)[:, None]))
    assert (answers.std(axis=0) > 3).all()  # every logit moves, so that agreement means something


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_file_of_another_front_end_is_noticed(
    suffix: str, program: Program, heard: np.ndarray, tmp_path: Path
) -> None:
    write_drop_in(program, tmp_path)
    (other := tmp_path / "other").mkdir()
    write_drop_in(program, other, Sound(replace(SMALL, pre_emphasis=0.9), SOUND.samples))
    (other / f"{DROP_IN}{suffix}").replace(tmp_path / f"{DROP_IN}{suffix}")
    with pytest.raises(UserError, match=rf"drop_in\{suffix} .* scores are not the softmax of its logits"):
        prove_drop_in(tmp_path, program, SOUND, in_integers(program), {"sounds": heard[:9]})


def test_a_log_mel_beyond_its_tolerance_is_noticed(
    program: Program, heard: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_drop_in(program, tmp_path)
    monkeypatch.setattr(parity, "TOLERANCE", 1e-9)
    with pytest.raises(UserError, match=r"the network's input for sounds is \S+ from tinyasc's, more than 1e-09"):
        prove_drop_in(tmp_path, program, SOUND, in_integers(program), {"sounds": heard[:9]})


@pytest.mark.parametrize("float16", [False, True])
def test_float_files_give_the_scores_of_the_network(float16: bool, heard: np.ndarray, tmp_path: Path) -> None:
    real = tiny_programs.float_program()
    features = torch.from_numpy(mel.log_mel(heard, SMALL)[:, None])
    with torch.no_grad():
        expected = torch.softmax(tiny_programs.network()(features), 1).numpy()
    tflite, onnx_file = tmp_path / "float.tflite", tmp_path / "float.onnx"
    tflite.write_bytes(drop_in_tflite(real, SOUND, float16=float16))
    drop_in_onnx(real, SOUND, onnx_file, {}, float16=float16)
    for path in (tflite, onnx_file):
        found = np.concatenate([run(one) for run in [runner(path)] for one in heard])
        np.testing.assert_allclose(found, expected, atol=1e-2 if float16 else 1e-4)


def test_float16_halves_the_networks_weights(tmp_path: Path) -> None:
    real = tiny_programs.float_program()
    sizes = {half: len(to_tflite(real, float16=half)) for half in (False, True)}
    for half in (False, True):
        to_onnx(real, tmp_path / f"{half}.onnx", {}, half)
    assert sizes[False] - sizes[True] > 1.8 * real.parameter_count
    onnx_sizes = [(tmp_path / f"{half}.onnx").stat().st_size for half in (False, True)]
    assert onnx_sizes[0] - onnx_sizes[1] > 1.6 * real.parameter_count


def test_a_network_of_the_waveform_goes_without_log_mel(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 1, 1, 9)).astype(np.float32)
    convolution = Convolution("x", "y", weight, np.zeros(3, np.float32), None, (1, 4), (0, 4), 1, True, True)
    values = {"x": Value("x", (1, 1, 400)), "y": Value("y", (3, 1, 100)), "z": Value("z", (3,))}
    network = Program("x", "z", values, (convolution, Mean("y", "z")))
    sound = Sound(None, 400)
    tflite, onnx_file = tmp_path / "float.tflite", tmp_path / "float.onnx"
    tflite.write_bytes(drop_in_tflite(network, sound))
    drop_in_onnx(network, sound, onnx_file, {})
    waveform = np.random.default_rng(1).normal(size=400).astype(np.float32)
    filtered = functional.conv1d(torch.from_numpy(waveform)[None, None], torch.from_numpy(weight[:, 0]), None, 4, 4)
    expected = torch.softmax(filtered.relu().mean(2), 1).numpy()
    for path in (tflite, onnx_file):
        np.testing.assert_allclose(runner(path)(waveform), expected, atol=1e-6)


def test_sound_of_another_length_is_refused(program: Program) -> None:
    with pytest.raises(UserError, match="16000 samples become 32x31, the network takes 32x16"):
        drop_in_tflite(program, Sound(SMALL, 16_000))
    tight = replace(SMALL, sample_rate=1000, n_fft=1996, win_length=1996, hop_length=66, f_max=500.0)
    with pytest.raises(UserError, match="999 samples are too few to be mirrored"):
        drop_in_tflite(program, Sound(tight, 1000))


def test_the_same_program_gives_the_same_bytes(program: Program, tmp_path: Path) -> None:
    write_drop_in(program, tmp_path)
    (again := tmp_path / "again").mkdir()
    write_drop_in(program, again)
    for path in again.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
