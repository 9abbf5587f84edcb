"""What a grid cuts out of a phantom: its geometry is exact, and all planes and volumes agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation.body.projection import Grid, Shape, Waves, as_image, rotation_about, section

from .phantoms import phantom_of


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

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 1000), st.sampled_from(["axial", "coronal", "sagittal"]))
    def test_bent_and_pushed_shapes_are_painted_wherever_they_reach(self, seed: int, view: str) -> None:
        random = np.random.default_rng(seed)
        shapes = [
            Shape(
                "bone", tuple(random.uniform(-30, 30, 3)), tuple(random.uniform(3, 25, 3)), turn=random.uniform(0, 90)
            )
            for _ in range(3)
        ]
        phantom = replace(
            phantom_of(*shapes).turned(rotation_about(0, 20)),
            bend_by=3.0,
            push=((5.0, 0.0, 0.0), 15.0, 0.4),
            taper=0.002,
        )
        grid = Grid.plane(view, (0, 0, 0), 64, 90)
        places = [axis + 3.0 * waves.on(grid) for axis, waves in zip(grid.straight(), phantom.bend, strict=True)]
        places[0] = places[0] * (1 - 0.002 * grid.straight()[1])
        offsets = np.stack(places) - np.array([5.0, 0, 0]).reshape(3, 1, 1, 1)
        moved = np.stack(places) - 0.4 * np.exp(-(offsets**2).sum(0) / (1.7 * 15) ** 2) * offsets
        expected = np.zeros(grid.shape, bool)
        for centre, axes, radii in zip(phantom.centres, phantom.axes, phantom.radii, strict=True):
            along = np.einsum("ia,izyx->azyx", axes, moved - centre.reshape(3, 1, 1, 1))
            expected |= ((along / radii.reshape(3, 1, 1, 1)) ** 2).sum(0) < 1
        assert (expected != (section(phantom, grid).labels == 2)).mean() < 1e-3

    def test_a_rough_lesion_is_whole(self) -> None:
        lesion = Shape("bone", (0, 0, 0), (12, 12, 12), rough=0.25, lesion="mass")
        grid = Grid.plane("axial", (0, 0, 0), 100, 100)
        phantom = phantom_of(Shape("muscle", (0, 0, 0), (90, 90, 90)), lesion)
        near = np.sqrt(grid.x[None, None] ** 2 + grid.y[None, :, None] ** 2) * phantom.roughened(lesion, grid)
        np.testing.assert_array_equal(section(phantom, grid).mask, near < 12)
