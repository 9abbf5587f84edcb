"""Scores of retrieval: where the right candidate stands when all candidates are ranked by similarity to a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.rows import Metric, Rows, mean
from multimed_hf.wording import counted


def retrieval(predictions: ArrayLike, references: ArrayLike, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Scores of similarities between queries and candidates, such as images and reports.

    The rank of a query is the place, from 1, of its best placed right candidate when all candidates are sorted by
    falling similarity. Candidates of equal similarity stand in random order: each score of a query is its expected
    value over all orders of them. So a constant similarity scores as guessing does, not as perfect.

    Both directions of a square problem are two calls: with similarities `(images, texts)`, image to text is
    `retrieval(similarities, right)`, text to image is `retrieval(similarities.T, right.T)` where `right` is boolean.
    Scores depend on the number of candidates: compare them only where it is the same.

    Args:
        predictions: similarities `(n, candidates)`, higher is more alike, of any scale.
        references: the column of the right candidate of each query `(n,)`; or whether each candidate is right
            `(n, candidates)`, booleans or 0 and 1, at least one in each row.
        ks: how many first candidates are looked at, for `recall_at_<k>`.

    Returns:
        - `recall_at_<k>` for each of `ks`: share of queries with a right candidate among the first k, in [0, 1]; it
          is the recall of the right candidates themselves only where there is one a query (otherwise also called hit
          rate).
        - `mean_reciprocal_rank`: mean of 1 / rank, in (0, 1] (Voorhees 1999).
        - `median_rank`: median over queries of the expected rank, in [1, candidates]; for an even number of queries
          the mean of the two in the middle. Of t candidates of equal similarity, one of them right, the expected
          rank is the middle one of their t places.
        - `n_candidates`: how many candidates each query has.

    Raises:
        ValueError: lengths or shapes differ, no queries, similarities that are not finite, a reference that is no
            column, a query without a right candidate, or `ks` that are not distinct numbers from 1 to the number of
            candidates.
    """
    return RETRIEVAL(predictions, references, ks)


@dataclass(frozen=True)
class RetrievalRows(Rows):
    """Expected values of each query: `rank` and `reciprocal_rank` `(n,)`, `recall` `(n, ks)`."""

    rank: FloatArray
    reciprocal_rank: FloatArray
    recall: FloatArray
    ks: tuple[int, ...]
    candidates: int


def _update(predictions: ArrayLike, references: ArrayLike, ks: Sequence[int] = (1, 5, 10)) -> RetrievalRows:
    checks.check_lengths(predictions, references)
    similarities = checks.matrix(predictions, "predictions", "candidates")
    candidates = similarities.shape[1]
    right = _right_candidates(references, similarities.shape)
    first = _first_places(ks, candidates)
    best = np.where(right, similarities, -np.inf).max(axis=1, keepdims=True)
    # No right candidate is above the best right one, so those above are all wrong.
    above = (similarities > best).sum(axis=1)
    tied = similarities == best
    right_tied, wrong_tied = (tied & right).sum(axis=1), (tied & ~right).sum(axis=1)
    expected = [
        _expected(int(before), int(n_right), int(n_wrong), first)
        for before, n_right, n_wrong in zip(above, right_tied, wrong_tied, strict=True)
    ]
    rank, reciprocal_rank, recall = (np.array(values) for values in zip(*expected, strict=True))
    return RetrievalRows(rank, reciprocal_rank, recall, first, candidates)


def _right_candidates(references: ArrayLike, shape: tuple[int, ...]) -> BoolArray:
    """Whether each candidate is right, `(n, candidates)`."""
    array = np.asarray(references)
    if array.ndim == 1 and array.dtype.kind != "b":
        return checks.class_indices(array, shape[1])[:, None] == np.arange(shape[1])
    if array.shape != shape or array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise ValueError(
            "Expected references as columns of the right candidates (n,), or as booleans of the shape of the "
            f"predictions, {shape}, got {array.dtype} of shape {array.shape}; give one of the two."
        )
    right = array.astype(np.bool_)
    without = np.flatnonzero(~right.any(axis=1))
    if len(without):
        raise ValueError(
            f"Expected at least one right candidate a query, got none in row {without[0]} "
            f"({counted(len(without), 'such row')}); leave out queries without one."
        )
    return right


def _first_places(ks: Sequence[int], candidates: int) -> tuple[int, ...]:
    first = tuple(checks.integers(ks, "ks", "(number,)").ravel().tolist())
    if not first or len(set(first)) < len(first) or min(first) < 1 or max(first) > candidates:
        raise ValueError(
            f"Expected ks as distinct numbers from 1 to {candidates}, the number of candidates, got {first}; a recall "
            "at more than there are would be 1 for any model."
        )
    return first


def _expected(above: int, n_right: int, n_wrong: int, ks: tuple[int, ...]) -> tuple[float, float, tuple[float, ...]]:
    """Expected rank, reciprocal rank and recall at each k, where `above` candidates stand before `n_right` right and
    `n_wrong` wrong ones in random order.
    """
    places = np.arange(n_wrong + 1)
    # The share of orders in which each of the first 0, 1, ... n_wrong + 1 places holds a wrong candidate.
    all_wrong = np.cumprod(np.append(1.0, (n_wrong - places) / (n_wrong + n_right - places)))
    rank = above + (n_wrong + n_right + 1) / (n_right + 1)
    reciprocal_rank = float((-np.diff(all_wrong) / (above + 1 + places)).sum())
    recall = tuple(float(1.0 - all_wrong[min(max(k - above, 0), n_wrong + 1)]) for k in ks)
    return rank, reciprocal_rank, recall


def _means(rows: RetrievalRows, weights: FloatArray) -> dict[str, FloatArray]:
    return {
        **{f"recall_at_{k}": mean(values, weights) for k, values in zip(rows.ks, rows.recall.T, strict=True)},
        "mean_reciprocal_rank": mean(rows.reciprocal_rank, weights),
        "n_candidates": np.full(len(weights), float(rows.candidates)),
    }


def _median(rows: RetrievalRows, weights: FloatArray) -> dict[str, FloatArray]:
    order = np.argsort(rows.rank)
    ranks, counts = rows.rank[order], weights[:, order].cumsum(axis=1)
    total = counts[:, -1:]
    # The queries, repeated and sorted, of the two middle positions; they are one query where the number is odd.
    lower, upper = ((counts <= middle).sum(axis=1) for middle in (np.floor((total - 1) / 2), np.floor(total / 2)))
    last = len(ranks) - 1
    medians = (ranks[np.minimum(lower, last)] + ranks[np.minimum(upper, last)]) / 2
    return {"median_rank": np.where(total[:, 0] > 0, medians, np.nan)}


RETRIEVAL = Metric(_update, (_means, _median))
