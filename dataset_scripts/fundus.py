"""Builds the subset `fundus`: simulated patients."""

from __future__ import annotations

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.synthetic import synthetic_reader

SyntheticReader = synthetic_reader("fundus")


class Builder(MultiMedBuilder):
    """Builds `fundus` from its sources."""

    subset = "fundus"
    readers = (SyntheticReader,)
