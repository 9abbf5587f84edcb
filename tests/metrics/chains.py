"""Chains of C-alpha atoms to score, made from a seed or read from a file."""

import random

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

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


def models(path):
    """C-alpha coordinates of the first chain of every model of an mmCIF file, standard residues only."""
    gemmi = pytest.importorskip("gemmi")
    entry = gemmi.read_structure(str(path))
    entry.setup_entities()
    return [
        np.array([atom.pos.tolist() for residue in model[0].first_conformer() for atom in residue if atom.name == "CA"])
        for model in entry
    ]
