"""Where a B-scan of OCT cuts the eye: columns, distance from the fovea, Bruch's membrane, in micrometres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..patient import Patient

SIZE = 224
"""Rows and columns of a B-scan."""

DEPTH, WIDTH = 1200.0, 6000.0
"""What a B-scan shows, in micrometre: at 224 pixels, 5.4 micrometre a row and 26.8 a column."""


@dataclass(frozen=True)
class Scan:
    """Where a B-scan cuts the eye, in micrometre; `(columns,)` each.

    Attributes:
        x: place of each column, 0 in the middle of the picture.
        nasal: distance from the fovea along the scan, positive towards the nose.
        eccentricity: distance from the fovea.
        bruch: depth of Bruch's membrane.
    """

    x: np.ndarray
    nasal: np.ndarray
    eccentricity: np.ndarray
    bruch: np.ndarray


def cut_eye(patient: Patient, member: int, size: int) -> Scan:
    """The eye lies differently in each scan: shifted, tilted, moving; its curvature stays."""
    eye, random = patient.random("curvature"), patient.random("scan", member)
    x = ((np.arange(size) + 0.5) / size - 0.5) * WIDTH
    nasal = x - random.uniform(-1100, 1100)
    eccentricity = np.hypot(nasal, random.normal(0, 280))
    bend = eye.normal(-9e-6, 8e-6) * x**2 + 8 * wave(eye, x, 2500)
    motion = random.uniform(1, 5) * wave(random, x, 900) + random.normal(0, 1.2, size)
    if random.random() < 0.2:  # a small saccade
        motion += random.normal(0, 9) * (x > random.uniform(-0.5, 0.5) * WIDTH)
    bruch = random.uniform(580, 940) + random.normal(0, 0.045) * x + bend + motion
    return Scan(x, nasal, eccentricity, bruch)


def wave(random: np.random.Generator, x: np.ndarray, length: float) -> np.ndarray:
    """A smooth irregular line with a standard deviation near 1 and a typical wavelength `length`."""
    waves = (2 * np.pi / length) * random.uniform(0.4, 1.6, (4, 1)) * x + random.uniform(0, 2 * np.pi, (4, 1))
    return np.sin(waves).sum(0) / np.sqrt(2)
