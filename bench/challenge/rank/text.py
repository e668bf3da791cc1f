"""A ranking as a table for the terminal; every number with its origin."""

from collections.abc import Mapping, Sequence

from bench.challenge.rank.rules import Place, Ranking
from bench.challenge.rank.system import System

COST = ("memory_bytes", "macs")
TEAM = "team (rank)"
"""The rank stands beside the team's best system."""


def lines(ranking: Ranking, systems: Mapping[str, System]) -> list[str]:
    """One year: its rule, its places, those ranked apart, and who is not ranked and why.

    Args:
        ranking: of the year.
        systems: by name.
    """
    head = f"{ranking.year}: {ranking.rule.text} ({ranking.rule.remark})"
    if not (ranking.places or ranking.apart):
        return [head, *_left_out(ranking)]
    wanted = dict.fromkeys([*ranking.rule.needs, "accuracy", "known_devices", "unknown_devices", *COST])
    shown = [name for name in wanted if any(system.value(name) is not None for system in systems.values())]
    titles = ["rank", TEAM, "system", "score", *(name.replace("_", " ") for name in shown)]
    if all(system.team is None for system in systems.values()):
        titles.remove(TEAM)
    rows = [titles, *(_row(place, ranking, systems, shown, titles) for place in ranking.places)]
    if ranking.apart:
        rows += [[], *(_row(place, ranking, systems, shown, titles) for place in ranking.apart)]
    widths = [max(len(row[column]) for row in rows if row) for column in range(len(titles))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    if ranking.apart:
        text[len(ranking.places) + 1] = "ranked apart, above a limit of the year:"
    return [head, *text, *_left_out(ranking)]


def _row(
    place: Place, ranking: Ranking, systems: Mapping[str, System], shown: Sequence[str], titles: Sequence[str]
) -> list[str]:
    system, unit = systems[place.name], ranking.rule.unit
    team = [] if TEAM not in titles else [_team(system.team, place.team_rank)]
    cells = [_cell(system, name) for name in shown]
    return [str(place.rank), *team, place.name, _text(place.score, unit), *cells]


def _team(team: str | None, rank: int | None) -> str:
    return "–" if team is None else team if rank is None else f"{team} ({rank})"


def _left_out(ranking: Ranking) -> list[str]:
    found = [f"  {name} is above the limits: {'; '.join(above)}" for name, above in ranking.above.items()]
    if ranking.unchecked:
        found.append(f"  limits not checked, MACs or memory are not known: {', '.join(ranking.unchecked)}")
    lacking: dict[str, list[str]] = {}
    for name, needs in ranking.lacking.items():
        lacking.setdefault(", ".join(needs), []).append(name)
    return found + [f"  not ranked, no {needs}: {', '.join(names)}" for needs, names in lacking.items()]


def _cell(system: System, name: str) -> str:
    figure = system.figures.get(name)
    return "–" if figure is None or figure.value is None else f"{_text(figure.value, figure.unit)} {figure.provenance}"


def _text(value: float, unit: str) -> str:
    if unit == "fraction":
        return f"{100 * value:.2f} %"
    return f"{value:.3f}" if unit == "nats" else f"{value:g}" if unit == "rank" else f"{value:,.0f}"
