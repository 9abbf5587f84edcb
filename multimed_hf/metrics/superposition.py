"""Rigid superpositions of two chains: the one of least RMSD, and the search for those of most residues in place.

Coordinates are in angstrom, row i of one chain corresponds to row i of the other. Only proper rotations are ever
used, so a mirror image does not score as a copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from multimed_hf.metrics.arrays import FloatArray

# The search of the TMscore program: windows of L, L/2, ... L/16 and 4 residues, each refined at most 20 times.
_HALVINGS = 5
_SHORTEST_WINDOW = 4
_REFINEMENTS = 20
_MINIMUM_FIT = 3
_WIDENING = 0.5
# Columns after and before each of the three, for cofactors.
_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
_NEWTON_STEPS = 50
_CONVERGED = 1e-12
_DEGENERATE = 1e-4
# Rows of (superpositions, residues) handled at once: small enough to stay in the processor's cache.
_CHUNK_ELEMENTS = 1 << 17


def rotations(covariance: FloatArray) -> FloatArray:
    """The proper rotations R that maximise trace(R^T C), for many C at once.

    Closed form of Markley (1993, "FOAM"): with l the sum of the singular values of C, the smallest taken with the
    sign of det C, R is a polynomial in C and l. Where several rotations are (nearly) as good, as for points on a line,
    it divides by zero; there R comes from the singular value decomposition (Kabsch 1976), which is several times
    slower for a stack of small matrices.

    Args:
        covariance: `(n, 3, 3)`, the sums of y x^T over centred pairs; R turns x onto y.

    Returns:
        `(n, 3, 3)`, of determinant +1.
    """
    tiny = np.finfo(np.float64).tiny
    # Twice, as the squares of very small entries are 0.
    c = covariance / np.maximum(np.abs(covariance).max(axis=(1, 2), keepdims=True), tiny)
    c /= np.maximum(np.sqrt((c**2).sum(axis=(1, 2), keepdims=True)), tiny)
    cofactors = (
        c[:, _NEXT][:, :, _NEXT] * c[:, _LAST][:, :, _LAST] - c[:, _NEXT][:, :, _LAST] * c[:, _LAST][:, :, _NEXT]
    )
    determinant = (c[:, 0] * cofactors[:, 0]).sum(axis=1)
    cofactor_norm = (cofactors**2).sum(axis=(1, 2))
    root = np.full(len(c), np.sqrt(3.0))  # no sum of three singular values of a matrix of norm 1 is larger
    for _ in range(_NEWTON_STEPS):
        excess = root**2 - 1.0
        value = excess**2 - 8.0 * root * determinant - 4.0 * cofactor_norm
        slope = 4.0 * root * excess - 8.0 * determinant
        step = value / np.maximum(slope, _DEGENERATE)
        root = root - step
        if np.abs(step).max() < _CONVERGED:
            break
    kappa = (root**2 - 1.0) / 2.0
    zeta = kappa * root - determinant
    regular = (zeta > _DEGENERATE) & (np.abs(step) < _CONVERGED)
    polynomial = (kappa + 1.0)[:, None, None] * c + root[:, None, None] * cofactors - c @ (c.transpose(0, 2, 1) @ c)
    rotation = polynomial / np.where(regular, zeta, 1.0)[:, None, None]
    if not regular.all():
        rotation[~regular] = _rotations_by_svd(c[~regular])
    return rotation


def _rotations_by_svd(covariance: FloatArray) -> FloatArray:
    u, _, vt = np.linalg.svd(covariance)
    reflected = np.linalg.det(u) * np.linalg.det(vt) < 0
    u[:, :, -1] *= np.where(reflected, -1.0, 1.0)[:, None]
    return u @ vt


def superpose(mobile: FloatArray, target: FloatArray) -> FloatArray:
    """`mobile` `(n, 3)` moved onto `target` `(n, 3)` by the rigid motion of least RMSD."""
    mobile_centre, target_centre = mobile.mean(axis=0), target.mean(axis=0)
    rotation = rotations(((target - target_centre).T @ (mobile - mobile_centre))[None])[0]
    return (mobile - mobile_centre) @ rotation.T + target_centre


def best_superpositions(
    mobile: FloatArray, target: FloatArray, d0: float, cutoffs: Sequence[float]
) -> tuple[float, NDArray[np.int64]]:
    """The best score of any superposition found by the seed-fragment search of Zhang & Skolnick (2004).

    Every window of L, L/2, L/4, ... and 4 residues is superposed by least squares; the residues that come to lie
    closer than a cutoff are superposed in turn, until they no longer change. All windows advance together, and a set
    of residues that another window has already reached is not followed twice, which leaves the result as it is.

    Args:
        mobile: `(n, 3)`, moved.
        target: `(n, 3)`, fixed.
        d0: the scale of the TM-score, angstrom.
        cutoffs: distances, angstrom.

    Returns:
        The largest sum of 1 / (1 + (d / d0)^2) over residues, and for each cutoff the largest number of residues at or
        below it; each may come from another superposition.
    """
    n = len(mobile)
    pairs = _PairDistances(mobile, target)
    search_distance = float(np.clip(d0, 4.5, 8.0))
    best_sum, best_counts = 0.0, np.zeros(len(cutoffs), dtype=np.int64)
    seen: set[bytes] = set()
    fits, distance = _windows(n), search_distance - 1.0
    for _ in range(_REFINEMENTS + 1):
        next_fits = []
        for chunk in np.array_split(fits, max(1, -(-len(fits) * n // _CHUNK_ELEMENTS))):
            squared = pairs(np.unpackbits(chunk, axis=1, count=n))
            best_sum = max(best_sum, float(_tm_sums(squared, d0).max()))
            counts = [int(_counts(np.packbits(squared <= cutoff**2, axis=1)).max()) for cutoff in cutoffs]
            best_counts = np.maximum(best_counts, counts)
            next_fits.append(_close_residues(squared, distance))
        fits = _unseen(np.concatenate(next_fits), seen)
        if not len(fits):
            break
        distance = search_distance + 1.0
    # Rounding may lift a residue exactly on its partner above 1.
    return min(best_sum, float(n)), best_counts


class _PairDistances:
    """Squared distances of all residue pairs after superposing on many subsets of them, as two matrix products.

    With x and y centred on their means, |R x + t - y|^2 is linear in the products y x^T, x and y, as are the sums
    from which R and t come.
    """

    def __init__(self, mobile: FloatArray, target: FloatArray):
        x, y = mobile - mobile.mean(axis=0), target - target.mean(axis=0)
        products = (y[:, :, None] * x[:, None, :]).reshape(-1, 9)
        squares = (x**2).sum(axis=1, keepdims=True) + (y**2).sum(axis=1, keepdims=True)
        self.features = np.concatenate([products, x, y, np.ones((len(x), 1)), squares], axis=1)  # (n, 17)

    def __call__(self, fit: NDArray[np.uint8]) -> FloatArray:
        """`(superpositions, n)` squared distances for `fit`, `(superpositions, n)`: 1 where a residue is superposed.

        Rounding leaves about -1e-12 where a residue lies exactly on its partner.
        """
        sums = fit.astype(np.float64) @ self.features[:, :16]  # (superpositions, 16)
        means = sums / np.maximum(sums[:, 15:], 1.0)
        x_mean, y_mean = means[:, 9:12], means[:, 12:15]
        covariance = means[:, :9].reshape(-1, 3, 3) - y_mean[:, :, None] * x_mean[:, None, :]
        rotation = rotations(covariance)
        shift = y_mean - (rotation @ x_mean[:, :, None])[:, :, 0]
        turned_shift = (shift[:, None, :] @ rotation)[:, 0]
        coefficients = np.concatenate(
            [
                -2.0 * rotation.reshape(-1, 9),
                2.0 * turned_shift,
                -2.0 * shift,
                (shift**2).sum(axis=1, keepdims=True),
                np.ones((len(shift), 1)),
            ],
            axis=1,
        )
        return coefficients @ self.features.T


def _tm_sums(squared: FloatArray, d0: float) -> FloatArray:
    """Sums of 1 / (1 + (d / d0)^2) over residues, `(superpositions,)`."""
    terms = squared / d0**2
    terms += 1.0
    np.reciprocal(terms, out=terms)
    return terms.sum(axis=1)


def _windows(n: int) -> NDArray[np.uint8]:
    """All seed fragments as packed bits, `(seeds, ceil(n / 8))`."""
    shortest = min(_SHORTEST_WINDOW, n)
    lengths = [n >> halving for halving in range(_HALVINGS) if n >> halving > shortest] + [shortest]
    residue = np.arange(n)
    packed = []
    for length in lengths:
        start = np.arange(n - length + 1)[:, None]
        packed.append(np.packbits((residue >= start) & (residue < start + length), axis=1))
    return np.concatenate(packed)


def _close_residues(squared: FloatArray, distance: float) -> NDArray[np.uint8]:
    """Residues closer than `distance`, widened in steps of 0.5 angstrom until at least three are, as packed bits."""
    close = np.packbits(squared < distance**2, axis=1)
    few = np.flatnonzero(_counts(close) < _MINIMUM_FIT)
    if squared.shape[1] > _MINIMUM_FIT and len(few):
        third = np.sqrt(np.partition(squared[few], _MINIMUM_FIT - 1, axis=1)[:, _MINIMUM_FIT - 1])
        steps = np.floor((third - distance) / _WIDENING) + 1.0
        close[few] = np.packbits(squared[few] < ((distance + _WIDENING * steps) ** 2)[:, None], axis=1)
    return close


def _counts(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The number of bits set in each row."""
    return np.bitwise_count(packed).sum(axis=1, dtype=np.int64)


def _unseen(fits: NDArray[np.uint8], seen: set[bytes]) -> NDArray[np.uint8]:
    """The rows of `fits` that are not in `seen`, each once; they are added to it."""
    width, buffer = fits.shape[1], fits.tobytes()
    new = []
    for row in range(len(fits)):
        key = buffer[row * width : (row + 1) * width]
        if key not in seen:
            seen.add(key)
            new.append(row)
    return fits[new]
