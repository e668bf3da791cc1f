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
    memory_bytes: int | None = None
    """Of its parameters; of those in INT8 a byte each, as the rules count. None: the source does not say."""


DEV_TEST, SUBSET_25 = "TAU 2022 dev-test", "TAU dev-test, 25 % subset"
DSMN, BASELINE_2024 = "Wangkkklll/DSMN_dcase2023", "DCASE 2024 Task 1 baseline"
PREDICTIONS = "published predictions, rescored"

PUBLISHED = (
    PublishedSystem("DCASE baseline 2022, INT8", 29_234_920, 0.429, DEV_TEST, "DCASE 2022 Task 1 baseline", 46_512),
    PublishedSystem("CP-JKU 2022, INT8", 28_000_000, 0.596, "2022 evaluation set", "arXiv 2206.03835", 121_000),
    PublishedSystem("Surrey C1 2022, float", 4_156_040, 0.4609, DEV_TEST, PREDICTIONS, 56_064),
    PublishedSystem("Surrey C1 2022, INT8 weights", 4_156_040, 0.4591, DEV_TEST, PREDICTIONS, 17_856),
    PublishedSystem("DSMN-1 2023, INT8", 8_640_000, 0.533, DEV_TEST, DSMN, 45_100),
    PublishedSystem("DSMN-2 2023, INT8", 16_740_000, 0.564, DEV_TEST, DSMN, 56_100),
    PublishedSystem("DSMN-3 2023, INT8", 25_440_000, 0.508, DEV_TEST, DSMN, 56_500),
    PublishedSystem("DSMN-4 2023, INT8", 20_920_000, 0.524, DEV_TEST, DSMN, 121_800),
    PublishedSystem("PACN", 1_440_000, 0.561, "2023 data set", "abstract of the paper (Li, Tan)"),
    PublishedSystem("DCASE baseline 2024, FP16", 29_419_156, 0.5699, DEV_TEST, BASELINE_2024, 122_296),
    PublishedSystem(
        "Werning_UPBNT 2024", 29_419_156, 0.5834, "2024 evaluation set", "its model card: the baseline's net"
    ),
    PublishedSystem("DCASE baseline 2025, FP16", 29_419_156, 0.5189, SUBSET_25, "DCASE 2025 Task 1 baseline", 122_296),
    PublishedSystem("NTU CNN-GRU 2025", 10_900_000, 0.6025, SUBSET_25, "joesephgit/DCASE2025", 114_200),
    PublishedSystem("Li_NTU S2 2025", 17_000_000, 0.593, SUBSET_25, "HaoWLee/dcase2025_task1_Li_NTU"),
)
