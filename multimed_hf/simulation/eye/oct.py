"""Simulated OCT of the macula: B-scans of healthy eyes, drusen, neovascularisation and diabetic oedema.

Anatomy comes first, in micrometres: Bruch's membrane, tilted and curved, and on it the layers of the retina. Lesions then
move the layers apart or sit within them. Optics come last: light is lost in proportion to what is scattered back (Vermeer et
al., Biomed. Opt. Express 5, 322, 2014), so that vessels and exudates cast shadows; speckle is fully developed, its intensity
gamma distributed over the averaged frames (Schmitt, Xiang, Yung, J. Biomed. Opt. 4, 95, 1999); and what is shown is the
logarithm of the intensity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sources import MACULAR_DISEASES
from ..generator import SubsetGenerator
from ..images import add_look, blurred, png, to_bytes
from ..patient import Patient
from .macular_lesions import lesions_of
from .oct_scan import DEPTH, SIZE, cut_eye, wave
from .oct_tissue import scatter
from .retinal_layers import surfaces_of

_ATTENUATION = 8e-6  # 1/micrometre for each unit of linear backscatter: 3 per mm in the nerve fibres, 13 in the RPE


def draw_bscan(patient: Patient, member: int, size: int = SIZE) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """B-scan `member` of one eye of a patient.

    Args:
        patient: whose `condition` is one of CNV, DME, DRUSEN and NORMAL.
        member: 0 or more; scans of an eye share anatomy and disease and cut them a little differently.
        size: rows and columns.

    Returns:
        The image, float32 `(rows, columns)`, 0..1, vitreous above; and a bool mask `(rows, columns)` for each kind of sign
        that it shows, of 'drusen', 'neovascular', 'fluid', 'cysts' and 'exudates'; none for NORMAL.

    Raises:
        ValueError: an unknown condition.
    """
    if patient.condition not in MACULAR_DISEASES.labels:
        raise ValueError(f"Expected a condition of {MACULAR_DISEASES.labels}, got {patient.condition!r}.")
    scan = cut_eye(patient, member, size)
    lesions = lesions_of(patient, member, scan)
    surfaces = surfaces_of(patient, scan, lesions)
    backscatter, absorbed, masks = scatter(patient, member, scan, lesions, surfaces, size)
    image = _detect(patient, member, backscatter, absorbed)
    if patient.random("eye").random() < 0.5:
        image, masks = image[:, ::-1], {name: mask[:, ::-1] for name, mask in masks.items()}
    random = patient.random("look", member)
    noise = patient.simulation.harder(0.008, 0.03)
    return add_look(image, patient, random, noise), {name: mask for name, mask in masks.items() if mask.any()}


def _detect(patient: Patient, member: int, backscatter: np.ndarray, absorbed: np.ndarray) -> np.ndarray:
    """What the detector sees of the tissue: shadows, speckle, noise, logarithm; `(rows, columns)`, 0..1."""
    random, harder = patient.random("speckle", member), patient.simulation.harder
    size = len(backscatter)
    step = DEPTH / size
    linear = np.exp(backscatter * np.float32(np.log(10) / 10))
    lost = np.cumsum(_ATTENUATION * linear + absorbed, axis=0) * (2 * step)
    # Vignetting by iris and lens, and less sensitivity in depth.
    signal = -harder(0, 7) - random.uniform(0, 3) + 1.5 * wave(random, np.arange(size), size * 1.5)
    across = (signal * (np.log(10) / 10)).astype(np.float32)
    down = np.linspace(0, -3 * np.log(10) / 10, size, dtype=np.float32)[:, None]
    intensity = linear * np.exp(across + down - lost)
    # Signal and receiver noise are both circular Gaussian, and so is their sum: its intensity follows a gamma distribution
    # with as many degrees as frames are averaged. The point spread function, less than two pixels wide, correlates it.
    frames = harder(14, 2.2) * random.uniform(0.6, 1.5)
    speckle = random.standard_gamma(0.28 * frames, (size, size), dtype=np.float32) / np.float32(0.28 * frames)
    speckle = blurred(speckle, 0.57)
    shown = np.log((intensity + 1) * speckle + np.float32(0.05))
    # Operators set brightness and contrast to their own liking, whatever the eye has.
    mean, spread = random.uniform(0.24, 0.36), random.uniform(0.17, 0.215)
    return (mean + spread * (shown - shown.mean()) / shown.std()).astype(np.float32)


class Generator(SubsetGenerator):
    """Rows of `oct`."""

    subset = "oct"
    conditions = {"NORMAL": 0.32, "CNV": 0.45, "DME": 0.13, "DRUSEN": 0.10}

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, _ = draw_bscan(patient, member)
        return {
            "has_oct": True,
            "oct": png(to_bytes(image)),
            "disease": self.observed(patient, patient.condition, MACULAR_DISEASES.labels, member),
            "age": patient.age,
            "sex": patient.sex,
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        best = 1 - self.simulation.label_noise
        return [
            *super().notes(),
            f"Every B-scan shows the disease that its true label names, so that the best accuracy is {best:.0%}.",
        ]
