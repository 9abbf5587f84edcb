"""Tubes and blobs of bone: where they are asked for, bright at their outline, in proportion to their weight."""

from __future__ import annotations

import math

import numpy as np
import pytest

from multimed_hf.simulation.hand.canvas import Canvas


def canvas_of(turn: float = 0.0) -> Canvas:
    return Canvas(np.zeros((120, 120), np.float32), 2.0, turn, (60.0, 60.0))


def middle_of(density: np.ndarray) -> tuple[float, float]:
    """Column and row of the centre of mass."""
    rows, columns = np.indices(density.shape)
    return float((columns * density).sum() / density.sum()), float((rows * density).sum() / density.sum())


@pytest.mark.parametrize("turn", [0.0, 0.3])
@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi])
def test_tube_runs_along_its_axis(turn: float, angle: float) -> None:
    canvas = canvas_of(turn)
    canvas.tube(1.0, 2.0, angle, (0.0, 20.0), (20, 4, 4, 4), (1.0, 1.0), 1.5)
    middle = canvas.pixel(1.0 + 10 * math.sin(angle), 2.0 + 10 * math.cos(angle))
    assert middle_of(canvas.density) == pytest.approx(middle, abs=0.5)
    assert (canvas.density > 0).sum() == pytest.approx(20 * 8 * canvas.scale**2, rel=0.12)


def test_cortex_is_brighter_than_marrow() -> None:
    canvas = canvas_of()
    canvas.tube(0.0, -10.0, 0.0, (0.0, 20.0), (20, 5, 5, 5), (1.0, 1.0), 1.5)
    canvas.blob(20.0, 0.0, 0.0, (6.0, 6.0), 10.0, 2.0)
    assert canvas.density[60, 60 - 8] > 1.15 * canvas.density[60, 60]
    assert canvas.density[60, 100 - 11] > 1.05 * canvas.density[60, 100]


def test_blob_is_an_ellipse_where_it_is_asked_for() -> None:
    canvas = canvas_of(0.2)
    canvas.blob(4.0, -3.0, 0.5, (9.0, 5.0), 10.0, 2.0)
    assert middle_of(canvas.density) == pytest.approx(canvas.pixel(4.0, -3.0), abs=0.3)
    assert (canvas.density > 0).sum() == pytest.approx(math.pi * 9 * 5 * canvas.scale**2, rel=0.03)


def test_bumps_change_the_outline_and_not_the_place() -> None:
    smooth, bumpy = canvas_of(), canvas_of()
    smooth.blob(0.0, 0.0, 0.0, (8.0, 8.0), 10.0, 2.0)
    bumpy.blob(0.0, 0.0, 0.0, (8.0, 8.0), 10.0, 2.0, (0.1, 0.0, 0.0, 0.05))
    assert not np.array_equal(smooth.density > 0, bumpy.density > 0)
    assert middle_of(bumpy.density) == pytest.approx((60, 60), abs=1)


def test_weight_is_density_and_what_lies_outside_is_left_out() -> None:
    half, whole = canvas_of(), canvas_of()
    for canvas, weight in ((half, 0.5), (whole, 1.0)):
        canvas.tube(0.0, 0.0, 0.4, (0.0, 90.0), (90, 6, 5, 6), (2.0, 2.0), 2.0, weight)
        canvas.blob(200.0, 0.0, 0.0, (6.0, 6.0), 10.0, 2.0, weight=weight)
    assert np.allclose(2 * half.density, whole.density, rtol=1e-4)
