"""What a figure's machine says about itself, from made-up /proc files of an x86 and an Arm processor."""

from pathlib import Path

import pytest

from tinyasc import machine


@pytest.mark.parametrize(
    ("cpuinfo", "cpu", "flags", "frequency", "virtual"),
    [
        (
            "processor: 0\nmodel name\t: Some Xeon\ncpu MHz\t: 2596.5\nflags\t\t: fpu hypervisor avx2 avx512_vnni\n",
            "Some Xeon",
            ["avx2", "avx512_vnni"],
            2596.5,
            True,
        ),
        ("processor: 0\nmodel name\t: Some Core\nflags\t\t: fpu avx2\n", "Some Core", ["avx2"], None, False),
        (
            "processor: 0\nFeatures\t: fp asimd asimddp\nModel\t\t: Raspberry Pi 5\n",
            "Raspberry Pi 5",
            ["asimd", "asimddp"],
            None,
            None,
        ),
    ],
)
def test_reads_cpu_flags_and_clock(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    cpuinfo: str,
    cpu: str,
    flags: list[str],
    frequency: float | None,
    virtual: bool | None,
) -> None:
    for name in ("cpuinfo", "governor", "frequency"):
        monkeypatch.setattr(machine, name.upper(), tmp_path / name)
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    here = machine.describe()
    assert (here.governor, here.frequency, here.virtual) == (None, frequency, virtual)
    (tmp_path / "governor").write_text("performance\n")
    (tmp_path / "frequency").write_text("1800000\n")
    here = machine.describe()
    assert (here.cpu, here.flags, here.governor, here.frequency) == (cpu, flags, "performance", 1800.0)
    assert here.cores >= here.usable_cores >= 1
    assert {"python", "numpy"} <= set(here.versions)
