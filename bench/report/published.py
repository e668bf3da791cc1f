"""Published systems with both MACs and accuracy, as background points. Their accuracies are of TAU Mobile, each on the
split that is named: not comparable with one another to the point, and not at all with another data set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedSystem:
    """One quoted system."""

    name: str
    macs: int
    accuracy: float
    """Fraction; macro accuracy or as the source says."""
    split: str
    source: str


PUBLISHED = (
    PublishedSystem("DCASE baseline 2022, INT8", 29_234_920, 0.429, "TAU 2022 dev-test", "DCASE 2022 Task 1 baseline"),
    PublishedSystem("CP-JKU 2022, INT8", 28_000_000, 0.596, "2022 evaluation set", "arXiv 2206.03835"),
    PublishedSystem("Surrey C1 2022, float", 4_156_040, 0.4609, "TAU 2022 dev-test", "published predictions, rescored"),
    PublishedSystem("DSMN-a 2023, INT8", 8_640_000, 0.533, "TAU 2022 dev-test", "Wangkkklll/DSMN_dcase2023"),
    PublishedSystem("DSMN-b 2023, INT8", 16_740_000, 0.564, "TAU 2022 dev-test", "Wangkkklll/DSMN_dcase2023"),
    PublishedSystem("PACN", 1_440_000, 0.561, "2023 data set", "abstract of the paper (Li, Tan)"),
    PublishedSystem("DCASE baseline 2024, FP16", 29_419_156, 0.5699, "TAU 2022 dev-test", "DCASE 2024 Task 1 baseline"),
    PublishedSystem("NTU CNN-GRU 2025", 10_900_000, 0.6025, "TAU dev-test, 25 % subset", "joesephgit/DCASE2025"),
    PublishedSystem("Li_NTU S2 2025", 17_000_000, 0.593, "TAU dev-test, 25 % subset", "HaoWLee/dcase2025_task1_Li_NTU"),
)
