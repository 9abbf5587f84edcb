"""Scores that depend on the order of the predictions only: AUROC, average precision, best F1; ties are exact everywhere.

A column is sorted once; every score is then a sum over its sorted places, under many weightings of the rows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.confusion import divide

# Weights, of whole numbers where these are numbers of draws, and sums of them.
_Counts = NDArray[Any]

# Entries of (weightings, rows) handled at once: small enough to stay in the processor's cache.
_CHUNK_ELEMENTS = 1 << 17


def auroc(
    scores: ArrayLike, positives: ArrayLike, known: ArrayLike | None = None, weights: FloatArray | None = None
) -> FloatArray:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half (Mann & Whitney 1947).

    Args:
        scores: `(n,)` or `(n, columns)`, higher for positives.
        positives: booleans of the same shape.
        known: booleans of the same shape; where false the entry takes no part. All take part by default.
        weights: `(weightings, n)`, how often each row counts; once by default.

    Returns:
        A scalar array, or `(columns,)`; with weights `(weightings,)` or `(weightings, columns)`. NaN where there are no
        positives or no negatives.

    Raises:
        ValueError: shapes differ, or a known score is NaN.
    """
    return _over_columns(_Column.auroc, scores, positives, known, weights)


def average_precision(
    scores: ArrayLike, positives: ArrayLike, known: ArrayLike | None = None, weights: FloatArray | None = None
) -> FloatArray:
    """Average precision: the sum over thresholds of precision times the recall gained, without interpolation.

    Arguments, result and errors as for `auroc`; NaN where there are no positives.
    """
    return _over_columns(_Column.average_precision, scores, positives, known, weights)


def best_f1(
    scores: ArrayLike, positives: ArrayLike, known: ArrayLike | None = None, weights: FloatArray | None = None
) -> FloatArray:
    """The highest F1 that any threshold reaches on these very rows.

    Arguments, result and errors as for `auroc`; NaN where there are no positives.
    """
    return _over_columns(_Column.best_f1, scores, positives, known, weights)


def best_f1_threshold(scores: FloatArray, positives: BoolArray) -> float:
    """The threshold of highest F1, a row being called positive at or above it; of equal ones the highest.

    Args:
        scores: `(n,)`.
        positives: `(n,)`, at least one of them true.
    """
    column = _Column(scores, positives, np.arange(len(scores)))
    f1 = column.f1_at_positives(np.ones((1, len(scores))))[0]
    return float(column.scores[len(f1) - 1 - np.argmax(f1[::-1])])


def average_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 down each column of `values` `(n, columns)`; equal values share the mean of their ranks."""
    ranks = np.empty(values.shape)
    for column in range(values.shape[1]):
        order = np.argsort(values[:, column])
        start, end = _tie_bounds(values[order, column])
        ranks[order, column] = (start + end + 1) / 2.0
    return ranks


class _Column:
    """One column of scores in ascending order, positives and negatives apart.

    All scores are sums over the positives: a threshold between two of them is never better than one at a positive.
    """

    def __init__(self, scores: FloatArray, positives: BoolArray, rows: IntArray):
        order = np.argsort(scores)
        ascending, positive = scores[order], positives[order]
        start, end = _tie_bounds(ascending)
        places = np.flatnonzero(positive)
        negatives_before = _from_zero((~positive).astype(np.int64)[None])[0]
        self.positives, self.negatives = rows[order[places]], rows[order[~positive]]
        self.scores = ascending[places]
        # How many come before each positive and all of its equals; and of negatives, before or equal.
        self.negatives_below, self.negatives_to = negatives_before[start[places]], negatives_before[end[places]]
        self.positives_below = start[places] - self.negatives_below

    def auroc(self, weights: _Counts) -> FloatArray:
        """`(weightings,)`."""
        weight, negatives = self._weights(weights)
        won = negatives[:, self.negatives_below] + negatives[:, self.negatives_to]
        return divide((weight * won).sum(axis=1) / 2.0, weight.sum(axis=1) * negatives[:, -1])

    def average_precision(self, weights: _Counts) -> FloatArray:
        """`(weightings,)`."""
        weight, negatives = self._weights(weights)
        hits, called, total = self._above(weight, negatives)
        precision = np.divide(hits, called, out=np.zeros(hits.shape), where=called > 0)
        return divide((weight * precision).sum(axis=1), total[:, 0])

    def best_f1(self, weights: _Counts) -> FloatArray:
        """`(weightings,)`."""
        return self.f1_at_positives(weights).max(axis=1)

    def f1_at_positives(self, weights: _Counts) -> FloatArray:
        """F1 `(weightings, positives)` of calling every row positive that scores at least as high as that positive."""
        hits, called, total = self._above(*self._weights(weights))
        return 2.0 * divide(hits, np.where(total > 0, called + total, 0))

    def _weights(self, weights: _Counts) -> tuple[_Counts, _Counts]:
        """Weights of the positives `(weightings, positives)`, and sums from zero of those of the negatives."""
        return np.take(weights, self.positives, axis=1), _from_zero(np.take(weights, self.negatives, axis=1))

    def _above(self, weight: _Counts, negatives: _Counts) -> tuple[_Counts, _Counts, _Counts]:
        """Weight of the positives and of all rows from each positive upwards, and of all positives `(weightings, 1)`."""
        below = _from_zero(weight)
        total = below[:, -1:]
        hits = total - below[:, self.positives_below]
        return hits, hits + negatives[:, -1:] - negatives[:, self.negatives_below], total


def _over_columns(
    score: Callable[[_Column, _Counts], FloatArray],
    scores: ArrayLike,
    positives: ArrayLike,
    known: ArrayLike | None,
    weights: FloatArray | None,
) -> FloatArray:
    """The score of each column under each weighting, in the shape in which `auroc` gives it."""
    values = np.asarray(scores, dtype=np.float64)
    positive = np.asarray(positives, dtype=bool)
    taken = np.ones_like(positive) if known is None else np.asarray(known, dtype=bool)
    if not values.shape == positive.shape == taken.shape:
        raise ValueError(
            f"Expected scores, positives and known of one shape, got {values.shape}, {positive.shape} and "
            f"{taken.shape}; pass one entry per row and label to each."
        )
    if (np.isnan(values) & taken).any():
        raise ValueError("Expected scores that are numbers, got NaN; mark such entries as not known or leave them out.")
    n = len(values)
    by_column = (values.reshape(n, -1), positive.reshape(n, -1), taken.reshape(n, -1))
    counts = np.ones((1, n)) if weights is None else weights
    # Numbers of draws are whole, and whole numbers add up six times as fast.
    whole = counts.astype(np.int64)
    weightings = whole if np.array_equal(whole, counts) else counts
    result = np.full((len(weightings), by_column[0].shape[1]), np.nan)
    chunks = np.array_split(np.arange(len(weightings)), max(1, -(-weightings.size // _CHUNK_ELEMENTS)))
    for index, (column_scores, column_positives, column_known) in enumerate(
        zip(*(a.T for a in by_column), strict=True)
    ):
        rows = np.flatnonzero(column_known)
        column = _Column(column_scores[rows], column_positives[rows], rows)
        if len(column.positives):
            for chunk in chunks:
                result[chunk, index] = score(column, weightings[chunk])
    result = result.reshape(len(weightings), *values.shape[1:])
    return result[0] if weights is None else result


def _tie_bounds(ascending: FloatArray) -> tuple[IntArray, IntArray]:
    """For each place of sorted values the first place of the same value, and the place after the last."""
    edges = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1], [True]])[: len(ascending) + 1])
    sizes = np.diff(edges)
    return np.repeat(edges[:-1], sizes), np.repeat(edges[1:], sizes)


def _from_zero(values: _Counts) -> _Counts:
    """Cumulative sums along each row that begin with 0."""
    sums = np.zeros((len(values), values.shape[1] + 1), dtype=values.dtype)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
