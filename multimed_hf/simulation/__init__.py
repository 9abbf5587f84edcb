"""Synthetic patients: rows of every subset made by a program, in the columns of the real releases."""

from .generator import SubsetGenerator, generator_of
from .patient import Patient
from .settings import Simulation
from .streaming import stream

__all__ = ["Patient", "Simulation", "SubsetGenerator", "generator_of", "stream"]
