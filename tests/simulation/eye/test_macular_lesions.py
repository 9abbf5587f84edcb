"""Lesions of the macula: those of the condition, and smaller where it is harder."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.eye.macular_lesions import Lesions, lesions_of
from multimed_hf.simulation.eye.oct import Generator
from multimed_hf.simulation.eye.oct_scan import cut_eye
from multimed_hf.simulation.patient import Patient
from multimed_hf.simulation.settings import Simulation


def patients_with(condition: str, number: int, difficulty: float = 0.2) -> list[Patient]:
    generator = Generator(Simulation(difficulty=difficulty, prevalence="balanced"))
    patients = map(generator.patient, range(4 * number))
    return [patient for patient in patients if patient.condition == condition]


def lesions(patient: Patient, member: int = 0) -> Lesions:
    return lesions_of(patient, member, cut_eye(patient, member, 224))


def test_a_healthy_macula_has_nothing_but_drupelets():
    for patient in patients_with("NORMAL", 30):
        found = lesions(patient)
        assert found.elevation.max() <= 11
        assert not any(map(np.any, (found.material, found.fluid, found.thickening)))
        assert (found.receptors == 1).all() and (found.epithelium == 1).all()
        assert not found.cysts and not found.exudates and not found.foci


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_each_condition_has_its_lesions(difficulty):
    for patient in patients_with("DRUSEN", 15, difficulty):
        found = lesions(patient)
        assert found.elevation.max() > 11 and not found.fluid.any() and not found.cysts
    for patient in patients_with("CNV", 15, difficulty):
        found = lesions(patient)
        assert max(found.elevation.max(), found.material.max()) > 15 and not found.exudates
    for patient in patients_with("DME", 15, difficulty):
        found = lesions(patient)
        assert len(found.cysts) >= 5 and found.thickening.max() > 15 and not found.material.any()
        assert {layer for _, layer, _, _ in found.cysts} <= {"inl", "onl"}


def test_difficulty_makes_lesions_smaller():
    for condition, name in (("DRUSEN", "elevation"), ("CNV", "fluid"), ("DME", "thickening")):
        sizes = [
            np.mean([getattr(lesions(patient), name).max() for patient in patients_with(condition, 15, difficulty)])
            for difficulty in (0.1, 0.9)
        ]
        assert sizes[1] < 0.75 * sizes[0]


def test_scans_of_one_eye_cut_one_disease():
    for patient in patients_with("DME", 8):
        first, second = lesions(patient, 0), lesions(patient, 1)
        assert len(first.cysts) == len(second.cysts) and first.cysts != second.cysts
        places = [np.sort([x for x, *_ in each.cysts]) for each in (first, second)]
        assert np.ptp(places[0] - places[1]) < 1e-6
        assert len(first.exudates) == len(second.exudates) and first.fluid.any() == second.fluid.any()
