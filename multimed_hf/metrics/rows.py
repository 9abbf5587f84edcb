"""How a metric is built: inputs are checked once and turned into rows, and every score is a function of weighted rows.

`update` turns predictions and references into rows, the sufficient statistics of each row: whatever can be computed for
one row alone (a TM-score, a token F1) is computed there, once. Rows of batches or of processes joined are the rows of
all of them. `parts` score rows under many weightings at once: weights of 1 give the score, numbers of draws a bootstrap
resample, 0 and 1 a permutation. It is one mathematics for all three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from multimed_hf.metrics.arrays import FloatArray, IntArray

Statistic = Callable[[FloatArray], FloatArray]
"""A score of rows under weights `(weightings, n)`, how often each row counts: `(weightings,)`, NaN where undefined."""

Part = Callable[[Any, FloatArray], Mapping[str, FloatArray]]
"""Some of the scores of `Rows` under weights `(weightings, n)`: each `(weightings,)`, NaN where undefined."""


@dataclass(frozen=True)
class Rows:
    """Checked inputs: every array field has one entry a row; fields of other types are shared by all rows."""

    def __len__(self) -> int:
        return next(len(value) for value in vars(self).values() if isinstance(value, np.ndarray))

    def take(self, indices: IntArray) -> Self:
        """The rows at `indices`, in that order; a row may be taken more than once."""
        arrays = {
            field.name: value[indices]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **arrays)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, in order.

        Raises:
            ValueError: parts that differ in what all rows share, such as the label names, or in the number of columns.
        """
        first, joined = parts[0], {}
        for field in fields(first):
            values = [getattr(part, field.name) for part in parts]
            given = [isinstance(value, np.ndarray) for value in values]
            if any(given) and not all(given):
                raise ValueError(
                    f"Expected {field.name} with every batch or with none, got some without; pass it with all of them."
                )
            if all(given):
                widths = {value.shape[1:] for value in values}
                if len(widths) > 1:
                    raise ValueError(
                        f"Expected batches of one shape after the rows, got {sorted(widths)} for {field.name}; give "
                        "every batch the same columns."
                    )
                joined[field.name] = np.concatenate(values)
            elif any(value != values[0] for value in values):
                other = next(value for value in values if value != values[0])
                raise ValueError(
                    f"Expected one value of {field.name} for all batches, got {values[0]!r} and {other!r}; pass the "
                    "same options with every batch."
                )
        return replace(first, **joined)


def each_weighting(part: Callable[[Any], Mapping[str, float]]) -> Part:
    """A part from a function of plain rows, for scores that know no weights: a row of weight 2 is taken twice.

    Keys that the function leaves out under some weightings are NaN there.
    """

    def weighted(rows: Rows, weights: FloatArray) -> dict[str, FloatArray]:
        index = np.arange(len(rows))
        each = [
            part(rows if (row_weights == 1).all() else rows.take(np.repeat(index, row_weights.astype(np.int64))))
            for row_weights in weights
        ]
        keys = dict.fromkeys(key for scores in each for key in scores)
        return {key: np.array([scores.get(key, np.nan) for scores in each], dtype=np.float64) for key in keys}

    return weighted


def mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted means `(weightings,)` of `values` `(n,)`; a NaN value takes no part, and NaN is the mean of nothing."""
    known = ~np.isnan(values)
    total = weights @ known.astype(np.float64)
    sums = weights @ np.where(known, values, 0.0)
    return np.divide(sums, total, out=np.full(len(weights), np.nan), where=total > 0)


@dataclass(frozen=True)
class Metric:
    """A metric: how its rows are made, and the parts that score them, each giving some of the keys.

    Attributes:
        update: from predictions, references and options to `Rows`.
        parts: together they give every key.
    """

    update: Callable[..., Rows]
    parts: tuple[Part, ...]

    def __call__(self, *args: Any, **options: Any) -> dict[str, float]:
        """All scores of predictions and references."""
        return self.compute(self.update(*args, **options))

    def compute(self, rows: Rows) -> dict[str, float]:
        """All scores of rows. A key of one class, label or subject, `<score>/<name>`, is left out where undefined."""
        once = np.ones((1, len(rows)))
        scores = {key: float(value[0]) for part in self.parts for key, value in part(rows, once).items()}
        return {key: value for key, value in scores.items() if "/" not in key or not np.isnan(value)}

    def statistic(self, rows: Rows, score: str) -> Statistic:
        """One score of `rows` as a function of weights.

        Raises:
            ValueError: no score of that name.
        """
        once = np.ones((1, len(rows)))
        known: list[str] = []
        for part in self.parts:
            keys = part(rows, once)
            if score in keys:
                # A resample may lack the label of a per-label score.
                return lambda weights: np.asarray(
                    part(rows, weights).get(score, np.full(len(weights), np.nan)), dtype=np.float64
                )
            known += keys
        raise ValueError(f"Expected a score among {', '.join(known)}, got {score!r}.")


class Accumulator:
    """Scores of rows that come batch by batch or process by process, equal to those of all rows at once.

    Args:
        metric: whose scores.
        **options: arguments of its `update` that are the same for every batch, such as label names.
    """

    def __init__(self, metric: Metric, **options: Any):
        self.metric, self.options = metric, options
        self.parts: list[Rows] = []

    def update(self, predictions: Any, references: Any, **columns: Any) -> None:
        """Adds a batch; `columns` are further arguments with one entry a row. A refused batch leaves no trace."""
        self.parts.append(self.metric.update(predictions, references, **self.options, **columns))

    def merge(self, other: Accumulator) -> None:
        """Adds the rows of another accumulator, such as that of another process."""
        self.parts += other.parts

    def rows(self) -> Rows:
        """All rows so far.

        Raises:
            ValueError: there are none, or batches do not fit together.
        """
        if not self.parts:
            raise ValueError("Expected at least one batch before the scores, got none; call update first.")
        return type(self.parts[0]).join(self.parts)

    def compute(self) -> dict[str, float]:
        """The scores of all rows so far."""
        return self.metric.compute(self.rows())
