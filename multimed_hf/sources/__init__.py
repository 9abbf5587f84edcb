"""The sources, as data: every release a subset can be built from, with its tasks, labels, splits, licence and limits.

Labels and scores are per source: what two releases call malignant is not the same question. Sources of one task share a
head of the model only if they share a label set.
"""

from __future__ import annotations

from ..tasks import TASKS, closest
from . import images, sequences, synthetic
from .labels import (
    BACKBONES,
    BONE_AGE_YEARS,
    BRAIN_TUMOURS,
    CHEST_FINDINGS,
    EYE_STATES,
    IMAGINED_MOVEMENTS,
    LESIONS,
    MACULAR_DISEASES,
    NIH_FINDINGS,
    OPENI_FINDINGS,
    PBMC68K_TYPES,
    RETINOPATHY,
    RETINOPATHY_GRADES,
    SYNTHETIC_CELL_TYPES,
)
from .source import Source, Target

__all__ = [
    "BACKBONES",
    "BONE_AGE_YEARS",
    "BRAIN_TUMOURS",
    "CHEST_FINDINGS",
    "EYE_STATES",
    "IMAGINED_MOVEMENTS",
    "LESIONS",
    "MACULAR_DISEASES",
    "NIH_FINDINGS",
    "OPENI_FINDINGS",
    "PBMC68K_TYPES",
    "RETINOPATHY",
    "RETINOPATHY_GRADES",
    "SOURCES",
    "SYNTHETIC_CELL_TYPES",
    "Source",
    "Target",
    "get_source",
    "labels_of",
    "sources_of",
]

_SOURCES = (*sequences.SOURCES, *images.SOURCES, *synthetic.SOURCES)

SOURCES: dict[tuple[str, str], Source] = {(source.subset, source.name): source for source in _SOURCES}


def sources_of(subset: str) -> tuple[Source, ...]:
    """All sources of a subset, ready or not, in the order in which they were declared."""
    return tuple(source for source in _SOURCES if source.subset == subset)


def get_source(subset: str, name: str) -> Source:
    """The source `name` of `subset`.

    Raises:
        UnknownNameError: the subset has no such source.
    """
    if (subset, name) not in SOURCES:
        raise closest(name, [source.name for source in sources_of(subset)], f"source of {subset}")
    return SOURCES[subset, name]


def labels_of(subset: str, task: str) -> tuple[str, ...]:
    """Label names of a task in a subset: those of all its sources, each once, in the order of declaration."""
    names: dict[str, None] = {}
    for source in sources_of(subset):
        for target in source.targets:
            if target.task == task:
                names.update(dict.fromkeys(target.labels))
    return tuple(names)


assert all(target.task in TASKS for source in _SOURCES for target in source.targets)
