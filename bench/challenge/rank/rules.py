"""How DCASE Task 1 ranked its systems, year by year.

Equal values share the better rank, and the next one is skipped (1, 2, 2, 4); how the challenge broke ties is not known.
A system above a limit of the year took no part in it: such systems are ranked apart, among themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from bench.challenge.rank.system import SUBSETS, System
from tinyasc.dcase import LIMITS
from tinyasc.errors import UserError


@dataclass(frozen=True)
class Weights:
    """Of the ranks of 2023. The task page names the three ranks but no weights: these are from memory."""

    accuracy: float = 0.5
    """Weight of the rank by accuracy."""
    memory: float = 0.25
    """Weight of the rank by memory."""
    macs: float = 0.25
    """Weight of the rank by multiply-accumulates."""

    def __post_init__(self) -> None:
        if min(self.accuracy, self.memory, self.macs) < 0 or self.accuracy + self.memory + self.macs <= 0:
            raise UserError("weights: none may be less than 0, and one must be more")


@dataclass(frozen=True)
class Rule:
    """What one year ranks by."""

    text: str
    remark: str
    """What confirms it, or that nothing does."""
    needs: tuple[str, ...]
    """The numbers of a system that it takes (`system.UNITS`)."""
    unit: str
    """Of the score: "fraction", "nats", or "rank" for a mean of ranks."""
    lower: bool
    """Whether a lower score is better."""


@dataclass(frozen=True)
class Place:
    """One system in a ranking."""

    name: str
    rank: int
    score: float
    """What the year ranks by."""
    team_rank: int | None = None
    """Rank of its team, if it is the team's best system; none: it is not, or no teams are known."""
    ranks: dict[str, int] = field(default_factory=dict)
    """2023: its rank by each of the three."""


@dataclass(frozen=True)
class Ranking:
    """One year's."""

    year: int
    rule: Rule
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


def rules(weights: Weights) -> dict[int, Rule]:
    """By year; their sources are the task pages on dcase.community."""
    three = f"{weights.accuracy:g}, {weights.memory:g} and {weights.macs:g}"
    changed = "weights from memory, not confirmed in a source" if weights == Weights() else "weights as given"
    subsets = tuple(f"split_{subset}" for subset in SUBSETS)
    return {
        2022: Rule("log loss", "from memory, not confirmed in a source", ("log_loss",), "nats", lower=True),
        2023: Rule(
            f"weighted average of the ranks by accuracy, memory and MACs: {three}",
            f"task page of 2023; {changed}",
            ("accuracy", "memory_bytes", "macs"),
            "rank",
            lower=True,
        ),
        2024: Rule(
            "mean of the accuracies after training on 5, 10, 25, 50 and 100 %",
            "agrees with the published scores of two systems (50.73 and 54.35)",
            subsets,
            "fraction",
            lower=False,
        ),
        2025: Rule("accuracy", "results page of 2025", ("accuracy",), "fraction", lower=False),
    }


def rank(systems: Sequence[System], weights: Weights) -> list[Ranking]:
    """Every year's ranking of some systems, oldest first."""
    return [_rank(year, rule, systems, weights) for year, rule in sorted(rules(weights).items())]


def above_limits(system: System, year: int) -> list[str]:
    """Which limits of a year a system is above, in words; of numbers that are not known nothing is said.

    Where the number of parameters is not known, 2022's limit of it is held against the memory: INT8 takes a byte each.
    """
    limits, memory, parameters = LIMITS[year], system.value("memory_bytes"), system.value("parameters")
    counted = memory if parameters is None else parameters
    found = []
    for value, limit, unit in (
        (system.value("macs"), limits.macs, "MACs"),
        (memory, limits.parameter_bytes, "bytes"),
        (counted, limits.parameters, "parameters"),
    ):
        if value is not None and limit is not None and value > limit:
            found.append(f"{value:,.0f} {unit}, {limit:,} allowed")
    if limits.integer_parameters and memory is not None and parameters is not None and memory > parameters:
        found.append(f"{memory / parameters:.2g} bytes a parameter, INT8 required")
    return found


def ordered(values: Sequence[float], lower: bool) -> list[int]:
    """The rank of each value, from 1; equal values share the better rank."""
    return [1 + sum(other < value if lower else other > value for other in values) for value in values]


def _rank(year: int, rule: Rule, systems: Sequence[System], weights: Weights) -> Ranking:
    lacking = {system.name: [need for need in rule.needs if system.value(need) is None] for system in systems}
    ranked = [system for system in systems if not lacking[system.name]]
    above = {system.name: found for system in ranked if (found := above_limits(system, year))}
    return Ranking(
        year,
        rule,
        places=_places(rule, [system for system in ranked if system.name not in above], weights),
        apart=_places(rule, [system for system in ranked if system.name in above], weights),
        above=above,
        unchecked=[
            system.name
            for system in ranked
            if system.name not in above and None in (system.value("macs"), system.value("memory_bytes"))
        ],
        lacking={name: needs for name, needs in lacking.items() if needs},
    )


def _places(rule: Rule, systems: Sequence[System], weights: Weights) -> list[Place]:
    columns = {need: [system.value(need) or 0.0 for system in systems] for need in rule.needs}
    by_each: dict[str, list[int]] = {}
    if rule.unit == "rank":
        by_each = {need: ordered(column, lower=need != "accuracy") for need, column in columns.items()}
        scores = _weighted(by_each, weights)
    else:
        scores = [fmean(column[place] for column in columns.values()) for place in range(len(systems))]
    teams = _team_ranks([system.team for system in systems], scores, rule.lower)
    places = [
        Place(system.name, rank, score, team, {need: ranks[number] for need, ranks in by_each.items()})
        for number, (system, rank, score, team) in enumerate(
            zip(systems, ordered(scores, rule.lower), scores, teams, strict=True)
        )
    ]
    return sorted(places, key=lambda place: place.rank)


def _weighted(ranks: dict[str, list[int]], weights: Weights) -> list[float]:
    each = {"accuracy": weights.accuracy, "memory_bytes": weights.memory, "macs": weights.macs}
    total = sum(each.values())
    return [
        sum(each[need] * rank for need, rank in zip(ranks, of_system, strict=True)) / total
        for of_system in zip(*ranks.values(), strict=True)
    ]


def _team_ranks(teams: Sequence[str | None], scores: Sequence[float], lower: bool) -> list[int | None]:
    """Of the best system of each team; of several equally good ones the first stands for it."""
    better: Callable[..., int] = min if lower else max
    best = {
        team: better((place for place, other in enumerate(teams) if other == team), key=lambda place: scores[place])
        for team in teams
        if team is not None
    }
    ranks = dict(zip(best.values(), ordered([scores[place] for place in best.values()], lower), strict=True))
    return [ranks.get(place) for place in range(len(scores))]
