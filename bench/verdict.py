"""Whether a file fits the limits of DCASE Task 1, year by year, with the counting rule of every number.

The rules count memory of parameters at their own precision: an INT8 weight is one byte. Quantized files hold biases as
int32, four bytes each, and the challenge's counter (NeSsi) adds those and the shapes, axes and paddings beside them.
Both counts are shown and both must pass.
"""

from dataclasses import asdict, dataclass
from typing import Any

from bench.graph_cost import GraphCost
from tinyasc.dcase import LIMITS

AS_STORED = "as stored: weights, int32 biases at 4 bytes each, shapes and paddings (NeSsi's count)"
ONE_PRECISION = "every weight and bias at the precision of the weights (the wording of the rule)"
EVERY_PARAMETER = "every weight and bias, zeros too"


@dataclass(frozen=True)
class Check:
    """One number against one limit."""

    year: int
    rule: str
    """What is limited."""
    counting: str
    """How `value` was counted."""
    value: int
    limit: int
    unit: str

    @property
    def share(self) -> float:
        """value / limit; above 1 fails. A limit of 0 gives 0 or 1."""
        return self.value / self.limit if self.limit else float(self.value > 0)

    @property
    def passed(self) -> bool:
        return self.value <= self.limit

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "share": self.share, "passed": self.passed}


def checks(cost: GraphCost) -> list[Check]:
    """Every limit of every year in `tinyasc.dcase.LIMITS`, for one analysis segment of one second."""
    weights = cost.parameters - sum(layer.biases for layer in cost.layers)
    one_precision = round(cost.parameters * cost.weight_bytes / max(1, weights))
    found = []
    for year, limits in sorted(LIMITS.items()):
        rows = [("multiply-accumulates", "NeSsi's rule, biases not counted", cost.macs, limits.macs, "MACs")]
        if limits.parameter_bytes is not None:
            for counting, value in ((AS_STORED, cost.constant_bytes), (ONE_PRECISION, one_precision)):
                rows.append(("parameter memory", counting, value, limits.parameter_bytes, "bytes"))
        if limits.parameters is not None:
            rows.append(("parameters", EVERY_PARAMETER, cost.parameters, limits.parameters, "parameters"))
        if limits.integer_parameters:
            wide = 0 if cost.integer_weights else weights
            rows.append(("weights wider than INT8", "weights of more than one byte", wide, 0, "parameters"))
        found += [Check(year, *row) for row in rows]
    return found


def passed_years(found: list[Check]) -> dict[int, bool]:
    """Year -> whether every check of that year passed."""
    return {year: all(check.passed for check in found if check.year == year) for year in {c.year for c in found}}
