"""Words for messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number and what it counts: '1 row', '0 rows', '1,200 rows'; `noun` takes an s where there are several."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
