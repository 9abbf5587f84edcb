"""Lesions of diabetic retinopathy: as many as the grade demands, and all that differs from the healthy eye."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import label

from multimed_hf.simulation.eye.fundus import Generator, colour, draw_retina
from multimed_hf.simulation.eye.fundus_view import Eye
from multimed_hf.simulation.eye.retinopathy import LesionCounts, count_lesions, grade_of
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import RETINOPATHY_GRADES


def balanced(difficulty: float = 0.3, seed: int = 0, **others) -> Generator:
    return Generator(Simulation(seed=seed, difficulty=difficulty, prevalence="balanced", **others))


def patients_of(grade: int, number: int, difficulty: float) -> list:
    generator = balanced(difficulty)
    patients = map(generator.patient, range(5 * number))
    return [patient for patient in patients if patient.condition == RETINOPATHY_GRADES[grade]]


def darkened(patient, member: int = 0) -> np.ndarray:
    """How much of the green light lesions take away: the eye against the same eye without retinopathy."""
    healthy = replace(patient, condition=RETINOPATHY_GRADES[0])
    pair = []
    for each in (patient, healthy):
        eye = Eye(each, member, 224)
        canvas = draw_retina(each, member, eye, count_lesions(each, member))
        pair.append(colour(each, member, eye, canvas)[1])
    return 1 - pair[0] / np.maximum(pair[1], 1e-3)


@pytest.mark.parametrize(
    ("counts", "grade"),
    [
        (LesionCounts(), 0),
        (LesionCounts(microaneurysms=40), 1),
        (LesionCounts(microaneurysms=3, haemorrhages=(0, 0, 1, 0)), 2),
        (LesionCounts(cotton_wool=1), 2),
        (LesionCounts(beading=1), 2),
        (LesionCounts(haemorrhages=(90, 90, 90, 20)), 2),
        (LesionCounts(haemorrhages=(21, 21, 21, 21)), 3),
        (LesionCounts(beading=2), 3),
        (LesionCounts(irma=1), 3),
        (LesionCounts(preretinal=1), 4),
        (LesionCounts(neovascularisations=1, haemorrhages=(30, 30, 30, 30)), 4),
    ],
)
def test_the_scale_is_the_international_one(counts, grade):
    assert grade_of(counts) == grade


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_the_lesions_of_every_eye_define_its_grade(difficulty):
    generator = balanced(difficulty)
    for number in range(400):
        patient = generator.patient(number)
        for member in (0, 1):
            assert RETINOPATHY_GRADES[grade_of(count_lesions(patient, member))] == patient.condition


def test_lesions_are_what_differs_from_the_healthy_eye():
    taken = {grade: [darkened(patient) for patient in patients_of(grade, 4, 0.2)] for grade in range(5)}
    assert all(not loss.any() for loss in taken[0])
    area = {grade: np.mean([(loss > 0.1).mean() for loss in losses]) for grade, losses in taken.items()}
    assert 0 < area[1] < area[2] < area[3]
    assert area[1] < area[4]
    # Microaneurysms: as many spots as were counted, or fewer where two touch or fall on a vessel.
    for patient, loss in zip(patients_of(1, 4, 0.2), taken[1], strict=True):
        counted = count_lesions(patient, 0).microaneurysms
        assert 0.6 * counted <= label(loss > 0.05)[1] <= counted


def test_difficulty_makes_lesions_fainter():
    deep = {
        difficulty: np.mean([np.quantile(darkened(patient), 0.99) for patient in patients_of(3, 5, difficulty)])
        for difficulty in (0.1, 0.9)
    }
    assert 0.05 < deep[0.9] < 0.75 * deep[0.1]
