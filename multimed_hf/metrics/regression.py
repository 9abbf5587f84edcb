"""Scores of regression on one or many targets, with values that were not measured masked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.ranking import average_ranks
from multimed_hf.metrics.rows import Metric, Rows
from multimed_hf.wording import counted


def regression(
    predictions: ArrayLike,
    references: ArrayLike,
    train_mean: ArrayLike | None = None,
    strata: Sequence[Hashable] | None = None,
    strata_mean: Mapping[Hashable, ArrayLike] | None = None,
) -> dict[str, float]:
    """Scores of predicted values, such as log1p counts of genes.

    A target, or for `pearson_per_sample` a sample, counts where its measured references are not all equal. There a
    constant prediction has no correlation, and scores 0 by definition.

    Args:
        predictions: `(n, targets)`, finite.
        references: `(n, targets)`; NaN was not measured, and takes no part in any score.
        train_mean: the mean of each target over the training rows `(targets,)`.
        strata: the stratum of each row `(n,)`, such as its cell type.
        strata_mean: the mean of each target over the training rows of each stratum, `(targets,)`.

    Returns:
        - `pearson_per_target`: Pearson correlation across samples, averaged over targets; NaN where no target counts.
        - `spearman_per_target`: the same with ranks, equal values sharing their mean rank.
        - `r2`: 1 - squared error / squared deviation from the target's mean over these references, averaged over
          targets.
        - `targets_skipped`: how many targets do not count, hence are no part of the three above.
        - `mse`: mean squared error over all measured values.
        - with `train_mean`, `skill_over_train_mean`: 1 - MSE / MSE of always predicting `train_mean`, over all
          measured values; 0 is no better than that, NaN where that is perfect.
        - with `strata` and `strata_mean`, `skill_over_cell_type_mean`: the same over the mean of the row's stratum.
        - for two targets or more, `pearson_per_sample`: Pearson correlation across targets, averaged over samples.
          The train mean alone may score high here.

    Raises:
        ValueError: lengths or shapes differ, no rows, nothing measured, values not finite, only one of `strata` and
            `strata_mean`, or a stratum without a mean.
    """
    return REGRESSION.scores(regression_rows(predictions, references, train_mean, strata, strata_mean))


@dataclass(frozen=True)
class RegressionRows(Rows):
    """All `(n, targets)`: `predictions`, `references` (0 where not measured), `measured`, and the squared errors of
    the two baselines where they are given.
    """

    predictions: FloatArray
    references: FloatArray
    measured: BoolArray
    train_mean_error: FloatArray | None
    strata_mean_error: FloatArray | None


def regression_rows(
    predictions: ArrayLike,
    references: ArrayLike,
    train_mean: ArrayLike | None = None,
    strata: Sequence[Hashable] | None = None,
    strata_mean: Mapping[Hashable, ArrayLike] | None = None,
) -> RegressionRows:
    """The checked rows of `regression`."""
    checks.check_lengths(predictions, references)
    predicted = checks.matrix(predictions, "predictions", "targets")
    true = checks.matrix(references, "references", "targets", allow_nan=True)
    if predicted.shape != true.shape:
        raise ValueError(
            f"Expected predictions and references of one shape (n, targets), got {predicted.shape} and {true.shape}; "
            "use the same targets for both."
        )
    measured = ~np.isnan(true)
    if not measured.any():
        raise ValueError("Expected at least one measured reference, got only NaN; check the target column.")
    true = np.where(measured, true, 0.0)

    def baseline_error(baseline: FloatArray) -> FloatArray:
        return np.where(measured, (baseline - true) ** 2, 0.0)

    train_error = None if train_mean is None else baseline_error(_profile(train_mean, true.shape[1], "train_mean"))
    if strata is None or strata_mean is None:
        if strata is not None or strata_mean is not None:
            raise ValueError("Expected both strata and strata_mean or neither, got one; pass the other as well.")
        return RegressionRows(predicted, true, measured, train_error, None)
    if len(strata) != len(true):
        raise ValueError(f"Expected strata for {counted(len(true), 'row')}, got {len(strata)}; give one per row.")
    missing = [stratum for stratum in dict.fromkeys(strata) if stratum not in strata_mean]
    if missing:
        raise ValueError(
            f"Expected a mean for every stratum, got none for {missing[0]!r}; give a fallback such as the train mean "
            "for strata that training does not have."
        )
    profiles = {
        stratum: _profile(mean, true.shape[1], f"strata_mean[{stratum!r}]") for stratum, mean in strata_mean.items()
    }
    strata_error = baseline_error(np.stack([profiles[stratum] for stratum in strata]))
    return RegressionRows(predicted, true, measured, train_error, strata_error)


def _profile(mean: ArrayLike, targets: int, name: str) -> FloatArray:
    array = np.asarray(mean, dtype=np.float64)
    if array.shape != (targets,) or not np.isfinite(array).all():
        raise ValueError(f"Expected {name} as {targets} finite numbers, one per target, got shape {array.shape}.")
    return array


def _deviations(values: FloatArray, measured: BoolArray) -> FloatArray:
    """Deviations from each column's mean over its measured entries, 0 elsewhere; exactly 0 for a constant column."""
    # Rounding of the mean would leave a constant column not quite constant, so a measured value is subtracted first.
    anchor = np.take_along_axis(values, measured.argmax(axis=0)[None], axis=0)
    shifted = np.where(measured, values - anchor, 0.0)
    mean = shifted.sum(axis=0) / np.maximum(measured.sum(axis=0), 1)
    return np.where(measured, shifted - mean, 0.0)


def _mean_correlation(predictions: FloatArray, references: FloatArray, measured: BoolArray) -> float:
    """Pearson down each column, averaged over columns whose references vary; 0 where only the predictions are
    constant.
    """
    x, y = _deviations(predictions, measured), _deviations(references, measured)
    x_norm, y_norm = np.sqrt((x**2).sum(axis=0)), np.sqrt((y**2).sum(axis=0))
    counted = y_norm > 0
    product = np.divide(x, x_norm, out=np.zeros_like(x), where=x_norm > 0)
    correlation = (product * np.divide(y, y_norm, out=np.zeros_like(y), where=counted)).sum(axis=0)
    return float(np.clip(correlation[counted], -1.0, 1.0).mean()) if counted.any() else float("nan")


def _per_target(rows: RegressionRows) -> dict[str, float]:
    return {"pearson_per_target": _mean_correlation(rows.predictions, rows.references, rows.measured)}


def _ranked(rows: RegressionRows) -> dict[str, float]:
    # Infinity sorts what was not measured behind everything else, where it moves no other rank.
    predictions, references = (
        average_ranks(np.where(rows.measured, values, np.inf)) for values in (rows.predictions, rows.references)
    )
    return {"spearman_per_target": _mean_correlation(predictions, references, rows.measured)}


def _errors(rows: RegressionRows) -> dict[str, float]:
    error = np.where(rows.measured, (rows.predictions - rows.references) ** 2, 0.0)
    deviation = (_deviations(rows.references, rows.measured) ** 2).sum(axis=0)
    counted = deviation > 0
    r2 = (1.0 - error.sum(axis=0)[counted] / deviation[counted]).mean() if counted.any() else float("nan")
    scores = {
        "mse": float(error.sum() / rows.measured.sum()) if rows.measured.any() else float("nan"),
        "r2": float(r2),
        "targets_skipped": float((~counted).sum()),
    }
    for key, baseline in (
        ("skill_over_train_mean", rows.train_mean_error),
        ("skill_over_cell_type_mean", rows.strata_mean_error),
    ):
        if baseline is not None:
            scores[key] = float(1.0 - error.sum() / baseline.sum()) if baseline.sum() > 0 else float("nan")
    return scores


def _per_sample(rows: RegressionRows) -> dict[str, float]:
    if rows.references.shape[1] < 2:
        return {}
    return {"pearson_per_sample": _mean_correlation(rows.predictions.T, rows.references.T, rows.measured.T)}


REGRESSION = Metric(regression_rows, (_per_target, _ranked, _errors, _per_sample))
