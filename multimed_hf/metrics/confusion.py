"""Scores that depend on the confusion matrix only: weighted counts `(..., classes, classes)`, references in rows."""

from __future__ import annotations

import numpy as np

from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray


def confusion_matrices(references: IntArray, predicted: IntArray, classes: int, weights: FloatArray) -> FloatArray:
    """Counts `(weightings, classes, classes)` of class indices `(n,)` under weights `(weightings, n)`: row is the
    reference, column the prediction.
    """
    cells = references * classes + predicted
    counts = [np.bincount(cells, weights=row_weights, minlength=classes**2) for row_weights in weights]
    return np.array(counts, dtype=np.float64).reshape(-1, classes, classes)


def recalls(counts: FloatArray) -> FloatArray:
    """Recall of each class `(..., classes)`, NaN for classes without a reference row."""
    return divide(_hits(counts), counts.sum(axis=-1))


def f1_scores(counts: FloatArray) -> FloatArray:
    """F1 of each class `(..., classes)`, NaN for classes that occur neither in the references nor in the predictions."""
    return divide(2.0 * _hits(counts), counts.sum(axis=-2) + counts.sum(axis=-1))


def accuracy(counts: FloatArray) -> FloatArray:
    """Share of rows on the diagonal `(...)`."""
    return divide(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def matthews_correlation(counts: FloatArray) -> FloatArray:
    """Matthews' correlation for any number of classes (Gorodkin 2004); 0 where either side knows one class only."""
    total, true, called = counts.sum(axis=(-2, -1)), counts.sum(axis=-1), counts.sum(axis=-2)
    spread = (total**2 - (true**2).sum(axis=-1)) * (total**2 - (called**2).sum(axis=-1))
    covariance = _hits(counts).sum(axis=-1) * total - (true * called).sum(axis=-1)
    return np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0)


def cohen_kappa(counts: FloatArray, quadratic: bool = False) -> FloatArray:
    """Cohen's kappa, agreement beyond chance, or with `quadratic` weights (i - j)^2 of disagreement (Cohen 1968).

    0 where both sides are one and the same class: chance alone then agrees, and nothing shows skill.
    """
    index = np.arange(counts.shape[-1])
    distance = index[:, None] - index
    penalty = (distance**2 if quadratic else distance != 0).astype(np.float64)
    disagreement = (penalty * counts).sum(axis=(-2, -1))
    called_by_true = (penalty @ counts.sum(axis=-2)[..., None])[..., 0]
    expected = divide((counts.sum(axis=-1) * called_by_true).sum(axis=-1), counts.sum(axis=(-2, -1)))
    return np.where(expected > 0, 1.0 - disagreement / np.where(expected > 0, expected, 1.0), 0.0)


def mean_where(values: FloatArray, counted: BoolArray) -> FloatArray:
    """Mean of `values` `(..., classes)` over the classes that are `counted`; NaN where none is."""
    return divide(np.where(counted, values, 0.0).sum(axis=-1), counted.sum(axis=-1))


def divide(numerator: FloatArray | IntArray, denominator: FloatArray | IntArray) -> FloatArray:
    """The quotient, NaN where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.asarray(denominator) > 0)


def _hits(counts: FloatArray) -> FloatArray:
    return np.diagonal(counts, axis1=-2, axis2=-1)
