"""Scores of EEG classification: those of all trials, and how the subjects differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.metrics.classification import CLASSIFICATION, ClassificationRows
from multimed_hf.metrics.confusion import divide, mean_where
from multimed_hf.metrics.rows import Metric


def eeg(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    subjects: ArrayLike | None = None,
) -> dict[str, float]:
    """Scores of class probabilities of EEG trials, over all trials and by subject.

    The balanced accuracy of a subject is the mean recall over the classes that occur among its own trials; for a
    subject whose trials are all of one class it is the recall of that class.

    Args:
        predictions: probabilities `(n, classes)`, each row adding up to 1 within 1e-3.
        references: class indices `(n,)` in [0, classes).
        labels: class names in the order of the columns; adds the scores of each class.
        subjects: who each trial is of `(n,)`, names or integers.

    Returns:
        - all keys of `classification`, over the trials of all subjects together.
        - with subjects, `balanced_accuracy/<subject>` of each, and over the subjects, each counting once however many
          trials it has: `subject_mean`, `subject_worst` (the lowest), and `subject_sd`, the standard deviation
          between subjects with n - 1 in the denominator, NaN for one subject.
        - with subjects, `subjects`: how many there are; `subjects_one_class`: how many have trials of one class only.

    Raises:
        ValueError: what `classification` refuses, or subjects of another shape, or neither names nor integers.
    """
    return EEG(predictions, references, labels, subjects)


@dataclass(frozen=True)
class EegRows(ClassificationRows):
    """Those of `classification`, and the names of the `subjects` `(n,)`.

    Under weights that are the same for all trials of each subject, as in a bootstrap over subjects, a subject of weight
    2 counts as two subjects; under other weights each subject with any weight counts once.
    """

    subjects: NDArray[np.str_] | None


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    subjects: ArrayLike | None = None,
) -> EegRows:
    rows = CLASSIFICATION.update(predictions, references, labels)
    return EegRows(
        **vars(rows), subjects=None if subjects is None else checks.row_names(subjects, "subjects", len(rows))
    )


def _by_subject(rows: EegRows, weights: FloatArray) -> dict[str, FloatArray]:
    if rows.subjects is None:
        return {}
    names, subject = np.unique(rows.subjects, return_inverse=True)
    cells = subject * rows.classes + rows.references
    shape = (len(weights), len(names), rows.classes)
    support = _sums(cells, weights, len(names) * rows.classes).reshape(shape)
    hits = _sums(cells, weights * (rows.predicted == rows.references), len(names) * rows.classes).reshape(shape)
    accuracy = mean_where(divide(hits, support), support > 0)
    times = _times_counted(subject, weights, len(names))
    total = times.sum(axis=1)
    known = np.where(times > 0, accuracy, 0.0)
    average = divide((times * known).sum(axis=1), total)
    squares = (times * (known - average[:, None]) ** 2).sum(axis=1)
    one_class = (support > 0).sum(axis=2) == 1
    return {
        "subject_mean": average,
        "subject_sd": np.sqrt(divide(squares, total - 1.0)),
        "subject_worst": np.where(total > 0, np.where(times > 0, accuracy, np.inf).min(axis=1), np.nan),
        "subjects": total,
        "subjects_one_class": (times * one_class).sum(axis=1),
        **{f"balanced_accuracy/{name}": values for name, values in zip(names.tolist(), accuracy.T, strict=True)},
    }


def _sums(index: IntArray, amounts: FloatArray, size: int) -> FloatArray:
    """Sums of `amounts` `(weightings, n)` over the rows of each index `(weightings, size)`."""
    return np.array([np.bincount(index, row, size) for row in amounts])


def _times_counted(subject: IntArray, weights: FloatArray, subjects: int) -> FloatArray:
    """How many subjects each one stands for `(weightings, subjects)`."""
    totals = _sums(subject, weights, subjects)
    each = totals / np.bincount(subject)
    whole = (weights == each[:, subject]).all(axis=1)
    return np.where(whole[:, None], each, totals > 0)


EEG = Metric(_update, (*CLASSIFICATION.parts, _by_subject))
