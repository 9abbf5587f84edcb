"""Architecture of simulated breast tissue: what grows where, and as many nuclei whatever the class."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from multimed_hf.simulation.pathology.histology import (
    BASAL,
    EPITHELIAL,
    FIBROBLAST,
    KINDS,
    LYMPHOCYTE,
    MITOSIS,
    Tissue,
    direction_of,
    draw_outline,
    grow,
)
from multimed_hf.simulation.patient import Patient, draw_patient
from multimed_hf.simulation.settings import Simulation

LABELS = ("benign", "malignant")


def patient(number: int, condition: str, difficulty: float = 0.3) -> Patient:
    drawn = draw_patient(Simulation(difficulty=difficulty), "pathology", number, dict.fromkeys(LABELS, 1.0))
    return replace(drawn, condition=condition)


@cache
def fields(side: float) -> dict[str, list[Tissue]]:
    """Forty fields of each class."""
    return {
        label: [grow(person, person.random("field"), side) for person in (patient(n, label) for n in range(40))]
        for label in LABELS
    }


def test_only_benign_glands_have_myoepithelium() -> None:
    for label, drawn in fields(200).items():
        assert all((BASAL in set(tissue.nuclei()[:, 5])) == (label == "benign") for tissue in drawn)
    lumens = {label: np.mean([len(tissue.lumens) for tissue in drawn]) for label, drawn in fields(200).items()}
    assert lumens["benign"] > 3 * lumens["malignant"] > 0


def test_bodies_keep_apart_and_fat_holds_no_stroma() -> None:
    fat = 0
    for tissue in itertools.chain(*fields(200).values()):
        soft = {cell[:2] for cell in tissue.fat}
        firm = [body for body in tissue.bodies if body[:2] not in soft]
        for (x, y, radius), (a, b, other) in itertools.combinations(firm, 2):
            assert math.hypot(x - a, y - b) > radius + other + 3 - 1e-9
        cells = tissue.nuclei()
        stroma = cells[np.isin(cells[:, 5], (FIBROBLAST, LYMPHOCYTE))]
        for x, y, radius, _ in tissue.fat:
            assert (np.hypot(stroma[:, 0] - x, stroma[:, 1] - y) > 0.89 * radius).all()
            fat += 1
    assert fat > 20


def test_nuclei_of_one_layer_do_not_lie_in_each_other() -> None:
    tissue = Tissue(side=200, grain=0, atypia=0.5, diameter=8, variation=0.2, halo=0)
    random = np.random.default_rng(0)
    places = random.uniform(0, 200, (600, 2))
    tissue.add_epithelium(random, places, np.zeros(600))
    cells = tissue.nuclei()
    half = np.sqrt(cells[:, 2] * cells[:, 3])
    apart = np.hypot(*(cells[:, None, :2] - cells[None, :, :2]).transpose(2, 0, 1)) / (half[:, None] + half)
    np.fill_diagonal(apart, 1)
    assert 150 < len(cells) < 500 and apart.min() >= 0.86 and set(cells[:, 5]) == {EPITHELIAL}
    # The first one wins.
    assert (cells[0, :2] == places[0]).all()
    tissue.add_epithelium(random, places - 1000, np.zeros(600))
    assert len(tissue.nuclei()) == len(cells)


def test_dividing_cells_lie_within_the_field_and_have_room() -> None:
    mitoses = {label: 0 for label in LABELS}
    for label, drawn in fields(200).items():
        for tissue in drawn:
            cells = tissue.nuclei()
            assert set(cells[:, 5]) <= set(range(len(KINDS))) and (cells[:, 2:4] > 0).all()
            for cell in cells[cells[:, 5] == MITOSIS]:
                mitoses[label] += 1
                others = cells[(cells[:, 5] != MITOSIS)]
                assert (
                    tissue.within(cell[None, :2], -8).all() and (np.hypot(*(others[:, :2] - cell[:2]).T) >= 7.5).all()
                )
    assert mitoses["malignant"] > 40 and mitoses["benign"] < 8


def test_every_field_shows_epithelium() -> None:
    for tissue in itertools.chain(*fields(50).values()):
        cells = tissue.nuclei()
        assert (tissue.within(cells[:, :2]) & np.isin(cells[:, 5], (EPITHELIAL, MITOSIS))).any()


@pytest.mark.parametrize("side", [100, 200])
def test_the_number_of_nuclei_tells_little(side: float) -> None:
    counts = {
        label: [int(tissue.within(tissue.nuclei()[:, :2]).sum()) for tissue in drawn]
        for label, drawn in fields(side).items()
    }
    area = roc_auc_score([0] * 40 + [1] * 40, counts["benign"] + counts["malignant"])
    assert 0.25 < area < 0.75


def test_outlines_are_closed_and_as_ragged_as_asked() -> None:
    random = np.random.default_rng(1)
    outlines = np.stack([draw_outline(random, 0.1) for _ in range(200)])
    assert outlines.shape == (200, 360) and outlines.min() >= 0.5 and outlines.max() <= 1.5
    assert np.abs(outlines - np.roll(outlines, 1, 1)).max() < 0.05
    # Four waves of 1, 1/sqrt 2, 1/sqrt 3 and 1/2 of it.
    assert outlines.std() == pytest.approx(0.1 * math.sqrt(1 + 1 / 2 + 1 / 3 + 1 / 4), rel=0.1)
    assert direction_of(np.array([0, math.pi / 2, -math.pi / 2, 2 * math.pi, 11 * math.pi])).tolist() == [
        0,
        90,
        270,
        0,
        180,
    ]
