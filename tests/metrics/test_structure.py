"""Structure scores against the program TMscore, scipy and an lDDT written out.

The program's numbers for chains made here lie in `tmscore.json`, and are computed again where it is installed. To
record them anew, run this file.
"""

import json
import math
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from multimed_hf.metrics import gdt_ha, gdt_ts, lddt, structure, superposed_rmsd, tm_score

RECORDED = Path(__file__).with_name("tmscore.json")
PROGRAM = shutil.which("TMscore")
TOLERANCE = 1e-3
MIRROR = np.array([1.0, 1.0, -1.0])


def noise(n, scale, seed):
    """Uniform in a cube: `random.random` draws the same numbers in every version of Python."""
    source = random.Random(seed)
    return np.array([[source.random() - 0.5 for _ in range(3)] for _ in range(n)]) * 2 * scale


def helix(n):
    turn = np.deg2rad(100.0) * np.arange(n)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n)], axis=1)


def globule(n, seed):
    """A random walk of 3.8 angstrom steps that stays in a sphere of the size of a folded protein."""
    source, radius = random.Random(seed), 3.0 * n ** (1 / 3) + 3.0
    chain = [np.zeros(3)]
    while len(chain) < n:
        step = np.array([source.random() - 0.5 for _ in range(3)])
        position = chain[-1] + 3.8 * step / np.linalg.norm(step)
        if np.linalg.norm(position) < radius:
            chain.append(position)
    return np.array(chain)


def hinge(n, degrees):
    """A globule whose second half is turned about its middle."""
    chain, middle = globule(n, 5), n // 2
    turn = Rotation.from_rotvec(np.deg2rad(degrees) * np.array([0.6, 0.0, 0.8])).as_matrix()
    return np.concatenate([chain[:middle], (chain[middle:] - chain[middle]) @ turn.T + chain[middle]])


def unresolved(chain, rows):
    chain = chain.copy()
    chain[rows] = np.nan
    return chain


# Prediction and reference; rounded as a PDB file rounds.
CASES = {
    name: (prediction.round(3), reference.round(3))
    for name, (prediction, reference) in {
        "3 residues": (globule(3, 1), globule(3, 2)),
        "5 residues": (globule(5, 1), globule(5, 2)),
        "15 residues": (globule(15, 1) + noise(15, 2.0, 1), globule(15, 1)),
        "21 residues": (globule(21, 1) + noise(21, 2.0, 1), globule(21, 1)),
        "helix, perturbed": (helix(40) + noise(40, 1.0, 1), helix(40)),
        "helix, mirrored": (helix(40) * MIRROR, helix(40)),
        "helix against globule": (helix(60), globule(60, 3)),
        "globule, moved": (globule(80, 3) @ Rotation.from_rotvec([1.0, 2.0, 3.0]).as_matrix() + 50, globule(80, 3)),
        "globule, perturbed": (globule(100, 3) + noise(100, 4.0, 1), globule(100, 3)),
        "globule, mirrored": (globule(100, 3) * MIRROR, globule(100, 3)),
        "two globules": (globule(120, 3), globule(120, 4)),
        "end unresolved": (globule(100, 3) + noise(100, 2.0, 1), unresolved(globule(100, 3), slice(60, None))),
        "loop unresolved": (globule(90, 3) + noise(90, 2.0, 2), unresolved(globule(90, 3), slice(30, 50))),
        "hinge, 40 degrees": (hinge(150, 40), globule(150, 5)),
        "hinge, 120 degrees": (hinge(150, 120), globule(150, 5)),
        "300 residues": (globule(300, 6) + noise(300, 6.0, 1), globule(300, 6)),
    }.items()
}


def write_pdb(path, chain):
    """A PDB file of the resolved C-alpha atoms, numbered by row."""
    lines = [
        f"ATOM  {row:5d}  CA  ALA A{row:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C\n"
        for row, (x, y, z) in enumerate(chain, start=1)
        if not math.isnan(x)
    ]
    path.write_text("".join(lines) + "TER\nEND\n")


def run_program(prediction, reference):
    """The scores that TMscore prints, divided by the number of rows of the reference."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "model.pdb", Path(folder) / "native.pdb"
        for path, chain in zip(paths, (prediction, reference), strict=True):
            write_pdb(path, chain)
        command = [PROGRAM, *map(str, paths), "-l", str(len(reference))]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    patterns = {
        "tm_score": r"TM-score +=",
        "gdt_ts": r"GDT-TS-score=",
        "gdt_ha": r"GDT-HA-score=",
        "rmsd": r"RMSD of  the common residues=",
    }
    return {key: float(re.search(rf"^{pattern} *([\d.]+)", text, re.M)[1]) for key, pattern in patterns.items()}


def ours(prediction, reference):
    return {
        "tm_score": tm_score(prediction, reference),
        "gdt_ts": gdt_ts(prediction, reference),
        "gdt_ha": gdt_ha(prediction, reference),
        "rmsd": superposed_rmsd(prediction, reference),
    }


def assert_equal_scores(scores, expected, n):
    assert scores["tm_score"] == pytest.approx(expected["tm_score"], abs=TOLERANCE)
    assert scores["rmsd"] == pytest.approx(expected["rmsd"], abs=TOLERANCE)
    # Where residues lie at a cutoff to the last digit, or windows fit in several ways, one residue may fall either way.
    assert scores["gdt_ts"] == pytest.approx(expected["gdt_ts"], abs=1.01 / n + TOLERANCE)
    assert scores["gdt_ha"] == pytest.approx(expected["gdt_ha"], abs=1.01 / n + TOLERANCE)


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_recorded_scores_of_the_program(name):
    prediction, reference = CASES[name]
    assert_equal_scores(ours(prediction, reference), json.loads(RECORDED.read_text())[name], len(reference))


@pytest.mark.skipif(PROGRAM is None, reason="needs the program TMscore (Debian: tm-align)")
@pytest.mark.parametrize("name", CASES)
def test_recorded_scores_are_those_of_the_installed_program(name):
    assert run_program(*CASES[name]) == pytest.approx(json.loads(RECORDED.read_text())[name], abs=1e-4)


def models(path):
    """C-alpha coordinates of the first chain of every model of an mmCIF file, standard residues only."""
    gemmi = pytest.importorskip("gemmi")
    entry = gemmi.read_structure(str(path))
    entry.setup_entities()
    return [
        np.array([atom.pos.tolist() for residue in model[0].first_conformer() for atom in residue if atom.name == "CA"])
        for model in entry
    ]


@pytest.mark.skipif(PROGRAM is None, reason="needs the program TMscore (Debian: tm-align)")
@pytest.mark.parametrize("entry", ["1A8O", "1AS5", "2BEG", "2XHE", "4CUP", "6WQA", "7CFN"])
def test_equal_to_the_program_on_real_chains(multimed_data, entry):
    chains = models(multimed_data / "pdb" / f"{entry}.cif")
    reference, n = chains[0].round(3), len(chains[0])
    predictions = [chain.round(3) for chain in chains[1:4] if len(chain) == n]
    predictions += [(reference + noise(n, scale, 1)).round(3) for scale in (1.0, 5.0)] + [reference * MIRROR]
    predictions += [np.roll(reference, 3, axis=0)]
    for prediction in predictions:
        assert_equal_scores(ours(prediction, reference), run_program(prediction, reference), n)
    truncated = unresolved(reference, slice(2 * n // 3, None))
    assert_equal_scores(ours(predictions[0], truncated), run_program(predictions[0], truncated), n)


def lddt_written_out(prediction, reference):
    kept = pairs = 0
    for i in range(len(reference)):
        for j in range(len(reference)):
            true = math.dist(reference[i], reference[j])
            if i != j and not math.isnan(true) and true < 15.0:
                error = abs(true - math.dist(prediction[i], prediction[j]))
                kept += sum(error < threshold for threshold in (0.5, 1.0, 2.0, 4.0)) / 4
                pairs += 1
    return kept / pairs


@pytest.mark.parametrize("name", [name for name in CASES if name != "300 residues"])
def test_lddt_is_that_of_two_loops(name):
    assert lddt(*CASES[name]) == pytest.approx(lddt_written_out(*CASES[name]))


def test_lddt_needs_no_superposition_and_has_no_hand():
    chain = globule(50, 1)
    moved = chain @ Rotation.from_rotvec([1.0, 2.0, 3.0]).as_matrix() - 7
    assert lddt(moved, chain) == lddt(chain * MIRROR, chain) == 1.0


def test_mirror_image_is_not_a_copy():
    chain = globule(100, 1)
    assert tm_score(chain * MIRROR, chain) < 0.5
    assert superposed_rmsd(chain * MIRROR, chain) > 5.0
    assert tm_score(chain, chain) == pytest.approx(1.0)
    assert superposed_rmsd(chain, chain) == pytest.approx(0.0, abs=1e-6)


def test_whole_length_divides_the_score_of_a_part():
    chain = globule(40, 1)
    assert tm_score(chain, chain, length=80) == pytest.approx(0.5)
    assert gdt_ts(chain, chain, length=80) == gdt_ha(chain, chain, length=80) == 0.5
    assert tm_score(chain, unresolved(chain, slice(20, None))) == pytest.approx(0.5)


def test_unresolved_rows_do_not_matter():
    chain, reference = globule(40, 1), unresolved(globule(40, 2), [3, 7])
    other = chain.copy()
    other[[3, 7]] = 1e3
    assert ours(chain, reference) == ours(other, reference)
    assert lddt(chain, reference) == lddt(other, reference)


def test_structure_averages_over_chains():
    pairs = [CASES["globule, perturbed"], CASES["loop unresolved"]]
    scores = structure(*zip(*pairs, strict=True))
    expected = {key: np.mean([ours(*pair)[key] for pair in pairs]) for key in ours(*pairs[0])}
    expected["lddt"] = np.mean([lddt(*pair) for pair in pairs])
    assert scores == pytest.approx({**expected, "lddt_skipped": 0})


def test_chain_without_a_close_pair_has_no_lddt():
    chain = globule(10, 1)
    assert math.isnan(lddt([[0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0]]))
    scores = structure([chain, [[0.0, 0.0, 0.0]]], [chain, [[1.0, 1.0, 1.0]]])
    assert (scores["lddt"], scores["lddt_skipped"]) == (1.0, 1)
    assert scores["tm_score"] == pytest.approx(1.0)


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
        (CHAIN, np.full((2, 3), np.inf), None, r"finite or NaN \(not measured\) reference coordinates"),
        (CHAIN, np.full((2, 3), np.nan), None, "got 0 of 2 resolved"),
        (CHAIN, [[0.0, np.nan, 0.0], [0.0, 0.0, 0.0]], None, "1 in part NaN"),
        (CHAIN, CHAIN, 1, "at least the 2 resolved residues, got 1"),
    ],
)
def test_bad_chains_are_refused(prediction, reference, length, message):
    with pytest.raises(ValueError, match=message):
        tm_score(prediction, reference, length)


@pytest.mark.parametrize(
    ("predictions", "references", "lengths", "message"),
    [
        ([CHAIN], [CHAIN, CHAIN], None, "got 1 predictions and 2 references"),
        ([], [], None, "at least one row"),
        ([CHAIN, CHAIN], [CHAIN, CHAIN[:1]], None, "Chain 1: Expected prediction and reference of one shape"),
        ([CHAIN], [CHAIN], [2, 2], "1 lengths, one per chain, got 2"),
    ],
)
def test_bad_lists_of_chains_are_refused(predictions, references, lengths, message):
    with pytest.raises(ValueError, match=message):
        structure(predictions, references, lengths)


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({name: run_program(*pair) for name, pair in CASES.items()}, indent=2) + "\n")
