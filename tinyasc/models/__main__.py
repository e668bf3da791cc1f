"""Command: every published size, and what it costs.

    python -m tinyasc.models                     # all of them
    python -m tinyasc.models --name cp_mobile    # one of them, layer by layer
    python -m tinyasc.models --plot sizes.png    # parameters against multiply-accumulates

Counted as deployed (batch norms folded), beside it what torchinfo prints as trained. Whether a network is within the
limits is taken from the latter, as an organiser's tools (NeSsi) do; deployed, every folded bias counts as a MAC, which
puts even the challenge's own baseline above the limit. What torchinfo overlooks is said where it is too much.
"""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tinyasc import cost, drawing, front_end, models, recipe
from tinyasc.cost import Cost, picture
from tinyasc.cost.picture import Point
from tinyasc.dcase import LIMITS, Limits
from tinyasc.errors import UserError
from tinyasc.models import SIZES, Size


def list_sizes(name: str | None = None, plot: Path | None = None) -> None:
    """List what networks cost for one clip, and within the limits of which years of DCASE Task 1 they are.

    Args:
        name: one of the sizes, to be listed layer by layer; default: all sizes, one a line.
        plot: a picture to write (.png) of their parameters against their multiply-accumulates.
    """
    if name is not None:
        if name not in SIZES:
            raise UserError(f"there is no size {name!r}: choose from {', '.join(SIZES)}")
        if plot is not None:
            raise UserError("the picture shows all sizes: give --name or --plot")
        _print_layers(name, measured(SIZES[name]))
        return
    costs = {each: measured(size) for each, size in tqdm(SIZES.items(), "counting", unit="size", leave=False)}
    _print_table(_size_rows(costs))
    print("\ndeployed: batch norms folded, linear layers counted at every token, attention counted; in INT8 a")
    print("parameter is a byte, and so is an element of the activations. torchinfo: as it prints the trained network;")
    print("by this the limits are checked. It counts a linear layer at one token, and no attention.")
    if plot is not None:
        points = [Point(each, SIZES[each].architecture, found.parameters, found.macs) for each, found in costs.items()]
        drawing.write(picture.draw(points), plot)
        print(f"\nwrote {plot}")


def shape(size: Size) -> tuple[int, int]:
    """What its front end gives for one clip: (F, T), or (1, S) for a waveform."""
    return front_end.shape(size.front_end, size.samples)


def measured(size: Size) -> Cost:
    """What one of the sizes costs."""
    return cost.measure(models.build(size.architecture, size.config, size.n_classes), (1, 1, *shape(size)))


def exceeded(parameters: int, macs: int, limits: Limits) -> list[str]:
    """Which limits of one year a network in INT8 is above: one byte a parameter, as the challenge counts."""
    most = [limits.parameters, limits.parameter_bytes]
    too_many = any(limit is not None and parameters > limit for limit in most)
    return ["parameters"] * too_many + ["MACs"] * (macs > limits.macs)


def within(parameters: int, macs: int) -> str:
    """The years whose limits a network is within, or what is too much."""
    above = {year: exceeded(parameters, macs, limits) for year, limits in sorted(LIMITS.items())}
    years = [year for year, what in above.items() if not what]
    if not years:
        return "no: " + ", ".join(dict.fromkeys(what for several in above.values() for what in several))
    whole = len(years) == len(above) > 1
    return f"{years[0]}-{years[-1]}" if whole else ", ".join(map(str, years))


def _size_rows(costs: dict[str, Cost]) -> list[list[str]]:
    rows = [
        ["", "", "deployed", "", "torchinfo", "", "peak", "within"],
        ["size", "input", "parameters", "MACs", "parameters", "MACs", "activations", "the limits"],
    ]
    for name, found in costs.items():
        folded, printed = cost.fold(found), found.torchinfo
        numbers = [folded.parameters, folded.macs, printed.parameters, printed.macs, found.peak_activations]
        rows.append([name, _input(SIZES[name]), *(f"{number:,}" for number in numbers), _limits(found)])
    return rows


def _input(size: Size) -> str:
    return " x ".join(map(str, shape(size)))


def _limits(found: Cost) -> str:
    """By torchinfo's figures, and how much it is by the same rule at every token where that is too much."""
    parameters = found.torchinfo.parameters
    printed, every_token = within(parameters, found.torchinfo.macs), within(parameters, found.macs)
    return printed if printed == every_token else f"{printed}; {found.macs / 1e6:.1f} M MACs counted at every token"


def _print_layers(name: str, found: Cost) -> None:
    size, folded = SIZES[name], cost.fold(found)
    rows = [
        ["", "", "as trained", "", "deployed", ""],
        ["layer", "kind", "parameters", "MACs", "parameters", "MACs"],
    ]
    for layer in found.layers:
        numbers = [layer.parameters, layer.macs, layer.deployed_parameters, layer.deployed_macs]
        rows.append([layer.name or "(network)", layer.kind, *(f"{number:,}" for number in numbers)])
    totals = [found.parameters, found.macs, folded.parameters, folded.macs]
    rows.append(["all", "", *(f"{number:,}" for number in totals)])
    print(f"{name}: {size.architecture}, {size.source}; input {_input(size)}\n")
    _print_table(rows)
    print(f"\ntorchinfo prints {found.torchinfo.parameters:,} parameters and {found.torchinfo.macs:,} MACs")
    print(f"peak of activations: {found.peak_activations:,} bytes in INT8, {4 * found.peak_activations:,} in float")
    print(f"within the limits: {_limits(found)}")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns of numbers are set right, words left."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numbers = [column[-1].replace(",", "").isdigit() for column in columns]
    for row in rows:
        cells = zip(row, widths, numbers, strict=True)
        print("  ".join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in cells).rstrip())


if __name__ == "__main__":
    raise SystemExit(recipe.run(list_sizes))
