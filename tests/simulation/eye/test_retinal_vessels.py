"""Vessels of the retina: they branch from one another as Murray's law has it, and leave the fovea free."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.eye.fundus_view import Canvas, Eye
from multimed_hf.simulation.eye.retinal_vessels import Vessels, branch, draw_vessels, grow_vessels
from multimed_hf.simulation.patient import Patient, draw_patient, random_of
from multimed_hf.simulation.settings import Simulation


def patient_of(number: int) -> Patient:
    return draw_patient(Simulation(), "fundus", number, {"": 1})


def test_cubes_of_radii_add_up_at_branches():
    eye = Eye(patient_of(0), 0, 224)
    course = eye.centre + np.stack((np.linspace(-3, 3, 200), np.zeros(200)), -1)
    trunk = Vessels(course[None], np.full((1, 200), 0.08), np.array([True]), np.array([200]))
    for number in range(10):
        parent, children = branch(random_of(number), eye, trunk, 1.0)
        assert 3 <= len(children.courses) <= 9 and children.veins.all()
        # Blood that entered has left by the branches, or flows on.
        total = (children.radii[:, 0] ** 3).sum() + parent.radii[0, -1] ** 3
        assert total == pytest.approx(0.08**3)
        assert (np.diff(parent.radii[0]) <= 0).all() and (np.diff(children.radii) < 0).all()
        sides = np.sign(children.courses[:, 3, 1] - eye.centre[1])
        assert (sides[1:] != sides[:-1]).mean() > 0.7  # in turns up and down


def test_vessels_start_at_the_disc_and_branch_from_one_another():
    for member in (0, 1):
        patient = patient_of(3)
        eye = Eye(patient, member, 224)
        trunks, branches, twigs = grow_vessels(patient, member, eye)
        assert np.hypot(*(trunks.courses[:, 0] - eye.disc).T).max() < 0.6 and trunks.veins.sum() == 4
        for parents, children in ((trunks, branches), (branches, twigs)):
            kind = [
                {tuple(point) for point in parents.courses[parents.veins == vein].reshape(-1, 2)} for vein in (0, 1)
            ]
            assert len(children.courses) > 10 and eye.sees(children.courses[:, 0], 0.3).all()
            assert all(
                tuple(start) in kind[int(vein)]
                for start, vein in zip(children.courses[:, 0], children.veins, strict=True)
            )
            for course, end in zip(children.courses, children.ends, strict=True):
                assert np.hypot(*course[1:end].T).min(initial=1) >= 0.42  # no vessels in the fovea
        assert trunks.radii[trunks.veins].mean() > trunks.radii[~trunks.veins].mean()


def test_beading_makes_veins_uneven_and_leaves_arteries_alone():
    patient = patient_of(5)
    eye = Eye(patient, 0, 224)
    images = []
    for beading in (0, 4):
        canvas = {"veins": Canvas(eye), "arteries": Canvas(eye)}
        draw_vessels(patient, 0, eye, beading, canvas)
        shades = {}
        for name, each in canvas.items():
            reduced = each.reduced()
            assert reduced is not None
            shades[name] = reduced[1]
        images.append(shades)
    assert np.array_equal(images[0]["arteries"], images[1]["arteries"])
    assert not np.array_equal(images[0]["veins"], images[1]["veins"])
