"""Scores that depend on the confusion matrix only, `(classes, classes)` counts with references in rows."""

from __future__ import annotations

import numpy as np

from multimed_hf.metrics.arrays import FloatArray, IntArray


def confusion_matrix(references: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """Counts `(classes, classes)` of class indices `(n,)`: row is the reference, column the prediction."""
    return np.bincount(references * classes + predicted, minlength=classes**2).reshape(classes, classes)


def recalls(confusion: IntArray) -> FloatArray:
    """Recall of each class, NaN for classes without a reference row."""
    support = confusion.sum(axis=1)
    return np.divide(np.diag(confusion), support, out=np.full(len(confusion), np.nan), where=support > 0)


def f1_scores(confusion: IntArray) -> FloatArray:
    """F1 of each class, NaN for classes that occur neither in the references nor in the predictions."""
    marginal = confusion.sum(axis=0) + confusion.sum(axis=1)
    return np.divide(2.0 * np.diag(confusion), marginal, out=np.full(len(confusion), np.nan), where=marginal > 0)


def accuracy(confusion: IntArray) -> float:
    """Share of rows on the diagonal."""
    return float(np.trace(confusion) / confusion.sum())


def matthews_correlation(confusion: IntArray) -> float:
    """Matthews' correlation for any number of classes (Gorodkin 2004); 0 where either side knows one class only."""
    counts = confusion.astype(np.float64)
    total, true, called = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    spread = (total**2 - (true**2).sum()) * (total**2 - (called**2).sum())
    return float((np.trace(counts) * total - true @ called) / np.sqrt(spread)) if spread > 0 else 0.0


def cohen_kappa(confusion: IntArray, quadratic: bool = False) -> float:
    """Cohen's kappa, agreement beyond chance, or with `quadratic` weights (i - j)^2 of disagreement (Cohen 1968).

    0 where both sides are one and the same class: chance alone then agrees, and nothing shows skill.
    """
    counts = confusion.astype(np.float64)
    index = np.arange(len(counts))
    distance = index[:, None] - index
    weights = distance**2 if quadratic else (distance != 0)
    expected = (weights * np.outer(counts.sum(axis=1), counts.sum(axis=0))).sum() / counts.sum()
    return float(1.0 - (weights * counts).sum() / expected) if expected > 0 else 0.0
