"""Simulated tiles of breast tissue stained with haematoxylin and eosin, benign or malignant.

What tells the class is what pathologists grade (Elston and Ellis, Histopathology 19, 403, 1991): whether cells line
tubules, how large and unlike the nuclei are, and how many divide. Benign: round lumens, two layers of cells, small nuclei
alike. Malignant: nests, cords and ragged glands of one kind of cell, large nuclei of unlike size and outline, coarse
chromatin, nucleoli, mitoses. Number of nuclei, amount of each stain and brightness are drawn whatever the class. Mitoses
are more frequent than in tissue, so that they can be counted in one tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..images import png, to_bytes
from ..patient import Patient
from .histology import EPITHELIAL, MITOSIS, Tissue, grow
from .staining import stain

LABELS = ("benign", "malignant")

MAGNIFICATIONS = {"40X": 2.2, "100X": 0.88, "200X": 0.44, "400X": 0.22}
"""Micrometres per pixel of a tile of 224 pixels, before the variation of device and image."""


@dataclass(frozen=True)
class TileStatistics:
    """What a tile shows: the nuclei whose middle lies in it.

    Attributes:
        label: one of `LABELS`, without label noise.
        magnification: one of `MAGNIFICATIONS`.
        microns_per_pixel: of this tile.
        positions: row and column of each nucleus in pixels, `(nuclei, 2)`.
        kinds: index into `histology.KINDS`, `(nuclei,)`.
        areas: square micrometres, `(nuclei,)`.
        lumens: number of lumens that reach into the tile.
    """

    label: str
    magnification: str
    microns_per_pixel: float
    positions: np.ndarray
    kinds: np.ndarray
    areas: np.ndarray
    lumens: int

    @property
    def nuclei(self) -> int:
        """Number of nuclei of all kinds."""
        return len(self.kinds)

    @property
    def mitoses(self) -> int:
        """Number of dividing cells."""
        return int((self.kinds == MITOSIS).sum())

    @property
    def epithelial_areas(self) -> np.ndarray:
        """Areas of the nuclei of luminal or tumour cells that do not divide, in square micrometres."""
        return self.areas[self.kinds == EPITHELIAL]


class Generator(SubsetGenerator):
    """Rows of `pathology`: four tiles of each patient, one of each magnification."""

    subset = "pathology"
    conditions = {"benign": 0.31, "malignant": 0.69}
    rows = 1200
    cohort = 10
    members = len(MAGNIFICATIONS)
    size = 224
    """Rows and columns of an image."""

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, statistics = draw_tile(patient, member, self.size)
        return {
            "has_pathology": True,
            "pathology": png(image),
            "breast_cancer": self.observed(patient, patient.condition, LABELS, member),
            "magnification": statistics.magnification,
            "age": patient.age,
            "sex": "female",
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        return [
            *super().notes(),
            "Every malignant tile differs from benign ones in its nuclei or its architecture, so that no bound below 100% is "
            "known before label noise; from 400X alone, which shows a few cells, the class is hardest to tell.",
        ]


def draw_tile(patient: Patient, member: int, size: int = 224) -> tuple[np.ndarray, TileStatistics]:
    """One tile of a patient whose condition is 'benign' or 'malignant'.

    Args:
        patient: whose tissue it is.
        member: number of the tile; four in a row have each magnification once, in an order of the patient's own.
        size: rows and columns; the field of view does not depend on it.

    Returns:
        uint8 `(size, size, 3)`, and what it shows.

    Raises:
        ValueError: another condition.
    """
    if patient.condition not in LABELS:
        raise ValueError(f"Expected a condition of 'benign' or 'malignant', got {patient.condition!r}.")
    order = patient.random("magnifications", member // len(MAGNIFICATIONS)).permutation(len(MAGNIFICATIONS))
    magnification = list(MAGNIFICATIONS)[order[member % len(MAGNIFICATIONS)]]
    random = patient.random("tile", member)
    pixel = MAGNIFICATIONS[magnification] * 224 / size
    pixel *= patient.style("device").uniform(0.93, 1.07) * random.uniform(0.92, 1.08)
    tissue = grow(patient, random, pixel * size)
    image = stain(patient, random, tissue, pixel, size)
    return to_bytes(image), _statistics(patient, magnification, tissue, pixel, size)


def _statistics(patient: Patient, magnification: str, tissue: Tissue, pixel: float, size: int) -> TileStatistics:
    nuclei = tissue.nuclei()
    nuclei = nuclei[tissue.within(nuclei[:, :2])]
    middle = tissue.side / 2
    reach = [max(abs(lumen.x - middle), abs(lumen.y - middle)) - lumen.radius for lumen in tissue.lumens]
    return TileStatistics(
        label=patient.condition,
        magnification=magnification,
        microns_per_pixel=pixel,
        positions=nuclei[:, 1::-1] / pixel,
        kinds=nuclei[:, 5].astype(int),
        areas=np.pi * nuclei[:, 2] * nuclei[:, 3],
        lumens=sum(distance < middle for distance in reach),
    )
