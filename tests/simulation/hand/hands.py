"""Children whose hands are drawn, and what is seen at a place of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from multimed_hf.simulation import Patient, Simulation
from multimed_hf.simulation.hand.hand import Generator
from multimed_hf.simulation.patient import draw_patient


def child(number: int, year: int, sex: str = "female", difficulty: float = 0.0) -> Patient:
    drawn = draw_patient(Simulation(difficulty=difficulty), "bone_age", number, Generator.conditions)
    return replace(drawn, condition=str(year), sex=sex)


def around(image: np.ndarray, place: tuple[float, float], reach: int = 1) -> float:
    row, column = (round(number) for number in place)
    return float(image[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1].mean())
