"""Scores of multi-label classification from predicted probabilities, with unknown labels masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.ranking import auroc, average_precision
from multimed_hf.metrics.rows import Metric, Rows

UNKNOWN = -1
DEFAULT_THRESHOLD = 0.5


def multi_label(
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
        thresholds: one a label, a label is called present at or above it; 0.5 by default. Choose them on validation
            rows, for example by `best_f1_thresholds`, never on the rows scored here.

    Returns:
        - `macro_auroc`, `macro_average_precision`, `macro_f1`: means over the labels that are known to be present in
          some rows and absent in others; NaN where there is no such label.
        - `micro_auroc`: AUROC of all known entries of all labels pooled; NaN where these hold one value only.
        - `labels_skipped`: how many labels have one known value or none, hence are no part of the macro scores.
        - `auroc/<name>` and `average_precision/<name>` of the labels that are not skipped.

    Raises:
        ValueError: lengths or shapes differ, no rows, predictions not finite or not in [0, 1], references other than
            -1, 0 and 1, or the wrong number of labels or thresholds.
    """
    return MULTI_LABEL.scores(multi_label_rows(predictions, references, labels, thresholds))


def best_f1_thresholds(predictions: ArrayLike, references: ArrayLike) -> list[float]:
    """For each label the threshold of highest F1, to be chosen on validation rows; of equal ones the highest threshold.

    Args:
        predictions: probabilities `(n, labels)`.
        references: `(n, labels)` in {0, 1, -1 = unknown}.

    Returns:
        One threshold a label, each a predicted probability; 0.5 for a label without a known positive.

    Raises:
        ValueError: as for `multi_label`.
    """
    rows = multi_label_rows(predictions, references)
    return [
        _best_f1_threshold(scores[known], positive[known])
        for scores, positive, known in zip(rows.probabilities.T, rows.positive.T, rows.known.T, strict=True)
    ]


def _best_f1_threshold(scores: FloatArray, positive: BoolArray) -> float:
    if not positive.any():
        return DEFAULT_THRESHOLD
    order = np.argsort(-scores)
    ranked = scores[order]
    hits = np.cumsum(positive[order])
    f1 = 2.0 * hits / (np.arange(1, len(scores) + 1) + hits[-1])
    # A threshold calls all rows of equal score, so only the last of them stands for a threshold.
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True)
    return float(ranked[np.argmax(np.where(last_of_ties, f1, -1.0))])


@dataclass(frozen=True)
class MultiLabelRows(Rows):
    """All `(n, labels)`: `probabilities`, and whether a label is `positive`, `known` and `called` present."""

    probabilities: FloatArray
    positive: BoolArray
    known: BoolArray
    called: BoolArray
    labels: tuple[str, ...]

    @property
    def scored(self) -> BoolArray:
        """`(labels,)`: labels with known positives and known negatives."""
        positives, known = (self.positive & self.known).sum(axis=0), self.known.sum(axis=0)
        return (positives > 0) & (positives < known)


def multi_label_rows(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    thresholds: Sequence[float] | None = None,
) -> MultiLabelRows:
    """The checked rows of `multi_label`."""
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
    return MultiLabelRows(
        probabilities, values == 1, values != UNKNOWN, probabilities >= limits, checks.names(labels, columns)
    )


def _macro(values: FloatArray, rows: MultiLabelRows) -> float:
    scored = rows.scored
    return float(values[scored].mean()) if scored.any() else float("nan")


def _per_label(name: str, values: FloatArray, rows: MultiLabelRows) -> dict[str, float]:
    return {
        f"{name}/{label}": float(value)
        for label, value, scored in zip(rows.labels, values, rows.scored, strict=True)
        if scored
    }


def _areas(rows: MultiLabelRows) -> dict[str, float]:
    areas = auroc(rows.probabilities, rows.positive, rows.known)
    return {
        "macro_auroc": _macro(areas, rows),
        "labels_skipped": float((~rows.scored).sum()),
        **_per_label("auroc", areas, rows),
    }


def _precisions(rows: MultiLabelRows) -> dict[str, float]:
    precisions = average_precision(rows.probabilities, rows.positive, rows.known)
    return {
        "macro_average_precision": _macro(precisions, rows),
        **_per_label("average_precision", precisions, rows),
    }


def _pooled(rows: MultiLabelRows) -> dict[str, float]:
    return {"micro_auroc": float(auroc(rows.probabilities[rows.known], rows.positive[rows.known]))}


def _decisions(rows: MultiLabelRows) -> dict[str, float]:
    positive, called = rows.positive & rows.known, rows.called & rows.known
    hits, marginals = (positive & called).sum(axis=0), positive.sum(axis=0) + called.sum(axis=0)
    return {"macro_f1": _macro(2.0 * hits / np.maximum(marginals, 1), rows)}


MULTI_LABEL = Metric(multi_label_rows, (_areas, _precisions, _pooled, _decisions))
