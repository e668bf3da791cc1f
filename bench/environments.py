"""Command: install other people's runtimes beside, for what `bench` can measure with them."""

from bench.measure.environments import make
from tinyasc import recipe

if __name__ == "__main__":
    raise SystemExit(recipe.run(make))
