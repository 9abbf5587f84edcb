"""Words for messages and cards."""

from __future__ import annotations

from collections.abc import Iterable

from .columns import MODALITY_NAMES

CITATION = """\
@software{multimed_hf,
  title = {multimed\\_hf: a benchmark of ten medical modalities},
  author = {{The multimed\\_hf contributors}}
}
"""
"""How to cite this project, as BibTeX."""


def counted(count: int, noun: str) -> str:
    """A number and what it counts: '1 row', '0 rows', '1,200 rows'; `noun` takes an s where there are several."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed_modalities(modalities: Iterable[str]) -> str:
    """Modalities as people call them, with commas between: 'X-ray, DNA, text'."""
    return ", ".join(MODALITY_NAMES.get(name, name) for name in modalities)
