"""Builds the subset `vqa`: simulated patients."""

from __future__ import annotations

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.synthetic import synthetic_reader

SyntheticReader = synthetic_reader("vqa")


class Builder(MultiMedBuilder):
    """Builds `vqa` from its sources."""

    subset = "vqa"
    readers = (SyntheticReader,)
