"""Tissue in a B-scan: how bright layers and lesions are before light is lost, and what casts a shadow."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.eye.macular_lesions import lesions_of
from multimed_hf.simulation.eye.oct import Generator
from multimed_hf.simulation.eye.oct_scan import DEPTH, cut_eye
from multimed_hf.simulation.eye.oct_tissue import scatter
from multimed_hf.simulation.eye.retinal_layers import surfaces_of
from multimed_hf.simulation.patient import Patient
from multimed_hf.simulation.settings import Simulation


def patients_with(condition: str, number: int, difficulty: float = 0.2) -> list[Patient]:
    generator = Generator(Simulation(difficulty=difficulty, prevalence="balanced"))
    patients = map(generator.patient, range(4 * number))
    return [patient for patient in patients if patient.condition == condition]


def tissue(patient: Patient, size: int = 224) -> tuple:
    scan = cut_eye(patient, 0, size)
    lesions = lesions_of(patient, 0, scan)
    surfaces = surfaces_of(patient, scan, lesions)
    return surfaces, *scatter(patient, 0, scan, lesions, surfaces, size)


def test_layers_are_as_bright_as_they_are_known_to_be():
    levels: dict[str, list[float]] = {name: [] for name in ("vitreous", "rnfl", "onl", "rpe")}
    between = {"rnfl": ("vitreous", "rnfl"), "onl": ("opl", "onl"), "rpe": ("material", "rpe")}
    for patient in patients_with("NORMAL", 10):
        surfaces, backscatter, absorbed, masks = tissue(patient)
        assert backscatter.dtype == absorbed.dtype == np.float32 and (absorbed >= 0).all()
        assert not any(mask.any() for mask in masks.values())
        depth = ((np.arange(224) + 0.5) * DEPTH / 224)[:, None]
        levels["vitreous"].append(np.median(backscatter[depth + np.zeros(224) < surfaces["vitreous"] - 100]))
        for name, (upper, lower) in between.items():
            inside = (depth > surfaces[upper] + 5) & (depth < surfaces[lower] - 5)
            levels[name].append(np.median(backscatter[inside]))
    vitreous, rnfl, onl, rpe = (np.mean(levels[name]) for name in levels)
    assert vitreous == pytest.approx(-8, abs=1)
    assert vitreous < onl < rnfl < rpe


def test_vessels_and_lipid_absorb_and_cysts_are_dark():
    shadows = []
    for patient in patients_with("DME", 15):
        _, backscatter, absorbed, masks = tissue(patient)
        assert backscatter[masks["cysts"] & ~masks["exudates"]].mean() < 6
        shadows.append(absorbed.any())
        if masks["exudates"].any():
            assert backscatter[masks["exudates"]].mean() > 22 and absorbed[masks["exudates"]].min() > 0
    assert np.mean(shadows) > 0.9


def test_turbid_fluid_is_nearer_to_the_retina():
    clear, turbid = (
        np.mean([part[1][part[3]["cysts"]].mean() for part in map(tissue, patients_with("DME", 8, difficulty))])
        for difficulty in (0.0, 1.0)
    )
    assert clear + 3 < turbid
