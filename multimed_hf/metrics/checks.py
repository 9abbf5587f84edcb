"""What every metric demands of its inputs; each error says what was expected, what came and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.wording import counted

_SUM_TOLERANCE = 1e-3
_RANGE_TOLERANCE = 1e-6  # a softmax or sigmoid in single precision may pass 1 by this much


def check_lengths(predictions: Any, references: Any) -> None:
    """One prediction per reference, and at least one of them."""
    if len(predictions) != len(references):
        raise ValueError(
            f"Expected one prediction per reference, got {len(predictions)} predictions and {len(references)} "
            "references; pass both for the same rows in the same order."
        )
    if not len(references):
        raise ValueError("Expected at least one row to score, got none; check that the split is not empty.")


def matrix(values: ArrayLike, name: str, columns: str, allow_nan: bool = False) -> FloatArray:
    """`values` as floats of shape `(n, columns)`; finite, except for NaN where `allow_nan`."""
    expected = f"Expected {name} as numbers of shape (n, {columns})"
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{expected}, got something else ({error}); give every row the same number of values."
        ) from None
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{expected}, got shape {array.shape}; give one row per sample.")
    bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    if bad.any():
        wanted = "finite or NaN (not measured)" if allow_nan else "finite"
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"Expected {wanted} {name}, got {array[row, column]} in row {row}, column {column} "
            f"({counted(int(bad.sum()), 'such value')}); mend or leave out these rows before scoring."
        )
    return array


def probabilities(predictions: ArrayLike, columns: str) -> FloatArray:
    """`predictions` as probabilities in [0, 1], `(n, columns)`."""
    array = matrix(predictions, "predictions", columns)
    if array.min() < -_RANGE_TOLERANCE or array.max() > 1.0 + _RANGE_TOLERANCE:
        raise ValueError(
            f"Expected predictions as probabilities in [0, 1], got values from {array.min():.6g} to {array.max():.6g}; "
            "apply softmax or sigmoid to logits first."
        )
    return np.clip(array, 0.0, 1.0)


def distributions(predictions: ArrayLike) -> FloatArray:
    """`predictions` as distributions over at least two classes, `(n, classes)`: each row adds up to 1 within 1e-3."""
    array = probabilities(predictions, "classes")
    if array.shape[1] < 2:
        raise ValueError(
            "Expected predictions over at least 2 classes, got 1; for two classes give both probabilities."
        )
    sums = array.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1.0) > _SUM_TOLERANCE)
    if len(wrong):
        raise ValueError(
            f"Expected probabilities that add up to 1 in each row, got a sum of {sums[wrong[0]]:.6g} in row {wrong[0]} "
            f"({counted(len(wrong), 'such row')}); apply softmax over the classes."
        )
    return array


def integers(values: ArrayLike, name: str, shape: str) -> IntArray:
    """`values` as integers; floats are accepted where they are whole numbers. `shape` is only named in the error."""
    array = np.asarray(values)
    whole = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool(np.all(array == np.floor(array))))
    if not whole or not np.all(np.isfinite(array)):
        raise ValueError(
            f"Expected {name} as integers of shape {shape}, got {array.dtype} of shape {array.shape} that is not whole "
            "numbers; map label names to class indices first."
        )
    return array.astype(np.int64)


def class_indices(references: ArrayLike, classes: int) -> IntArray:
    """`references` as class indices `(n,)` in [0, classes)."""
    array = integers(references, "references", "(n,)")
    if array.ndim != 1:
        raise ValueError(f"Expected references of shape (n,), got shape {array.shape}; give one class index a row.")
    outside = np.flatnonzero((array < 0) | (array >= classes))
    if len(outside):
        raise ValueError(
            f"Expected references in [0, {classes}), got {array[outside[0]]} in row {outside[0]} "
            f"({counted(len(outside), 'such row')}); leave out rows without a label."
        )
    return array


def row_names(values: ArrayLike, name: str, n: int) -> NDArray[np.str_]:
    """`values` `(n,)`, all of them names or all integers, as names; `name` is only named in the error."""
    array = np.asarray(values, dtype=object)  # else a missing value among names becomes the name "nan"
    if array.shape != (n,) or not any(all(isinstance(v, kind) for v in array) for kind in (str, int | np.integer)):
        raise ValueError(
            f"Expected {name} as {n} names or {n} integers, got shape {array.shape} of "
            f"{', '.join(sorted({type(v).__name__ for v in array.flat}))}; give one per row."
        )
    return array.astype(np.str_)


def names(labels: Sequence[str] | None, columns: int) -> tuple[str, ...]:
    """One distinct name a column; without `labels` their numbers."""
    if labels is None:
        return tuple(str(column) for column in range(columns))
    if len(labels) != columns or len(set(labels)) != columns:
        raise ValueError(
            f"Expected {columns} distinct label names, one per column of the predictions, got {len(labels)} "
            f"({len(set(labels))} distinct); pass the names in the order of the columns."
        )
    return tuple(labels)
