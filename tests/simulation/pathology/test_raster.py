"""Pixels of ellipses: those that the equation says, each once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation.pathology.raster import ellipse_pixels

SIZE = 24

ellipses = st.lists(
    st.tuples(st.floats(-12, 36), st.floats(-12, 36), st.floats(0.3, 30), st.floats(0.3, 30), st.floats(-7, 7)),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(ellipses)
def test_pixels_are_those_inside(drawn: list[tuple[float, ...]]) -> None:
    values = np.array(drawn).reshape(-1, 5)
    which, across, down, place = ellipse_pixels(values[:, :2], values[:, 2:4], values[:, 4], SIZE)
    assert (np.diff(which) >= 0).all()
    row, column = np.divmod(np.arange(SIZE**2), SIZE)
    for number, (x, y, long, short, turn) in enumerate(drawn):
        found = place[which == number]
        assert len(set(found)) == len(found)
        dx, dy = column - x, row - y
        radius = np.hypot(
            (dx * np.cos(turn) + dy * np.sin(turn)) / long, (dy * np.cos(turn) - dx * np.sin(turn)) / short
        )
        # Pixels on the very edge may fall on either side.
        assert set(np.flatnonzero(radius < 1 - 1e-6)) <= set(found) <= set(np.flatnonzero(radius < 1 + 1e-6))
        np.testing.assert_allclose(across[which == number], dx[found], atol=1e-5)
        np.testing.assert_allclose(down[which == number], dy[found], atol=1e-5)


def test_one_turn_for_all_and_none_at_all() -> None:
    which, across, down, place = ellipse_pixels(np.array([[3.0, 5.0]]), np.array([[2.0, 0.5]]), 0.0, SIZE)
    assert place.tolist() == [5 * SIZE + column for column in range(1, 6)]
    assert across.tolist() == [-2, -1, 0, 1, 2] and not down.any() and not which.any()
    assert across.dtype == down.dtype == np.float32
    assert [len(part) for part in ellipse_pixels(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), SIZE)] == [0] * 4


def test_the_area_is_that_of_the_ellipse() -> None:
    place = ellipse_pixels(np.array([[150.2, 149.7]]), np.array([[120.0, 40.0]]), 0.7, 300)[3]
    assert len(place) == pytest.approx(np.pi * 120 * 40, rel=0.01)
