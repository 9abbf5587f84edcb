"""Layers of the retina in a B-scan: thick and ordered as in anatomy, and moved apart by disease."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.eye.macular_lesions import lesions_of
from multimed_hf.simulation.eye.oct import Generator
from multimed_hf.simulation.eye.oct_scan import Scan, cut_eye
from multimed_hf.simulation.eye.retinal_layers import surfaces_of
from multimed_hf.simulation.patient import Patient
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import MACULAR_DISEASES


def patients_with(condition: str, number: int, difficulty: float = 0.2) -> list[Patient]:
    generator = Generator(Simulation(difficulty=difficulty, prevalence="balanced"))
    patients = map(generator.patient, range(4 * number))
    return [patient for patient in patients if patient.condition == condition]


def cut(patient: Patient) -> tuple[Scan, dict[str, np.ndarray]]:
    scan = cut_eye(patient, 0, 224)
    return scan, surfaces_of(patient, scan, lesions_of(patient, 0, scan))


@pytest.mark.parametrize("condition", MACULAR_DISEASES.labels)
def test_layers_lie_in_order(condition):
    order = ["vitreous", "rnfl", "gcl", "ipl", "inl", "opl", "onl", "elm", "is", "ez", "os", "fluid", "material", "rpe"]
    order += ["sub-rpe", "bruch", "choroid"]
    for patient in patients_with(condition, 10):
        _, surfaces = cut(patient)
        assert set(surfaces) == set(order)
        assert (np.diff([surfaces[name] for name in order], axis=0) >= 0).all()


def test_the_fovea_is_a_pit_and_oedema_fills_it():
    centre: dict[str, list[float]] = {}
    around: dict[str, list[float]] = {}
    for condition in ("NORMAL", "DME"):
        centre[condition], around[condition] = [], []
        for patient in patients_with(condition, 20):
            scan, surfaces = cut(patient)
            thickness = surfaces["bruch"] - surfaces["vitreous"]
            centre[condition].append(thickness[np.abs(scan.nasal) < 500].mean())
            around[condition].append(thickness[np.abs(np.abs(scan.nasal) - 1500) < 300].mean())
    assert 200 < np.mean(centre["NORMAL"]) < 330
    assert np.mean(around["NORMAL"]) > np.mean(centre["NORMAL"]) + 20
    assert np.mean(centre["DME"]) > np.mean(centre["NORMAL"]) + 60


def test_drusen_lift_the_epithelium_alone():
    for patient in patients_with("DRUSEN", 10):
        _, surfaces = cut(patient)
        elevation = surfaces["bruch"] - surfaces["sub-rpe"]
        lifted = surfaces["sub-rpe"] - surfaces["rpe"]
        assert elevation.min() == pytest.approx(4, abs=0.01) and 17 <= lifted.max() <= 100
        assert np.array_equal(surfaces["fluid"], surfaces["material"])
