"""Scores of single-label classification from predicted probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks, confusion
from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.metrics.ranking import auroc
from multimed_hf.metrics.rows import Metric, Rows

CALIBRATION_BINS = 15


def single_label(
    predictions: ArrayLike, references: ArrayLike, labels: Sequence[str] | None = None
) -> dict[str, float]:
    """Scores of class probabilities against one true class a row. The predicted class is the most probable, the
    first on a tie.

    Args:
        predictions: probabilities `(n, classes)`, each row adding up to 1 within 1e-3.
        references: class indices `(n,)` in [0, classes).
        labels: class names in the order of the columns; adds the scores of each class.

    Returns:
        - `balanced_accuracy`: mean recall over the classes that occur in the references.
        - `accuracy`.
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
        - with `labels`, `recall/<name>` and `f1/<name>`, left out where undefined.

    Raises:
        ValueError: lengths differ, no rows, predictions not finite, not in [0, 1] or not adding up to 1, a reference
            outside the range, or the wrong number of labels.
    """
    return SINGLE_LABEL.scores(single_label_rows(predictions, references, labels))


@dataclass(frozen=True)
class SingleLabelRows(Rows):
    """`probabilities` `(n, classes)`, `predicted` and `references` `(n,)`."""

    probabilities: FloatArray
    predicted: IntArray
    references: IntArray
    labels: tuple[str, ...] | None

    @property
    def confusion(self) -> IntArray:
        """Counts `(classes, classes)`, references in rows."""
        return confusion.confusion_matrix(self.references, self.predicted, self.probabilities.shape[1])


def single_label_rows(
    predictions: ArrayLike, references: ArrayLike, labels: Sequence[str] | None = None
) -> SingleLabelRows:
    """The checked rows of `single_label`."""
    checks.check_lengths(predictions, references)
    probabilities = checks.distributions(predictions)
    true = checks.class_indices(references, probabilities.shape[1])
    named = None if labels is None else checks.names(labels, probabilities.shape[1])
    return SingleLabelRows(probabilities, probabilities.argmax(axis=1), true, named)


def _decisions(rows: SingleLabelRows) -> dict[str, float]:
    counts = rows.confusion
    support = counts.sum(axis=1)
    recall, f1 = confusion.recalls(counts), confusion.f1_scores(counts)
    scores = {
        "balanced_accuracy": float(np.nanmean(recall)),
        "accuracy": confusion.accuracy(counts),
        "macro_f1": float(np.nanmean(f1)),
        "weighted_f1": float(np.average(np.nan_to_num(f1), weights=support)),
        "mcc": confusion.matthews_correlation(counts),
        "kappa": confusion.cohen_kappa(counts),
        "classes_absent": float((support == 0).sum()),
    }
    for name, class_recall, class_f1 in zip(rows.labels or (), recall, f1, strict=False):
        scores |= {f"recall/{name}": float(class_recall)} if not np.isnan(class_recall) else {}
        scores |= {f"f1/{name}": float(class_f1)} if not np.isnan(class_f1) else {}
    return scores


def _discrimination(rows: SingleLabelRows) -> dict[str, float]:
    classes = np.arange(rows.probabilities.shape[1])
    if len(classes) == 2:
        return {"auroc": float(auroc(rows.probabilities[:, 1], rows.references == 1))}
    areas = auroc(rows.probabilities, rows.references[:, None] == classes)
    defined = areas[~np.isnan(areas)]
    return {"auroc": float(defined.mean()) if len(defined) else float("nan")}


def _calibration(rows: SingleLabelRows) -> dict[str, float]:
    top = rows.probabilities.max(axis=1)
    bins = np.clip(np.ceil(top * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=top - (rows.predicted == rows.references), minlength=CALIBRATION_BINS)
    truth = rows.references[:, None] == np.arange(rows.probabilities.shape[1])
    return {
        "ece": float(np.abs(gaps).sum() / len(top)),
        "brier": float(((rows.probabilities - truth) ** 2).sum(axis=1).mean()),
    }


SINGLE_LABEL = Metric(single_label_rows, (_decisions, _discrimination, _calibration))
