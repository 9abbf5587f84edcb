"""TM-score, GDT and RMSD against the programs TMscore and TM-align, on chains made here and on real ones.

TMscore's numbers lie in `tmscore.json`, those of real chains by entry and what was done to it, and are computed again
where it is installed. To record them anew: MULTIMED_DATA=... python -m tests.metrics.test_tmscore
"""

import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from multimed_hf.metrics.structure import structure, tm_score

from .chains import MIRROR, globule, helix, hinge, models, noise, unresolved

RECORDED = Path(__file__).with_name("tmscore.json")
PROGRAM = shutil.which("TMscore")
needs_program = pytest.mark.skipif(PROGRAM is None, reason="needs the program TMscore (Debian: tm-align)")
TOLERANCE = 1e-3

# Prediction, reference and length of the target; rounded as a PDB file rounds.
CASES = {
    name: (prediction.round(3), reference.round(3), len(reference))
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
        "prediction lacks residues": (unresolved(globule(90, 3) + noise(90, 2.0, 3), slice(0, 40, 3)), globule(90, 3)),
        "hinge, 40 degrees": (hinge(150, 40), globule(150, 5)),
        "hinge, 120 degrees": (hinge(150, 120), globule(150, 5)),
        "300 residues": (globule(300, 6) + noise(300, 6.0, 1), globule(300, 6)),
    }.items()
}


# Chains of at most this many residues are scored in every way, longer ones in two.
SHORT = 130
ENTRIES = ["1A8O", "1AS5", "2BEG", "2XHE", "4CUP", "6WQA", "7CFN"]


def real_cases(path):
    """The first chain of a file against its other models and against what was done to it."""
    chains = [chain.round(3) for chain in models(path)]
    reference, n = chains[0], len(chains[0])
    other = chains[1] if len(chains) > 1 else (reference + noise(n, 1.5, 2)).round(3)
    cases = {
        "perturbed by 1 A": ((reference + noise(n, 1.0, 1)).round(3), reference, n),
        "prediction lacks every third and the end": (
            unresolved(unresolved(other, slice(0, None, 3)), slice(3 * n // 4, None)),
            reference,
            n,
        ),
    }
    if n > SHORT:
        return cases
    for first, second in [(1, 0), (2, 0), (3, 2)]:
        if len(chains) > max(first, second):
            cases[f"model {first + 1} on {second + 1}"] = (chains[first], chains[second], n)
    return cases | {
        "perturbed by 5 A": ((reference + noise(n, 5.0, 1)).round(3), reference, n),
        "mirrored": (reference * MIRROR, reference, n),
        "shifted by 3 residues": (np.roll(reference, 3, axis=0), reference, n),
        "reference lacks a third": (other, unresolved(reference, slice(2 * n // 3, None)), n),
        "reference lacks a third, not counted": (
            other,
            unresolved(reference, slice(2 * n // 3, None)),
            len(range(2 * n // 3)),
        ),
        "target twice as long": (other, reference, 2 * n),
    }


def write_pdb(path, chain):
    """A PDB file of the known C-alpha atoms, numbered by row."""
    lines = [
        f"ATOM  {row:5d}  CA  ALA A{row:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C\n"
        for row, (x, y, z) in enumerate(chain, start=1)
        if not math.isnan(x)
    ]
    path.write_text("".join(lines) + "TER\nEND\n")


def run_program(prediction, reference, length):
    """The scores that TMscore prints: it divides by the residues of the second file, or what follows `-l`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "model.pdb", Path(folder) / "native.pdb"
        for path, chain in zip(paths, (prediction, reference), strict=True):
            write_pdb(path, chain)
        whole = length == (~np.isnan(reference[:, 0])).sum()
        command = [PROGRAM, *map(str, paths), *([] if whole else ["-l", str(length)])]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    patterns = {
        "tm_score": r"TM-score +=",
        "gdt_ts": r"GDT-TS-score=",
        "gdt_ha": r"GDT-HA-score=",
        "rmsd": r"RMSD of  the common residues=",
    }
    return {key: float(re.search(rf"^{pattern} *([\d.]+)", text, re.M)[1]) for key, pattern in patterns.items()}


def ours(prediction, reference, length):
    predicted = ~np.isnan(prediction[:, 0])
    return structure([prediction[predicted]], [reference[predicted]], [length])


def assert_equal_scores(scores, expected):
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=TOLERANCE)


def recorded():
    return json.loads(RECORDED.read_text())


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_recorded_scores_of_the_program(name):
    assert_equal_scores(ours(*CASES[name]), recorded()[name])


@needs_program
@pytest.mark.parametrize("name", CASES)
def test_recorded_scores_are_those_of_the_installed_program(name):
    assert run_program(*CASES[name]) == pytest.approx(recorded()[name], abs=1e-4)


@pytest.mark.parametrize("entry", ENTRIES)
def test_equal_to_the_recorded_scores_on_real_chains(multimed_data, entry):
    cases = real_cases(multimed_data / "pdb" / f"{entry}.cif")
    assert {f"{entry}, {name}" for name in cases} == {name for name in recorded() if name.startswith(entry)}
    for name, case in cases.items():
        assert_equal_scores(ours(*case), recorded()[f"{entry}, {name}"])


@needs_program
@pytest.mark.parametrize("entry", ENTRIES)
def test_recorded_scores_of_real_chains_are_those_of_the_installed_program(multimed_data, entry):
    for name, case in real_cases(multimed_data / "pdb" / f"{entry}.cif").items():
        assert run_program(*case) == pytest.approx(recorded()[f"{entry}, {name}"], abs=1e-4)


def test_equal_to_tm_align_where_its_alignment_is_the_identity():
    tmtools = pytest.importorskip("tmtools")
    compared = 0
    for name, (prediction, reference, _) in CASES.items():
        known = ~np.isnan(prediction[:, 0]) & ~np.isnan(reference[:, 0])
        sequence = "A" * known.sum()
        if len(sequence) >= 5:
            found = tmtools.tm_align(prediction[known], reference[known], sequence, sequence)
            if found.seqxA == found.seqyA and found.tm_norm_chain2 >= 0.6:
                score = tm_score(prediction[known], reference[known])
                assert score == pytest.approx(found.tm_norm_chain2, abs=1e-6), name
                compared += 1
    assert compared >= 5


def record():
    folder = Path(os.environ["MULTIMED_DATA"]) / "pdb"
    cases = dict(CASES)
    for entry in ENTRIES:
        cases |= {f"{entry}, {name}": case for name, case in real_cases(folder / f"{entry}.cif").items()}
    RECORDED.write_text(json.dumps({name: run_program(*case) for name, case in cases.items()}, indent=2) + "\n")


if __name__ == "__main__":
    record()
