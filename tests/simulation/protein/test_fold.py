"""Simulated folds: compact, without collisions, of the elements of their class, with angles that residues can take."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.protein.backbone import build_backbone, collides, relative_radius
from multimed_hf.simulation.protein.fold import LENGTHS, TORSIONS, Fold, canonical_torsions, fold_of

from .chains import closest, torsions

FOLDS = 12


@pytest.fixture(scope="module")
def folds() -> list[Fold]:
    generator = generator_of("protein", Simulation(prevalence="balanced"))
    return [fold_of(generator.patient(number)) for number in range(FOLDS)]


def test_parts_of_a_fold_have_its_length(folds: list[Fold]) -> None:
    for fold in folds:
        number = len(fold.states)
        assert LENGTHS[0] <= number <= LENGTHS[1] and len(fold.sequence) == number and set(fold.states) <= set(TORSIONS)
        assert fold.torsions.shape == (number, 2) and fold.weights.shape == (2, number, 20)
        assert sorted(fold.burial) == pytest.approx(np.linspace(0, 1, number))
        np.testing.assert_allclose(fold.backbone, build_backbone(fold.torsions))


def test_nothing_collides(folds: list[Fold]) -> None:
    for fold in folds:
        atom, calpha = closest(fold.backbone)
        assert atom >= 3.0 and calpha >= 4.3 and not collides(fold.backbone)


def test_a_fold_moved_into_itself_collides(folds: list[Fold]) -> None:
    moved = folds[0].backbone.copy()
    moved[20:] += moved[3, 1] - moved[30, 1] + 0.5
    assert collides(moved) and not collides(moved[20:])


def test_folds_are_globular(folds: list[Fold]) -> None:
    ratios = [relative_radius(fold.backbone) for fold in folds]
    assert min(ratios) > 0.9 and max(ratios) < 1.4 and np.median(ratios) < 1.3


def test_strands_lie_side_by_side(folds: list[Fold]) -> None:
    beside = []
    for fold in folds:
        place = np.flatnonzero(np.array(list(fold.states)) == "E")
        alphas = fold.backbone[place, 1]
        near = np.linalg.norm(alphas[:, None] - alphas, axis=2) < 5.7
        beside += (near & (np.abs(place[:, None] - place) > 3)).any(1).tolist()
    assert np.mean(beside) > 0.1


def test_the_middle_of_the_fold_is_buried(folds: list[Fold]) -> None:
    for fold in folds:
        alphas = fold.backbone[:, 1]
        depth = np.linalg.norm(alphas - alphas.mean(0), axis=1)
        assert np.corrcoef(depth, fold.burial)[0, 1] < -0.3


def test_angles_stay_where_residues_can_be(folds: list[Fold]) -> None:
    for fold in folds:
        found = torsions(fold.backbone)
        away = np.abs((found - canonical_torsions(fold.states)[1:-1] + 180) % 360 - 180)
        assert away.max() < 35
        # Only glycine and asparagine are left-handed.
        left = np.flatnonzero(found[:, 0] > 0) + 1
        assert set(fold.sequence[place] for place in left) <= set("GN")


def test_classes_have_the_elements_of_their_name() -> None:
    generator = generator_of("protein", Simulation(prevalence="balanced"))
    found = set()
    for number in range(8):
        patient = generator.patient(number)
        states = set(fold_of(patient).states) & {"H", "E"}
        assert states <= {"all alpha": {"H"}, "all beta": {"E"}}.get(patient.condition, {"H", "E"})
        found.add(patient.condition)
    assert found == set(generator.conditions)
