"""Group-safe splits: every group on one side only, reproducible, and stable when only a part of a source is built."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

SPLITS = ("train", "validation", "test")

# 14 : 3 : 3, spread so that every prefix is close to 70 : 15 : 15 and starts with train, then test.
_PATTERN = "train train test train validation train train test train train validation train train train test".split()
_PATTERN += "train train validation train train".split()


def split_of_rank(rank: int) -> str:
    """The split that the fixed pattern deals to the group of this rank: 0 is in train."""
    return _PATTERN[rank % len(_PATTERN)]


@dataclass(frozen=True)
class Entry:
    """One row of a source before it is read: light enough to hold all of them in memory.

    Attributes:
        key: what the reader needs to read the row again.
        group: never on two sides of a split.
        stratum: what splits should balance, usually the label.
        split: the release's own split, or empty for ours.
    """

    key: Hashable
    group: str
    stratum: str = ""
    split: str = ""


def assign(entries: Sequence[Entry], rows: int | None = None) -> dict[str, list[Entry]]:
    """Splits entries 70 : 15 : 15 by group, balanced over strata.

    Groups are ordered within their stratum (the alphabetically first of their entries) by a hash of their name and
    dealt to the splits by a fixed pattern, so that neither the order of the entries nor `rows` moves a group to another
    split. Entries with a split of their own keep it. Within a split the given order is kept.

    Args:
        entries: all rows of a source.
        rows: how many rows to keep in total; the same groups come first whatever the number.

    Returns:
        The splits that have rows, in the order of `SPLITS`. `train` is always among them.

    Raises:
        ValueError: no entries, fewer than one row asked for, an unknown split, or a group with two official splits.
    """
    if not entries:
        raise ValueError("Expected at least one row to split, got none: the source is empty.")
    if rows is not None and rows < 1:
        raise ValueError(f"Expected at least 1 row, got {rows}.")
    officials: dict[str, str] = {}
    stratum_of: dict[str, str] = {}
    sizes: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.split not in ("", *SPLITS):
            raise ValueError(f"Expected a split among {list(SPLITS)}, got {entry.split!r}.")
        if officials.setdefault(entry.group, entry.split) != entry.split:
            raise ValueError(f"Group {entry.group!r} stands in two splits: a group may be on one side only.")
        stratum_of[entry.group] = min(entry.stratum, stratum_of.get(entry.group, entry.stratum))
        sizes[entry.group] += 1

    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for group, official in officials.items():
        strata[official, stratum_of[group]].append(group)
    order: list[tuple[float, str, str]] = []
    for (official, _), groups in sorted(strata.items()):
        for rank, group in enumerate(sorted(groups, key=_hash)):
            split = official or split_of_rank(rank)
            # Train goes first among equals, so that a single row lands there.
            order.append(((rank + 0.5) / len(groups) + (split != "train") * 1e-9, group, split))
    if not any(split == "train" for _, _, split in order):
        raise ValueError("Expected at least one row whose official split is 'train', got none.")

    order.sort(key=lambda item: (item[0], -sizes[item[1]], _hash(item[1])))
    if rows is not None:
        lead = next(index for index, item in enumerate(order) if item[2] == "train")
        order.insert(0, order.pop(lead))
    split_of: dict[str, str] = {}
    kept = 0
    for _, group, split in order:
        if rows is not None and kept >= rows:
            break
        split_of[group] = split
        kept += sizes[group]

    chosen: dict[str, list[Entry]] = {split: [] for split in SPLITS}
    for entry in entries:
        if entry.group in split_of:
            chosen[split_of[entry.group]].append(entry)
    if rows is not None:
        _trim(chosen, kept - rows, order)
    return {split: items for split, items in chosen.items() if items}


def _trim(chosen: dict[str, list[Entry]], surplus: int, order: list[tuple[float, str, str]]) -> None:
    """Drops the last `surplus` rows of the group that was taken last, which may hold more rows than were missing."""
    if surplus <= 0:
        return
    taken = {entry.group for items in chosen.values() for entry in items}
    last, split = next((group, split) for _, group, split in reversed(order) if group in taken)
    positions = [index for index, entry in enumerate(chosen[split]) if entry.group == last]
    for index in reversed(positions[-surplus:]):
        del chosen[split][index]


def _hash(group: str) -> bytes:
    return hashlib.sha256(group.encode()).digest()
