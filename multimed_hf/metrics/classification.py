"""Scores of single-label classification from predicted probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks, confusion
from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.metrics.calibration import brier_scores, expected_calibration_error
from multimed_hf.metrics.ranking import auroc
from multimed_hf.metrics.rows import Metric, Rows, mean


def classification(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    top_k: Sequence[int] = (),
) -> dict[str, float]:
    """Scores of class probabilities against one true class a row. The predicted class is the most probable, the
    first on a tie.

    Args:
        predictions: probabilities `(n, classes)`, each row adding up to 1 within 1e-3.
        references: class indices `(n,)` in [0, classes).
        labels: class names in the order of the columns; adds the scores of each class.
        top_k: numbers of classes k; adds how often the true class is among the k most probable ones.

    Returns:
        - `balanced_accuracy`: mean recall over the classes that occur in the references.
        - `accuracy`: the share of rows whose predicted class is right.
        - `macro_f1`: mean F1 over the classes that occur in the references or among the predicted classes.
        - `weighted_f1`: mean F1 weighted by the number of reference rows.
        - `mcc`: Matthews' correlation for any number of classes; 0 where references or predictions are of one class.
        - `kappa`: Cohen's kappa; 0 where references and predictions are all of one and the same class.
        - `auroc`: for two classes that of the second; for more the mean of one class against the rest, over the
          classes with rows on both sides. NaN where the references are all of one class.
        - `ece`: expected calibration error of the top probability, 15 equal-width bins (lower end open, upper end
          closed; Guo et al. 2017), in [0, 1].
        - `brier`: Brier score as the sum over classes, in [0, 2]; for two classes twice the one-class form.
        - `classes_absent`: how many classes do not occur in the references, hence are no part of `balanced_accuracy`
          and `auroc`.
        - for each k of `top_k`, `top_<k>_accuracy`; of equally probable classes the first come first.
        - with `labels`, `recall/<name>` and `f1/<name>`, left out where undefined.

    Raises:
        ValueError: lengths differ, no rows, predictions not finite, not in [0, 1] or not adding up to 1, a reference
            outside the range, the wrong number of labels, or a k outside [1, classes].
    """
    return CLASSIFICATION(predictions, references, labels, top_k)


@dataclass(frozen=True)
class ClassificationRows(Rows):
    """`probabilities` `(n, classes)`; `predicted`, `references` and the `rank` of the true class from 1, `(n,)`."""

    probabilities: FloatArray
    predicted: IntArray
    references: IntArray
    rank: IntArray
    labels: tuple[str, ...] | None
    top_k: tuple[int, ...]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return self.probabilities.shape[1]

    def confusion(self, weights: FloatArray) -> FloatArray:
        """Counts `(weightings, classes, classes)`, references in rows."""
        return confusion.confusion_matrices(self.references, self.predicted, self.classes, weights)


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    top_k: Sequence[int] = (),
) -> ClassificationRows:
    checks.check_lengths(predictions, references)
    probabilities = checks.distributions(predictions)
    classes = probabilities.shape[1]
    true = checks.class_indices(references, classes)
    named = None if labels is None else checks.names(labels, classes)
    outside = [k for k in top_k if not 1 <= k <= classes]
    if outside:
        raise ValueError(f"Expected top_k in [1, {classes}], got {outside[0]}; no more classes can be named.")
    own = np.take_along_axis(probabilities, true[:, None], axis=1)
    earlier = np.arange(classes) < true[:, None]
    rank = 1 + ((probabilities > own) | ((probabilities == own) & earlier)).sum(axis=1)
    return ClassificationRows(probabilities, probabilities.argmax(axis=1), true, rank, named, tuple(top_k))


def _decisions(rows: ClassificationRows, weights: FloatArray) -> dict[str, FloatArray]:
    counts = rows.confusion(weights)
    support = counts.sum(axis=-1)
    recall, f1 = confusion.recalls(counts), confusion.f1_scores(counts)
    scores = {
        "balanced_accuracy": confusion.mean_where(recall, support > 0),
        "accuracy": confusion.accuracy(counts),
        "macro_f1": confusion.mean_where(f1, ~np.isnan(f1)),
        "weighted_f1": (np.nan_to_num(f1) * support).sum(axis=-1) / support.sum(axis=-1),
        "mcc": confusion.matthews_correlation(counts),
        "kappa": confusion.cohen_kappa(counts),
        "classes_absent": (support == 0).sum(axis=-1).astype(np.float64),
    }
    for index, name in enumerate(rows.labels or ()):
        scores |= {f"recall/{name}": recall[:, index], f"f1/{name}": f1[:, index]}
    return scores


def _top(rows: ClassificationRows, weights: FloatArray) -> dict[str, FloatArray]:
    return {f"top_{k}_accuracy": mean((rows.rank <= k).astype(np.float64), weights) for k in rows.top_k}


def _discrimination(rows: ClassificationRows, weights: FloatArray) -> dict[str, FloatArray]:
    if rows.classes == 2:
        return {"auroc": auroc(rows.probabilities[:, 1], rows.references == 1, weights=weights)}
    areas = auroc(rows.probabilities, rows.references[:, None] == np.arange(rows.classes), weights=weights)
    return {"auroc": confusion.mean_where(areas, ~np.isnan(areas))}


def _calibration(rows: ClassificationRows, weights: FloatArray) -> dict[str, FloatArray]:
    correct = rows.predicted == rows.references
    return {
        "ece": expected_calibration_error(rows.probabilities.max(axis=1), correct, weights),
        "brier": mean(brier_scores(rows.probabilities, rows.references), weights),
    }


CLASSIFICATION = Metric(_update, (_decisions, _top, _discrimination, _calibration))
