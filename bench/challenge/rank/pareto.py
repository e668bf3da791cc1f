"""Which systems no other one beats: the non-dominated front of cost against gain."""

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The points that no other dominates.

    One point dominates another if it costs no more and gains no less, and is not equal to it. Equal points stay both.

    Args:
        points: (cost, gain) of each; lower costs and higher gains are better.

    Returns:
        Their places in `points`, by ascending cost.
    """

    def dominated(point: tuple[float, float]) -> bool:
        return any(cost <= point[0] and gain >= point[1] and (cost, gain) != point for cost, gain in points)

    kept = [place for place, point in enumerate(points) if not dominated((point[0], point[1]))]
    return sorted(kept, key=lambda place: points[place])
