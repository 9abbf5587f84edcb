"""Shapes of a body part: mirrored, varied, and bones with walls."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.body.parts import Parts


def parts() -> Parts:
    return Parts(np.random.default_rng(0), 1.1)


def test_a_shape_without_variation_is_only_scaled() -> None:
    shape = parts().add("fat", (10, -20, 30), (4, 5, 6), vary=0)
    assert shape.centre == pytest.approx((11, -22, 33)) and shape.radii == pytest.approx((4.4, 5.5, 6.6))


def test_variation_stays_within_its_limits() -> None:
    own = parts()
    for _ in range(50):
        own.add("fat", (10, 20, 30), (4, 5, 6), vary=0.1)
    radii = np.array([shape.radii for shape in own.shapes]) / (4.4, 5.5, 6.6)
    centres = (np.array([shape.centre for shape in own.shapes]) - (11, 22, 33)) / 4.4
    assert 0.08 < np.abs(radii - 1).max() <= 0.1 and 0.08 < np.abs(centres).max() <= 0.1


def test_both_sides_and_bones() -> None:
    own = parts()
    own.add("kidney", (30, 0, 0), (4, 5, 6), turn=20, both=True)
    left, right = own.shapes
    assert left.centre[0] < 0 < right.centre[0] and (left.turn, right.turn) == (-20, 20)
    own.bones(((0, 0, 0), (10, 10, 40), 3.0, "marrow"), ((0, 0, 40), (14, 14, 20), 2.0, "spongy bone"))
    assert [shape.tissue for shape in own.shapes[2:]] == ["bone", "bone", "marrow", "spongy bone"]
    shell, core = own.shapes[2], own.shapes[4]
    assert np.subtract(shell.radii, core.radii) == pytest.approx(3.0) and core.inside == "bone"
