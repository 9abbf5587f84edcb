"""Structure scores as means over chains, what they may not do, and chirality against dihedral angles.

How TM-score, GDT and RMSD compare with other programs is in `test_tmscore.py`.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from multimed_hf.metrics.lddt import all_atom_lddt, lddt
from multimed_hf.metrics.rows import Accumulator
from multimed_hf.metrics.structure import (
    STRUCTURE,
    chirality,
    gdt_ha,
    gdt_ts,
    structure,
    superposed_rmsd,
    tm_score,
)

from .chains import MIRROR, globule, helix, models, noise, unresolved


def test_mirror_image_is_not_a_copy():
    chain = globule(100, 1)
    assert tm_score(chain * MIRROR, chain) < 0.5
    assert superposed_rmsd(chain * MIRROR, chain) > 5.0
    assert chirality(chain * MIRROR, chain) == 0.0
    assert tm_score(chain, chain) == pytest.approx(1.0)
    assert superposed_rmsd(chain, chain) == pytest.approx(0.0, abs=1e-6)
    assert chirality(chain, chain) == 1.0


@pytest.mark.parametrize("entry", ["1A8O", "1AS5", "2BEG", "2XHE", "4CUP", "6WQA", "7CFN"])
def test_mirror_images_of_real_chains_score_badly(multimed_data, entry):
    chain = models(multimed_data / "pdb" / f"{entry}.cif")[0]
    scores = structure([chain * MIRROR], [chain])
    assert scores["tm_score"] < 0.5
    assert scores["chirality"] == 0.0
    assert scores["lddt"] == 1.0


def test_other_models_of_an_ensemble_have_the_hand_of_the_first(multimed_data):
    first, *others = models(multimed_data / "pdb" / "1AS5.cif")
    assert min(chirality(other, first) for other in others) > 0.75


def chirality_by_dihedral_angles(prediction, reference):
    """The sign of the virtual dihedral angle, which is that of the triple product."""
    right = total = 0
    for i in range(len(reference) - 3):
        a, b, c = np.diff(reference[i : i + 4], axis=0)
        lengths = [math.dist(*ends) for ends in zip(reference[i : i + 3], reference[i + 1 : i + 4], strict=True)]
        volume = np.linalg.det([a, b, c]) / math.prod(lengths)
        if max(lengths) <= 4.5 and abs(volume) >= 0.25:
            total += 1
            angles = []
            for p, q, r, s in (reference[i : i + 4], prediction[i : i + 4]):
                m, n = np.cross(q - p, r - q), np.cross(r - q, s - r)
                angles.append(math.atan2(np.linalg.norm(r - q) * np.dot(q - p, n), np.dot(m, n)))
            right += angles[0] * angles[1] > 0
    return right / total if total else math.nan


@given(st.integers(0, 10_000), st.integers(1, 30), st.floats(0.1, 5.0))
@hypothesis_settings(max_examples=30)
def test_chirality_is_the_sign_of_the_dihedral_angle(seed, n, scale):
    reference = globule(n, seed)
    reference[n // 2 :] += scale  # at times a break of the chain
    prediction = reference + noise(n, scale, seed)
    expected = chirality_by_dihedral_angles(prediction, reference)
    assert chirality(prediction, reference) == pytest.approx(expected, nan_ok=True)


def test_alpha_helices_turn_right():
    steps = np.diff(helix(4), axis=0)
    assert np.linalg.det(steps) > 0
    assert chirality(helix(20), helix(20)) == 1.0


@pytest.mark.parametrize(
    "reference",
    [
        helix(3),
        np.arange(30.0).reshape(10, 3),
        helix(20) * [1.0, 1.0, 0.0],
        np.zeros((5, 3)),
        10 * helix(20),
        unresolved(helix(12), slice(0, 12, 3)),
    ],
    ids=["short", "line", "plane", "one point", "only breaks", "no four in a row"],
)
def test_no_hand_without_four_residues_that_turn(reference):
    assert math.isnan(chirality(globule(len(reference), 1), reference))


def test_planar_prediction_has_the_wrong_hand():
    assert chirality(np.zeros((20, 3)), helix(20)) == 0.0
    assert chirality(helix(20) * [1.0, 1.0, 0.0], helix(20)) == 0.0


@given(st.integers(0, 10_000), st.integers(4, 40), st.floats(0.1, 10.0))
@hypothesis_settings(max_examples=15)
def test_bounds_and_rigid_motion(seed, n, scale):
    reference = globule(n, seed)
    prediction = reference + noise(n, scale, seed)
    moved = prediction @ Rotation.random(rng=np.random.default_rng(seed)).as_matrix() + scale
    scores = structure([prediction], [reference])
    assert 0.0 < scores["tm_score"] <= 1.0
    assert 0.0 <= scores["gdt_ha"] <= scores["gdt_ts"] <= 1.0
    assert structure([moved], [reference]) == pytest.approx(scores, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_residues(n):
    scores = structure([globule(n, 1) + 5.0], [globule(n, 1)])
    assert scores["tm_score"] == pytest.approx(1.0)
    assert math.isnan(scores["chirality"])
    assert math.isnan(scores["lddt"]) == (n == 1)


def test_whole_length_divides_the_score_of_a_part():
    chain = globule(40, 1)
    assert tm_score(chain, chain, length=80) == pytest.approx(0.5)
    assert gdt_ts(chain, chain, length=80) == gdt_ha(chain, chain, length=80) == 0.5
    assert tm_score(chain, unresolved(chain, slice(20, None))) == pytest.approx(0.5)


def test_unresolved_rows_do_not_matter():
    chain, reference = globule(40, 1), unresolved(globule(40, 2), [3, 7])
    other = chain.copy()
    other[[3, 7]] = 1e3
    assert structure([chain], [reference]) == structure([other], [reference])


def atoms_of(chain, scale, seed):
    """A mapping for `atoms`: three atoms a residue, one of them missing in the prediction."""
    reference = np.repeat(chain, 3, axis=0) + noise(3 * len(chain), 1.5, seed)
    prediction = reference + noise(len(reference), scale, seed + 1)
    prediction[4] = np.nan
    return {"prediction": prediction, "reference": reference, "residues": np.repeat(np.arange(len(chain)), 3)}


CHAINS = [
    (globule(30, 1) + noise(30, 1.0, 1), globule(30, 1)),
    (globule(20, 2) + noise(20, 4.0, 2), unresolved(globule(20, 2), slice(5, 8))),
    ([[0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0]]),
    (helix(25) * MIRROR, helix(25)),
]
PREDICTIONS, REFERENCES = (list(chains) for chains in zip(*CHAINS, strict=True))
LENGTHS = [30, 25, 1, 50]
ATOMS = [atoms_of(globule(20, seed), 1.0, seed) for seed in range(4)]
# A single residue has no pair of atoms of two residues.
ATOMS[2] = {"prediction": np.zeros((2, 3)), "reference": np.ones((2, 3)), "residues": [0, 0]}


def test_structure_is_the_mean_over_chains_of_each_score():
    scores = structure(PREDICTIONS, REFERENCES, LENGTHS, ATOMS)
    functions = {"tm_score": tm_score, "gdt_ts": gdt_ts, "gdt_ha": gdt_ha}
    expected = {
        key: np.mean([function(*chain, length) for chain, length in zip(CHAINS, LENGTHS, strict=True)])
        for key, function in functions.items()
    }
    for key, function in {"lddt": lddt, "rmsd": superposed_rmsd, "chirality": chirality}.items():
        expected[key] = np.nanmean([function(*chain) for chain in CHAINS])
    expected["all_atom_lddt"] = np.nanmean([all_atom_lddt(**chain) for chain in ATOMS])
    assert scores == pytest.approx({**expected, "lddt_skipped": 1})
    del expected["all_atom_lddt"]
    assert structure(PREDICTIONS, REFERENCES, LENGTHS) == pytest.approx({**expected, "lddt_skipped": 1})


def test_lddt_and_chirality_of_no_chain_are_nan():
    scores = structure([[[0.0, 0.0, 0.0]]], [[[1.0, 1.0, 1.0]]], atoms=[ATOMS[2]])
    assert [key for key, value in scores.items() if math.isnan(value)] == ["lddt", "chirality", "all_atom_lddt"]
    assert (scores["lddt_skipped"], scores["rmsd"], scores["tm_score"]) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [2, 0, 1, 3], [0, 0, 2, 0], [0, 3, 0, 1]])
def test_weights_are_repetitions(counts):
    rows = STRUCTURE.update(PREDICTIONS, REFERENCES, LENGTHS, ATOMS)
    repeated = np.repeat(np.arange(4), counts)
    expected = structure(*([column[row] for row in repeated] for column in (PREDICTIONS, REFERENCES, LENGTHS, ATOMS)))
    for key, score in expected.items():
        weighted = STRUCTURE.statistic(rows, key)(np.array([counts, [1, 1, 1, 1]], dtype=float))
        assert weighted[0] == pytest.approx(score, nan_ok=True), key
        assert weighted[1] == pytest.approx(STRUCTURE.compute(rows)[key]), key


def test_order_of_chains_does_not_matter():
    order = [2, 0, 3, 1]
    permuted = structure(*([column[row] for row in order] for column in (PREDICTIONS, REFERENCES, LENGTHS, ATOMS)))
    assert permuted == pytest.approx(structure(PREDICTIONS, REFERENCES, LENGTHS, ATOMS))


def test_batches_joined_score_as_all_at_once():
    batches = Accumulator(STRUCTURE)
    for part in (slice(0, 1), slice(1, 4)):
        batches.update(PREDICTIONS[part], REFERENCES[part], lengths=LENGTHS[part], atoms=ATOMS[part])
    assert batches.compute() == structure(PREDICTIONS, REFERENCES, LENGTHS, ATOMS)


def test_batches_with_and_without_atoms_do_not_join():
    batches = Accumulator(STRUCTURE)
    batches.update(PREDICTIONS, REFERENCES, atoms=ATOMS)
    batches.update(PREDICTIONS, REFERENCES)
    with pytest.raises(ValueError, match="one value of with_atoms for all batches"):
        batches.compute()


CHAIN = [[0.0, 0.0, 0.0], [3.8, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("prediction", "reference", "length", "message"),
    [
        (CHAIN[:1], CHAIN, None, r"one shape \(L, 3\), L >= 1, got \(1, 3\) and \(2, 3\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), None, r"L >= 1, got \(0, 3\)"),
        ([], [], None, r"shape \(n, 3\), got shape \(0,\)"),
        (np.zeros((2, 4)), np.zeros((2, 4)), None, r"got \(2, 4\) and \(2, 4\)"),
        (np.zeros((2, 4, 3)), np.zeros((2, 4, 3)), None, r"got shape \(2, 4, 3\)"),
        (np.full((2, 3), np.nan), CHAIN, None, "finite predicted coordinates"),
        ([[0.0, 0.0, 0.0], [np.nan] * 3], CHAIN, None, "finite predicted coordinates"),
        (CHAIN, np.full((2, 3), np.inf), None, r"finite or NaN \(not measured\) reference coordinates"),
        (CHAIN, np.full((2, 3), np.nan), None, "got 0 of 2 resolved"),
        (CHAIN, [[0.0, np.nan, 0.0], [0.0, 0.0, 0.0]], None, "1 in part NaN"),
        (CHAIN, CHAIN, 1, "at least the 2 resolved residues, got 1"),
    ],
)
def test_bad_chains_are_refused(prediction, reference, length, message):
    with pytest.raises(ValueError, match=message):
        tm_score(prediction, reference, length)


ATOM = {"prediction": CHAIN, "reference": CHAIN, "residues": [0, 1]}


@pytest.mark.parametrize(
    ("predictions", "references", "lengths", "atoms", "message"),
    [
        ([CHAIN], [CHAIN, CHAIN], None, None, "got 1 predictions and 2 references"),
        ([], [], None, None, "at least one row"),
        ([CHAIN, CHAIN], [CHAIN, CHAIN[:1]], None, None, "Chain 1: Expected prediction and reference of one shape"),
        ([CHAIN], [CHAIN], [2, 2], None, "1 lengths, one per chain, got 2"),
        ([CHAIN], [CHAIN], None, [ATOM, ATOM], "1 atoms, one per chain, got 2"),
        ([CHAIN], [CHAIN], None, [{**ATOM, "residues": [0]}], "Chain 0: Expected the residue of each of the 2 atoms"),
        ([CHAIN], [CHAIN], None, [{"prediction": CHAIN}], "Chain 0: Expected atoms with .* got prediction;"),
        ([CHAIN], [CHAIN], None, [{**ATOM, "names": ["CA"]}], "Chain 0: Expected atoms with .* residues, names;"),
    ],
)
def test_bad_lists_of_chains_are_refused(predictions, references, lengths, atoms, message):
    with pytest.raises(ValueError, match=message):
        structure(predictions, references, lengths, atoms)
