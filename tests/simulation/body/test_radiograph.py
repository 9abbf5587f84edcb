"""Radiographs of a phantom: exact chords, bones over lungs, lesions as bright as their attenuation makes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from multimed_hf.simulation.body.lesions import body_of
from multimed_hf.simulation.body.projection import Grid, Shape, rotation_about
from multimed_hf.simulation.body.radiograph import _smoothed, attenuation_of, draw_radiograph
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.simulation.settings import Simulation

from .phantoms import phantom_of


class TestAttenuation:
    @staticmethod
    def attenuation(*shapes: Shape) -> np.ndarray:
        values = {"air": -1000.0, "muscle": 0.0, "bone": 1000.0 / 1.15, "lung": -800.0, "fat": -100.0}
        return attenuation_of(phantom_of(*shapes), Grid.plane("coronal", (0, 0, 0), 81, 81), values.__getitem__, 1.0)[0]

    @settings(max_examples=15, deadline=None)
    @given(st.floats(10, 35), st.floats(-60, 60))
    def test_the_chord_of_a_sphere(self, radius: float, turn: float) -> None:
        axes = rotation_about(2, turn) @ rotation_about(0, turn)
        image = self.attenuation(Shape("muscle", (0, 0, 0), (radius,) * 3, "air", axes=axes))
        assert image[40, 40] == pytest.approx(0.0193 * 2 * radius, rel=1e-3)
        assert image[40, 45] == pytest.approx(0.0193 * 2 * np.sqrt(radius**2 - 25), rel=1e-3)
        assert image[0, 0] == 0

    def test_a_bone_over_a_lung_attenuates_as_if_painted(self) -> None:
        image = self.attenuation(
            Shape("muscle", (0, 0, 0), (38, 38, 38), "air"),
            Shape("lung", (0, 0, 0), (30, 30, 30), merges=True),
            Shape("bone", (0, 25, 0), (10, 10, 10)),
        )
        # Along the middle ray: 16 mm of muscle less the 5 mm of bone behind the lung, 45 mm of lung, 20 mm of bone.
        assert image[40, 40] == pytest.approx(0.0193 * (11 + 0.2 * 45 + 2 * 20), rel=1e-3)

    def test_a_lesion_counts_as_much_as_it_fills_its_slice(self) -> None:
        lesion = Shape("bone", (4, 0, -3), (6, 6, 6), "muscle", lesion="mass")
        grid = Grid.plane("coronal", (0, 0, 0), 81, 81)
        hounsfield = {"air": -1000.0, "muscle": 0.0, "bone": 1000.0 / 1.15, "lung": -800.0, "fat": -100.0}.__getitem__
        image, mask = attenuation_of(phantom_of(lesion), grid, hounsfield, 0.5)
        assert image[43, 44] == pytest.approx(0.0193 * 0.5 * 12, rel=1e-3)
        np.testing.assert_array_equal(mask, image > 0)
        assert mask.sum() == pytest.approx(np.pi * 36, rel=0.05)


def test_a_gaussian_by_cosines_is_a_gaussian() -> None:
    image = np.random.default_rng(0).random((60, 80)).astype(np.float32)
    np.testing.assert_allclose(_smoothed(image, 5.0), gaussian_filter(image, 5.0, mode="reflect"), atol=2e-3)


def test_calcium_is_bright_and_a_cyst_of_the_liver_is_hardly_seen() -> None:
    def contrast(condition: str) -> float:
        values = []
        for number in range(6):
            drawn = draw_patient(Simulation(difficulty=0.0), "ct", number, {condition: 1.0}, ("liver",))
            someone = replace(drawn, severity=1.0)
            image, mask = draw_radiograph(someone, body_of(someone), 0, 128)
            ring = binary_dilation(mask, iterations=5) & ~binary_dilation(mask, iterations=2)
            values.append(np.median(image[binary_erosion(mask, iterations=2)]) - np.median(image[ring]))
        return float(np.mean(values))

    assert contrast("calcification") > 0.04 > abs(contrast("cyst"))
