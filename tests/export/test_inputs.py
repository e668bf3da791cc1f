"""The inputs of the proof of equality: which there are, and that they are what they are called."""

import numpy as np
import pytest

from export.inputs import CHANGES, varied_inputs

REAL = np.random.default_rng(0).integers(-60, 60, (20, 1, 32, 16)).astype(np.int8)


@pytest.mark.parametrize("count", [16, 100, 2000])
def test_every_kind_is_there_and_all_add_up(count: int) -> None:
    made = varied_inputs(REAL, -29, count, seed=0)
    assert list(made) == ["all zero", "all lowest", "all highest", "real", *CHANGES]
    assert sum(map(len, made.values())) == count
    assert min(map(len, made.values())) >= 1
    for kind, value in (("all zero", -29), ("all lowest", -128), ("all highest", 127)):
        assert (made[kind] == value).all()
    np.testing.assert_array_equal(made["real"], REAL[: count // 8])


def test_changes_do_what_they_say() -> None:
    made = varied_inputs(REAL, -29, 2000, seed=0)
    edges = {kind: np.isin(made[kind], (-128, 127)).mean(axis=(1, 2, 3)) for kind in CHANGES}
    assert np.median(edges["out of range"]) > 0.9
    assert 0.1 < (edges["clipped"] > 0).mean() < 1
    assert edges["mixed"].max() == 0
    known = {np.sort(one, axis=None).tobytes() for one in REAL}
    assert {np.sort(one, axis=None).tobytes() for one in made["rolled"]} <= known
    again = varied_inputs(REAL, -29, 2000, seed=0)
    assert all((again[kind] == made[kind]).all() for kind in made)
