"""Licences in one order, from the freest to the strictest: what binds whoever uses material under several of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """A licence that a source may have.

    Attributes:
        name: SPDX name.
        hub: the Hub's name for it.
        asks: what it asks beyond the ones before it, which is why it stands where it does.
    """

    name: str
    hub: str
    asks: str


LICENCES = (
    Licence("CC0-1.0", "cc0-1.0", "nothing"),
    Licence("MIT", "mit", "its notice to travel along"),
    Licence("BSD-3-Clause", "bsd-3-clause", "besides the notice, not to advertise with the authors' names"),
    Licence("Apache-2.0", "apache-2.0", "to state changes; it ends for whoever sues over patents"),
    Licence("ODC-By-1.0", "odc-by", "to name the source of data wherever what was made of them is shown"),
    Licence("CC-BY-4.0", "cc-by-4.0", "to name the authors and the changes, and to add no restrictions"),
    Licence("GPL-2.0-only", "gpl-2.0", "whatever is made of it to be under the same licence"),
    Licence("CC-BY-NC-ND-4.0", "cc-by-nc-nd-4.0", "no commercial use, and nothing made of it to be shared"),
)
"""In this order. What is not listed, 'unknown: ...' above all, is stricter than any: nobody knows what it asks."""

_PLACES = {licence.name: place for place, licence in enumerate(LICENCES)}


def strictest_licence(names: Iterable[str]) -> str:
    """The licence that binds whoever uses material under all of them.

    Args:
        names: SPDX names, or 'unknown: <what to check>', which is stricter than any; at least one.
    """
    return max(names, key=lambda name: _PLACES.get(name, len(LICENCES)))


def hub_licence(names: Sequence[str]) -> str:
    """The Hub's name of the one licence of some material, 'other' if there are several or it is unknown.

    Args:
        names: SPDX names, or 'unknown: <what to check>'; at least one.
    """
    distinct = set(names)
    if len(distinct) > 1 or not distinct <= _PLACES.keys():
        return "other"
    return LICENCES[_PLACES[distinct.pop()]].hub
