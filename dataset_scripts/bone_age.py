"""Builds the subset `bone_age`: simulated patients."""

from __future__ import annotations

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.synthetic import synthetic_reader

SyntheticReader = synthetic_reader("bone_age")


class Builder(MultiMedBuilder):
    """Builds `bone_age` from its sources."""

    subset = "bone_age"
    readers = (SyntheticReader,)
