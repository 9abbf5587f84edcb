"""Which heads of a checkpoint have something to say about what a visitor gave."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from ..sources import sources_of
from ..subsets import SUBSETS
from ..tasks import get_task

Entry = Mapping[str, Any]

EXPLAINABLE = ("single_label", "multi_label", "ordinal", "regression", "survival")
"""Kinds of heads that come down to one number without candidate answers."""


@cache
def modalities_of(head: str) -> frozenset[str]:
    """The modalities that heads of this name are about; empty for a name of no known label set.

    It is the first one of a subset, which all its rows have; of questions about images it is each kind of image.
    """
    found: set[str] = set()
    for name, subset in SUBSETS.items():
        for target in (target for source in sources_of(name) for target in source.targets):
            if head in (target.head, target.open_head):
                first, *others = subset.modalities
                found.add(first)
                if get_task(target.task).kind == "answer":
                    found |= set(others) - {"text"}
    return frozenset(found)


def asked(tasks: Sequence[Entry], given: Collection[str]) -> list[Entry]:
    """Entries of `config.tasks` that are about any of the `given` modalities, without those that answer questions.

    A model answers with all its heads whatever it reads; a head of splice sites says nothing about a radiograph. Heads
    whose name is not known are kept.
    """
    return [entry for entry in tasks if entry["kind"] != "answer" and _concerns(entry, given)]


def answering(tasks: Sequence[Entry], given: Collection[str], written: bool) -> list[Entry]:
    """Entries that answer questions: in their own words if `written`, else by choosing among candidates."""
    found = [entry for entry in tasks if entry["kind"] == "answer" and (entry.get("head") == "decoder") == written]
    # A question alone is text, and whatever answers questions reads it.
    return [entry for entry in found if _concerns(entry, given)] or found


def _concerns(entry: Entry, given: Collection[str]) -> bool:
    known = modalities_of(entry["name"])
    return not known or bool(known & set(given))
