"""From declared columns to `datasets.Features`, and from what a reader found to a complete, checked row."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..columns import FINDING_STATES, MODALITY_COLUMNS, TARGET_COLUMNS, Column
from ..simulation.images import is_marked
from ..sources import labels_of
from ..subsets import Subset, get_subset

if TYPE_CHECKING:
    import datasets

FLOAT32_MAX = 3.4028235e38

Row = dict[str, Any]


def features_of(subset: str) -> datasets.Features:
    """The typed columns of a subset, the same for all its sources.

    Raises:
        UnknownNameError: no subset has this name.
    """
    import datasets

    spec = get_subset(subset)
    return datasets.Features({column.name: _feature(spec, column, column.dtype) for column in spec.columns})


def _feature(subset: Subset, column: Column, dtype: str) -> Any:
    import datasets

    if dtype == "image":
        return datasets.Image()
    if dtype == "class":
        return datasets.ClassLabel(names=list(_labels(subset, column)))
    if dtype == "classes":
        states = datasets.ClassLabel(names=list(FINDING_STATES))
        return {label: states for label in _labels(subset, column)}
    if dtype.startswith("list<"):
        inner, _, tail = dtype[len("list<") : -1].rpartition(", ")
        if inner and tail.isdigit():
            return datasets.List(_feature(subset, column, inner), length=int(tail))
        return datasets.List(_feature(subset, column, dtype[len("list<") : -1]))
    return datasets.Value(dtype)


def _labels(subset: Subset, column: Column) -> tuple[str, ...]:
    task = next(task for task in subset.tasks if column in TARGET_COLUMNS[task])
    return labels_of(subset.name, task)


def absent(subset: str, column: Column) -> Any:
    """The value that says a row lacks this column: null for an image alone, since other nulls become NaN in torch."""
    dtype = column.dtype
    if dtype.startswith("list<"):
        return []
    if dtype == "class":
        return -1
    if dtype == "classes":
        return dict.fromkeys(_labels(get_subset(subset), column), -1)
    if dtype == "image":
        return None
    return {"string": "", "bool": False}.get(dtype, 0)


class RowCompleter:
    """Turns what a reader yields for one row into all columns of the subset, and refuses what cannot be right.

    Args:
        subset: name of the subset.
    """

    def __init__(self, subset: str) -> None:
        self.subset = get_subset(subset)
        self._absent = {column.name: absent(subset, column) for column in self.subset.columns}
        self._payload = {
            f"has_{modality}": [column.name for column in MODALITY_COLUMNS[modality]]
            for modality in self.subset.modalities
        }
        self._dtypes = {column.name: column.dtype for column in self.subset.columns}
        self._labels = {
            column.name: _labels(self.subset, column)
            for column in self.subset.columns
            if column.dtype in ("class", "classes")
        }

    def __call__(self, partial: Mapping[str, Any]) -> Row:
        """`partial` with every missing column filled in.

        Args:
            partial: the columns that the row has; labels by name or by index. `id`, `source`, `group` and at least one
                true `has_<modality>` are required.

        Raises:
            ValueError: an unknown column, a null, a row without a modality, a `has_<modality>` that its columns belie,
                a label outside the names, a value that is NaN or infinite, an id that is not `<source>/<item>`, or a
                synthetic image under the name of another source; the message names the row.
        """
        where = f"row {partial.get('id', '?')!r} of subset {self.subset.name!r}"
        unknown = partial.keys() - self._absent.keys()
        if unknown:
            raise ValueError(f"{where} has columns that the subset does not declare: {sorted(unknown)}.")
        if not any(partial.get(flag) for flag in self._payload):
            raise ValueError(f"{where} carries no modality: expected at least one true of {sorted(self._payload)}.")
        row = {name: partial.get(name, default) for name, default in self._absent.items()}
        for name, value in row.items():
            if value is None and self._dtypes[name] != "image":
                raise ValueError(f"{where} has null in {name!r}: leave the column out where the row lacks it.")
        for flag, columns in self._payload.items():
            filled = [name for name in columns if not _is(row[name], self._absent[name])]
            if bool(row[flag]) != bool(filled):
                raise ValueError(f"{where} has {flag}={row[flag]}, but the filled ones of {columns} are {filled}.")
        for name, labels in self._labels.items():
            row[name] = self._encode(where, name, row[name], labels)
        for name, value in row.items():
            if "float" in self._dtypes[name] and not _finite(value):
                raise ValueError(f"{where} has NaN or infinite values in {name!r}: mend it or leave it out.")
        if row["source"] != "synthetic":
            self._refuse_synthetic(where, row)
        for name in ("id", "source", "group"):
            if not row[name]:
                raise ValueError(f"{where} has an empty {name!r}: every row needs one.")
        if not row["id"].startswith(f"{row['source']}/"):
            raise ValueError(f"{where} has an id that does not start with its source, expected {row['source']}/<item>.")
        return row

    def _refuse_synthetic(self, where: str, row: Row) -> None:
        for name, dtype in self._dtypes.items():
            if dtype == "image" and is_marked(_beginning(row[name])):
                raise ValueError(
                    f"{where} says that it comes from {row['source']!r}, but the image in {name!r} carries the mark of a "
                    "synthetic one: build it with --source synthetic, which says so."
                )

    def _encode(self, where: str, name: str, value: Any, labels: tuple[str, ...]) -> Any:
        if self._dtypes[name] == "class":
            return _index(where, name, value, labels)
        unknown = value.keys() - set(labels)
        if unknown:
            raise ValueError(f"{where} has {sorted(unknown)} in {name!r}, expected labels among {list(labels)}.")
        return {label: _index(where, f"{name}.{label}", value.get(label, -1), FINDING_STATES) for label in labels}


def _beginning(image: Any) -> bytes:
    """The first bytes of a file that is given as a path or as `{"bytes": ..., "path": ...}`; none of anything else."""
    if isinstance(image, dict):
        if image.get("bytes"):
            return image["bytes"]
        image = image.get("path")
    if isinstance(image, (str, os.PathLike)) and os.path.isfile(image):
        with open(image, "rb") as stream:
            return stream.read(4096)
    return b""


def _index(where: str, name: str, value: Any, names: tuple[str, ...]) -> int:
    if isinstance(value, str):
        if value not in names:
            raise ValueError(f"{where} has {value!r} in {name!r}, expected one of {list(names)}.")
        return names.index(value)
    try:
        index = operator.index(value)
    except TypeError:
        raise ValueError(f"{where} has {value!r} in {name!r}, expected a label or its index.") from None
    if not -1 <= index < len(names):
        raise ValueError(f"{where} has class {value} in {name!r}, expected -1 (none) to {len(names) - 1}.")
    return index


def _is(value: Any, default: Any) -> bool:
    """Whether `value` is the `default` that says a column is absent; arrays and images compare in ways of their own."""
    if default == []:
        return len(value) == 0
    return value is default or (isinstance(value, (str, bool, int, float)) and value == default)


def _finite(value: Any) -> bool:
    """Whether all numbers fit into float32, as which they are stored; lists may be ragged."""
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) <= FLOAT32_MAX
    import numpy as np

    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple, np.ndarray)):
        return all(_finite(item) for item in value)
    numbers = np.asarray(value, dtype=float)
    return bool((np.abs(numbers) <= FLOAT32_MAX).all())
