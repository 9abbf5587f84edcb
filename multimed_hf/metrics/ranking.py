"""Scores that depend on the order of the predictions only: AUROC, average precision, ranks; ties are exact everywhere.

All work on many columns at once: one sort per column, then sums over groups of equal scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray


def auroc(scores: ArrayLike, positives: ArrayLike, known: ArrayLike | None = None) -> FloatArray:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half (Mann & Whitney 1947).

    Args:
        scores: `(n,)` or `(n, columns)`, higher for positives.
        positives: booleans of the same shape.
        known: booleans of the same shape; where false the entry takes no part. All take part by default.

    Returns:
        A scalar array, or `(columns,)`; NaN where there are no positives or no negatives.

    Raises:
        ValueError: shapes differ, or a known score is NaN.
    """
    positive, start, end, known_count = _sorted(scores, positives, known, descending=False)
    positives_count = positive.sum(axis=-1)
    # A positive at places start to end of its ties has the mean rank (start + end) / 2 + 1.
    rank_sum = np.where(positive, start + end + 2, 0).sum(axis=-1) / 2.0
    pairs_won = rank_sum - positives_count * (positives_count + 1) / 2.0
    return _divide(pairs_won, positives_count * (known_count - positives_count))


def average_precision(scores: ArrayLike, positives: ArrayLike, known: ArrayLike | None = None) -> FloatArray:
    """Average precision: the sum over thresholds of precision times the recall gained, without interpolation.

    Arguments, result and errors as for `auroc`; NaN where there are no positives.
    """
    positive, _, end, _ = _sorted(scores, positives, known, descending=True)
    hits = np.cumsum(positive, axis=-1)
    precision = np.take_along_axis(hits, end, axis=-1) / (end + 1)
    return _divide(np.where(positive, precision, 0.0).sum(axis=-1), hits[..., -1])


def average_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 down each column of `values` `(n, columns)`; equal values share the mean of their ranks."""
    order, start, end = _tie_bounds(values.T)
    ranks = np.empty(values.T.shape)
    np.put_along_axis(ranks, order, (start + end) / 2.0 + 1.0, axis=-1)
    return ranks.T


def _sorted(
    scores: ArrayLike, positives: ArrayLike, known: ArrayLike | None, descending: bool
) -> tuple[BoolArray, IntArray, IntArray, IntArray]:
    """Each column in order of score: which entries are known positives, bounds of their ties, how many are known."""
    values = np.asarray(scores, dtype=np.float64)
    positive = np.asarray(positives, dtype=bool)
    counted = np.ones_like(positive) if known is None else np.asarray(known, dtype=bool)
    if not values.shape == positive.shape == counted.shape:
        raise ValueError(
            f"Expected scores, positives and known of one shape, got {values.shape}, {positive.shape} and "
            f"{counted.shape}; pass one entry per row and label to each."
        )
    if (np.isnan(values) & counted).any():
        raise ValueError("Expected scores that are numbers, got NaN; mark such entries as not known or leave them out.")
    # NaN sorts behind every number and ties with nothing, so that unknown entries move no known one.
    order, start, end = _tie_bounds(np.where(counted, -values if descending else values, np.nan).T)
    return np.take_along_axis((positive & counted).T, order, axis=-1), start, end, counted.sum(axis=0)


def _tie_bounds(values: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Ascending order along the last axis, and for each sorted place the first and last of the same value."""
    values = np.ascontiguousarray(values)
    order = np.argsort(values, axis=-1)
    ascending = np.take_along_axis(values, order, axis=-1)
    place = np.broadcast_to(np.arange(values.shape[-1]), values.shape)
    rises = ascending[..., 1:] != ascending[..., :-1]
    edge = np.ones_like(rises[..., :1], shape=(*values.shape[:-1], 1))
    start = np.maximum.accumulate(np.where(np.concatenate([edge, rises], axis=-1), place, 0), axis=-1)
    last = values.shape[-1]
    backwards = np.where(np.concatenate([rises, edge], axis=-1), place, last)[..., ::-1]
    end = np.minimum.accumulate(backwards, axis=-1)[..., ::-1]
    return order, start, end


def _divide(numerator: NDArray[Any], denominator: NDArray[Any]) -> FloatArray:
    """The quotient, NaN where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=np.asarray(denominator) > 0
    )
