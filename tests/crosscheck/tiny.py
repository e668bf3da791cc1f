"""Command: write a tiny exported run for the referees to judge, random weights and no training.

python -m tests.crosscheck.tiny --out DIR
"""

from dataclasses import asdict
from pathlib import Path

from export.drop_in import Sound, write_files
from export.metadata import Facts
from tests.support import tiny_programs
from tinyasc import recipe
from tinyasc.artifact import ModelCard, new_run
from tinyasc.mel import MelConfig

MEL = MelConfig(n_fft=1024, win_length=800, hop_length=2048, n_mels=tiny_programs.F)
"""One second is `tiny_programs.T` frames."""
LABELS = [f"scene {number}" for number in range(tiny_programs.CLASSES)]


def write_run(*, out: Path, normed: bool = False) -> None:
    """Write an export run of a small CP-Mobile.

    Args:
        out: run folder to write.
        normed: with global response norm.
    """
    int8, real = tiny_programs.quantized(normed=normed).to_program(), tiny_programs.float_program(normed=normed)
    mel, rate = asdict(MEL), MEL.sample_rate
    facts = Facts(LABELS, mel, rate, rate, "cp_mobile", "none")
    with new_run(out) as run:
        write_files(run.folder, int8, real, sound=Sound(MEL, rate), facts=facts, variants=False)
        run.card = ModelCard(
            stage="export",
            architecture="cp_mobile",
            config={},
            mel=mel,
            labels=LABELS,
            cost={},
            accuracy={},
            data={},
            seed=0,
            lineage=[],
        )
    print(f"wrote {out}")


if __name__ == "__main__":
    raise SystemExit(recipe.run(write_run))
