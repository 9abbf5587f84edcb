"""Builds the subset `ct`: simulated patients."""

from __future__ import annotations

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.synthetic import synthetic_reader

SyntheticReader = synthetic_reader("ct")


class Builder(MultiMedBuilder):
    """Builds `ct` from its sources."""

    subset = "ct"
    readers = (SyntheticReader,)
