"""What a figure's machine says about itself, from made-up /proc files of an x86 and an Arm processor."""

from pathlib import Path

import pytest

from tinyasc import machine


@pytest.mark.parametrize(
    ("cpuinfo", "cpu", "flags"),
    [
        (
            "processor: 0\nmodel name\t: Some Xeon\nflags\t\t: fpu avx2 avx512_vnni\n",
            "Some Xeon",
            ["avx2", "avx512_vnni"],
        ),
        (
            "processor: 0\nFeatures\t: fp asimd asimddp\nModel\t\t: Raspberry Pi 5\n",
            "Raspberry Pi 5",
            ["asimd", "asimddp"],
        ),
    ],
)
def test_reads_cpu_flags_and_governor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, cpu: str, flags: list[str]
) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "GOVERNOR", tmp_path / "governor")
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert machine.describe().governor is None
    (tmp_path / "governor").write_text("performance\n")
    here = machine.describe()
    assert (here.cpu, here.flags, here.governor) == (cpu, flags, "performance")
    assert here.cores >= 1
    assert {"python", "numpy"} <= set(here.versions)
