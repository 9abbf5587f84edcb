"""Patients: the same for a seed and a number, and nobody's age, site or device gives the condition away."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2_contingency, kruskal

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.patient import DEVICES, SITES, draw_patient, random_of

CONDITIONS = {"normal": 0.6, "common": 0.3, "rare": 0.1}


def crowd(count: int = 1500, **settings) -> list:
    simulation = Simulation(**settings)
    return [draw_patient(simulation, "ct", number, CONDITIONS, ("lung", "liver")) for number in range(count)]


def test_randomness_depends_on_its_path_alone():
    first = random_of(0, "ct", "patient", 3).random(4)
    random_of(0, "ct", "patient", 4).random(100)
    assert np.array_equal(first, random_of(0, "ct", "patient", 3).random(4))
    # These numbers must be the same everywhere.
    assert random_of(0, "ct").integers(0, 1000, 4).tolist() == [874, 366, 685, 376]
    others = [random_of(1, "ct", "patient", 3), random_of(0, "mri", "patient", 3), random_of(0, "ct", "patient", 30)]
    assert all(not np.array_equal(first, other.random(4)) for other in others)


def test_a_patient_is_the_same_again():
    assert crowd(20) == crowd(20) != crowd(20, seed=1)
    one, other = crowd(2)
    assert one.group == "synthetic/ct-000000" and one.group != other.group
    assert not np.array_equal(one.random("size").random(3), other.random("size").random(3))
    assert not np.array_equal(one.random("size", 0).random(3), one.random("size", 1).random(3))


def test_sites_and_devices_have_a_look_of_their_own():
    patients = crowd(60)
    looks = {patient.site: patient.style("site").random() for patient in patients}
    assert len(looks) == len(SITES) == len(set(looks.values()))
    assert all(patient.style("site").random() == looks[patient.site] for patient in patients)


def test_prevalence():
    tail = Counter(patient.condition for patient in crowd())
    for name, share in CONDITIONS.items():
        assert tail[name] / 1500 == pytest.approx(share, abs=0.04)
    for start in range(0, 30, 3):
        assert {patient.condition for patient in crowd(30, prevalence="balanced")[start : start + 3]} == set(CONDITIONS)
    # In a random order, so that a place in the data set says nothing.
    firsts = Counter(patient.condition for patient in crowd(300, prevalence="balanced")[::3])
    assert min(firsts.values()) > 15


@pytest.mark.parametrize("prevalence", ["long_tailed", "balanced"])
def test_who_one_is_does_not_say_what_one_has(prevalence):
    patients = crowd(prevalence=prevalence)
    for name in ("organ", "sex", "site", "device"):
        table = Counter((patient.condition, getattr(patient, name)) for patient in patients)
        values = sorted({value for _, value in table})
        counts = [[table[condition, value] for value in values] for condition in CONDITIONS]
        assert chi2_contingency(counts).pvalue > 1e-3, name
    for name in ("age", "severity"):
        parts = [[getattr(p, name) for p in patients if p.condition == condition] for condition in CONDITIONS]
        assert kruskal(*parts).pvalue > 1e-3, name
    assert {patient.device for patient in patients} == set(DEVICES)
    assert all(18 <= patient.age <= 95 and 0 <= patient.severity <= 1 for patient in patients)
