"""The counter of instructions: what each instruction is taken for, and what is made of its words."""

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.boards.emulate import count

# Assembled by GNU as 2.40 with -march=armv8.2-a+dotprod+fp16+crypto+rcpc.
ENCODINGS = {
    "load": """
        f9400420  ldr x0, [x1, #8]
        38401420  ldrb w0, [x1], #1
        58000080  ldr x0, .+16
        a94153f3  ldp x19, x20, [sp, #16]
        b85fd083  ldur w3, [x4, #-3]
        3dc00020  ldr q0, [x1]
        fc408c20  ldr d0, [x1, #8]!
        bc626820  ldr s0, [x1, x2]
        acc10440  ldp q0, q1, [x2], #32
        4cdf7000  ld1 {v0.16b}, [x0], #16
        4c402800  ld1 {v0.4s, v1.4s, v2.4s, v3.4s}, [x0]
        0c408000  ld2 {v0.8b, v1.8b}, [x0]
        4d40c400  ld1r {v0.8h}, [x0]
        0d409000  ld1 {v0.s}[1], [x0]
        c85f7c20  ldxr x0, [x1]
        f8e00041  ldaddal x0, x1, [x2]
        c8a07c41  cas x0, x1, [x2]
        f8bfc020  ldapr x0, [x1]
        f9800000  prfm pldl1keep, [x0]
        9c000100  ldr q0, .+32
    """,
    "store": """
        f9000420  str x0, [x1, #8]
        38001420  strb w0, [x1], #1
        a9be7bfd  stp x29, x30, [sp, #-32]!
        f81f8083  stur x3, [x4, #-8]
        3d800020  str q0, [x1]
        bc226820  str s0, [x1, x2]
        ac810440  stp q0, q1, [x2], #32
        4c9f7000  st1 {v0.16b}, [x0], #16
        4c008800  st2 {v0.4s, v1.4s}, [x0]
        0d009000  st1 {v0.s}[1], [x0]
        c8027c20  stxr w2, x0, [x1]
        c89ffc20  stlr x0, [x1]
    """,
    "branch": """
        14000002  b .+8
        94000400  bl .+4096
        54ffffe1  b.ne .-4
        b4000040  cbz x0, .+8
        35ffffc1  cbnz w1, .-8
        36180040  tbz x0, #3, .+8
        37f80040  tbnz w0, #31, .+8
        d61f0200  br x16
        d63f0100  blr x8
        d65f03c0  ret
    """,
    "sdot": """
        4e829420  sdot v0.4s, v1.16b, v2.16b
        2e859483  udot v3.2s, v4.8b, v5.8b
        4fa2e820  sdot v0.4s, v1.16b, v2.4b[3]
    """,
    "integer_mac": """
        4ea29420  mla v0.4s, v1.4s, v2.4s
        6e629420  mls v0.8h, v1.8h, v2.8h
        6f720020  mla v0.8h, v1.8h, v2.h[3]
        6fa24020  mls v0.4s, v1.4s, v2.s[1]
        0e628020  smlal v0.4s, v1.4h, v2.4h
        4e628020  smlal2 v0.4s, v1.8h, v2.8h
        6ea2a020  umlsl2 v0.2d, v1.4s, v2.4s
        0f722820  smlal v0.4s, v1.4h, v2.h[7]
        2fa22820  umlal v0.2d, v1.2s, v2.s[3]
        0f726820  smlsl v0.4s, v1.4h, v2.h[7]
        0e629020  sqdmlal v0.4s, v1.4h, v2.4h
        0f527020  sqdmlsl v0.4s, v1.4h, v2.h[1]
        0e22c020  smull v0.8h, v1.8b, v2.8b
        2f62a020  umull v0.4s, v1.4h, v2.h[2]
    """,
    "float_mac": """
        4e22cc20  fmla v0.4s, v1.4s, v2.4s
        4ee2cc20  fmls v0.2d, v1.2d, v2.2d
        0fa21820  fmla v0.2s, v1.2s, v2.s[3]
        4f825020  fmls v0.4s, v1.4s, v2.s[0]
        4e420c20  fmla v0.8h, v1.8h, v2.8h
        0ec20c20  fmls v0.4h, v1.4h, v2.4h
        4f321820  fmla v0.8h, v1.8h, v2.h[7]
    """,
    "other_simd": """
        4ea28420  add v0.4s, v1.4s, v2.4s
        4ea29c20  mul v0.4s, v1.4s, v2.4s
        4f528020  mul v0.8h, v1.8h, v2.h[1]
        6e22dc20  fmul v0.4s, v1.4s, v2.4s
        4fa29020  fmul v0.4s, v1.4s, v2.s[1]
        4e22f420  fmax v0.4s, v1.4s, v2.4s
        6ea2b420  sqrdmulh v0.4s, v1.4s, v2.4s
        4f42d020  sqrdmulh v0.8h, v1.8h, v2.h[0]
        6e828420  sqrdmlah v0.4s, v1.4s, v2.4s
        0e62d020  sqdmull v0.4s, v1.4h, v2.4h
        0e620020  saddl v0.4s, v1.4h, v2.4h
        0e625020  sabal v0.4s, v1.4h, v2.4h
        4e606820  sadalp v0.4s, v1.8h
        0f08a420  sxtl v0.8h, v1.8b
        4f13a420  sshll2 v0.4s, v1.8h, #3
        0e614820  sqxtn v0.4h, v1.4s
        4e21d820  scvtf v0.4s, v1.4s
        4e21a820  fcvtns v0.4s, v1.4s
        4e040c20  dup v0.4s, w1
        6e022020  ext v0.16b, v1.16b, v2.16b, #4
        4e020020  tbl v0.16b, {v1.16b}, v2.16b
        4f000400  movi v0.4s, #0
        0e073c20  umov w0, v1.b[3]
        1e270020  fmov s0, w1
        1f020c20  fmadd s0, s1, s2, s3
        1e380020  fcvtzs w0, s1
        0e22e020  pmull v0.8h, v1.8b, v2.8b
        4e284820  aese v0.16b, v1.16b
    """,
    "integer": """
        91000420  add x0, x1, #1
        8b020c20  add x0, x1, x2, lsl #3
        d10103ff  sub sp, sp, #64
        9b020c20  madd x0, x1, x2, x3
        9b227c20  smull x0, w1, w2
        1ac20c20  sdiv w0, w1, w2
        9a820020  csel x0, x1, x2, eq
        f2a00040  movk x0, #2, lsl #16
        90000000  adrp x0, .
        d503201f  nop
        d4000001  svc #0
        d53bd040  mrs x0, tpidr_el0
        d5033bbf  dmb ish
        1ac24020  crc32b w0, w1, w2
    """,
}


@pytest.fixture(scope="module")
def classify(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """The plugin's own classifier, compiled without the rest of it."""
    compiler = count.compiler()
    if compiler is None:
        pytest.skip("there is no C compiler here")
    library = tmp_path_factory.mktemp("classify") / "classify.so"
    source = next(path for path in count.SOURCES if path.name == "classify.c")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *warnings, "-O1", "-shared", "-fPIC", source, "-o", library], check=True)
    loaded = ctypes.CDLL(str(library))
    names = (ctypes.c_char_p * len(count.CLASSES)).in_dll(loaded, "NAMES")
    return lambda word: str(names[loaded.classify(ctypes.c_uint32(word))], "ascii")


@pytest.mark.parametrize("name", count.CLASSES)
def test_each_instruction_is_of_its_class(classify: Callable[[int], str], name: str) -> None:
    table = [line.split(maxsplit=1) for line in ENCODINGS[name].split("\n") if line.strip()]
    found = {assembler: classify(int(word, 16)) for word, assembler in table}
    assert found == {assembler: name for _, assembler in table}


LINE = "counted load=3 store=2 branch=1 sdot=0 integer_mac=4 float_mac=0 other_simd=5 integer=6"


def test_one_region_a_line() -> None:
    first, second = count.read(f"{LINE}\n{LINE.replace('load=3', 'load=5')}\n")
    assert first == {**second, "load": 3}
    assert (count.total(first), count.total(second)) == (21, 23)
    assert count.median([second, first, first]) == first
    assert count.spread([second, first, first]) == pytest.approx(2 / 21)


@pytest.mark.parametrize("line", [LINE[:-10], "counted", LINE.replace("load", "loads"), "qemu: uncaught target signal"])
def test_half_a_line_is_no_count(line: str) -> None:
    with pytest.raises(ValueError, match="not a line of the counter"):
        count.read(f"{LINE}\n{line}\n")


def test_a_comma_in_the_plugins_path_does_not_end_it() -> None:
    assert count.environment(Path("/a,b/counter.so"), Path("c"))["QEMU_PLUGIN"] == "file=/a,,b/counter.so"
