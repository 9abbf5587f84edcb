"""The phantom: bodies have their organs, lesions lie inside, patients differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.simulation.body.anatomy import ORGANS, place_in, radius_in, shapes_of
from multimed_hf.simulation.body.lesions import body_of
from multimed_hf.simulation.body.projection import Grid, section
from multimed_hf.simulation.patient import Patient, draw_patient
from multimed_hf.simulation.settings import Simulation


def patient(number: int, organ: str, condition: str = "normal") -> Patient:
    return draw_patient(Simulation(), "ct", number, {condition: 1.0}, (organ,))


def share(organ: str, tissue: str, number: int = 0) -> float:
    body = body_of(patient(number, organ))
    cut = section(body.phantom, Grid.plane("axial", (0, 0, body.centre[2]), 96, 380))
    return float((cut.labels == body.phantom.tissues.index(tissue)).mean())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ORGANS), st.integers(0, 2**32), st.floats(0, 1))
def test_places_of_lesions_lie_in_the_body(organ: str, seed: int, share_of_size: float) -> None:
    radius = radius_in(organ, share_of_size)
    place = np.abs(place_in(organ, radius, np.random.default_rng(seed)))
    assert 6 < radius < 31 and place[0] + radius < 150 and place[1] + radius < 100


@pytest.mark.parametrize(
    ("organ", "tissue", "least"),
    [
        ("brain", "white matter", 0.03),
        ("brain", "grey matter", 0.02),
        ("brain", "bone", 0.005),
        ("lung", "lung", 0.1),
        ("lung", "blood", 0.003),
        ("liver", "liver", 0.03),
        ("kidney", "kidney", 0.005),
        ("bone", "spongy bone", 0.005),
        ("bone", "muscle", 0.02),
    ],
)
def test_bodies_have_their_organs(organ: str, tissue: str, least: float) -> None:
    assert all(share(organ, tissue, number) > least for number in range(4))


def test_patients_differ() -> None:
    assert shapes_of(patient(0, "brain"))[5] != shapes_of(patient(1, "brain"))[5]


def test_an_unknown_organ_is_refused() -> None:
    with pytest.raises(ValueError, match="organ among brain"):
        shapes_of(patient(0, "heart"))
