"""The head of the phantom."""

from __future__ import annotations

from dataclasses import replace

from multimed_hf.simulation.body.lesions import body_of
from multimed_hf.simulation.body.projection import Grid, section
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.simulation.settings import Simulation


def test_age_shrinks_the_brain() -> None:
    def fluid(age: float) -> float:
        total = 0.0
        for number in range(4):
            someone = draw_patient(Simulation(), "ct", number, {"normal": 1.0}, ("brain",))
            body = body_of(replace(someone, age=age))
            cut = section(body.phantom, Grid.plane("axial", (0, 0, 10), 96, 230))
            total += float((cut.labels == body.phantom.tissues.index("water")).mean())
        return total

    assert fluid(85) > 1.3 * fluid(25)
