"""How a metric is built: inputs are checked once and turned into rows, and every score is a function of any set of
rows.

A score on a bootstrap resample is thus the same mathematics on the rows drawn, and whatever can be computed for one row
alone (a TM-score, a token F1) is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from multimed_hf.metrics.arrays import IntArray


@dataclass(frozen=True)
class Rows:
    """Checked inputs: every array field has one entry a row; fields of other types are shared by all rows."""

    def take(self, indices: IntArray) -> Self:
        """The rows at `indices`, in that order; a row may be taken more than once."""
        arrays = {
            field.name: value[indices]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **arrays)


Part = Callable[[Any], dict[str, float]]


@dataclass(frozen=True)
class Metric:
    """One kind of target: how its rows are made, and the parts that score them, each giving some of the keys."""

    rows: Callable[..., Rows]
    parts: Sequence[Part]

    def scores(self, rows: Rows) -> dict[str, float]:
        """All scores of all parts."""
        return {key: value for part in self.parts for key, value in part(rows).items()}
