"""The thorax: its view, its frame in mm, and the paths through what lies in it."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation import Patient, Simulation
from multimed_hf.simulation.chest.findings import draw_findings
from multimed_hf.simulation.chest.thorax import DIRECTION, Thorax, view_of
from multimed_hf.simulation.chest.vessels import STRIDE
from multimed_hf.simulation.patient import draw_patient


def patient_of(number: int, **settings: object) -> Patient:
    return draw_patient(Simulation(**settings), "xray", number, {"": 1.0})  # type: ignore[arg-type]


def thorax_of(number: int, size: int = 160) -> Thorax:
    chest = Thorax(patient_of(number), 0, {}, size)
    chest.draw_lungs()
    return chest


def test_view_is_ap_on_about_three_of_ten_whatever_is_found() -> None:
    patients = [patient_of(number, prevalence="balanced") for number in range(600)]
    views = np.array([view_of(patient, 0) == "AP" for patient in patients])
    sick = np.array([len(draw_findings(patient)) > 2 for patient in patients])
    assert 0.24 < views.mean() < 0.36
    assert abs(views[sick].mean() - views[~sick].mean()) < 0.12


def test_windows_hold_what_they_are_asked_for() -> None:
    for number in range(5):
        chest = thorax_of(number)
        wanted = (np.abs(chest.x - 30) < 20) & (np.abs(chest.y - 110) < 35)
        rows, columns = chest.window(10, 50, 75, 145)
        assert wanted[rows, columns].sum() == wanted.sum() > 0
        near = np.hypot(chest.x + 50, chest.y - 80) < 25
        assert near[chest.near(-50, 80, 25)].sum() == near.sum() > 0


def test_ellipsoid_has_its_volume() -> None:
    chest = thorax_of(2)
    _, path = chest.ellipsoid(20, 100, 30, 18)
    assert path.max() == pytest.approx(1, abs=0.02)
    assert path.sum() * chest.spacing**2 == pytest.approx(2 / 3 * np.pi * 30 * 18, rel=0.03)


def test_tubes_have_the_volume_of_their_points() -> None:
    chest = thorax_of(3)
    y = np.arange(40, 140, STRIDE)
    for radius, blur in ((1.0, 0.0), (3.0, 0.0), (3.0, 1.0)):
        path = chest.splat(np.full(len(y), 15.0), y, np.full(len(y), radius), blur)
        assert path.sum() * chest.spacing**2 == pytest.approx(np.pi * radius**2 * STRIDE * len(y), rel=0.01)
        assert (path * chest.x).sum() / path.sum() == pytest.approx(15, abs=0.5)
    outside = chest.splat(np.array([-900.0]), np.array([0.0]), np.array([2.0]))
    assert not outside.any()


def test_lungs_lie_in_the_image_whatever_the_position() -> None:
    cut = [chest.lungs[:, [0, -1]].any() for chest in map(thorax_of, range(60))]
    assert np.mean(cut) < 0.05


def test_sides_are_those_of_the_patient() -> None:
    chest = thorax_of(4)
    for side, sign in DIRECTION.items():
        assert (sign * chest.x[chest.thorax(side)] >= 0).all()
        x, y = chest.spot(np.random.default_rng(0), side, "middle", 15)
        assert sign * x > 0
        low, high = chest.third("middle")
        assert low <= y <= high
