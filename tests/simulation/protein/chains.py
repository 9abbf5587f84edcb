"""Measures of protein backbones: lengths, angles, torsions, helices."""

from __future__ import annotations

import itertools

import numpy as np


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


def closest(backbone: np.ndarray) -> tuple[float, float]:
    """The least distance of atoms two residues apart or more, and of C-alphas three residues apart or more, angstrom."""
    atoms = backbone.astype(float).reshape(-1, 3)
    distance = np.linalg.norm(atoms[:, None] - atoms, axis=2)
    residue = np.repeat(np.arange(len(backbone)), 3)
    apart = np.abs(residue[:, None] - residue)
    return float(distance[apart >= 2].min()), float(distance[1::3, 1::3][apart[1::3, 1::3] >= 3].min())


def is_helix(backbone: np.ndarray) -> np.ndarray:
    """Which residues start a turn of a right-handed helix, by C-alphas alone: (i, i+3) close, and their torsion positive."""
    alpha = backbone[:, 1].astype(float)
    turn = dihedral(alpha[:-3], alpha[1:-2], alpha[2:-1], alpha[3:])
    near = np.linalg.norm(alpha[3:] - alpha[:-3], axis=1)
    return np.append((near > 4.4) & (near < 5.8) & (turn > 30) & (turn < 70), [False] * 3)
