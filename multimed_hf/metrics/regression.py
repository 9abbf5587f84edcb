"""Scores of regression on one or many targets, with values that were not measured masked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.confusion import divide
from multimed_hf.metrics.ranking import average_ranks
from multimed_hf.metrics.rows import Metric, Rows, mean
from multimed_hf.wording import counted

_LARGEST = 1e100  # squares of larger values, summed over a data set, come near the end of double precision
_SMALLEST = 1e-50  # squares of smaller deviations, in units of the column's largest, would vanish
_CANCELLED = 1e-3  # the share of a sum of squares that must be left for a difference of sums to be right to 1e-12
_BLOCK_ELEMENTS = 1 << 21  # entries of (rows, targets) handled at once
_CHUNK_ELEMENTS = 1 << 20  # entries of (weightings, targets), or of (weightings, rows), handled at once
_CACHE_ELEMENTS = 1 << 15  # the same where they should stay in the processor's cache


def regression(
    predictions: ArrayLike,
    references: ArrayLike,
    train_mean: ArrayLike | None = None,
    strata: Sequence[Hashable] | None = None,
    strata_mean: Mapping[Hashable, ArrayLike] | None = None,
) -> dict[str, float]:
    """Scores of predicted values, such as log1p counts of genes.

    A target counts where its measured references are not all equal, to the last bit; for the scores per sample a sample
    counts where its own are not. Where it counts, predictions that are all equal have no correlation, and score 0 by
    definition.

    Args:
        predictions: `(n, targets)`, finite; what they say where nothing was measured does not matter.
        references: `(n, targets)`; NaN was not measured, and takes no part in any score.
        train_mean: the mean of each target over the training rows `(targets,)`.
        strata: the stratum of each row `(n,)`, such as its cell type.
        strata_mean: the mean of each target over the training rows of each stratum, `(targets,)`.

    Returns:
        - `pearson_per_target`: Pearson's correlation (1895) across samples, averaged over the targets that count, in
          [-1, 1]; NaN where none does.
        - `spearman_per_target`: the same of ranks (Spearman 1904), equal values sharing their mean rank.
        - `r2`: 1 - squared error / squared deviation from the target's mean over these very references, averaged over
          the targets that count, at most 1, 0 for that mean itself; NaN where no target counts.
        - `targets_skipped`: how many targets do not count, hence are no part of the three above.
        - `mse`: mean squared error over all measured values, in the unit of the references squared.
        - with `train_mean`, `skill_over_train_mean`: 1 - MSE / MSE of always predicting `train_mean`, over all
          measured values, at most 1; 0 is no better than that, NaN where that is perfect.
        - with `strata` and `strata_mean`, `skill_over_cell_type_mean`: the same over the mean of the row's stratum.
        - for two targets or more, `pearson_per_sample` and `spearman_per_sample`: the correlations across the measured
          targets of a sample, averaged over the samples that count; NaN where none does. The train mean alone may score
          high here. Kaggle's Open Problems (2022) ranks by the former, but gives equal predictions -1.

    Raises:
        ValueError: lengths or shapes differ, no rows, nothing measured, values not finite or beyond 1e100, only one of
            `strata` and `strata_mean`, or a stratum without a mean.
    """
    return REGRESSION(predictions, references, train_mean, strata, strata_mean)


@dataclass(frozen=True)
class RegressionRows(Rows):
    """`predictions`, `references` (0 where not measured) and `measured`, `(n, targets)` each; over the measured values
    of each row `(n,)` the sum of squared errors, those of the two baselines where they are given, and the correlations,
    NaN where the row does not count.
    """

    predictions: FloatArray
    references: FloatArray
    measured: BoolArray
    error: FloatArray
    train_mean_error: FloatArray | None
    strata_mean_error: FloatArray | None
    pearson: FloatArray
    spearman: FloatArray


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    train_mean: ArrayLike | None = None,
    strata: Sequence[Hashable] | None = None,
    strata_mean: Mapping[Hashable, ArrayLike] | None = None,
) -> RegressionRows:
    checks.check_lengths(predictions, references)
    predicted = checks.matrix(predictions, "predictions", "targets")
    true = checks.matrix(references, "references", "targets", allow_nan=True)
    if predicted.shape != true.shape:
        raise ValueError(
            f"Expected predictions and references of one shape (n, targets), got {predicted.shape} and {true.shape}; "
            "use the same targets for both."
        )
    measured = ~np.isnan(true)
    true = np.where(measured, true, 0.0)
    for name, values in (("predictions", predicted), ("references", true)):
        _check_size(values, name)

    def squared_error(values: FloatArray) -> FloatArray:
        return np.where(measured, (values - true) ** 2, 0.0).sum(axis=1)

    profile = None if train_mean is None else _profile(train_mean, true.shape[1], "train_mean")
    profiles = _strata_profiles(strata, strata_mean, true.shape)
    return RegressionRows(
        predictions=predicted,
        references=true,
        measured=measured,
        error=squared_error(predicted),
        train_mean_error=None if profile is None else squared_error(profile),
        strata_mean_error=None if profiles is None else squared_error(profiles),
        **_sample_correlations(predicted, true, measured),
    )


def _check_size(values: FloatArray, name: str) -> None:
    size = np.abs(values)
    if size.max() > _LARGEST:
        row, column = np.unravel_index(size.argmax(), size.shape)
        raise ValueError(
            f"Expected {name} from -{_LARGEST:g} to {_LARGEST:g}, got {values[row, column]:g} in row {row}, column "
            f"{column}; such a value often stands for a missing one: set references that were not measured to NaN."
        )


def _profile(profile: ArrayLike, targets: int, name: str) -> FloatArray:
    expected = f"Expected {name} as {counted(targets, 'finite number')}, one per target"
    try:
        array = np.asarray(profile, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected}, got something else ({error}); take the mean over training rows.") from None
    if array.shape != (targets,):
        raise ValueError(f"{expected}, got shape {array.shape}; take the mean over training rows.")
    if not (np.abs(array) <= _LARGEST).all():
        target = int(np.argmin(np.abs(array) <= _LARGEST))
        raise ValueError(
            f"{expected}, got {array[target]:g} for target {target}; leave out what was not measured from the mean."
        )
    return array


def _strata_profiles(
    strata: Sequence[Hashable] | None, strata_mean: Mapping[Hashable, ArrayLike] | None, shape: tuple[int, ...]
) -> FloatArray | None:
    """The mean of each row's stratum `(n, targets)`."""
    if strata is None and strata_mean is None:
        return None
    if strata is None or strata_mean is None:
        raise ValueError("Expected both strata and strata_mean or neither, got one; pass the other as well.")
    n, targets = shape
    if len(strata) != n:
        raise ValueError(f"Expected strata for {counted(n, 'row')}, got {len(strata)}; give one per row.")
    occurring = dict.fromkeys(strata)
    missing = [stratum for stratum in occurring if stratum not in strata_mean]
    if missing:
        raise ValueError(
            f"Expected a mean for every stratum, got none for {missing[0]!r}; give a fallback such as the train mean "
            "for strata that training does not have."
        )
    profiles = {stratum: _profile(strata_mean[stratum], targets, f"strata_mean[{stratum!r}]") for stratum in occurring}
    return np.stack([profiles[stratum] for stratum in strata])


def _sample_correlations(predictions: FloatArray, references: FloatArray, measured: BoolArray) -> dict[str, FloatArray]:
    """Pearson and Spearman correlation along each row, NaN where the row does not count."""
    n, targets = references.shape
    result = {key: np.full(n, np.nan) for key in ("pearson", "spearman")}
    step = max(1, _CHUNK_ELEMENTS // targets)
    for block in (slice(start, start + step) for start in range(0, n, step)):
        columns = predictions[block].T, references[block].T, measured[block].T
        result["pearson"][block] = _correlations(*columns)
        result["spearman"][block] = _rank_correlations(*columns)
    return result


def _deviations(values: FloatArray, weights: FloatArray | BoolArray) -> tuple[FloatArray, FloatArray]:
    """Deviations of each column from its weighted mean, in units of the column, and these units.

    Entries without weight are 0. So is the whole column, exactly, where all values of some weight are equal, and only
    there: a value of the column is subtracted before the mean, whose rounding would leave a constant not quite
    constant, and units keep small deviations from vanishing when squared.
    """
    weighted = weights > 0
    anchor = np.take_along_axis(values, weighted.argmax(axis=0)[None], axis=0)
    shifted = np.where(weighted, values - anchor, 0.0)
    unit = _unit(shifted)
    shifted /= unit
    total = weights.sum(axis=0)
    center = (weights * shifted).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(weighted, shifted - center, 0.0), unit


def _unit(deviations: FloatArray) -> FloatArray:
    """For each column a power of 2, by which to divide without rounding, that is near its largest absolute value."""
    return np.ldexp(1.0, np.frexp(np.abs(deviations).max(axis=0))[1])


def _pearson(xy: FloatArray, xx: FloatArray, yy: FloatArray) -> FloatArray:
    """Correlations from sums of products of deviations: 0 for constant predictions, NaN for constant references."""
    varies = (xx > 0) & (yy > 0)
    correlation = np.divide(xy, np.sqrt(np.where(varies, xx * yy, 1.0)), out=np.zeros_like(xy), where=varies)
    return np.where(yy > 0, np.clip(correlation, -1.0, 1.0), np.nan)


def _r2(error: FloatArray, yy: FloatArray) -> FloatArray:
    """R² from sums of squared errors and of squared deviations of the references, NaN where the latter are constant."""
    return 1.0 - np.divide(error, yy, out=np.full_like(yy, np.nan), where=yy > 0)


def _correlations(predictions: FloatArray, references: FloatArray, measured: BoolArray) -> FloatArray:
    """Pearson correlation down each column, NaN where the column does not count."""
    (x, _), (y, _) = _deviations(predictions, measured), _deviations(references, measured)
    return _pearson((x * y).sum(axis=0), (x * x).sum(axis=0), (y * y).sum(axis=0))


def _rank_correlations(predictions: FloatArray, references: FloatArray, measured: BoolArray) -> FloatArray:
    """Spearman correlation down each column, NaN where the column does not count."""
    # Infinity sorts what was not measured behind everything else, where it moves no other rank.
    x, y = (average_ranks(np.where(measured, values, np.inf)) for values in (predictions, references))
    return _correlations(x, y, measured)


class _Targets:
    """Pearson correlation and R² of some targets under weights, as matrix products of weights and values.

    Sums of squares about the weighted mean are differences of sums about a center that all weightings share. Where
    little is left of such a difference, or nothing, the target is scored anew from its values: rounding decides there,
    even whether the target counts.
    """

    def __init__(self, rows: RegressionRows, targets: slice):
        self.measured = rows.measured[:, targets]
        self.predictions, self.references = rows.predictions[:, targets], rows.references[:, targets]
        (x, _, x_fine), (y, unit, y_fine) = (
            _about_median(values, self.measured) for values in (self.predictions, self.references)
        )
        self.error = _in_units(np.where(self.measured, self.predictions - self.references, 0.0), unit)
        self.fine = x_fine | y_fine
        self.products = np.stack([self.measured, x, y, x * x, y * y, x * y, self.error**2])

    def scores(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Correlations and R² `(weightings, targets)`, NaN where a target does not count."""
        total, x, y, xx, yy, xy, error = weights @ self.products
        total = np.where(total > 0, total, 1.0)
        x_squares, y_squares = xx - x * x / total, yy - y * y / total
        lost = ((xx > 0) & (x_squares <= _CANCELLED * xx)) | (y_squares <= _CANCELLED * yy)
        lost = self.fine | (lost & (yy > 0))
        correlation, r2 = _pearson(xy - x * y / total, x_squares, y_squares), _r2(error, y_squares)
        for target in np.flatnonzero(lost.any(axis=0)):
            again = np.flatnonzero(lost[:, target])
            correlation[again, target], r2[again, target] = self._anew(int(target), weights[again])
        return correlation, r2

    def _anew(self, target: int, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Correlation and R² of one target `(weightings,)`, from deviations from the mean of each weighting."""
        by_row = np.where(self.measured[:, target, None], weights.T, 0.0)
        x, y = (np.broadcast_to(v[:, target, None], by_row.shape) for v in (self.predictions, self.references))
        (x, _), (y, unit) = _deviations(x, by_row), _deviations(y, by_row)
        error = _in_units((self.predictions - self.references)[:, target, None], unit)
        xx, yy, xy, squared_error = ((by_row * product).sum(axis=0) for product in (x * x, y * y, x * y, error**2))
        return _pearson(xy, xx, yy), _r2(squared_error, yy)


def _about_median(values: FloatArray, measured: BoolArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Each column's values less their median, in units of the column; the units; and whether some are so small
    that their squares would vanish. 0 where not measured, and for a constant column.
    """
    # Few resamples lie far from the median, whatever outliers the column has; of a sparse column it leaves zeros.
    middle = np.maximum(measured.sum(axis=0) - 1, 0) // 2
    median = np.take_along_axis(np.sort(np.where(measured, values, np.inf), axis=0), middle[None], axis=0)
    centered = np.where(measured, values - median, 0.0)
    unit = _unit(centered)
    centered /= unit
    return centered, unit, ((centered != 0) & (np.abs(centered) < _SMALLEST)).any(axis=0)


def _in_units(error: FloatArray, unit: FloatArray) -> FloatArray:
    """Errors in units of the references, at most so large that their square is finite."""
    return np.clip(error / unit, -_LARGEST, _LARGEST)


def _per_target(rows: RegressionRows, weights: FloatArray) -> dict[str, FloatArray]:
    if not rows.measured.any():
        raise ValueError("Expected at least one measured reference, got only NaN; check the target column.")
    n, targets = rows.references.shape
    correlation, r2, scored = np.zeros((3, len(weights)))
    width = max(1, _BLOCK_ELEMENTS // n)
    for first in range(0, targets, width):
        block = _Targets(rows, slice(first, first + width))
        step = max(1, _CHUNK_ELEMENTS // max(n, block.measured.shape[1]))
        for chunk in (slice(start, start + step) for start in range(0, len(weights), step)):
            block_correlation, block_r2 = block.scores(weights[chunk])
            correlation[chunk] += np.nansum(block_correlation, axis=1)
            r2[chunk] += np.nansum(block_r2, axis=1)
            scored[chunk] += (~np.isnan(block_r2)).sum(axis=1)
    return {
        "pearson_per_target": divide(correlation, scored),
        "r2": divide(r2, scored),
        "targets_skipped": targets - scored,
    }


def _ranks_per_target(rows: RegressionRows, weights: FloatArray) -> dict[str, FloatArray]:
    total, scored = np.zeros((2, len(weights)))
    step = max(1, _CACHE_ELEMENTS // len(rows))
    chunks = [slice(start, start + step) for start in range(0, len(weights), step)]
    for x, y, measured in zip(rows.predictions.T, rows.references.T, rows.measured.T, strict=True):
        x_ties, y_ties = _Ties(x[measured]), _Ties(y[measured])
        if len(y_ties.last) < 2:
            continue
        for chunk in chunks:
            of_target = weights[chunk] if measured.all() else weights[chunk][:, measured]
            x_ranks, y_ranks = x_ties.centered_ranks(of_target), y_ties.centered_ranks(of_target)
            xy, xx, yy = (
                np.einsum("ij,ij,ij->i", of_target, a, b)
                for a, b in ((x_ranks, y_ranks), (x_ranks, x_ranks), (y_ranks, y_ranks))
            )
            correlation = _pearson(xy, xx, yy)
            total[chunk] += np.nan_to_num(correlation)
            scored[chunk] += ~np.isnan(correlation)
    return {"spearman_per_target": divide(total, scored)}


class _Ties:
    """Values `(m,)` in ascending order: the `last` place of each distinct value, and which of them each row has."""

    def __init__(self, values: FloatArray):
        self.order = np.argsort(values)
        ascending = values[self.order]
        is_last = np.append(ascending[1:] != ascending[:-1], True)[: len(values)]
        self.last = np.flatnonzero(is_last)
        self.value = np.empty(len(values), dtype=np.int64)
        self.value[self.order] = np.cumsum(is_last) - is_last

    def centered_ranks(self, weights: FloatArray) -> FloatArray:
        """Twice the rank less twice the mean rank `(weightings, m)` where each row stands there as often as it weighs
        in `(weightings, m)`; exactly 0 where all rows of some weight are equal.
        """
        until = np.zeros((len(weights), len(self.last) + 1))
        until[:, 1:] = np.cumsum(np.take(weights, self.order, axis=1), axis=1)[:, self.last]
        # The copies of a value share the rank half-way between the ends of the values up to the one before and to it.
        return np.take(until[:, 1:] + until[:, :-1] - until[:, -1:], self.value, axis=1)


def _errors(rows: RegressionRows, weights: FloatArray) -> dict[str, FloatArray]:
    error = weights @ rows.error
    scores = {"mse": divide(error, weights @ rows.measured.sum(axis=1))}
    for key, baseline in (
        ("skill_over_train_mean", rows.train_mean_error),
        ("skill_over_cell_type_mean", rows.strata_mean_error),
    ):
        if baseline is not None:
            scores[key] = 1.0 - divide(error, weights @ baseline)
    return scores


def _per_sample(rows: RegressionRows, weights: FloatArray) -> dict[str, FloatArray]:
    if rows.references.shape[1] < 2:
        return {}
    return {
        "pearson_per_sample": mean(rows.pearson, weights),
        "spearman_per_sample": mean(rows.spearman, weights),
    }


REGRESSION = Metric(_update, (_per_target, _ranks_per_target, _errors, _per_sample))
