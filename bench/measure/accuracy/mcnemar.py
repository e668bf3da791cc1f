"""McNemar's test: whether two classifiers differ on the same clips by more than the toss of a coin."""


def p_value(only_first: int, only_second: int) -> float:
    """Exact, two-sided p of McNemar's test.

    Clips that both answer right, or both wrong, say nothing of a difference. If there is none, each of the n others is
    as likely the first's as the second's, so the smaller count is binomial with p = 1/2: the p value is the probability
    of a count as small or smaller, times two, and at most 1. Source: Q. McNemar, "Note on the sampling error of the
    difference between correlated proportions or percentages", Psychometrika 12 (1947); the exact binomial form in place
    of his chi-squared one, which is rough below some 25 clips. It takes clips for independent.

    Args:
        only_first: clips that the first alone answers right.
        only_second: clips that the second alone answers right.
    """
    n = only_first + only_second
    term = tail = 1  # of Pascal's row n, integers: no rounding before the last division
    for taken in range(min(only_first, only_second)):
        term = term * (n - taken) // (taken + 1)
        tail += term
    return min(1.0, 2 * tail / 2**n)
