"""Ellipsoids on a grid: distances and boxes as by definition."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.body.ellipsoids import Monomials, boxes_on, coefficients_of, corners_between


def ellipsoids(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres, axes and radii, mm."""
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.standard_normal((count, 3, 3)))[0]
    return random.uniform(-20, 20, (count, 3)), axes, random.uniform(2, 25, (count, 3))


@pytest.mark.parametrize("shape", [(1, 12, 9), (6, 1, 9), (6, 12, 1), (4, 5, 6)])
def test_the_distance_is_one_on_the_surface(shape: tuple[int, int, int]) -> None:
    centres, axes, radii = ellipsoids(5)
    forms = (axes / radii[:, None] ** 2) @ axes.transpose(0, 2, 1)
    places = list(np.random.default_rng(1).uniform(-60, 60, (3, *shape)).astype(np.float32))
    box = tuple(slice(0 if size == 1 else 1, size) for size in shape)
    for centre, axis, radius, coefficients in zip(centres, axes, radii, coefficients_of(centres, forms), strict=True):
        offsets = np.stack([values[box] for values in places], -1) - centre
        expected = (((offsets @ axis) / radius) ** 2).sum(-1)
        np.testing.assert_allclose(Monomials(places).distance(box, coefficients), expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_corners_enclose_the_part_between_two_planes_and_no_more(axis: int) -> None:
    centres, axes, radii = ellipsoids(12)
    spreads = (axes * radii[:, None] ** 2) @ axes.transpose(0, 2, 1)
    lower, upper = corners_between(centres, spreads, axis, -4.0, 3.0)
    directions = np.random.default_rng(2).standard_normal((60_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    missed = 0
    for place in range(12):
        inside = centres[place] + (directions * radii[place]) @ axes[place].T
        # Chords across the slab as well as the surface: the part is convex.
        inside = np.concatenate([inside, (inside + inside[::-1]) / 2])
        inside = inside[(inside[:, axis] >= -4) & (inside[:, axis] <= 3)]
        if not len(inside):
            missed += 1
            assert (lower[place] > upper[place]).all()
            continue
        assert (inside > lower[place] - 1e-6).all() and (inside < upper[place] + 1e-6).all()
        np.testing.assert_allclose(inside.min(0), np.maximum(lower[place], -np.inf), atol=0.8)
        np.testing.assert_allclose(inside.max(0), upper[place], atol=0.8)
    assert 0 < missed < 12


def test_boxes_on_a_bent_grid() -> None:
    x, y = np.arange(10.0)[None], np.arange(8.0)[:, None]
    bent = [x + np.where(y > 4, 2, -1), y + 0 * x]
    boxes = boxes_on(np.array([[4, 2], [30, 0]]), np.array([[6, 3], [40, 9]]), [x, y], bent)
    assert boxes == {0: (slice(2, 4), slice(2, 8))}
