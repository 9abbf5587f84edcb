"""lDDT against two loops, biotite and the rules of the paper for symmetric side chains written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from multimed_hf.metrics.lddt import all_atom_lddt, lddt

from .chains import MIRROR, globule, helix, noise, unresolved

THRESHOLDS = (0.5, 1.0, 2.0, 4.0)
SWAPS = {
    "ASP": ["OD1", "OD2"],
    "GLU": ["OE1", "OE2"],
    "ARG": ["NH1", "NH2"],
    "PHE": ["CD1", "CD2", "CE1", "CE2"],
    "TYR": ["CD1", "CD2", "CE1", "CE2"],
    "VAL": ["CG1", "CG2"],
    "LEU": ["CD1", "CD2"],
}
SIDE_CHAINS = {
    **SWAPS,
    "PHE": ["CG", "CD1", "CD2", "CE1", "CE2", "CZ"],
    "VAL": ["CB", "CG1", "CG2"],
    "LEU": ["CG", "CD1", "CD2"],
    "GLY": [],
}


def written_out(prediction, reference, residues):
    """Every ordered pair of atoms."""
    kept = pairs = 0
    for i in range(len(reference)):
        for j in range(len(reference)):
            true = math.dist(reference[i], reference[j])
            if residues[i] != residues[j] and not math.isnan(true) and true <= 15.0:
                error = abs(true - math.dist(prediction[i], prediction[j]))
                kept += sum(error <= threshold for threshold in THRESHOLDS) / 4
                pairs += 1
    return kept / pairs if pairs else math.nan


def renamed(prediction, reference, residues, residue_names, atom_names):
    """The prediction with each symmetric residue named by trying both ways, atom by atom."""
    rows = {(residue, name): row for row, (residue, name) in enumerate(zip(residues, atom_names, strict=True))}
    name_of = dict(zip(residues, residue_names, strict=True))
    symmetric = {row for (residue, name), row in rows.items() if name in SWAPS.get(name_of[residue], ())}
    best = prediction.copy()
    for residue, residue_name in name_of.items():
        names = SWAPS.get(residue_name, [])
        given_rows = [rows[residue, name] for name in names]
        swapped_rows = [rows[residue, name[:2] + {"1": "2", "2": "1"}[name[2]]] for name in names]
        scores = []
        for sources in (given_rows, swapped_rows):
            score = 0
            for row, source in zip(given_rows, sources, strict=True):
                for other in range(len(reference)):
                    true = math.dist(reference[row], reference[other])
                    if other not in symmetric and residues[other] != residue and true <= 15.0:
                        error = abs(true - math.dist(prediction[source], prediction[other]))
                        score += sum(error <= threshold for threshold in THRESHOLDS)
            scores.append(score)
        if len(names) and scores[1] > scores[0]:
            best[given_rows] = prediction[swapped_rows]
    return best


def protein(n, seed, spread=1.5):
    """`n` residues of a globule with some side chain: positions, residues, residue names, atom names."""
    generator = np.random.default_rng(seed)
    names = generator.choice(list(SIDE_CHAINS), n)
    atoms = [(row, name, atom) for row, name in enumerate(names) for atom in ["CA", *SIDE_CHAINS[name]]]
    residues, residue_names, atom_names = (list(column) for column in zip(*atoms, strict=True))
    positions = globule(n, seed)[residues] + generator.uniform(-spread, spread, (len(atoms), 3))
    return positions, residues, residue_names, atom_names


def atom_array(positions, residues, residue_names, atom_names):
    structure = pytest.importorskip("biotite.structure")
    array = structure.AtomArray(len(positions))
    array.coord = np.asarray(positions, dtype=np.float32)
    array.res_id = np.asarray(residues) + 1
    array.chain_id[:], array.res_name[:], array.atom_name[:] = "A", residue_names, atom_names
    return array


@given(st.integers(0, 10_000), st.integers(1, 25), st.floats(0.0, 10.0), st.integers(0, 5))
@hypothesis_settings(max_examples=30)
def test_c_alpha_score_is_that_of_two_loops(seed, n, scale, unresolved_rows):
    reference = unresolved(globule(n, seed), slice(1, 1 + unresolved_rows))
    prediction = globule(n, seed) + noise(n, scale, seed)
    expected = written_out(prediction, reference, range(n))
    assert lddt(prediction, reference) == pytest.approx(expected, nan_ok=True)
    assert math.isnan(expected) or 0.0 <= expected <= 1.0


@pytest.mark.parametrize("scale", [0.5, 2.0, 8.0])
def test_c_alpha_score_is_that_of_biotite(scale):
    structure = pytest.importorskip("biotite.structure")
    # As its single precision sees them.
    reference = globule(200, 1).astype(np.float32)
    prediction = reference + noise(200, scale, 1).astype(np.float32)
    array = atom_array(reference, np.arange(200), "ALA", "CA")
    assert lddt(prediction, reference) == pytest.approx(float(structure.lddt(array, prediction)), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_all_atom_score_without_names_is_that_of_biotite_and_of_two_loops(seed):
    structure = pytest.importorskip("biotite.structure")
    positions, residues, *names = protein(30, seed)
    reference = positions.astype(np.float32)
    prediction = reference + noise(len(reference), 1.0 + seed, seed).astype(np.float32)
    reference[5:8], prediction[20:30] = np.nan, np.nan
    score = all_atom_lddt(prediction, reference, residues)
    assert score == pytest.approx(written_out(prediction, reference, residues))
    assert score == pytest.approx(float(structure.lddt(atom_array(reference, residues, *names), prediction)), abs=1e-6)


@pytest.mark.parametrize("entry", ["1A8O", "1AS5", "2BEG", "4CUP"])
def test_real_atoms_score_as_in_biotite(multimed_data, entry):
    gemmi, structure = pytest.importorskip("gemmi"), pytest.importorskip("biotite.structure")
    models = gemmi.read_structure(str(multimed_data / "pdb" / f"{entry}.cif"))
    models.remove_alternative_conformations()
    models.remove_hydrogens()
    models.remove_waters()
    first, *others = (
        [
            (number, residue.name, atom.name, atom.pos.tolist())
            for number, residue in enumerate(model[0])
            for atom in residue
        ]
        for model in models
    )
    residues, residue_names, atom_names, positions = zip(*first, strict=True)
    reference = np.array(positions, dtype=np.float32)
    predictions = [np.array([atom[3] for atom in other], dtype=np.float32) for other in others[:2]]
    predictions += [reference + noise(len(reference), 1.5, 1).astype(np.float32)]
    array = atom_array(reference, residues, residue_names, atom_names)
    for prediction in predictions:
        score = all_atom_lddt(prediction, reference, residues)
        assert score == pytest.approx(float(structure.lddt(array, prediction)), abs=1e-6)
        assert all_atom_lddt(prediction, reference, residues, residue_names, atom_names) >= score - 0.001


@given(st.integers(0, 10_000), st.floats(0.5, 3.0))
@hypothesis_settings(max_examples=15)
def test_symmetric_residues_take_the_better_naming(seed, scale):
    reference, residues, residue_names, atom_names = protein(8, seed)
    prediction = reference + noise(len(reference), scale, seed)
    prediction[seed % len(prediction)] = np.nan
    expected = written_out(renamed(prediction, reference, residues, residue_names, atom_names), reference, residues)
    assert all_atom_lddt(prediction, reference, residues, residue_names, atom_names) == pytest.approx(expected)


def exchange(prediction, residues, atom_names, residue, one, other):
    atoms = list(zip(residues, atom_names, strict=True))
    rows = [atoms.index((residue, name)) for name in (one, other)]
    prediction = prediction.copy()
    prediction[rows] = prediction[rows[::-1]]
    return prediction


def test_names_of_symmetric_atoms_do_not_matter_and_those_of_others_do():
    reference, residues, residue_names, atom_names = protein(40, 3, spread=4.0)
    for residue, name in dict(zip(residues, residue_names, strict=True)).items():
        atoms = SWAPS.get(name, [])
        prediction = reference
        for one, other in zip(atoms[::2], atoms[1::2], strict=True):
            prediction = exchange(prediction, residues, atom_names, residue, one, other)
        assert all_atom_lddt(prediction, reference, residues, residue_names, atom_names) == 1.0
        assert (all_atom_lddt(prediction, reference, residues) < 1.0) == (len(atoms) > 0)
    # One pair of a ring alone, and two atoms that no symmetry exchanges.
    for name, pair in {"PHE": ("CD1", "CD2"), "VAL": ("CB", "CG1"), "LEU": ("CG", "CD1")}.items():
        prediction = exchange(reference, residues, atom_names, residues[residue_names.index(name)], *pair)
        assert all_atom_lddt(prediction, reference, residues, residue_names, atom_names) < 1.0


@pytest.mark.parametrize("seed", range(4))
def test_residue_without_all_of_its_symmetric_atoms_keeps_its_names(seed):
    reference, residues, residue_names, atom_names = protein(40, seed, spread=4.0)
    keep = [name != "CE2" for name in atom_names]
    reference = reference[keep]
    residues, residue_names, atom_names = (
        [value for value, kept in zip(column, keep, strict=True) if kept]
        for column in (residues, residue_names, atom_names)
    )
    ring = residues[residue_names.index("PHE")]
    prediction = exchange(reference, residues, atom_names, ring, "CD1", "CD2")
    score = all_atom_lddt(prediction, reference, residues, residue_names, atom_names)
    assert score == all_atom_lddt(prediction, reference, residues) < 1.0


def test_missing_atoms():
    reference, residues, *names = protein(30, 5)
    without = np.arange(len(reference)) % 4 != 0
    masked = np.where(without[:, None], reference, np.nan)
    # Unresolved: as if they were not there. Not predicted: all of their distances are lost.
    assert all_atom_lddt(reference, masked, residues) == 1.0
    score = all_atom_lddt(masked, reference, residues)
    assert score == pytest.approx(written_out(masked, reference, residues))
    assert score < 0.7
    assert all_atom_lddt(masked, masked, residues, *names) == 1.0


def test_a_distance_at_the_radius_or_a_threshold_counts():
    reference = np.array([[0.0, 0.0, 0.0], [15.0, 0.0, 0.0]])
    for error, expected in [(0.5, 1.0), (1.0, 0.75), (2.0, 0.5), (4.0, 0.25), (4.25, 0.0), (-0.5, 1.0)]:
        assert lddt([[0.0, 0.0, 0.0], [15.0 + error, 0.0, 0.0]], reference) == expected
    assert math.isnan(lddt(reference, reference * 1.001))
    assert math.isnan(lddt([[0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0]]))
    assert math.isnan(all_atom_lddt(reference, reference, [4, 4]))


def test_needs_no_superposition_and_has_no_hand():
    chain = globule(50, 1)
    moved = chain @ Rotation.from_rotvec([1.0, 2.0, 3.0]).as_matrix() - 7
    assert lddt(moved, chain) == lddt(chain * MIRROR, chain) == 1.0
    assert lddt(np.zeros((50, 3)), chain) < 0.2
    assert lddt(helix(50), chain) < 0.7


@given(st.integers(0, 10_000))
@hypothesis_settings(max_examples=20)
def test_order_of_atoms_and_numbers_of_residues_do_not_matter(seed):
    generator = np.random.default_rng(seed)
    reference, residues, residue_names, atom_names = protein(15, seed)
    prediction = reference + noise(len(reference), 2.0, seed)
    order = generator.permutation(len(reference))
    permuted = [np.array(column)[order] for column in (prediction, reference, residues, residue_names, atom_names)]
    permuted[2] = 1000 - 3 * permuted[2]
    expected = all_atom_lddt(prediction, reference, residues, residue_names, atom_names)
    assert all_atom_lddt(*permuted) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
@hypothesis_settings(max_examples=20)
def test_moving_one_residue_away_never_helps_a_copy(seed, further):
    chain = globule(20, seed)
    near, far = chain.copy(), chain.copy()
    near[10] += 30.0
    far[[10, 11]] += 30.0 + 100.0 * further * np.arange(2)[:, None]
    assert 1.0 > lddt(near, chain) >= lddt(far, chain)


ATOMS = np.array([[0.0, 0.0, 0.0], [3.8, 0.0, 0.0], [5.0, 1.0, 0.0]])
PART = [[0.0, np.nan, 0.0], [3.8, 0.0, 0.0], [5.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ATOMS[:2], ATOMS, [0, 1, 2]), r"one shape \(atoms, 3\), atoms >= 1, got \(2, 3\) and \(3, 3\)"),
        ((np.zeros((0, 3)), np.zeros((0, 3)), []), r"atoms >= 1, got \(0, 3\)"),
        ((ATOMS[:, :2], ATOMS[:, :2], [0, 1, 2]), r"got \(3, 2\) and \(3, 2\)"),
        ((np.full((3, 3), np.inf), ATOMS, [0, 1, 2]), "finite or NaN"),
        ((np.full((3, 3), np.nan), ATOMS, [0, 1, 2]), "prediction rows .* got 0 of 3 resolved"),
        ((ATOMS, np.full((3, 3), np.nan), [0, 1, 2]), "reference rows .* got 0 of 3 resolved"),
        ((PART, ATOMS, [0, 1, 2]), "prediction rows .* 1 in part NaN"),
        ((ATOMS, PART, [0, 1, 2]), "reference rows .* 1 in part NaN"),
        ((ATOMS, ATOMS, [0, 1]), r"residue of each of the 3 atoms, got shape \(2,\)"),
        ((ATOMS, ATOMS, [0.5, 1, 2]), "residues as integers"),
        ((ATOMS, ATOMS, ["A1", "A2", "A3"]), "residues as integers"),
        ((ATOMS, ATOMS, [0, 0, 1], ["ASP"] * 3), "each of the 3 atoms, got 3 and None"),
        ((ATOMS, ATOMS, [0, 0, 1], ["ASP"] * 3, ["CA"] * 2), "each of the 3 atoms, got 3 and 2"),
        ((ATOMS, ATOMS, [0, 0, 1], ["ASP", "GLU", "ASP"], ["CA", "CB", "CA"]), "one name a residue, got 'ASP' and"),
        ((ATOMS, ATOMS, [0, 0, 1], ["ASP"] * 3, ["CA"] * 3), "every atom once, got 'CA' of residue 0 in the rows 0"),
    ],
)
def test_bad_atoms_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        all_atom_lddt(*arguments)


@pytest.mark.parametrize(
    ("prediction", "reference", "message"),
    [
        (ATOMS[:2], ATOMS, r"one shape \(L, 3\)"),
        (np.full((3, 3), np.nan), ATOMS, "finite predicted coordinates"),
        (ATOMS, np.full((3, 3), np.nan), "got 0 of 3 resolved"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "L >= 1"),
    ],
)
def test_bad_chains_are_refused(prediction, reference, message):
    with pytest.raises(ValueError, match=message):
        lddt(prediction, reference)
