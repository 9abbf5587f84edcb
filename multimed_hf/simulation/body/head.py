"""The head of the phantom: scalp, skull, brain with its ventricles and folds, skull base, face and neck."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..patient import Patient
from .parts import Parts


def add_head(parts: Parts, patient: Patient) -> None:
    """Adds a head with the brain, to the neck; age widens the spaces of the fluid."""

    def hard(tissue: str, centre: Sequence[float], radii: Sequence[float], inside: str) -> None:
        parts.add(tissue, centre, radii, inside, vary=0.0, soft=False, merges=inside == "air")

    wall = parts.random.uniform(0.85, 1.25)
    fluid = float(np.interp(patient.age, [20, 90], [0.75, 1.45])) * parts.random.uniform(0.85, 1.15)
    # The face and the neck first: the skull lies over them.
    hard("fat", (0, -50, -80), (64, 53, 68), "air")
    hard("fat", (0, 36, -110), (62, 42, 80), "air")
    hard("muscle", (0, -48, -80), (60, 52, 64), "fat")
    hard("muscle", (0, 34, -110), (57, 40, 80), "fat")
    hard("skin", (0, 0, 0), (79.5, 98.5, 95), "air")
    hard("fat", (0, 0, 0), (77.3, 96.3, 93), "skin")
    hard("bone", (0, 0, 0), (74, 93, 90), "fat")
    hard("spongy bone", (0, 0, 0), (74 - 1.7 * wall, 93 - 1.7 * wall, 90 - 1.7 * wall), "bone")
    hard("bone", (0, 0, 0), (74 - 5 * wall, 93 - 5 * wall, 90 - 5 * wall), "spongy bone")
    inner = [radius - 7 * wall for radius in (74, 93, 90)]
    hard("water", (0, 0, 0), inner, "bone")
    parts.add("white matter", (0, 0, 0), [radius - 1.2 * fluid for radius in inner], "water", vary=0.0, folds=24.0)
    _brain(parts, fluid)
    _skull_base(parts)


def _brain(parts: Parts, fluid: float) -> None:
    def inside(
        tissue: str, centre: Sequence[float], radii: Sequence[float], turn: float = 0.0, both: bool = True
    ) -> None:
        parts.add(tissue, centre, radii, "white matter", turn, 0.08, both)

    def single(tissue: str, centre: Sequence[float], radii: Sequence[float]) -> None:
        inside(tissue, centre, radii, both=False)

    parts.add("white matter", (0, 0, 37), (4.2, 77, 46), "white matter", folds=24.0)
    single("water", (0, 0, 37), (0.6 * fluid, 77, 45))
    single("white matter", (0, -2, 14), (21, 44, 20))
    inside("white matter", (22, 0, 12), (18, 48, 22))
    # Sylvian fissure with the insula.
    inside("grey matter", (43, -8, 0), (8, 21, 13), 8)
    inside("water", (47, -9, 0), (2.4 * fluid, 19, 10), 8)
    inside("water", (54, -9, 0), (7, 1.6 * fluid, 9))
    # Basal ganglia, thalamus and ventricles.
    inside("grey matter", (27, -4, 3), (5.5, 15, 10), 14)
    inside("grey matter", (15, -21, 8), (5.5, 10, 9), 16)
    inside("grey matter", (11.5, 11, 5), (8.5, 14, 9), 22)
    inside("water", (9.5, -25, 9), (3.6 * fluid, 14, 7.5), -14)
    inside("water", (8, -2, 21), (4.4 * fluid, 28, 5.2), 4)
    inside("water", (23, 34, 10), (4.2 * fluid, 15, 7.5), 16)
    single("water", (0, 4, 1), (1.9 * fluid, 13, 9))
    # Temporal horns, and the space between brain and skull base.
    inside("water", (31, 2, -24), (3 * fluid, 12, 3))
    single("water", (0, -8, -30), (13, 12, 8))
    single("water", (0, 24, -20), (14, 6, 6))
    # Tentorium, cerebellum, brainstem.
    single("water", (0, 49, -50), (53, 37, 31))
    parts.add("white matter", (0, 49, -50), (51, 35, 29), "water", vary=0.0, folds=13.0)
    single("grey matter", (0, 60, -50), (3, 24, 24))
    single("water", (0, 6, -52), (19, 16, 20))
    single("white matter", (0, 10, -24), (15, 10, 11))
    single("water", (0, 17, -26), (1.2, 1.2, 10))
    single("white matter", (0, 8, -44), (16, 13, 14))
    single("water", (0, 24, -46), (6, 5, 9))
    single("white matter", (0, 16, -74), (8, 8, 26))


def _skull_base(parts: Parts) -> None:
    def hard(
        tissue: str,
        centre: Sequence[float],
        radii: Sequence[float],
        inside: str = "bone",
        both: bool = True,
        turn: float = 0,
    ) -> None:
        parts.add(tissue, centre, radii, inside, turn, 0.06, both, soft=False)

    hard("bone", (34, 14, -52), (30, 8, 8), "white matter", turn=-35)
    hard("air", (58, 26, -56), (6, 8, 11))
    hard("bone", (0, -30, -50), (20, 22, 12), "white matter", both=False)
    hard("bone", (0, -2, -56), (11, 6, 20), "white matter", both=False)
    hard("bone", (0, -58, -38), (44, 28, 4), "white matter", both=False)
    hard("spongy bone", (0, -62, -70), (40, 26, 20), "muscle", both=False)
    hard("bone", (31, -64, -49), (20.5, 28, 19), "muscle")
    hard("fat", (31, -66, -49), (18, 28, 16))
    hard("water", (31, -74, -50), (12, 12, 12), "fat")
    hard("muscle", (31, -50, -50), (3, 18, 3), "fat")
    hard("air", (5, -60, -60), (4, 24, 22))
    hard("air", (13, -58, -50), (3.5, 18, 11))
    hard("air", (6, -26, -49), (5.5, 12, 8))
    hard("air", (9, -82, -28), (8, 5, 9))
    hard("air", (30, -58, -82), (14, 17, 15), "muscle")
    hard("air", (0, -50, -80), (9, 28, 16), "muscle", both=False)
    hard("gland", (0, -10, -40), (6.5, 5.5, 4), "water", both=False)
    hard("blood", (13, -9, -40), (3.2, 7, 3.2), "water")
    hard("blood", (0, 79, 20), (3, 4, 28), "water", both=False)
    # Teeth, lower jaw, neck.
    hard("bone", (0, -74, -108), (26, 18, 9), "muscle", both=False)
    hard("bone", (46, -38, -108), (6, 20, 30), "muscle", turn=20)
    hard("bone", (0, 24, -125), (18, 14, 25), "muscle", both=False)
