"""Simulated protein chains: ideal bonds, no collisions, and a structure that can be read off the sequence."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from multimed_hf.data.schema import RowCompleter
from multimed_hf.metrics.structure import superposed_rmsd, tm_score
from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.protein import (
    _CAPS,
    _PROPENSITY,
    _REGIONS,
    _RESIDUES,
    _SMALL,
    ANGLES,
    BONDS,
    LENGTHS,
    TORSIONS,
    Generator,
    _allowed,
    build_backbone,
    collides,
    fold_of,
    simulate_chain,
)

FOLDS = 12

ROW = """
import hashlib
from multimed_hf.simulation import Simulation, generator_of
row = generator_of("protein", Simulation(seed=3, difficulty=0.7)).row(42)
print(hashlib.sha256(row["backbone"].tobytes() + row["resolved"].tobytes()).hexdigest(), row["protein"], row["id"])
"""


@cache
def generator(difficulty: float = 0.5) -> Generator:
    return Generator(Simulation(difficulty=difficulty, prevalence="balanced"))


@cache
def members(difficulty: float = 0.5) -> list[tuple[str, np.ndarray]]:
    """Sequence and whole backbone of all members of some folds, those of a fold in a row."""
    patients = [generator(difficulty).patient(number) for number in range(FOLDS)]
    return [simulate_chain(patient, member) for patient in patients for member in range(Generator.members)]


def dihedral(*atoms: np.ndarray) -> np.ndarray:
    """Torsion angles in degrees of four arrays of atoms `(n, 3)`."""
    one, two, three = (after - before for before, after in itertools.pairwise(atoms))
    left, right = np.cross(one, two), np.cross(two, three)
    sine = (one * right).sum(-1) * np.linalg.norm(two, axis=-1)
    return np.degrees(np.arctan2(sine, (left * right).sum(-1)))


def angle(one: np.ndarray, middle: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angles in degrees at the atoms in the middle."""
    left, right = one - middle, other - middle
    cosine = (left * right).sum(-1) / np.linalg.norm(left, axis=-1) / np.linalg.norm(right, axis=-1)
    return np.degrees(np.arccos(cosine))


def torsions(backbone: np.ndarray) -> np.ndarray:
    """Phi and psi of each residue but the first and the last, `(n, 2)`."""
    nitrogen, alpha, carbon = backbone.swapaxes(0, 1)
    phi = dihedral(carbon[:-1], nitrogen[1:], alpha[1:], carbon[1:])
    psi = dihedral(nitrogen[:-1], alpha[:-1], carbon[:-1], nitrogen[1:])
    return np.stack([phi[:-1], psi[1:]], axis=1)


def geometry(backbone: np.ndarray) -> dict[str, np.ndarray]:
    """Bond lengths and angles of a backbone without gaps, and the distance of neighbouring C-alphas."""
    nitrogen, alpha, carbon = backbone.swapaxes(0, 1).astype(float)

    def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.linalg.norm(one - other, axis=-1)

    return {
        "N-CA": distance(nitrogen, alpha),
        "CA-C": distance(alpha, carbon),
        "C-N": distance(carbon[:-1], nitrogen[1:]),
        "CA-CA": distance(alpha[:-1], alpha[1:]),
        "N-CA-C": angle(nitrogen, alpha, carbon),
        "CA-C-N": angle(alpha[:-1], carbon[:-1], nitrogen[1:]),
        "C-N-CA": angle(carbon[:-1], nitrogen[1:], alpha[1:]),
    }


def is_helix(backbone: np.ndarray) -> np.ndarray:
    """Which residues start a turn of a right-handed helix, by C-alphas alone: (i, i+3) close, and their torsion positive."""
    alpha = backbone[:, 1].astype(float)
    turn = dihedral(alpha[:-3], alpha[1:-2], alpha[2:-1], alpha[3:])
    near = np.linalg.norm(alpha[3:] - alpha[:-3], axis=1)
    return np.append((near > 4.4) & (near < 5.8) & (turn > 30) & (turn < 70), [False] * 3)


def read_states(sequence: str) -> np.ndarray:
    """Where a sequence looks more like a helix (above 0) than like a strand: propensities summed over windows of five."""
    odds = dict(zip(_RESIDUES, np.log(_PROPENSITY["H"] / _PROPENSITY["E"]), strict=True))
    return np.convolve([odds[letter] for letter in sequence], np.ones(5), "same")


class TestGeometry:
    def test_bonds_and_angles_are_ideal_and_peptides_trans(self) -> None:
        for _, backbone in members():
            found = geometry(backbone)
            for name, length in BONDS.items():
                np.testing.assert_allclose(found[name], length, atol=1e-3)
            for name, degrees in ANGLES.items():
                np.testing.assert_allclose(found[name], degrees, atol=0.05)
            np.testing.assert_allclose(found["CA-CA"], 3.80, atol=0.02)
            nitrogen, alpha, carbon = backbone.swapaxes(0, 1).astype(float)
            omega = dihedral(alpha[:-1], carbon[:-1], nitrogen[1:], alpha[1:])
            np.testing.assert_allclose(np.abs(omega), 180, atol=0.1)

    @settings(max_examples=25)
    @given(arrays(float, st.tuples(st.integers(3, 40), st.just(2)), elements=st.floats(-179, 179)))
    def test_the_chain_has_the_torsions_it_was_built_from(self, wanted: np.ndarray) -> None:
        backbone = build_backbone(wanted)
        np.testing.assert_allclose(backbone[0, 1], 0, atol=1e-12)
        difference = torsions(backbone) - wanted[1:-1]
        np.testing.assert_allclose((difference + 180) % 360 - 180, 0, atol=1e-4)

    def test_many_chains_are_built_at_once(self) -> None:
        wanted = np.random.default_rng(0).uniform(-180, 180, (4, 3, 17, 2))
        together = build_backbone(wanted)
        assert together.shape == (4, 3, 17, 3, 3)
        np.testing.assert_allclose(together[2, 1], build_backbone(wanted[2, 1]), atol=1e-9)

    def test_an_ideal_helix_is_right_handed_and_rises_as_pauling_says(self) -> None:
        alpha = build_backbone(np.tile(TORSIONS["H"], (40, 1)))[:, 1]
        assert is_helix(build_backbone(np.tile(TORSIONS["H"], (40, 1))))[:-3].all()
        assert np.linalg.norm(alpha[36] - alpha[0]) / 36 == pytest.approx(1.5, abs=0.08)
        strand = build_backbone(np.tile(TORSIONS["E"], (20, 1)))[:, 1]
        assert np.linalg.norm(strand[18] - strand[0]) / 18 == pytest.approx(3.3, abs=0.15)

    def test_nothing_collides(self) -> None:
        for _, backbone in members():
            atoms = backbone.astype(float).reshape(-1, 3)
            distance = np.linalg.norm(atoms[:, None] - atoms, axis=2)
            residue = np.repeat(np.arange(len(backbone)), 3)
            apart = np.abs(residue[:, None] - residue)
            assert distance[apart >= 2].min() >= 2.8
            alpha, between = distance[1::3, 1::3], apart[1::3, 1::3]
            assert alpha[between >= 3].min() >= 4.0 - 1e-3 and alpha[between >= 1].min() > 3.6

    def test_collisions_are_seen(self) -> None:
        backbone = fold_of(generator().patient(0)).backbone
        assert not collides(backbone)
        moved = backbone.copy()
        moved[20:] += backbone[3, 1] - backbone[30, 1] + 0.5
        assert collides(moved) and not collides(moved[20:])
        folded = backbone.copy()
        folded[30] = folded[4] + np.array((0, 0, 3.3))
        assert collides(folded, atom=0.5) and collides(folded, since=30) and not collides(folded[:30])

    def test_chains_are_globular(self) -> None:
        ratios = []
        for _, backbone in members():
            alpha = backbone[:, 1].astype(float)
            radius = np.sqrt(np.square(alpha - alpha.mean(0)).sum(1).mean())
            ratios.append(radius / (2.2 * len(alpha) ** 0.38))
        assert min(ratios) > 0.9 and max(ratios) < 1.5 and np.median(ratios) < 1.3

    def test_angles_stay_where_residues_can_be(self) -> None:
        for fold in (fold_of(generator().patient(number)) for number in range(FOLDS)):
            found = torsions(fold.backbone)
            canonical = np.array([TORSIONS[state] for state in fold.states])[1:-1]
            away = np.abs((found - canonical + 180) % 360 - 180)
            assert away.max() < 30
            # Only glycine and asparagine are left-handed.
            left = np.flatnonzero(found[:, 0] > 0) + 1
            assert set(fold.sequence[place] for place in left) <= set("GN")

    def test_bonds_are_those_of_the_protein_data_bank(self, multimed_data: Path) -> None:
        pytest.importorskip("gemmi")
        from multimed_hf.data.macromolecules import read_macromolecule

        found: dict[str, list[np.ndarray]] = {}
        # Two entries of X-ray crystallography.
        for name in ("2XHE.cif", "4CUP.cif"):
            if not (multimed_data / "pdb" / name).is_file():
                pytest.skip(f"needs {name} in $MULTIMED_DATA/pdb")
            for chain in read_macromolecule(multimed_data / "pdb" / name).chains:
                breaks = np.flatnonzero(~chain.resolved)
                for piece in np.split(chain.backbone, breaks):
                    piece = piece[piece.any((1, 2))]
                    if len(piece) > 3:
                        for measure, values in geometry(piece).items():
                            found.setdefault(measure, []).append(values)
        simulated = geometry(members()[0][1])
        for measure, limit in {"N-CA": 0.02, "CA-C": 0.02, "C-N": 0.02, "CA-CA": 0.05, "N-CA-C": 1.5}.items():
            values = np.concatenate(found[measure])
            assert abs(np.median(values) - simulated[measure].mean()) < limit, measure


class TestSequence:
    def test_loops_and_caps_follow_from_residue_pairs(self) -> None:
        for index, (sequence, _) in enumerate(members()):
            states = fold_of(generator().patient(index // Generator.members)).states
            for place, state in enumerate(states):
                following = sequence[place + 1 : place + 2]
                if state == "c":
                    assert sequence[place] in _CAPS and states[place + 1] == "H"
                elif state not in "HE":
                    small = bool(following) and following in _SMALL
                    assert _REGIONS[sequence[place]][0 if small else 1] == state
                elif state == "H" and states[place + 1 : place + 2] not in ("H", ""):
                    assert sequence[place + 1] in "GN"

    @pytest.mark.parametrize("small", [False, True])
    def test_every_region_can_be_said_before_any_residue(self, small: bool) -> None:
        assert all(_allowed(state, small).any() for state in TORSIONS)

    def test_the_sequence_tells_helices_from_strands(self) -> None:
        correct = []
        for number in range(FOLDS):
            fold = fold_of(generator().patient(number))
            states, read = np.array(list(fold.states)), read_states(fold.sequence)
            correct += [*(read[states == "H"] > 0), *(read[states == "E"] < 0)]
        assert np.mean(correct) > 0.85

    def test_what_is_buried_is_hydrophobic(self) -> None:
        buried, exposed = Counter(), Counter()
        for number in range(FOLDS):
            fold = fold_of(generator().patient(number))
            for letter, burial, state in zip(fold.sequence, fold.burial, fold.states, strict=True):
                if state == "H":
                    (buried if burial > 0.5 else exposed)[letter in "AILMFVWC"] += 1
        assert buried[True] / buried.total() > exposed[True] / exposed.total() + 0.2

    def test_helices_of_the_sequence_are_helices_of_the_structure(self) -> None:
        for index, (_, backbone) in enumerate(members()):
            states = fold_of(generator().patient(index // Generator.members)).states
            inside = np.array([states[place : place + 4] == "HHHH" for place in range(len(states))])
            if inside.any():
                assert is_helix(backbone)[inside].mean() > 0.95
            strand = np.array([states[place : place + 4] == "EEEE" for place in range(len(states))])
            assert not is_helix(backbone)[strand].any()


class TestRows:
    def test_members_of_a_fold_are_one_group_of_mutants_of_one_structure(self) -> None:
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

    def test_rows_are_complete(self) -> None:
        complete = RowCompleter("protein")
        for index in (0, 5, 11):
            row = complete({**generator().row(index), "source": "synthetic"})
            number = len(row["protein"])
            assert LENGTHS[0] <= number <= LENGTHS[1] and set(row["protein"]) <= set("ACDEFGHIKLMNPQRSTVWY")
            assert row["backbone"].shape == (number, 3, 3) and row["backbone"].dtype == np.float32
            assert row["resolved"].shape == (number,) and row["resolved"].dtype == bool
            assert (row["backbone"].any((1, 2)) == row["resolved"]).all() and row["resolved"].mean() > 0.75

    def test_another_process_makes_the_same_row_whatever_came_before(self) -> None:
        command = [sys.executable, "-c", ROW]
        environment = {**os.environ, "PYTHONHASHSEED": "77"}
        printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        made = generator_of("protein", Simulation(seed=3, difficulty=0.7))
        for other in (43, 0):
            made.row(other)
        row = made.row(42)
        digest = hashlib.sha256(row["backbone"].tobytes() + row["resolved"].tobytes()).hexdigest()
        assert printed.split() == [digest, row["protein"], row["id"]]
        again = generator_of("protein", Simulation(seed=4, difficulty=0.7)).row(42)
        assert again["protein"] != row["protein"]

    def test_fold_classes_have_the_elements_of_their_name(self) -> None:
        found = set()
        for number in range(8):
            patient = generator().patient(number)
            states = set(fold_of(patient).states) & {"H", "E"}
            expected = {"all alpha": {"H"}, "all beta": {"E"}}.get(patient.condition, {"H", "E"})
            assert states <= expected
            found.add(patient.condition)
        assert found == set(Generator.conditions)

    def test_difficulty_takes_away_what_the_sequence_says(self) -> None:
        def score(difficulty: float) -> tuple[float, float]:
            folds = [fold_of(generator(difficulty).patient(number)) for number in range(6)]
            ideal = [build_backbone(np.array([TORSIONS[state] for state in fold.states]))[:, 1] for fold in folds]
            scores = [tm_score(guess, fold.backbone[:, 1]) for guess, fold in zip(ideal, folds, strict=True)]
            seen = [generator(difficulty).row(index)["resolved"].mean() for index in range(16)]
            return float(np.mean(scores)), float(np.mean(seen))

        easy, hard = score(0.1), score(0.9)
        assert easy[0] > 0.8 > hard[0] + 0.1 and easy[1] > hard[1]

    def test_the_best_score_is_told_and_nothing_can_be_held_out(self) -> None:
        assert "TM-score of 0." in generator().notes()[-1]
        with pytest.raises(ValueError, match="cannot hold out 'site'; it can hold out: none"):
            Generator(Simulation(shift="site"))
