"""Trees of vessels: points at even distance, on the side they grow to, thinner with every generation."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.chest.vessels import STRIDE, branches


def test_points_begin_at_the_root_and_lie_a_stride_apart() -> None:
    x, y, radius = branches(np.random.default_rng(0), [(10.0, 20.0)], [1], 1, 30.0, 3.0, 1)
    assert np.hypot(np.diff(x), np.diff(y)) == pytest.approx(np.full(len(x) - 1, STRIDE), rel=1e-3)
    assert np.hypot(x[0] - 10, y[0] - 20) == pytest.approx(STRIDE, rel=1e-3)
    assert len(x) * STRIDE == pytest.approx(30, rel=0.15)
    assert (np.diff(radius) < 0).all()


def test_trees_grow_to_their_sides() -> None:
    x, _, _ = branches(np.random.default_rng(1), [(-40.0, 90.0), (40.0, 80.0)], [-1, 1], 7, 30.0, 4.0, 4, fan=1.0)
    assert (x < -40).mean() == pytest.approx(0.5, abs=0.05)
    assert (x > 40).mean() == pytest.approx(0.5, abs=0.05)


def test_daughters_are_thinner_than_their_mother() -> None:
    ends = []
    for generations in (1, 2, 3, 4):
        _, _, radius = branches(np.random.default_rng(2), [(0.0, 0.0)], [1], 9, 30.0, 4.0, generations)
        ends.append(radius.min())
    assert (np.array(ends[1:]) < 0.9 * np.array(ends[:-1])).all()
