"""What rows are to teach: the head each asks, its classes, and the scale of regression targets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arrow import columns_to_rows
from ..data.heads import Head, asks, head_name, is_open
from ..sources import Target, get_source, labels_of, sources_of
from ..tasks import get_task
from .genes import GeneAlignment

if TYPE_CHECKING:
    import datasets

_BATCH = 1024

_PRESENT = 1


@dataclass(frozen=True)
class LabelledRow:
    """One row as the mixture and few-shot supports see it.

    Attributes:
        group: `<source>/<group>`.
        target: what it asks, or None. A row that asks several of the heads counts for the first that its source declares.
        classes: the class it has, the labels present, or nothing for targets without classes.
        open: whether it asks for an answer without candidates.
    """

    group: str
    target: Target | None = None
    classes: tuple[str, ...] = ()
    open: bool = False

    @property
    def head(self) -> str:
        """Name of the head it asks, empty for none."""
        if self.target is None:
            return ""
        return self.target.open_head if self.open else self.target.head


def labelled_rows(subset: str, data: datasets.Dataset, heads: Collection[str] | None = None) -> list[LabelledRow]:
    """One entry per row of `data`, in order; reads target columns only.

    Args:
        subset: its name.
        data: the rows.
        heads: names of the heads that count; None for all.
    """
    entries = []
    for row in _target_columns(subset, data):
        group = f"{row['source']}/{row['group']}"
        asked = (one for one in get_source(subset, row["source"]).targets if asks(one, row))
        target = next((one for one in asked if heads is None or head_name(one, row) in heads), None)
        if target is None:
            entries.append(LabelledRow(group))
        else:
            entries.append(LabelledRow(group, target, _classes(subset, target, row), is_open(target, row)))
    return entries


def target_statistics(
    parts: Sequence[tuple[str, datasets.Dataset]], heads: Sequence[Head], genes: GeneAlignment
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviation of every output of the regression heads, in the units of the data.

    Args:
        parts: `(subset, data)`, the rows that are trained on.
        heads: the heads to measure; only regression counts.
        genes: which output a target gene belongs to.

    Returns:
        Head name to mean and scale, each `(num_targets,)` float64. The scale of a target that never varies is 1, and an
        output without any value gets mean 0 and scale 1.
    """
    regressions = {head.name: head for head in heads if head.kind == "regression"}
    # Count, sum and sum of squared distances from the mean so far, merged batch by batch (Chan, Golub, LeVeque, 1979).
    sums = {name: np.zeros((3, head.num_targets)) for name, head in regressions.items()}
    for subset, data in parts:
        batches: dict[str, list[np.ndarray]] = {name: [] for name in regressions}
        for row in _target_columns(subset, data):
            for target in get_source(subset, row["source"]).targets:
                if target.head in regressions and asks(target, row):
                    batches[target.head].append(_outputs(subset, target, row, regressions[target.head], genes))
                    if len(batches[target.head]) == _BATCH:
                        _merge(sums[target.head], np.stack(batches.pop(target.head)))
                        batches[target.head] = []
        for name, values in batches.items():
            if values:
                _merge(sums[name], np.stack(values))
    statistics = {}
    for name, (count, mean, squares) in sums.items():
        deviation = np.sqrt(squares / np.maximum(count, 1))
        # Rounding leaves constants a deviation of the size of the mean's last digit.
        varies = deviation > 1e-6 * np.maximum(1.0, np.abs(mean))
        statistics[name] = (mean, np.where(varies, deviation, 1.0))
    return statistics


def _target_columns(subset: str, data: datasets.Dataset) -> Iterator[Mapping[str, Any]]:
    tasks = {target.task for source in sources_of(subset) for target in source.targets}
    wanted = {"source", "group", "expression_index", "choices", *(get_task(task).column for task in tasks)}
    view = data.select_columns([name for name in data.column_names if name in wanted]).with_format("arrow")
    for start in range(0, len(view), _BATCH):
        yield from columns_to_rows(view[start : start + _BATCH])


def _classes(subset: str, target: Target, row: Mapping[str, Any]) -> tuple[str, ...]:
    task = get_task(target.task)
    value = row[task.column]
    if task.kind in ("single_label", "ordinal"):
        return (labels_of(subset, target.task)[value],)
    if task.kind == "multi_label":
        return tuple(label for label in target.labels if value[label] == _PRESENT)
    return ()


def _outputs(subset: str, target: Target, row: Mapping[str, Any], head: Head, genes: GeneAlignment) -> np.ndarray:
    """The target of a row in the order of the head's outputs, NaN where not measured."""
    column = get_task(target.task).column
    values = np.full(head.num_targets, np.nan)
    if column != "expression":
        values[:] = row[column]
        return values
    places = genes.places(subset, head.name, row["expression_index"])
    values[places[places >= 0]] = row["expression"][places >= 0]
    return values


def _merge(sums: np.ndarray, values: np.ndarray) -> None:
    """Adds rows of `values` `(n, targets)`, NaN where not measured, to `sums` `(3, targets)`."""
    known = ~np.isnan(values)
    count = known.sum(0)
    mean = np.where(known, values, 0).sum(0) / np.maximum(count, 1)
    squares = np.where(known, (values - mean) ** 2, 0).sum(0)
    total = np.maximum(sums[0] + count, 1)
    distance = mean - sums[1]
    sums[2] += squares + distance**2 * sums[0] * count / total
    sums[1] += distance * count / total
    sums[0] += count
