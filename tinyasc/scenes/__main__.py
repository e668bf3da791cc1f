"""Command: python -m tinyasc.scenes --out DIR --seed 0"""

from tinyasc import recipe
from tinyasc.scenes import write

if __name__ == "__main__":
    raise SystemExit(recipe.run(write))
