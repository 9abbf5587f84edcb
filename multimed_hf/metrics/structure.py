"""Scores of predicted protein structures from C-alpha coordinates in angstrom, residue by residue.

Row i of a prediction is the residue of row i of the reference. Residues that the experiment did not resolve are NaN
rows of the
reference: they take no part in distances, but count in the length by which TM-score and GDT are divided. Coordinates
    of a chain
are `(L, 3)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import FloatArray
from multimed_hf.metrics.rows import Metric, Rows
from multimed_hf.metrics.superposition import best_superpositions, superpose

GDT_CUTOFFS = (0.5, 1.0, 2.0, 4.0, 8.0)
LDDT_RADIUS = 15.0
LDDT_THRESHOLDS = (0.5, 1.0, 2.0, 4.0)


def tm_score(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> float:
    """TM-score at the known residue correspondence (Zhang & Skolnick 2004), in (0, 1].

    The largest mean over `length` residues of 1 / (1 + (d / d0)^2), with d0 = 1.24 (length - 15)^(1/3) - 1.8 and at
    least 0.5 angstrom, over the superpositions that the search of the program `TMscore` tries; equal to its result for
    `TMscore prediction reference -l length`. Above 0.5 the chains have about the same fold.

    Args:
        prediction: `(L, 3)`, finite.
        reference: `(L, 3)`, NaN rows where unresolved.
        length: the length of the whole target where the rows are part of it; L by default.

    Raises:
        ValueError: other shapes, a chain of length 0, a prediction that is not finite, a reference that is infinite,
            in part NaN, or without a resolved residue, or a length below the number of resolved residues.
    """
    return _search(*_chain(prediction, reference, length), cutoffs=())[0]


def gdt_ts(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> float:
    """GDT total score (Zemla 2003), in [0, 1]: the mean over the cutoffs 1, 2, 4 and 8 angstrom of the largest share
    of residues at or below it under any superposition of the search. Arguments and errors as for `tm_score`.
    """
    return float(_search(*_chain(prediction, reference, length), cutoffs=GDT_CUTOFFS[1:])[1].mean())


def gdt_ha(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> float:
    """GDT high accuracy: as `gdt_ts` with the cutoffs 0.5, 1, 2 and 4 angstrom."""
    return float(_search(*_chain(prediction, reference, length), cutoffs=GDT_CUTOFFS[:-1])[1].mean())


def lddt(prediction: ArrayLike, reference: ArrayLike) -> float:
    """C-alpha lDDT (Mariani et al. 2013), in [0, 1], without superposition and without stereochemical checks.

    Over all pairs of resolved residues closer than 15 angstrom in the reference: the share whose distance differs by
    less than 0.5, 1, 2 and 4 angstrom in the prediction, averaged over these four. It does not tell mirror images
    apart. NaN where no pair is that close. Arguments and errors as for `tm_score`.
    """
    predicted, true, _ = _chain(prediction, reference, None)
    return _lddt(predicted, true)


def superposed_rmsd(prediction: ArrayLike, reference: ArrayLike) -> float:
    """Root mean square distance over the resolved residues, in angstrom, after the proper rotation and shift that
    make it smallest (Kabsch 1976). Arguments and errors as for `tm_score`.
    """
    predicted, true, _ = _chain(prediction, reference, None)
    return _superposed_rmsd(predicted, true)


def structure(
    predictions: Sequence[ArrayLike], references: Sequence[ArrayLike], lengths: Sequence[int] | None = None
) -> dict[str, float]:
    """Means over chains of `tm_score`, `gdt_ts`, `gdt_ha`, `lddt` and `rmsd` (angstrom).

    Args:
        predictions: one `(L, 3)` a chain.
        references: one `(L, 3)` a chain, NaN rows where unresolved.
        lengths: the full length of each target where the rows are part of it; L by default.

    Returns:
        The five means; `lddt` is over the chains that have a pair of residues within 15 angstrom, NaN where none
        has, and `lddt_skipped` counts the others.

    Raises:
        ValueError: another number of predictions than of references, none at all, or a chain that `tm_score`
            refuses; the message names the chain.
    """
    return STRUCTURE.scores(structure_rows(predictions, references, lengths))


@dataclass(frozen=True)
class StructureRows(Rows):
    """The scores of each chain, `(n,)` each; `lddt` is NaN where it is undefined."""

    tm_score: FloatArray
    gdt_ts: FloatArray
    gdt_ha: FloatArray
    lddt: FloatArray
    rmsd: FloatArray


def structure_rows(
    predictions: Sequence[ArrayLike], references: Sequence[ArrayLike], lengths: Sequence[int] | None = None
) -> StructureRows:
    """The scores of each chain."""
    checks.check_lengths(predictions, references)
    if lengths is not None and len(lengths) != len(references):
        raise ValueError(f"Expected {len(references)} lengths, one per chain, got {len(lengths)}.")
    chains = []
    for index, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
        try:
            chain = _chain(prediction, reference, None if lengths is None else lengths[index])
        except ValueError as error:
            raise ValueError(f"Chain {index}: {error}") from None
        tm, shares = _search(*chain, cutoffs=GDT_CUTOFFS)
        predicted, true, _ = chain
        chains.append(
            (tm, shares[1:].mean(), shares[:-1].mean(), _lddt(predicted, true), _superposed_rmsd(predicted, true))
        )
    return StructureRows(*np.array(chains, dtype=np.float64).T)


def _chain(prediction: ArrayLike, reference: ArrayLike, length: int | None) -> tuple[FloatArray, FloatArray, int]:
    """Both chains at the resolved residues, and the length of the target."""
    predicted = checks.matrix(prediction, "predicted coordinates", "3")
    true = checks.matrix(reference, "reference coordinates", "3", allow_nan=True)
    if predicted.shape != true.shape or true.shape[1] != 3 or not len(true):
        raise ValueError(
            f"Expected prediction and reference of one shape (L, 3), L >= 1, got {predicted.shape} and {true.shape}; "
            "give one C-alpha position per residue of the target, NaN where the reference is unresolved."
        )
    missing = np.isnan(true).sum(axis=1)
    resolved = missing == 0
    n_resolved, n_partial = int(resolved.sum()), int(np.isin(missing, (1, 2)).sum())
    if n_partial or not n_resolved:
        raise ValueError(
            f"Expected reference rows wholly resolved or wholly NaN and at least one resolved, got {n_resolved} of "
            f"{len(true)} resolved and {n_partial} in part NaN; set unresolved residues to NaN throughout."
        )
    if length is not None and length < n_resolved:
        raise ValueError(
            f"Expected a target length of at least the {n_resolved} resolved residues, got {length}; pass the full one."
        )
    return predicted[resolved], true[resolved], len(true) if length is None else int(length)


def _search(predicted: FloatArray, true: FloatArray, length: int, cutoffs: Sequence[float]) -> tuple[float, FloatArray]:
    """TM-score, and for each cutoff the largest share of residues at or below it."""
    d0 = max(0.5, 1.24 * np.cbrt(length - 15) - 1.8)
    best_sum, best_counts = best_superpositions(predicted, true, d0, cutoffs)
    return best_sum / length, best_counts / length


def _lddt(predicted: FloatArray, true: FloatArray) -> float:
    from scipy.spatial import KDTree

    pairs = KDTree(true).query_pairs(LDDT_RADIUS, output_type="ndarray")
    true_distance, predicted_distance = (
        np.linalg.norm(chain[pairs[:, 0]] - chain[pairs[:, 1]], axis=1) for chain in (true, predicted)
    )
    difference = np.abs(predicted_distance - true_distance)[true_distance < LDDT_RADIUS]
    if not len(difference):
        return float("nan")
    return float(np.mean([(difference < threshold).mean() for threshold in LDDT_THRESHOLDS]))


def _superposed_rmsd(predicted: FloatArray, true: FloatArray) -> float:
    return float(np.sqrt(((superpose(predicted, true) - true) ** 2).sum(axis=1).mean()))


def _means(rows: StructureRows) -> dict[str, float]:
    defined = rows.lddt[~np.isnan(rows.lddt)]
    return {
        "tm_score": float(rows.tm_score.mean()),
        "lddt": float(defined.mean()) if len(defined) else float("nan"),
        "gdt_ts": float(rows.gdt_ts.mean()),
        "gdt_ha": float(rows.gdt_ha.mean()),
        "rmsd": float(rows.rmsd.mean()),
        "lddt_skipped": float(len(rows.lddt) - len(defined)),
    }


STRUCTURE = Metric(structure_rows, (_means,))
