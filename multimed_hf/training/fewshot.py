"""Few-shot supports: a few groups per class, drawn so that a larger support holds the smaller ones."""

from __future__ import annotations

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ..tasks import get_task
from .targets import LabelledRow, labelled_rows

if TYPE_CHECKING:
    import datasets

_CLASSES = ("single_label", "multi_label", "ordinal")


def support(
    parts: Sequence[tuple[str, datasets.Dataset]], shots: int, seed: int = 0, heads: Collection[str] | None = None
) -> list[tuple[str, datasets.Dataset]]:
    """The rows of a few-shot support.

    A class of a task is given the rows of `shots` groups that have it; for labels that exclude one another that is one
    class a row, for others each label that is present. Tasks without classes are given `shots` groups in total.

    Args:
        parts: `(subset, data)`, train splits only.
        shots: groups a class.
        seed: another seed draws other groups. Supports of one seed are nested.
        heads: names of the heads that count; None for all.

    Returns:
        `(subset, data)` with the chosen rows in their order; subsets without any are left out.

    Raises:
        ValueError: fewer than one shot, or no row asks anything.
    """
    rows = [(place, row) for place, (subset, data) in enumerate(parts) for row in labelled_rows(subset, data, heads)]
    chosen = choose_support([row for _, row in rows], shots, seed)
    if not chosen:
        raise ValueError("Expected rows with labels to draw a support from, got none.")
    first = [0]
    for _, data in parts:
        first.append(first[-1] + len(data))
    taken: dict[int, list[int]] = defaultdict(list)
    for index in chosen:
        place = rows[index][0]
        taken[place].append(index - first[place])
    return [(parts[place][0], parts[place][1].select(own)) for place, own in taken.items()]


def choose_support(rows: Sequence[LabelledRow], shots: int, seed: int = 0) -> list[int]:
    """Indices of the rows of a support, ascending; see `support`.

    Groups stand in an order that a hash of seed and name gives, the same for all classes, and the first `shots` that
    have the class are taken: so supports are nested, and a group that has several classes tends to serve them all.

    Raises:
        ValueError: fewer than one shot.
    """
    if shots < 1:
        raise ValueError(f"Expected at least 1 shot, got {shots}.")
    groups: dict[tuple[str, str], dict[str, list[int]]] = {}
    for row in rows:
        if row.target:
            labels = row.target.labels if get_task(row.target.task).kind in _CLASSES else ("",)
            for label in labels:
                groups.setdefault((row.head, label), {})
    for index, row in enumerate(rows):
        if row.target:
            has_classes = get_task(row.target.task).kind in _CLASSES
            for label in row.classes if has_classes else ("",):
                groups[row.head, label].setdefault(row.group, []).append(index)
    chosen: set[int] = set()
    few = [
        f"{len(members)} for {label!r} of {head}" if label else f"{len(members)} for {head}"
        for (head, label), members in groups.items()
        if len(members) < shots
    ]
    if few:
        warnings.warn(f"Fewer than {shots} groups, all of which are taken: {', '.join(few)}.", stacklevel=2)
    for members in groups.values():
        for group in sorted(members, key=lambda name: _rank(seed, name))[:shots]:
            chosen.update(members[group])
    return sorted(chosen)


def _rank(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}/{group}".encode()).digest()
