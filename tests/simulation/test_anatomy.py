"""The phantom: its geometry is exact, its tissues have the values of the literature, its bodies have their organs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation.anatomy import ORGANS, TISSUES, place_in, radius_in, shapes_of
from multimed_hf.simulation.lesions import body_of
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.simulation.projection import (
    Grid,
    Phantom,
    Shape,
    Waves,
    as_image,
    places_of,
    radiograph,
    rotation_about,
    section,
)
from multimed_hf.simulation.settings import Simulation


def phantom_of(*shapes: Shape) -> Phantom:
    waves = [Waves(np.random.default_rng(place), 20, 40, 8) for place in range(5)]
    centres, axes = places_of(shapes)
    return Phantom(
        shapes=shapes,
        centres=centres,
        axes=axes,
        tissues=("air", "muscle", "bone", "lung", "fat"),
        bend=(waves[0], waves[1], waves[2]),
        bend_by=0.0,
        folding=waves[3],
        roughness=waves[4],
    )


def patient(number: int, organ: str, condition: str = "normal"):
    return draw_patient(Simulation(), "ct", number, {condition: 1.0}, (organ,))


def share(organ: str, tissue: str, number: int = 0) -> float:
    body = body_of(patient(number, organ))
    cut = section(body.phantom, Grid.plane("axial", (0, 0, body.centre[2]), 96, 380))
    return float((cut.labels == body.phantom.tissues.index(tissue)).mean())


class TestWaves:
    def test_mean_and_deviation(self) -> None:
        values = Waves(np.random.default_rng(0), 10, 20, 40).on(Grid.around((0, 0, 0), (300,) * 3, (64,) * 3))
        assert abs(values.mean()) < 0.1 and values.std() == pytest.approx(1, abs=0.15)

    @settings(max_examples=20, deadline=None)
    @given(st.floats(-50, 50), st.integers(0, 100))
    def test_all_planes_and_volumes_see_the_same_function(self, place: float, seed: int) -> None:
        waves = Waves(np.random.default_rng(seed), 30, 60, 12)
        block = waves.on(Grid.around((place, 0, 0), (64, 64, 64), (8, 16, 32)))
        grid = Grid.around((place, 0, 0), (64, 64, 64), (8, 16, 32))
        for axis, names in enumerate(("z", "y", "x")):
            cut = {name: getattr(grid, name) for name in "xyz"}
            cut[names] = cut[names][3:4]
            np.testing.assert_allclose(waves.on(Grid(**cut)), block.take([3], axis=axis), atol=2e-3)


class TestSection:
    @settings(max_examples=25, deadline=None)
    @given(st.floats(8, 30), st.floats(8, 30), st.floats(-180, 180))
    def test_area_of_an_ellipse(self, a: float, b: float, turn: float) -> None:
        cut = section(
            phantom_of(Shape("bone", (3, -4, 0), (a, b, 10), turn=turn)), Grid.plane("axial", (0, 0, 0), 160, 80)
        )
        assert (cut.labels == 2).sum() * 0.25 == pytest.approx(np.pi * a * b, rel=0.05)

    def test_a_turned_phantom_turns_its_shapes(self) -> None:
        shape = Shape("bone", (20, 0, 0), (10, 4, 10))
        turned = phantom_of(shape).turned(rotation_about(2, 90))
        labels = as_image(section(turned, Grid.plane("axial", (0, 0, 0), 80, 80)).labels)
        rows, columns = np.nonzero(labels == 2)
        assert rows.mean() == pytest.approx(59.5, abs=1) and columns.mean() == pytest.approx(39.5, abs=1)
        assert np.ptp(rows) > 1.8 * np.ptp(columns)

    def test_later_shapes_lie_over_earlier_ones_and_lesions_are_told_apart(self) -> None:
        cut = section(
            phantom_of(
                Shape("muscle", (0, 0, 0), (30, 30, 30)),
                Shape("fat", (0, 0, 0), (12, 12, 12), lesion="around"),
                Shape("bone", (0, 0, 0), (8, 8, 8), lesion="mass"),
            ),
            Grid.plane("axial", (0, 0, 0), 80, 80),
        )
        assert set(np.unique(cut.healthy)) == {0, 1} and set(np.unique(cut.labels)) == {0, 1, 2, 4}
        np.testing.assert_array_equal(cut.mask, cut.labels == 2)

    def test_the_head_is_at_the_top_and_the_front_as_well(self) -> None:
        phantom = phantom_of(Shape("bone", (0, -20, 25), (5, 5, 5)))
        for view, centre in (("axial", (0, 0, 25)), ("coronal", (0, -20, 0)), ("sagittal", (0, 0, 0))):
            labels = as_image(section(phantom, Grid.plane(view, centre, 80, 80)).labels)
            assert np.nonzero(labels)[0].mean() < 25
        assert np.nonzero(labels)[1].mean() < 25  # sagittal: the front is on the left


class TestRadiograph:
    @staticmethod
    def attenuation(*shapes: Shape) -> np.ndarray:
        values = {"air": -1000.0, "muscle": 0.0, "bone": 1000.0 / 1.15, "lung": -800.0, "fat": -100.0}
        return radiograph(phantom_of(*shapes), Grid.plane("coronal", (0, 0, 0), 81, 81), values.__getitem__, 1.0)[0]

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


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ORGANS), st.integers(0, 2**32), st.floats(0, 1))
def test_places_of_lesions_lie_in_the_body(organ: str, seed: int, share_of_size: float) -> None:
    radius = radius_in(organ, share_of_size)
    place = np.abs(place_in(organ, radius, np.random.default_rng(seed)))
    assert 6 < radius < 31 and place[0] + radius < 150 and place[1] + radius < 100


@pytest.mark.parametrize(
    ("organ", "tissue", "least"),
    [
        ("brain", "white matter", 0.03),
        ("brain", "grey matter", 0.02),
        ("brain", "bone", 0.005),
        ("lung", "lung", 0.1),
        ("lung", "blood", 0.003),
        ("liver", "liver", 0.03),
        ("kidney", "kidney", 0.005),
        ("bone", "spongy bone", 0.005),
        ("bone", "muscle", 0.02),
    ],
)
def test_bodies_have_their_organs(organ: str, tissue: str, least: float) -> None:
    assert all(share(organ, tissue, number) > least for number in range(4))


def test_patients_differ_and_age_shrinks_the_brain() -> None:
    assert shapes_of(patient(0, "brain"))[5] != shapes_of(patient(1, "brain"))[5]
    from dataclasses import replace

    def fluid(age: float) -> float:
        total = 0.0
        for number in range(4):
            body = body_of(replace(patient(number, "brain"), age=age))
            cut = section(body.phantom, Grid.plane("axial", (0, 0, 10), 96, 230))
            total += float((cut.labels == body.phantom.tissues.index("water")).mean())
        return total

    assert fluid(85) > 1.3 * fluid(25)


def test_tissues_are_in_the_order_of_the_literature() -> None:
    hu = {name: tissue.hu for name, tissue in TISSUES.items()}
    assert hu["air"] < hu["lung"] < hu["fat"] < hu["water"] < hu["white matter"] < hu["grey matter"] < hu["bone"]
    assert TISSUES["white matter"].t1 < TISSUES["grey matter"].t1 < TISSUES["water"].t1
    assert all(tissue.t2 < tissue.t1 and 0 <= tissue.protons <= 1 for tissue in TISSUES.values())


def test_an_unknown_organ_is_refused() -> None:
    with pytest.raises(ValueError, match="organ among brain"):
        shapes_of(patient(0, "heart"))
