"""Which findings a synthetic patient has: as common as asked, related where they should be, complete in their facts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation import Patient, Simulation
from multimed_hf.simulation.chest.findings import (
    BALANCED,
    LARGEST_NODULE,
    NIH_FREQUENCIES,
    RAISED,
    SIDES,
    ZONES,
    Finding,
    draw_findings,
    probability_of,
)
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.sources import NIH_FINDINGS

PATIENTS = 2000


def patient_of(number: int, **settings: object) -> Patient:
    return draw_patient(Simulation(**settings), "xray", number, {"": 1.0})  # type: ignore[arg-type]


@cache
def population(prevalence: str) -> tuple[list[Finding], ...]:
    return tuple(draw_findings(patient_of(number, prevalence=prevalence)) for number in range(PATIENTS))


def presence(prevalence: str) -> np.ndarray:
    """Which patient has which finding, `(patients, findings)`."""
    names = [{finding.name for finding in findings} for findings in population(prevalence)]
    return np.array([[name in has for name in NIH_FINDINGS] for has in names])


def test_every_label_has_a_frequency() -> None:
    assert tuple(NIH_FREQUENCIES) == NIH_FINDINGS


@pytest.mark.parametrize("prevalence", ["long_tailed", "balanced"])
def test_findings_are_as_common_as_asked(prevalence: str) -> None:
    seen = presence(prevalence).mean(0)
    for name, share in zip(NIH_FINDINGS, seen, strict=True):
        wanted = BALANCED if prevalence == "balanced" else RAISED * NIH_FREQUENCIES[name]
        assert probability_of(name, prevalence) == wanted
        assert abs(share - wanted) < 4.5 * np.sqrt(wanted * (1 - wanted) / PATIENTS), name


def test_a_fair_share_is_normal_and_a_fair_share_is_not() -> None:
    assert 0.25 < (presence("long_tailed").sum(1) == 0).mean() < 0.45


def test_findings_of_one_cause_come_together() -> None:
    related = np.corrcoef(presence("balanced").T)

    def between(one: str, other: str) -> float:
        return float(related[NIH_FINDINGS.index(one), NIH_FINDINGS.index(other)])

    assert between("Edema", "Cardiomegaly") > 0.12
    assert between("Edema", "Effusion") > 0.08
    assert abs(between("Edema", "Hernia")) < 0.08
    assert abs(between("Pneumothorax", "Nodule")) < 0.08


def test_facts_fit_the_finding() -> None:
    for findings in population("balanced"):
        names = [finding.name for finding in findings]
        assert names == [name for name in NIH_FINDINGS if name in names]
        for finding in findings:
            assert finding.side in ("", *SIDES)
            assert finding.zone in ("", *ZONES)
            assert 0 <= finding.severity <= 1
            assert 0 <= finding.certainty <= 1
            assert (finding.size > 0) == (finding.name in ("Nodule", "Mass", "Hernia"))
            assert finding.count >= 1
            if finding.name == "Nodule":
                assert 8 <= finding.size < LARGEST_NODULE
            if finding.name == "Mass":
                assert finding.size > LARGEST_NODULE
            assert finding.sides == (("right", "left") if finding.side == "both" else (finding.side,))


def test_every_side_and_zone_occurs() -> None:
    found = [finding for findings in population("balanced") for finding in findings]
    assert {finding.side for finding in found if finding.name == "Effusion"} == set(SIDES)
    assert {finding.zone for finding in found if finding.name == "Consolidation"} == set(ZONES)
    assert {finding.side for finding in found if finding.name == "Nodule"} == {"right", "left"}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 2**40), st.sampled_from(["long_tailed", "balanced"]))
def test_the_same_patient_has_the_same_findings(number: int, seed: int, prevalence: str) -> None:
    one, other = (draw_findings(patient_of(number, seed=seed, prevalence=prevalence)) for _ in range(2))
    assert one == other


def test_findings_say_nothing_of_who_has_them() -> None:
    has = presence("balanced").any(1)
    age = np.array([patient_of(number).age for number in range(PATIENTS)])
    assert abs(np.corrcoef(has, age)[0, 1]) < 0.07


def test_certainty_grows_with_severity() -> None:
    found = [finding for findings in population("balanced") for finding in findings]
    pairs = np.array([(finding.severity, finding.certainty) for finding in found])
    assert np.corrcoef(pairs.T)[0, 1] > 0.5
