"""Builds the subset `mri`: simulated patients."""

from __future__ import annotations

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.synthetic import synthetic_reader

SyntheticReader = synthetic_reader("mri")


class Builder(MultiMedBuilder):
    """Builds `mri` from its sources."""

    subset = "mri"
    readers = (SyntheticReader,)
