"""How DCASE Task 1 ranked systems in the years whose rule stands in a source, and which systems no other one beats.

Of 2022 and 2023 no source gives the rule in full (2023's page names three ranks, but not their weights), so those years
are not ranked. Equal values share the better rank, and the next one is skipped (1, 2, 2, 4); how the challenge broke
ties is not known. A system above a limit of the year took no part in it: such systems are ranked apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from bench.challenge.forms import SUBSETS
from bench.challenge.systems import System
from bench.measure.figure import ESTIMATED, MEASURED, QUOTED
from tinyasc.artifact import command_line
from tinyasc.dcase import LIMITS

FORMAT = 2
COSTS = ("macs", "memory_bytes")
TEAM = "team (rank)"
"""Of the table: the rank stands beside the team's best system."""


@dataclass(frozen=True)
class Rule:
    """What one year ranks by: the mean of some accuracies, higher is better."""

    text: str
    source: str
    needs: tuple[str, ...]
    """The accuracies of a system that it takes (`systems.UNITS`)."""


RULES = {
    2024: Rule(
        "mean of the accuracies after training on 5, 10, 25, 50 and 100 %",
        "agrees with the scores 50.73 and 54.35 in huggingface.co/WestAI-SC/dcase24_challenge_task1_upbnt",
        SUBSETS,
    ),
    2025: Rule("accuracy", "results page of Task 1, DCASE 2025", ("accuracy",)),
}


@dataclass(frozen=True)
class Place:
    """One system in a ranking."""

    name: str
    rank: int
    score: float
    """What the year ranks by, a fraction."""
    team_rank: int | None
    """Rank of its team, if it is the team's best system; none: it is not, or no teams are known."""


@dataclass(frozen=True)
class Ranking:
    """One year's."""

    rule: str
    source: str
    """What confirms the rule."""
    how: str
    """"quoted", else "estimated", where a number that it rests on is; "measured": all are."""
    places: list[Place]
    """Best first."""
    apart: list[Place]
    """Those above a limit, ranked among themselves."""
    above: dict[str, list[str]]
    """Which limits they are above, by name."""
    unchecked: list[str]
    """Systems whose table lacks a number that the year limits; they are ranked with those within the limits."""
    lacking: dict[str, list[str]]
    """Systems that are not ranked, and the numbers that they lack, by name."""


@dataclass(frozen=True)
class Comparison:
    """Several systems side by side; as JSON it is the file of `--out`."""

    format: int
    made: str
    """Time of it, ISO 8601."""
    command: str
    """What made it."""
    systems: dict[str, System]
    """By name."""
    rankings: dict[int, Ranking]
    """By year."""
    front: dict[str, list[str]]
    """By each of COSTS: names of the systems that no other beats in accuracy at that cost, by cost."""
    comparable: bool | None
    """Whether all accuracies were measured on one data set; none: a table does not say."""


def compare(systems: Sequence[System]) -> Comparison:
    """Rank some systems by the rules of every year, and find those that no other one beats."""
    data = {system.data for system in systems}
    return Comparison(
        FORMAT,
        datetime.now(UTC).isoformat(timespec="seconds"),
        command_line(),
        {system.name: system for system in systems},
        {year: rank(systems, year) for year in RULES},
        {cost: front_of(systems, cost) for cost in COSTS},
        None if None in data and len(systems) > 1 else len(data) == 1,
    )


def rank(systems: Sequence[System], year: int) -> Ranking:
    """Rank some systems by the rule of a year."""
    rule = RULES[year]
    lacking = {system.name: [need for need in rule.needs if system.value(need) is None] for system in systems}
    ranked = [system for system in systems if not lacking[system.name]]
    above = {system.name: limits for system in ranked if (limits := above_limits(system, year))}
    inside = [system for system in ranked if system.name not in above]
    origins = {system.figures[need].provenance for system in ranked for need in rule.needs}
    return Ranking(
        rule.text,
        rule.source,
        next((how for how in (QUOTED, ESTIMATED) if how in origins), MEASURED),
        places=_places(rule, inside),
        apart=_places(rule, [system for system in ranked if system.name in above]),
        above=above,
        unchecked=[system.name for system in inside if None in (system.value("macs"), system.value("memory_bytes"))],
        lacking={name: needs for name, needs in lacking.items() if needs},
    )


def above_limits(system: System, year: int) -> list[str]:
    """Which limits of a year a system is above, in words; of numbers that are not known nothing is said."""
    limits = LIMITS[year]
    costs = (("macs", limits.macs, "MACs"), ("memory_bytes", limits.parameter_bytes, "bytes"))
    return [
        f"{value:,.0f} {unit}, {limit:,} allowed"
        for name, limit, unit in costs
        if limit is not None and (value := system.value(name)) is not None and value > limit
    ]


def ordered(values: Sequence[float]) -> list[int]:
    """The rank of each value, from 1 for the highest; equal values share the better rank."""
    return [1 + sum(other > value for other in values) for value in values]


def _places(rule: Rule, systems: Sequence[System]) -> list[Place]:
    scores = [fmean(system.value(need) or 0.0 for need in rule.needs) for system in systems]
    teams = _team_ranks([system.team for system in systems], scores)
    rows = zip(systems, ordered(scores), scores, teams, strict=True)
    places = [Place(system.name, rank, score, team) for system, rank, score, team in rows]
    return sorted(places, key=lambda place: place.rank)


def _team_ranks(teams: Sequence[str | None], scores: Sequence[float]) -> list[int | None]:
    """Of the best system of each team; of several equally good ones the first stands for it."""
    best: dict[str, int] = {}
    for place, team in enumerate(teams):
        if team is not None and (team not in best or scores[place] > scores[best[team]]):
            best[team] = place
    ranks = dict(zip(best.values(), ordered([scores[place] for place in best.values()]), strict=True))
    return [ranks.get(place) for place in range(len(scores))]


def points(systems: Sequence[System], cost: str) -> dict[str, tuple[float, float]]:
    """(cost, accuracy) of the systems that have both, by name."""
    known = {system.name: (system.value(cost), system.value("accuracy")) for system in systems}
    return {name: (x, y) for name, (x, y) in known.items() if x is not None and y is not None}


def front_of(systems: Sequence[System], cost: str) -> list[str]:
    """Names of the systems that no other dominates, by ascending cost.

    One system dominates another if it costs no more and is no less accurate, and is not equal to it in both.
    """
    known = points(systems, cost)

    def dominated(point: tuple[float, float]) -> bool:
        return any(x <= point[0] and y >= point[1] and (x, y) != point for x, y in known.values())

    return sorted((name for name, point in known.items() if not dominated(point)), key=lambda name: known[name][0])


def table(year: int, ranking: Ranking, systems: Mapping[str, System]) -> list[str]:
    """One year for the terminal: its rule, its places, those ranked apart, and who is not ranked and why."""
    head = f"{year}: {ranking.rule} ({ranking.source})"
    if not (ranking.places or ranking.apart):
        return [head, *_left_out(ranking)]
    wanted = dict.fromkeys([*RULES[year].needs, "accuracy", "known_devices", "unknown_devices", "memory_bytes", "macs"])
    shown = [name for name in wanted if any(system.value(name) is not None for system in systems.values())]
    titles = ["rank", TEAM, "system", "score", *(name.replace("_", " ") for name in shown)]
    rows = [titles, *(_row(place, systems[place.name], shown) for place in ranking.places)]
    if ranking.apart:
        rows += [[], *(_row(place, systems[place.name], shown) for place in ranking.apart)]
    if all(system.team is None for system in systems.values()):
        rows = [[cell for column, cell in enumerate(row) if column != titles.index(TEAM)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*(row for row in rows if row), strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    if ranking.apart:
        text[len(ranking.places) + 1] = "ranked apart, above a limit of the year:"
    return [head, *text, *_left_out(ranking)]


def _row(place: Place, system: System, shown: Sequence[str]) -> list[str]:
    team = system.team or "–"
    team += "" if place.team_rank is None else f" ({place.team_rank})"
    return [str(place.rank), team, place.name, _text(place.score, "fraction"), *(_cell(system, name) for name in shown)]


def _cell(system: System, name: str) -> str:
    figure = system.figures.get(name)
    return "–" if figure is None or figure.value is None else f"{_text(figure.value, figure.unit)} {figure.provenance}"


def _text(value: float, unit: str) -> str:
    return f"{100 * value:.2f} %" if unit == "fraction" else f"{value:,.0f}"


def _left_out(ranking: Ranking) -> list[str]:
    lines = [f"  {name} is above the limits: {'; '.join(above)}" for name, above in ranking.above.items()]
    if ranking.unchecked:
        lines.append(f"  limits not checked, MACs or memory are not known: {', '.join(ranking.unchecked)}")
    lacking: dict[str, list[str]] = {}
    for name, needs in ranking.lacking.items():
        lacking.setdefault(", ".join(needs), []).append(name)
    return lines + [f"  not ranked, no {needs}: {', '.join(names)}" for needs, names in lacking.items()]
