"""Checked coordinates of a predicted and a reference structure, row by row, in angstrom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray


@dataclass(frozen=True)
class ChainPair:
    """C-alpha positions of one chain.

    Attributes:
        predicted: `(L, 3)`.
        true: `(L, 3)`, NaN rows where unresolved.
        resolved: `(L,)`, which rows are not.
        length: of the whole target, by which TM-score and GDT are divided.
    """

    predicted: FloatArray
    true: FloatArray
    resolved: BoolArray
    length: int

    @property
    def common(self) -> tuple[FloatArray, FloatArray]:
        """Predicted and true positions of the resolved residues."""
        return self.predicted[self.resolved], self.true[self.resolved]


def chain_pair(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> ChainPair:
    """Both chains, checked.

    Raises:
        ValueError: other shapes, a chain of length 0, a prediction that is not finite, a reference that is infinite,
            in part NaN, or without a resolved residue, or a length below the number of resolved residues.
    """
    predicted = checks.matrix(prediction, "predicted coordinates", "3")
    true = checks.matrix(reference, "reference coordinates", "3", allow_nan=True)
    if predicted.shape != true.shape or true.shape[1] != 3 or not len(true):
        raise ValueError(
            f"Expected prediction and reference of one shape (L, 3), L >= 1, got {predicted.shape} and {true.shape}; "
            "give one C-alpha position per residue of the target, NaN where the reference is unresolved."
        )
    resolved = known_rows(true, "reference")
    n_resolved = int(resolved.sum())
    if length is not None and length < n_resolved:
        raise ValueError(
            f"Expected a target length of at least the {n_resolved} resolved residues, got {length}; pass the full one."
        )
    return ChainPair(predicted, true, resolved, len(true) if length is None else int(length))


def atom_pair(prediction: ArrayLike, reference: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both sets of atoms, checked: `(atoms, 3)` each, NaN rows where an atom is missing.

    Raises:
        ValueError: other shapes, no atoms, infinite or in part NaN rows, or NaN rows only.
    """
    predicted = checks.matrix(prediction, "predicted atoms", "3", allow_nan=True)
    true = checks.matrix(reference, "reference atoms", "3", allow_nan=True)
    if predicted.shape != true.shape or true.shape[1] != 3 or not len(true):
        raise ValueError(
            f"Expected prediction and reference of one shape (atoms, 3), atoms >= 1, got {predicted.shape} and "
            f"{true.shape}; give one position per atom of the target, NaN where it is missing."
        )
    known_rows(predicted, "prediction")
    known_rows(true, "reference")
    return predicted, true


def known_rows(positions: FloatArray, name: str) -> BoolArray:
    """Which rows are not NaN, `(n,)`; rows that are in part, and NaN rows only, are refused."""
    missing = np.isnan(positions).sum(axis=1)
    known = missing == 0
    n_known, n_partial = int(known.sum()), int(np.isin(missing, (1, 2)).sum())
    if n_partial or not n_known:
        raise ValueError(
            f"Expected {name} rows wholly resolved or wholly NaN and at least one resolved, got {n_known} of "
            f"{len(positions)} resolved and {n_partial} in part NaN; set unresolved rows to NaN throughout."
        )
    return known
