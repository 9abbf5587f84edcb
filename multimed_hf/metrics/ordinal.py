"""Scores of ordinal classification: classes have an order, and sometimes a value on a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks, confusion
from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.metrics.ranking import auroc
from multimed_hf.metrics.rows import Metric, Rows, mean


def ordinal(
    predictions: ArrayLike,
    references: ArrayLike,
    class_values: Sequence[float] | None = None,
    reference_values: Sequence[float] | None = None,
    within: Sequence[float] = (),
    positive_from: int | None = None,
) -> dict[str, float]:
    """Scores of probabilities over ordered classes. The predicted class is the most probable, the first on a tie;
    the predicted value is the expectation of `class_values` under the probabilities.

    Args:
        predictions: probabilities `(n, classes)`, each row adding up to 1 within 1e-3.
        references: class indices `(n,)` in [0, classes).
        class_values: the value each class stands for, ascending `(classes,)`: its index by default; for bone age in
            years the months 6, 18, 30, ...
        reference_values: true values `(n,)` where they are known more finely than by class, in the unit of
            `class_values`; the value of the true class by default.
        within: distances, in the unit of `class_values`, whose shares are reported.
        positive_from: the first class that counts as positive, such as 2 for referable retinopathy.

    Returns:
        - `quadratic_weighted_kappa`: Cohen's kappa of predicted classes with weights (i - j)^2; 0 where references
          and predictions are all of one and the same class.
        - `accuracy` of the predicted class.
        - `mae`: mean absolute error of the predicted value, in the unit of `class_values`.
        - `macro_mae`: the same, averaged within each class that occurs in the references, then over these classes.
        - `accuracy_within_<d>` for each distance: the share of rows whose absolute error is at most that.
        - with `positive_from`, `auroc_from_<class>`: AUROC of the probability of that class or a higher one; NaN
          where the references lie all on one side.

    Raises:
        ValueError: lengths differ, no rows, predictions not finite, not in [0, 1] or not adding up to 1, a reference
            outside the range, values that are not finite or not ascending, or `positive_from` not in [1, classes).
    """
    return ORDINAL(predictions, references, class_values, reference_values, within, positive_from)


@dataclass(frozen=True)
class OrdinalRows(Rows):
    """`(n,)` each: `predicted` and `references` as classes, absolute `errors` of the value, probability of a
    positive class.
    """

    predicted: IntArray
    references: IntArray
    errors: FloatArray
    positive_probability: FloatArray
    classes: int
    within: tuple[float, ...]
    positive_from: int | None


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    class_values: Sequence[float] | None = None,
    reference_values: Sequence[float] | None = None,
    within: Sequence[float] = (),
    positive_from: int | None = None,
) -> OrdinalRows:
    checks.check_lengths(predictions, references)
    probabilities = checks.distributions(predictions)
    classes = probabilities.shape[1]
    true = checks.class_indices(references, classes)
    values = np.arange(classes) if class_values is None else np.asarray(class_values, dtype=np.float64)
    if values.shape != (classes,) or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise ValueError(
            f"Expected class_values as {classes} ascending numbers, got {values.tolist()}; give one per class."
        )
    true_values = values[true] if reference_values is None else np.asarray(reference_values, dtype=np.float64)
    if true_values.shape != true.shape or not np.isfinite(true_values).all():
        raise ValueError(
            f"Expected reference_values as {len(true)} finite numbers, got shape {true_values.shape}; give one per row."
        )
    if positive_from is not None and not 1 <= positive_from < classes:
        raise ValueError(
            f"Expected positive_from in [1, {classes}), got {positive_from}; name the first positive class."
        )
    errors = np.abs(probabilities @ values / probabilities.sum(axis=1) - true_values)
    positive = probabilities[:, positive_from:].sum(axis=1)
    return OrdinalRows(probabilities.argmax(axis=1), true, errors, positive, classes, tuple(within), positive_from)


def _agreement(rows: OrdinalRows, weights: FloatArray) -> dict[str, FloatArray]:
    counts = confusion.confusion_matrices(rows.references, rows.predicted, rows.classes, weights)
    return {
        "quadratic_weighted_kappa": confusion.cohen_kappa(counts, quadratic=True),
        "accuracy": confusion.accuracy(counts),
    }


def _errors(rows: OrdinalRows, weights: FloatArray) -> dict[str, FloatArray]:
    by_class = (rows.references[:, None] == np.arange(rows.classes)).astype(np.float64)
    own = confusion.divide(weights @ (by_class * rows.errors[:, None]), weights @ by_class)
    return {
        "mae": mean(rows.errors, weights),
        "macro_mae": confusion.mean_where(own, ~np.isnan(own)),
        **{
            f"accuracy_within_{distance:g}": mean((rows.errors <= distance).astype(np.float64), weights)
            for distance in rows.within
        },
    }


def _positives(rows: OrdinalRows, weights: FloatArray) -> dict[str, FloatArray]:
    if rows.positive_from is None:
        return {}
    area = auroc(rows.positive_probability, rows.references >= rows.positive_from, weights=weights)
    return {f"auroc_from_{rows.positive_from}": area}


ORDINAL = Metric(_update, (_agreement, _errors, _positives))
