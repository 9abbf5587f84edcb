"""Rows of simulated proteins: members of a fold, whose structure can be read off their sequence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from multimed_hf.data.schema import RowCompleter
from multimed_hf.metrics.structure import superposed_rmsd, tm_score
from multimed_hf.simulation import Simulation
from multimed_hf.simulation.protein.backbone import ANGLES, BONDS, build_backbone, relative_radius
from multimed_hf.simulation.protein.fold import LENGTHS, canonical_torsions, fold_of
from multimed_hf.simulation.protein.protein import Generator, _rmsd_of_turns, simulate_chain

from .chains import closest, geometry, is_helix
from .test_residues import check

FOLDS = 12


@cache
def generator(difficulty: float = 0.5) -> Generator:
    return Generator(Simulation(difficulty=difficulty, prevalence="balanced"))


@cache
def members() -> list[tuple[str, np.ndarray]]:
    """Sequence and whole backbone of all members of some folds, those of a fold in a row."""
    patients = [generator().patient(number) for number in range(FOLDS)]
    return [simulate_chain(patient, member) for patient in patients for member in range(Generator.members)]


def states_of(index: int) -> str:
    return fold_of(generator().patient(index // Generator.members)).states


def test_bonds_are_ideal_and_nothing_collides() -> None:
    for _, backbone in members():
        found = geometry(backbone)
        for name, length in BONDS.items():
            np.testing.assert_allclose(found[name], length, atol=1e-3)
        for name, degrees in ANGLES.items():
            np.testing.assert_allclose(found[name], degrees, atol=0.05)
        atom, calpha = closest(backbone)
        assert atom >= 2.8 and calpha >= 4.0 - 1e-3


def test_chains_are_globular() -> None:
    ratios = [relative_radius(backbone.astype(float)) for _, backbone in members()]
    assert min(ratios) > 0.9 and max(ratios) < 1.5 and np.median(ratios) < 1.3


def test_the_sequences_of_members_say_the_states_of_the_fold() -> None:
    for index, (sequence, _) in enumerate(members()):
        check(states_of(index), sequence)


def test_helices_of_the_sequence_are_helices_of_the_structure() -> None:
    for index, (_, backbone) in enumerate(members()):
        states = states_of(index)
        inside = np.array([states[place : place + 4] == "HHHH" for place in range(len(states))])
        if inside.any():
            assert is_helix(backbone)[inside].mean() > 0.95
        strand = np.array([states[place : place + 4] == "EEEE" for place in range(len(states))])
        assert not is_helix(backbone)[strand].any()


def test_members_of_a_fold_are_one_group_of_mutants_of_one_structure() -> None:
    rows = [generator().row(index) for index in range(8)]
    assert [row["group"] for row in rows] == ["synthetic/protein-000000"] * 4 + ["synthetic/protein-000001"] * 4
    for index, (sequence, backbone) in enumerate(members()):
        first, ideal = members()[index // 4 * 4]
        if index % 4:
            same = np.mean([one == other for one, other in zip(sequence, first, strict=True)])
            assert 0.3 < same < 0.97
            assert 0.05 < superposed_rmsd(backbone[:, 1], ideal[:, 1]) < 2.5
    others = [members()[index] for index in range(0, len(members()), 4)]
    pairs = [(one, other) for (one, _) in others for (other, _) in others if one is not other]
    assert max(np.mean([a == b for a, b in zip(one, other, strict=False)]) for one, other in pairs) < 0.3


def test_members_deviate_as_far_as_was_said() -> None:
    random = np.random.default_rng(0)
    for number in range(6):
        fold = fold_of(generator().patient(number))
        turns = random.normal(size=fold.torsions.shape)
        scale = 0.8 / _rmsd_of_turns(fold.backbone, np.radians(turns))
        moved = build_backbone(fold.torsions + scale * turns)
        assert superposed_rmsd(moved[:, 1], fold.backbone[:, 1]) == pytest.approx(0.8, rel=0.06)


def test_rows_are_complete() -> None:
    complete = RowCompleter("protein")
    for index in (0, 5, 11):
        row = complete({**generator().row(index), "source": "synthetic"})
        number = len(row["protein"])
        assert LENGTHS[0] <= number <= LENGTHS[1] and set(row["protein"]) <= set("ACDEFGHIKLMNPQRSTVWY")
        assert row["backbone"].shape == (number, 3, 3) and row["backbone"].dtype == np.float32
        assert row["resolved"].shape == (number,) and row["resolved"].dtype == bool
        assert (row["backbone"].any((1, 2)) == row["resolved"]).all() and row["resolved"].mean() > 0.75


def test_chains_are_turned_about_their_mean_in_all_directions() -> None:
    for _, backbone in members():
        np.testing.assert_allclose(backbone.mean((0, 1)), 0, atol=1e-4)
    ends = np.array([backbone[-1, 1] - backbone[0, 1] for _, backbone in members()])
    ends /= np.linalg.norm(ends, axis=1, keepdims=True)
    assert np.linalg.norm(ends.mean(0)) < 0.35


def test_another_seed_is_another_protein() -> None:
    first, second = (Generator(Simulation(seed=seed)).row(2) for seed in (3, 4))
    assert first["protein"] != second["protein"]


def test_difficulty_takes_away_what_the_sequence_says() -> None:
    def score(difficulty: float) -> tuple[float, float]:
        folds = [fold_of(generator(difficulty).patient(number)) for number in range(6)]
        ideal = [build_backbone(canonical_torsions(fold.states))[:, 1] for fold in folds]
        scores = [tm_score(guess, fold.backbone[:, 1]) for guess, fold in zip(ideal, folds, strict=True)]
        seen = [generator(difficulty).row(index)["resolved"].mean() for index in range(16)]
        return float(np.mean(scores)), float(np.mean(seen))

    easy, hard = score(0.1), score(0.9)
    assert easy[0] > 0.8 > hard[0] + 0.1 and easy[1] > hard[1]


def test_the_best_score_is_told_and_nothing_can_be_held_out() -> None:
    assert "TM-score of 0." in generator().notes()[-1]
    with pytest.raises(ValueError, match="cannot hold out 'site'; it can hold out: none"):
        Generator(Simulation(shift="site"))
