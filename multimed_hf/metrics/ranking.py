"""Scores that depend on the order of the predictions only: AUROC, average precision, best F1; ties are exact everywhere.

A column is sorted once; every score is then a sum over its sorted places, under many weightings of the rows at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.confusion import divide

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
    f1 = column.f1_at_places(np.ones((1, len(scores))))[0]
    return float(column.ascending[len(f1) - 1 - np.argmax(f1[::-1])])


def average_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 down each column of `values` `(n, columns)`; equal values share the mean of their ranks."""
    ranks = np.empty(values.shape)
    for column in range(values.shape[1]):
        order = np.argsort(values[:, column])
        start, end = _tie_bounds(values[order, column])
        ranks[order, column] = (start + end + 1) / 2.0
    return ranks


class _Column:
    """One column of scores in ascending order: the rows, and for each place where its ties begin and end."""

    def __init__(self, scores: FloatArray, positives: BoolArray, rows: IntArray):
        order = np.argsort(scores)
        self.rows = rows[order]
        self.ascending = scores[order]
        self.positive = positives[order]
        self.start, self.end = _tie_bounds(self.ascending)
        self.positive_places = np.flatnonzero(self.positive)

    def auroc(self, weights: FloatArray) -> FloatArray:
        """`(weightings,)`."""
        weight = weights[:, self.rows]
        negatives = _from_zero(np.where(self.positive, 0.0, weight))
        places = self.positive_places
        won = (negatives[:, self.start[places]] + negatives[:, self.end[places]]) / 2.0
        positive_weight = weight[:, places]
        total = positive_weight.sum(axis=1)
        return divide((positive_weight * won).sum(axis=1), total * negatives[:, -1])

    def average_precision(self, weights: FloatArray) -> FloatArray:
        """`(weightings,)`."""
        weight = weights[:, self.rows]
        precision, total = self._precision(weight, self.start[self.positive_places])
        return divide((weight[:, self.positive_places] * precision).sum(axis=1), total)

    def best_f1(self, weights: FloatArray) -> FloatArray:
        """`(weightings,)`."""
        return self.f1_at_places(weights).max(axis=1)

    def f1_at_places(self, weights: FloatArray) -> FloatArray:
        """F1 `(weightings, places)` of calling every row positive that scores at least as high as that place."""
        weight = weights[:, self.rows]
        hits, called, total = self._above(weight, self.start)
        return 2.0 * divide(hits, np.where(total > 0, called + total, 0.0))

    def _precision(self, weight: FloatArray, places: IntArray) -> tuple[FloatArray, FloatArray]:
        hits, called, total = self._above(weight, places)
        return np.divide(hits, called, out=np.zeros_like(hits), where=called > 0), total[:, 0]

    def _above(self, weight: FloatArray, places: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weight of the positives and of all rows from each place upwards, and of all positives `(weightings, 1)`."""
        positives, all_rows = _from_zero(np.where(self.positive, weight, 0.0)), _from_zero(weight)
        total = positives[:, -1:]
        return total - positives[:, places], all_rows[:, -1:] - all_rows[:, places], total


def _over_columns(
    score: Callable[[_Column, FloatArray], FloatArray],
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
    weightings = np.ones((1, n)) if weights is None else weights
    result = np.full((len(weightings), by_column[0].shape[1]), np.nan)
    chunks = np.array_split(np.arange(len(weightings)), max(1, -(-weightings.size // _CHUNK_ELEMENTS)))
    for index, (column_scores, column_positives, column_known) in enumerate(
        zip(*(a.T for a in by_column), strict=True)
    ):
        rows = np.flatnonzero(column_known)
        column = _Column(column_scores[rows], column_positives[rows], rows)
        if len(column.positive_places):
            for chunk in chunks:
                result[chunk, index] = score(column, weightings[chunk])
    result = result.reshape(len(weightings), *values.shape[1:])
    return result[0] if weights is None else result


def _tie_bounds(ascending: FloatArray) -> tuple[IntArray, IntArray]:
    """For each place of sorted values the first place of the same value, and the place after the last."""
    edges = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1], [True]])[: len(ascending) + 1])
    sizes = np.diff(edges)
    return np.repeat(edges[:-1], sizes), np.repeat(edges[1:], sizes)


def _from_zero(values: FloatArray) -> FloatArray:
    """Cumulative sums along each row that begin with 0."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
