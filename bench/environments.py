"""Command: install other people's runtimes beside, for what `bench` can measure with them.

python -m bench.environments [--names '[tflite_micro_interpreter]'] [--environments DIR]
"""

from pathlib import Path

from tqdm import tqdm

from bench.measure.environments import FOLDER, PACKAGES, prepared
from tinyasc import recipe
from tinyasc.errors import UserError


def make(*, environments: Path = FOLDER, names: list[str] | None = None) -> None:
    """Make the environments that the judge measures with where they are there; what exists is kept.

    Args:
        environments: folder in which they are made.
        names: those to make; default: all.

    Raises:
        UserError: an unknown name, before anything is made; packages that cannot be installed here, after the others.
    """
    chosen = list(PACKAGES) if names is None else names
    if unknown := set(chosen) - set(PACKAGES):
        raise UserError(f"no environment {', '.join(sorted(unknown))}: there are {', '.join(PACKAGES)}")
    failed = []
    for name in tqdm(chosen, "environments", leave=False):
        try:
            prepared(environments / name, PACKAGES[name])
        except UserError as error:  # a package may have no wheel for this Python, and the next one have it
            failed.append(str(error))
        else:
            tqdm.write(f"{environments / name}: {', '.join(PACKAGES[name])}")
    if failed:
        raise UserError("; ".join(failed))


if __name__ == "__main__":
    raise SystemExit(recipe.run(make))
