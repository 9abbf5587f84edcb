"""lDDT: which share of the distances near an atom a prediction keeps, without superposition (Mariani et al. 2013)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks, coordinates
from multimed_hf.metrics.arrays import FloatArray, IntArray

LDDT_RADIUS = 15.0
LDDT_THRESHOLDS = (0.5, 1.0, 2.0, 4.0)

# Atoms of ambiguous names, the residues that Mariani et al. list; all pairs of a residue swap together.
SYMMETRIC_ATOMS = {
    "ARG": (("NH1", "NH2"),),
    "ASP": (("OD1", "OD2"),),
    "GLU": (("OE1", "OE2"),),
    "LEU": (("CD1", "CD2"),),
    "PHE": (("CD1", "CD2"), ("CE1", "CE2")),
    "TYR": (("CD1", "CD2"), ("CE1", "CE2")),
    "VAL": (("CG1", "CG2"),),
}

_LEAF_SIZE = 32


def lddt(prediction: ArrayLike, reference: ArrayLike) -> float:
    """C-alpha lDDT (Mariani et al. 2013), in [0, 1], without superposition and without stereochemical checks.

    Over all pairs of resolved residues at most 15 angstrom apart in the reference, neighbours in sequence included:
    the share whose distance differs by at most 0.5, 1, 2 and 4 angstrom in the prediction, averaged over these four.
    Every pair counts once, so a residue with many neighbours weighs more; that is the paper's score of a whole
    structure, and not the mean of its scores of residues. It does not tell mirror images apart.

    Args:
        prediction: `(L, 3)` in angstrom, finite.
        reference: `(L, 3)`, NaN rows where unresolved; they take no part.

    Returns:
        The score; NaN where no pair is that close.

    Raises:
        ValueError: other shapes, a chain of length 0, a prediction that is not finite, or a reference that is
            infinite, in part NaN, or without a resolved residue.
    """
    return chain_lddt(coordinates.chain_pair(prediction, reference))


def chain_lddt(chain: coordinates.ChainPair) -> float:
    """`lddt` of a checked chain."""
    predicted, true = chain.common
    first, second = _close_pairs(true)
    return _share(_errors(predicted, true, first, second))


def all_atom_lddt(
    prediction: ArrayLike,
    reference: ArrayLike,
    residues: ArrayLike,
    residue_names: Sequence[str] | None = None,
    atom_names: Sequence[str] | None = None,
) -> float:
    """All-atom lDDT (Mariani et al. 2013), in [0, 1], without superposition and without stereochemical checks.

    As `lddt`, over all pairs of atoms of different residues. The paper scores heavy atoms: leave hydrogens out.

    With names, atoms of ambiguous names may have either (`SYMMETRIC_ATOMS`, the list of the paper: both oxygens of ASP and
    GLU, both outer nitrogens of ARG, both sides of the rings of PHE and TYR, both methyl groups of LEU and VAL): each
    such residue takes the naming under which these atoms keep more distances, summed over the thresholds, to atoms of
    other residues that are not symmetric, and on a tie the given one; so does OpenStructure. A residue swaps only where
    all of its symmetric atoms are among the rows.

    Args:
        prediction: `(atoms, 3)` in angstrom. A NaN row is an atom that the prediction lacks: none of its distances
            is preserved.
        reference: `(atoms, 3)`. A NaN row is an unresolved atom: it takes no part.
        residues: the residue of each atom, integers `(atoms,)` that differ between residues, also of two chains.
        residue_names: of the residue of each atom, such as "ASP", `(atoms,)`.
        atom_names: of each atom, such as "OD1", `(atoms,)`; both names or neither.

    Returns:
        The score; NaN where no pair is that close.

    Raises:
        ValueError: other shapes, no atoms, infinite or in part NaN rows, nothing predicted or resolved, residues that
            are no integers, one kind of name alone, two names of one residue, or an atom that is there twice.
    """
    predicted, true = coordinates.atom_pair(prediction, reference)
    residue = checks.integers(residues, "residues", "(atoms,)")
    if residue.shape != (len(true),):
        raise ValueError(
            f"Expected the residue of each of the {len(true)} atoms, got shape {residue.shape}; pass one integer an "
            "atom, in the order of the coordinates."
        )
    partner = _symmetric_partners(residue, residue_names, atom_names)
    index = np.flatnonzero(~np.isnan(true[:, 0]))
    first, second = (index[end] for end in _close_pairs(true[index]))
    between = residue[first] != residue[second]
    first, second = first[between], second[between]
    if partner is not None:
        predicted = _best_naming(predicted, true, first, second, residue, partner)
    return _share(_errors(predicted, true, first, second))


def _close_pairs(positions: FloatArray) -> tuple[IntArray, IntArray]:
    """Both ends of each pair within the radius, once a pair."""
    from scipy.spatial import KDTree

    # A tree that is searched once is not worth balancing.
    tree = KDTree(positions, leafsize=_LEAF_SIZE, balanced_tree=False, compact_nodes=False)
    first, second = np.ascontiguousarray(tree.query_pairs(LDDT_RADIUS, output_type="ndarray").T)
    return first, second


def _errors(predicted: FloatArray, true: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """By how much each distance differs, `(pairs,)`; NaN where the prediction lacks an atom."""
    difference = _distances(predicted, first, second)
    difference -= _distances(true, first, second)
    return np.abs(difference, out=difference)


def _share(errors: FloatArray) -> float:
    """The share of distances preserved, averaged over the thresholds; NaN is preserved under none."""
    preserved = sum(np.count_nonzero(errors <= threshold) for threshold in LDDT_THRESHOLDS)
    return float(preserved / (len(LDDT_THRESHOLDS) * len(errors))) if len(errors) else float("nan")


def _thresholds_kept(errors: FloatArray) -> IntArray:
    """Under how many of the thresholds each distance is preserved, `(pairs,)`."""
    return len(LDDT_THRESHOLDS) - np.searchsorted(LDDT_THRESHOLDS, errors)  # NaN sorts last


def _distances(positions: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    # Axis by axis and in place: several times faster than rows of three.
    squared = np.zeros(len(first))
    for axis in np.ascontiguousarray(positions.T):
        step = axis.take(first)
        step -= axis.take(second)
        step *= step
        squared += step
    return np.sqrt(squared, out=squared)


def _best_naming(
    predicted: FloatArray, true: FloatArray, first: IntArray, second: IntArray, residue: IntArray, partner: IntArray
) -> FloatArray:
    """The prediction with the atoms of each symmetric residue named as suits it best."""
    symmetric = partner != np.arange(len(partner))
    one_end = symmetric[first] != symmetric[second]
    first, second = first[one_end], second[one_end]
    atom, fixed = np.where(symmetric[first], first, second), np.where(symmetric[first], second, first)
    swapped = predicted[partner]
    as_given, as_swapped = (_thresholds_kept(_errors(named, true, atom, fixed)) for named in (predicted, swapped))
    _, group = np.unique(residue, return_inverse=True)
    better = np.bincount(group[atom], weights=as_swapped - as_given, minlength=group.max() + 1) > 0
    return np.where(better[group][:, None], swapped, predicted)


def _symmetric_partners(
    residue: IntArray, residue_names: Sequence[str] | None, atom_names: Sequence[str] | None
) -> IntArray | None:
    """The row that each atom may swap its name with, itself where there is none, `(atoms,)`; None without names."""
    if residue_names is None and atom_names is None:
        return None
    lengths = [None if given is None else len(given) for given in (residue_names, atom_names)]
    if residue_names is None or atom_names is None or lengths != [len(residue)] * 2:
        raise ValueError(
            f"Expected residue_names and atom_names for each of the {len(residue)} atoms, got {lengths[0]} and "
            f"{lengths[1]}; pass both in the order of the coordinates, or neither."
        )
    rows: dict[tuple[int, str], int] = {}
    name_of: dict[int, str] = {}
    for row, (number, residue_name, atom_name) in enumerate(
        zip(residue.tolist(), residue_names, atom_names, strict=True)
    ):
        if name_of.setdefault(number, residue_name) != residue_name:
            raise ValueError(
                f"Expected one name a residue, got {name_of[number]!r} and {residue_name!r} for residue {number}; "
                "number the residues of all chains apart."
            )
        if (number, atom_name) in rows:
            raise ValueError(
                f"Expected every atom once, got {atom_name!r} of residue {number} in the rows "
                f"{rows[number, atom_name]} and {row}; keep one location of each atom."
            )
        rows[number, atom_name] = row
    partner = np.arange(len(residue))
    for number, residue_name in name_of.items():
        pairs = [tuple(rows.get((number, name), -1) for name in pair) for pair in SYMMETRIC_ATOMS.get(residue_name, ())]
        if all(row >= 0 for pair in pairs for row in pair):
            for one, other in pairs:
                partner[one], partner[other] = other, one
    return partner
