"""Scores of predicted protein structures, residue by residue, in angstrom.

Row i of a prediction is the residue of row i of the reference, one C-alpha position each: coordinates of a chain are
`(L, 3)`. Residues that the experiment did not resolve are NaN rows of the reference: they take no part in distances,
but count in the length by which TM-score and GDT are divided. A prediction must be finite, as NaN mostly comes from a
model that failed. To score one that lacks residues, leave their rows out of both and pass the whole length: TM-score
and GDT are then those of the program `TMscore` for that pair of files; RMSD and lDDT are over the rows that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import FloatArray
from multimed_hf.metrics.coordinates import ChainPair, chain_pair
from multimed_hf.metrics.lddt import all_atom_lddt, chain_lddt
from multimed_hf.metrics.rows import Metric, Rows, mean
from multimed_hf.metrics.superposition import best_superpositions, superpose

GDT_CUTOFFS = (0.5, 1.0, 2.0, 4.0, 8.0)
CHIRALITY_PLANAR = 0.25
CHIRALITY_LONGEST_STEP = 4.5

_SCORES = ("tm_score", "lddt", "gdt_ts", "gdt_ha", "rmsd", "chirality")
_ATOM_ARGUMENTS = {"prediction", "reference", "residues", "residue_names", "atom_names"}


def tm_score(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> float:
    """TM-score at the known residue correspondence (Zhang & Skolnick 2004), in (0, 1].

    The largest mean over `length` residues of 1 / (1 + (d / d0)^2), with d0 = 1.24 (length - 15)^(1/3) - 1.8 and at
    least 0.5 angstrom, over the superpositions that the search of the program `TMscore` tries; equal to its result for
    `TMscore prediction reference -l length`. Above 0.5 the chains have about the same fold. Of a chain of three residues
    the search may superpose two; their turn about the axis between them is then arbitrary, as it is in the program.

    Args:
        prediction: `(L, 3)`, finite.
        reference: `(L, 3)`, NaN rows where unresolved.
        length: the length of the whole target where the rows are part of it; L by default.

    Raises:
        ValueError: other shapes, a chain of length 0, a prediction that is not finite, a reference that is infinite,
            in part NaN, or without a resolved residue, or a length below the number of resolved residues.
    """
    return _search(chain_pair(prediction, reference, length), cutoffs=())[0]


def gdt_ts(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> float:
    """GDT total score (Zemla 2003), in [0, 1]: the mean over the cutoffs 1, 2, 4 and 8 angstrom of the largest share
    of residues at or below it under any superposition of the search. Arguments and errors as for `tm_score`.
    """
    return float(_search(chain_pair(prediction, reference, length), cutoffs=GDT_CUTOFFS[1:])[1].mean())


def gdt_ha(prediction: ArrayLike, reference: ArrayLike, length: int | None = None) -> float:
    """GDT high accuracy: as `gdt_ts` with the cutoffs 0.5, 1, 2 and 4 angstrom."""
    return float(_search(chain_pair(prediction, reference, length), cutoffs=GDT_CUTOFFS[:-1])[1].mean())


def superposed_rmsd(prediction: ArrayLike, reference: ArrayLike) -> float:
    """Root mean square distance over the resolved residues, in angstrom, after the proper rotation and shift that
    make it smallest (Kabsch 1976). Arguments and errors as for `tm_score`.
    """
    return _rmsd(chain_pair(prediction, reference))


def chirality(prediction: ArrayLike, reference: ArrayLike) -> float:
    """The share of four consecutive residues that turn to the same hand as in the reference, in [0, 1].

    The hand of four C-alpha atoms is the sign of the triple product of the three steps between them, which is that of
    their virtual dihedral angle: alpha helices turn right. 1 for a copy, 0 for its mirror image, which no distance
    tells apart, about 0.5 for a random chain. It counts fours whose triple product in the reference is at least 0.25
    of the product of the lengths of the steps (which leaves out many of a beta strand, as they are nearly planar) and
    whose steps there are at most 4.5 angstrom (which leaves out breaks of the chain). A four that is planar in the
    prediction is wrong.

    Arguments and errors as for `tm_score`. NaN where no four counts.
    """
    return _chirality(chain_pair(prediction, reference))


def structure(
    predictions: Sequence[ArrayLike],
    references: Sequence[ArrayLike],
    lengths: Sequence[int] | None = None,
    atoms: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, float]:
    """Means over chains, each chain weighing the same, of the scores of one chain.

    Args:
        predictions: one `(L, 3)` a chain.
        references: one `(L, 3)` a chain, NaN rows where unresolved.
        lengths: the full length of each target where the rows are part of it; L by default.
        atoms: all atoms, one mapping a chain with the arguments of `all_atom_lddt`: `prediction`, `reference`,
            `residues` and optionally `residue_names` and `atom_names`.

    Returns:
        - `tm_score`: in (0, 1].
        - `lddt`: of C-alpha atoms, in [0, 1], over the chains that have a pair of residues within 15 angstrom.
        - `gdt_ts`, `gdt_ha`: in [0, 1], over the superpositions that the search of `tm_score` tries.
        - `rmsd`: `superposed_rmsd`, in angstrom.
        - `chirality`: in [0, 1], over the chains that have four residues to judge.
        - `lddt_skipped`: how many chains are no part of `lddt`.
        - with `atoms`, `all_atom_lddt`: in [0, 1], over the chains that have a pair of atoms within 15 angstrom.

        A mean over no chain is NaN.

    Raises:
        ValueError: another number of predictions, lengths or atoms than of references, none at all, or a chain that
            `tm_score` or `all_atom_lddt` refuses; the message names the chain.
    """
    return STRUCTURE(predictions, references, lengths, atoms)


@dataclass(frozen=True)
class StructureRows(Rows):
    """The scores of each chain, `(n,)` each, NaN where undefined; `with_atoms` says whether all atoms were given."""

    with_atoms: bool
    tm_score: FloatArray
    lddt: FloatArray
    gdt_ts: FloatArray
    gdt_ha: FloatArray
    rmsd: FloatArray
    chirality: FloatArray
    all_atom_lddt: FloatArray


def _update(
    predictions: Sequence[ArrayLike],
    references: Sequence[ArrayLike],
    lengths: Sequence[int] | None = None,
    atoms: Sequence[Mapping[str, Any]] | None = None,
) -> StructureRows:
    checks.check_lengths(predictions, references)
    n = len(references)
    for name, given in (("lengths", lengths), ("atoms", atoms)):
        if given is not None and len(given) != n:
            raise ValueError(f"Expected {n} {name}, one per chain, got {len(given)}.")
    scores = []
    for index, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
        try:
            chain = chain_pair(prediction, reference, None if lengths is None else lengths[index])
            all_atom = float("nan") if atoms is None else _all_atom_lddt(atoms[index])
        except ValueError as error:
            raise ValueError(f"Chain {index}: {error}") from None
        tm, shares = _search(chain, cutoffs=GDT_CUTOFFS)
        gdt = shares[1:].mean(), shares[:-1].mean()
        scores.append((tm, chain_lddt(chain), *gdt, _rmsd(chain), _chirality(chain), all_atom))
    return StructureRows(atoms is not None, *np.array(scores, dtype=np.float64).T)


def _all_atom_lddt(chain: Mapping[str, Any]) -> float:
    unknown, missing = set(chain) - _ATOM_ARGUMENTS, {"prediction", "reference", "residues"} - set(chain)
    if unknown or missing:
        raise ValueError(
            f"Expected atoms with prediction, reference, residues and optionally residue_names and atom_names, got "
            f"{', '.join(map(str, chain)) or 'nothing'}; name them like the arguments of all_atom_lddt."
        )
    return all_atom_lddt(**chain)


def _search(chain: ChainPair, cutoffs: Sequence[float]) -> tuple[float, FloatArray]:
    """TM-score, and for each cutoff the largest share of residues at or below it."""
    d0 = max(0.5, 1.24 * np.cbrt(chain.length - 15) - 1.8)
    best_sum, best_counts = best_superpositions(*chain.common, d0, cutoffs)
    return best_sum / chain.length, best_counts / chain.length


def _rmsd(chain: ChainPair) -> float:
    predicted, true = chain.common
    return float(np.sqrt(((superpose(predicted, true) - true) ** 2).sum(axis=1).mean()))


def _chirality(chain: ChainPair) -> float:
    true, predicted = _triple_products(chain.true), _triple_products(chain.predicted)
    step = np.linalg.norm(np.diff(chain.true, axis=0), axis=1)
    steps = np.stack([step[:-2], step[1:-1], step[2:]])
    # Comparisons with the NaN of unresolved rows are false.
    counted = (steps <= CHIRALITY_LONGEST_STEP).all(axis=0) & (steps > 0.0).all(axis=0)
    counted &= np.abs(true) >= CHIRALITY_PLANAR * steps.prod(axis=0)
    return float((np.sign(predicted) == np.sign(true))[counted].mean()) if counted.any() else float("nan")


def _triple_products(positions: FloatArray) -> FloatArray:
    """Of the three steps between each four consecutive positions, `(L - 3,)`."""
    step = np.diff(positions, axis=0)
    return (np.cross(step[:-2], step[1:-1]) * step[2:]).sum(axis=1)


def _means(chains: StructureRows, weights: FloatArray) -> dict[str, FloatArray]:
    scores = {key: mean(getattr(chains, key), weights) for key in _SCORES}
    scores["lddt_skipped"] = weights @ np.isnan(chains.lddt).astype(np.float64)
    return scores | ({"all_atom_lddt": mean(chains.all_atom_lddt, weights)} if chains.with_atoms else {})


STRUCTURE = Metric(_update, (_means,))
