"""Simulated protein chains whose backbone follows from their sequence.

The members of a `fold` share its states: which residues are helix, strand or a region of a loop. Their sequences say all
that, see `residues`. What the sequence leaves open is a deviation of the torsion angles, the same for all members of a
fold, and one of each member, which grows with the number of its mutations (Chothia, Lesk, EMBO J. 5, 823, 1986).
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..patient import Patient
from .backbone import build_backbone, collides, cross
from .fold import Fold, canonical_torsions, fold_of
from .residues import draw_sequence

_NOTED = 6  # folds from which the best score is estimated


class Generator(SubsetGenerator):
    """Rows of `protein`: members of a fold, which differ by mutations. The condition is the class of the fold."""

    subset = "protein"
    conditions = {"all alpha": 0.25, "all beta": 0.2, "alpha/beta": 0.35, "alpha+beta": 0.2}
    members = 4
    shifts = ()

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        sequence, backbone = simulate_chain(patient, member)
        resolved = _resolved(patient, member, fold_of(patient).states)
        backbone[~resolved] = 0
        return {"has_protein": True, "protein": sequence, "backbone": backbone, "resolved": resolved}

    def notes(self) -> list[str]:
        from ...metrics.structure import tm_score

        folds = [fold_of(self.patient(number)) for number in range(_NOTED)]
        ideal = [build_backbone(canonical_torsions(fold.states))[:, 1] for fold in folds]
        score = np.mean([tm_score(guess, fold.backbone[:, 1]) for guess, fold in zip(ideal, folds, strict=True)])
        return [
            *super().notes(),
            "Sequences tell helices, strands and loops, but not how far angles deviate from theirs: reading every one right "
            f"gives a TM-score of {score:.2f}, on average over the first {_NOTED} folds.",
        ]


def simulate_chain(patient: Patient, member: int) -> tuple[str, np.ndarray]:
    """One member of the fold that a patient stands for.

    Args:
        patient: of the subset `protein`.
        member: 0 or more; each has its own mutations, 30 to 95 % of the residues of two members are the same.

    Returns:
        The sequence, and N, C-alpha and C of each residue in angstrom, float32 `(residues, 3, 3)`, turned at random
        about their mean.
    """
    fold = fold_of(patient)
    random = patient.random("member", member)
    changed = random.uniform(0.05, patient.simulation.harder(0.35, 0.48))
    sequence = draw_sequence(random, fold.weights, fold.sequence, changed)
    different = sum(one != other for one, other in zip(sequence, fold.sequence, strict=True)) / len(sequence)
    backbone = _relax(random, fold, 0.4 * math.exp(1.87 * different))
    turn, upper = np.linalg.qr(random.normal(size=(3, 3)))
    turn *= np.sign(np.diag(upper))
    turn[:, 0] *= np.linalg.det(turn)
    return sequence, ((backbone - backbone.mean((0, 1))) @ turn).astype(np.float32)


def _relax(random: np.random.Generator, fold: Fold, rmsd: float) -> np.ndarray:
    """The backbone with torsions that deviate by so much that C-alphas do by about `rmsd` angstrom, without collisions."""
    directions = random.normal(size=fold.torsions.shape)
    scale = rmsd / _rmsd_of_turns(fold.backbone, np.radians(directions))
    for _ in range(6):
        backbone = build_backbone(fold.torsions + scale * directions)
        if not collides(backbone, 4.0, 2.85):
            return backbone
        scale /= 2
    return fold.backbone


def _rmsd_of_turns(backbone: np.ndarray, turns: np.ndarray) -> float:
    """By how much C-alphas move when torsions turn, to first order and superposed: angstrom a radian.

    Args:
        backbone: `(residues, 3, 3)`.
        turns: of phi and psi, `(residues, 2)`.
    """
    alphas = backbone[:, 1] - backbone[:, 1].mean(0)
    bonds = np.diff(backbone, axis=1)
    bonds /= np.sqrt(np.square(bonds).sum(2, keepdims=True))
    # A turn of a residue moves what comes behind it, about an axis through its own C-alpha.
    spins = (turns[:, :, None] * bonds).sum(1)
    shifts = cross(spins, alphas)
    moved = cross(spins.cumsum(0) - spins, alphas) - (shifts.cumsum(0) - shifts)
    moved -= moved.mean(0)
    # Without the rotation of the whole, which has its angular momentum.
    inertia = np.square(alphas).sum() * np.eye(3) - alphas.T @ alphas
    moved -= cross(np.linalg.solve(inertia, cross(alphas, moved).sum(0)), alphas)
    return math.sqrt(np.square(moved).sum(1).mean())


def _resolved(patient: Patient, member: int, states: str) -> np.ndarray:
    """Which residues were seen: ends are often disordered, a loop now and then."""
    random = patient.random("resolved", member)
    harder = patient.simulation.harder
    resolved = np.ones(len(states), bool)
    head, tail = np.minimum(random.poisson(harder(0.3, 2.0), 2), len(states) // 10)
    resolved[:head] = False
    resolved[len(states) - tail :] = False
    loops = [loop.span() for loop in re.finditer("(?<=[HE])[^HE]+", states)]
    if random.random() < harder(0.05, 0.5) and loops:
        start, end = loops[int(random.integers(len(loops)))]
        resolved[start:end] = False
    return resolved
