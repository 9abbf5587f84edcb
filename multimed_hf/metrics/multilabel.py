"""Scores of multi-label classification from predicted probabilities, with unknown labels masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.confusion import divide, mean_where
from multimed_hf.metrics.ranking import auroc, average_precision, best_f1, best_f1_threshold
from multimed_hf.metrics.rows import Metric, Rows

UNKNOWN = -1
DEFAULT_THRESHOLD = 0.5


def multilabel(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    thresholds: Sequence[float] | None = None,
) -> dict[str, float]:
    """Scores of label probabilities against any set of true labels a row.

    Args:
        predictions: probabilities `(n, labels)`.
        references: `(n, labels)`: 1 present, 0 absent, -1 unknown or uncertain, which takes no part in any score.
        labels: names in the order of the columns; their numbers by default.
        thresholds: one a label, a label is called present at or above it. Choose them on validation rows, for example
            by `best_f1_thresholds`, never on the rows scored here; without any, 0.5.

    Returns:
        - `macro_auroc`, `macro_average_precision`, `macro_f1`: means over the labels that are known to be present in
          some rows and absent in others; NaN where there is no such label. F1 is 2 TP / (2 TP + FP + FN) at
          `thresholds`.
        - `micro_auroc`, `micro_average_precision`: all known entries of all labels pooled; NaN where these hold one
          value only. `micro_f1`: the same at `thresholds`, NaN where nothing is present or called present.
        - `oracle_macro_f1`: `macro_f1` at the best threshold of each label on these very rows: an upper bound that no
          one reaches who has to choose before, and not to be compared with F1 at thresholds from validation rows.
        - `labels_skipped`: how many labels have one known value or none, hence are no part of the macro scores.
        - `auroc/<name>`, `average_precision/<name>`, `f1/<name>` of the labels that are not skipped.

    Raises:
        ValueError: lengths or shapes differ, no rows, predictions not finite or not in [0, 1], references other than
            -1, 0 and 1, or the wrong number of labels or thresholds.
    """
    return MULTILABEL(predictions, references, labels, thresholds)


def best_f1_thresholds(predictions: ArrayLike, references: ArrayLike) -> list[float]:
    """For each label the threshold of highest F1, to be chosen on validation rows; of equal ones the highest threshold.

    Args:
        predictions: probabilities `(n, labels)`.
        references: `(n, labels)` in {0, 1, -1 = unknown}.

    Returns:
        One threshold a label, each a predicted probability; 0.5 for a label without a known positive.

    Raises:
        ValueError: as for `multilabel`.
    """
    rows = _update(predictions, references)
    return [
        best_f1_threshold(scores[known], positive[known]) if positive[known].any() else DEFAULT_THRESHOLD
        for scores, positive, known in zip(rows.probabilities.T, rows.positive.T, rows.known.T, strict=True)
    ]


@dataclass(frozen=True)
class MultilabelRows(Rows):
    """All `(n, labels)`: `probabilities`, and whether a label is `positive`, `known` and `called` present."""

    probabilities: FloatArray
    positive: BoolArray
    known: BoolArray
    called: BoolArray
    labels: tuple[str, ...]

    def scored(self, weights: FloatArray) -> BoolArray:
        """`(weightings, labels)`: labels with known positives and known negatives."""
        positives = weights @ (self.positive & self.known).astype(np.float64)
        known = weights @ self.known.astype(np.float64)
        return (positives > 0) & (positives < known)


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    thresholds: Sequence[float] | None = None,
) -> MultilabelRows:
    checks.check_lengths(predictions, references)
    probabilities = checks.probabilities(predictions, "labels")
    values = checks.matrix(references, "references", "labels")
    if probabilities.shape != values.shape:
        raise ValueError(
            f"Expected predictions and references of one shape (n, labels), got {probabilities.shape} and "
            f"{values.shape}; use the same label set for both."
        )
    if not np.isin(values, (UNKNOWN, 0, 1)).all():
        other = values[~np.isin(values, (UNKNOWN, 0, 1))][0]
        raise ValueError(
            f"Expected references that are 1 (present), 0 (absent) or -1 (unknown), got {other:g}; map other codes to "
            "these."
        )
    columns = probabilities.shape[1]
    limits = np.full(columns, DEFAULT_THRESHOLD) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    if limits.shape != (columns,) or not np.isfinite(limits).all():
        raise ValueError(
            f"Expected {columns} finite thresholds, one per label, got {limits.tolist()}; take them from "
            "best_f1_thresholds."
        )
    return MultilabelRows(
        probabilities, values == 1, values != UNKNOWN, probabilities >= limits, checks.names(labels, columns)
    )


def _per_label(
    name: str, values: FloatArray, rows: MultilabelRows, weights: FloatArray
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """The mean of `values` `(weightings, labels)` over the labels that are scored, and the values of each label."""
    scored = rows.scored(weights)
    own = np.where(scored, values, np.nan)
    return mean_where(values, scored), {f"{name}/{label}": own[:, i] for i, label in enumerate(rows.labels)}


def _areas(rows: MultilabelRows, weights: FloatArray) -> dict[str, FloatArray]:
    areas = auroc(rows.probabilities, rows.positive, rows.known, weights)
    macro, per_label = _per_label("auroc", areas, rows, weights)
    skipped = (~rows.scored(weights)).sum(axis=1).astype(np.float64)
    return {"macro_auroc": macro, "labels_skipped": skipped, **per_label}


def _precisions(rows: MultilabelRows, weights: FloatArray) -> dict[str, FloatArray]:
    precisions = average_precision(rows.probabilities, rows.positive, rows.known, weights)
    macro, per_label = _per_label("average_precision", precisions, rows, weights)
    return {"macro_average_precision": macro, **per_label}


def _pooled(rows: MultilabelRows, weights: FloatArray) -> dict[str, FloatArray]:
    row, _ = np.nonzero(rows.known)
    scores, positives, entries = rows.probabilities[rows.known], rows.positive[rows.known], weights[:, row]
    one_value = (entries @ positives == 0) | (entries @ ~positives == 0)
    return {
        "micro_auroc": auroc(scores, positives, weights=entries),
        "micro_average_precision": np.where(one_value, np.nan, average_precision(scores, positives, weights=entries)),
    }


def _decisions(rows: MultilabelRows, weights: FloatArray) -> dict[str, FloatArray]:
    positive, called = rows.positive & rows.known, rows.called & rows.known
    hits, marginals = weights @ (positive & called), weights @ (positive.astype(np.float64) + called)
    macro, per_label = _per_label("f1", divide(2.0 * hits, marginals), rows, weights)
    return {"macro_f1": macro, "micro_f1": divide(2.0 * hits.sum(axis=1), marginals.sum(axis=1)), **per_label}


def _oracle(rows: MultilabelRows, weights: FloatArray) -> dict[str, FloatArray]:
    best = best_f1(rows.probabilities, rows.positive, rows.known, weights)
    return {"oracle_macro_f1": mean_where(best, rows.scored(weights))}


MULTILABEL = Metric(_update, (_areas, _precisions, _pooled, _decisions, _oracle))
