"""Command: python -m tinyasc.prepare --root DIR --out FILE.h5"""

from tinyasc import recipe
from tinyasc.prepare import prepare

if __name__ == "__main__":
    raise SystemExit(recipe.run(prepare))
