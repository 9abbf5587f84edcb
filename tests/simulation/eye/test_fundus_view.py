"""The view of the fundus: places in the field, and drawings as large as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.simulation.eye.fundus_view import Canvas, Eye
from multimed_hf.simulation.patient import draw_patient, random_of
from multimed_hf.simulation.settings import Simulation


def eye_of(number: int, member: int = 0, size: int = 224) -> Eye:
    return Eye(draw_patient(Simulation(), "fundus", number, {"": 1}), member, size)


def drawn(canvas: Canvas, margin: float = 0.0) -> tuple[tuple[slice, slice], np.ndarray]:
    reduced = canvas.reduced(margin)
    assert reduced is not None
    return reduced


@given(st.integers(0, 10**6), st.integers(0, 1))
def test_places_lie_in_the_picture_and_their_quadrant(number, member):
    eye = eye_of(number, member)
    for quadrant in range(4):
        places = eye.places(random_of(number), 5, quadrant, 0.2)
        assert places.shape == (5, 2) and eye.sees(places, -0.2).all()
        x, y = (places - eye.centre).T
        assert ((y > 0) == (quadrant in (0, 1))).all() and ((x > 0) == (quadrant in (0, 3))).all()
        assert (np.hypot(*(places - eye.disc).T) > 1.3).all() and (np.hypot(*places.T) > 0.55).all()
        pixels = eye.pixel(places)
        assert (pixels >= 0).all() and (pixels <= 224).all()
        columns, rows = np.clip(pixels, 0, 223).astype(int).T
        assert (np.hypot(eye.x[rows, columns] - places[:, 0], eye.y[rows, columns] - places[:, 1]) < 0.1).all()


def test_the_disc_lies_on_the_nasal_side():
    for number in range(20):
        assert eye_of(number, 0).disc[0] > 3.5 and eye_of(number, 1).disc[0] < -3.5


def test_nothing_drawn_is_nothing():
    canvas = Canvas(eye_of(0))
    assert canvas.reduced() is None
    canvas.blobs(random_of(0), np.empty((0, 2)), np.empty(0), np.empty(0))
    canvas.blobs(random_of(0), np.array([[60.0, 0.0]]), np.ones(1), np.ones(1))  # far outside
    assert canvas.reduced() is None


@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_a_blob_has_its_size_and_place(stretch):
    eye = eye_of(1)
    canvas = Canvas(eye)
    canvas.blobs(random_of(0), eye.centre[None], np.array([0.8]), np.array([0.5]), 0.0, stretch, 0.5)
    part, shades = drawn(canvas)
    wide = drawn(canvas, 3)
    assert shades.dtype == np.float32 and shades.max() == pytest.approx(0.5, abs=0.01)
    assert shades.shape == (part[0].stop - part[0].start, part[1].stop - part[1].start)
    assert np.array_equal(wide[1], np.pad(shades, 3))
    area = shades.sum() / 0.5 / eye.pixels**2
    assert area == pytest.approx(np.pi * 0.8**2 * stretch, rel=0.06)
    column, row = eye.pixel(eye.centre)
    assert part[0].start < row < part[0].stop and part[1].start < column < part[1].stop


def test_lines_are_as_wide_as_asked_and_paler_below_a_pixel():
    eye, sums = eye_of(2), {}
    course = eye.centre + np.stack((np.linspace(-3, 3, 13), np.zeros(13)), -1)[None]
    for width in (0.4, 0.2, 0.01):
        canvas = Canvas(eye)
        canvas.lines(course, np.full((1, 13), width), np.ones((1, 13)), np.array([13]), 6)
        sums[width] = drawn(canvas)[1].sum() / eye.pixels**2
    assert sums[0.4] == pytest.approx(6 * 0.4, rel=0.15) and sums[0.2] == pytest.approx(6 * 0.2, rel=0.25)
    assert 0 < sums[0.01] < 0.35 * sums[0.2]
    canvas = Canvas(eye)
    canvas.lines(course, np.full((1, 13), 0.4), np.ones((1, 13)), np.array([7]), 6)
    assert drawn(canvas)[1].sum() / eye.pixels**2 == pytest.approx(3 * 0.4, rel=0.2)
