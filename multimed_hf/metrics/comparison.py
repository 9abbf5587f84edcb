"""Comparing two models on the same rows: intervals and tests of a difference, and what they could have seen.

`compare` serves every score, with groups of any size. `delong` and `mcnemar` are exact or fast for one score each, and
only right where no two rows belong together: they refuse groups of more than one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.intervals import (
    MINIMUM_GROUPS,
    Groups,
    Interval,
    bootstrap,
    chunks,
    group_indices,
)
from multimed_hf.metrics.ranking import average_ranks
from multimed_hf.metrics.rows import Metric, Rows, Statistic

# A permuted difference this close to the observed one is the same number, computed in another order.
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class PairedDifference:
    """A difference of two scores on the same rows.

    Attributes:
        difference: score of A minus score of B on all rows.
        interval: of the difference, over resamples that both share; None where there are too few groups or too many
            resamples without a score.
        smallest_detectable: half the width of the interval: a difference smaller than this would have left 0 inside.
        refusal: why there is no interval; None where there is one.
        p_value: of a permutation over groups, two-sided: how often a difference at least as large comes out where A and
            B are exchanged in groups drawn at random; None where none was asked for.
    """

    difference: float
    interval: Interval | None
    smallest_detectable: float | None
    refusal: str | None
    p_value: float | None = None


@dataclass(frozen=True)
class AurocComparison:
    """Two AUROC on the same rows by DeLong's method.

    Attributes:
        auroc_a: AUROC of A.
        auroc_b: AUROC of B.
        difference: A minus B.
        low: lower end of the interval of the difference.
        high: its upper end.
        p_value: two-sided, by the normal distribution; 1 where the two never differ.
        smallest_detectable: half the width of the interval.
    """

    auroc_a: float
    auroc_b: float
    difference: float
    low: float
    high: float
    p_value: float
    smallest_detectable: float


@dataclass(frozen=True)
class AccuracyComparison:
    """Two sets of decisions on the same rows by McNemar's exact test.

    Attributes:
        only_a: rows that only A got right.
        only_b: rows that only B got right.
        difference: accuracy of A minus that of B.
        p_value: two-sided binomial test that both happen equally often; 1 where neither happens.
    """

    only_a: int
    only_b: int
    difference: float
    p_value: float


def paired_difference(
    statistic_a: Statistic,
    statistic_b: Statistic,
    n: int,
    groups: Groups | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    minimum_groups: int = MINIMUM_GROUPS,
    unit: str | None = None,
) -> PairedDifference:
    """How much better A is than B on the same rows: both are computed on every resample, so what they share cancels.

    Arguments and errors as for `bootstrap`.
    """

    def difference(weights: FloatArray) -> FloatArray:
        return statistic_a(weights) - statistic_b(weights)

    drawn = bootstrap(difference, n, groups, resamples, seed, minimum_groups, unit)
    interval = drawn.interval(level)
    half_width = None if interval is None else (interval.high - interval.low) / 2.0
    return PairedDifference(float(difference(np.ones((1, n)))[0]), interval, half_width, drawn.refusal)


def compare(
    metric: Metric,
    score: str,
    rows_a: Rows,
    rows_b: Rows,
    groups: Groups | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    minimum_groups: int = MINIMUM_GROUPS,
    unit: str | None = None,
) -> PairedDifference:
    """Score of model A minus that of model B on the same rows, with its interval and a permutation test over groups.

    The test asks whether A and B could be exchanged within any group without anyone noticing (Good 2005): in each
    permutation every group's predictions are exchanged, all together, with probability one half. It needs no minimum
    of groups, but with G of them no p-value is below 2^(1 - G), nor below 1 / (resamples + 1).

    Args:
        metric: the metric of both, such as `CLASSIFICATION`.
        score: one of its scores.
        rows_a: `metric.update` of the predictions of A and the references.
        rows_b: likewise of B, row by row the same references.
        groups: as for `bootstrap`.
        resamples: of the bootstrap, and as many permutations.
        level: as for `Bootstrap.interval`.
        seed: as for `bootstrap`.
        minimum_groups: likewise.
        unit: likewise.

    Raises:
        ValueError: different numbers of rows, rows that do not fit together, no score of that name, and whatever
            `bootstrap` refuses.
    """
    n = len(rows_a)
    if len(rows_b) != n:
        raise ValueError(
            f"Expected both models on the same rows, got {n} and {len(rows_b)}; score both on every row, in one order."
        )
    # Rows of A, then rows of B: which of them count is then only a matter of weights.
    both = metric.statistic(type(rows_a).join([rows_a, rows_b]), score)

    def statistic_a(weights: FloatArray) -> FloatArray:
        return both(np.concatenate([weights, np.zeros_like(weights)], axis=1))

    def statistic_b(weights: FloatArray) -> FloatArray:
        return both(np.concatenate([np.zeros_like(weights), weights], axis=1))

    found = paired_difference(statistic_a, statistic_b, n, groups, resamples, level, seed, minimum_groups, unit)
    group, count = group_indices(n, groups)
    kept = np.random.default_rng([seed, 1]).integers(2, size=(resamples, count)).astype(np.float64)
    differences = []
    for chosen in chunks(kept, 2 * n):
        first = chosen[:, group]
        swapped = np.concatenate([first, 1.0 - first], axis=1)
        differences.append(both(swapped) - both(1.0 - swapped))
    permuted = np.abs(np.concatenate(differences))
    # A permutation without a score counts as one that reached the difference: the test errs to the safe side.
    reached = int((~(permuted < abs(found.difference) - _TOLERANCE)).sum())
    p_value = (reached + 1) / (resamples + 1) if np.isfinite(found.difference) else None
    return PairedDifference(found.difference, found.interval, found.smallest_detectable, found.refusal, p_value)


def delong(
    scores_a: ArrayLike, scores_b: ArrayLike, positives: ArrayLike, groups: Groups | None = None, level: float = 0.95
) -> AurocComparison:
    """Difference of two AUROC on the same rows by the method of DeLong et al. (1988), with the ranks of Sun & Xu (2014).

    Args:
        scores_a: `(n,)`, finite, higher for positives.
        scores_b: likewise.
        positives: booleans `(n,)`, at least two positives and two negatives.
        groups: the group of each row, to show that no two rows share one.
        level: of the interval.

    Raises:
        ValueError: shapes differ, scores not finite, fewer than two rows of either kind, or a group of several rows.
    """
    from scipy.special import ndtr, ndtri

    checks.check_lengths(scores_a, positives)
    positive = np.asarray(positives, dtype=bool)
    columns = [checks.matrix(np.asarray(scores)[:, None], "scores", "1")[:, 0] for scores in (scores_a, scores_b)]
    if not columns[0].shape == columns[1].shape == positive.shape:
        raise ValueError(
            f"Expected scores of both models and positives of one shape (n,), got {columns[0].shape}, "
            f"{columns[1].shape} and {positive.shape}."
        )
    _one_row_each(len(positive), groups, "delong")
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if min(n_positive, n_negative) < 2:
        raise ValueError(
            f"Expected at least 2 positives and 2 negatives, got {n_positive} and {n_negative}; a variance needs two."
        )
    scores = np.stack(columns, axis=1)
    ranks = average_ranks(scores)
    # The share of negatives below each positive, and of positives above each negative, ties counting half.
    of_positives = (ranks[positive] - average_ranks(scores[positive])) / n_negative
    of_negatives = 1.0 - (ranks[~positive] - average_ranks(scores[~positive])) / n_positive
    areas = of_positives.mean(axis=0)
    difference = float(areas[0] - areas[1])
    spread = sum((side[:, 0] - side[:, 1]).var(ddof=1) / len(side) for side in (of_positives, of_negatives))
    error = float(np.sqrt(spread))
    half = float(ndtri((1.0 + level) / 2.0)) * error
    p_value = float(2.0 * ndtr(-abs(difference) / error)) if error > 0 else float(difference == 0)
    return AurocComparison(
        float(areas[0]), float(areas[1]), difference, difference - half, difference + half, p_value, half
    )


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike, groups: Groups | None = None) -> AccuracyComparison:
    """McNemar's exact test (1947) of two models' decisions on the same rows.

    Args:
        correct_a: booleans `(n,)`, whether A is right.
        correct_b: likewise of B.
        groups: as for `delong`.

    Raises:
        ValueError: shapes differ, no rows, values other than true and false, or a group of several rows.
    """
    from scipy.stats import binomtest

    checks.check_lengths(correct_a, correct_b)
    a, b = _booleans(correct_a), _booleans(correct_b)
    _one_row_each(len(a), groups, "mcnemar")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p_value = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return AccuracyComparison(only_a, only_b, (only_a - only_b) / len(a), p_value)


def _booleans(values: Any) -> BoolArray:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise ValueError(
            f"Expected whether each row is correct, true or false, as shape (n,), got {array.dtype} of shape "
            f"{array.shape}; compare predictions with references first."
        )
    return array.astype(bool)


def _one_row_each(n: int, groups: Groups | None, test: str) -> None:
    count = group_indices(n, groups)[1]
    if count < n:
        raise ValueError(
            f"Expected one row per group for {test}, got {n} rows of {count} groups; use compare, which exchanges "
            "whole groups."
        )
