"""Simulated MR: the spin-echo signal of the tissues of a phantom, with the bias of the coil and Rician noise.

The signal of a spin echo is PD (1 - exp(-TR / T1)) exp(-TE / T2) (Hahn, Phys. Rev. 80, 580, 1950). T1 weighting takes short
TR and TE, T2 weighting long ones; gadolinium shortens the T1 of tumours without a blood-brain barrier. The magnitude of a
complex signal has Rician noise (Gudbjartsson, Patz, Magn. Reson. Med. 34, 910, 1995).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..images import add_look
from ..patient import Patient, draw_patient
from .anatomy import ORGANS
from .ct import slice_centre, volume_grid
from .lesions import (
    BRAIN_CONDITIONS,
    CONDITIONS,
    Body,
    draw_lesion_views,
    limits_of,
    person_columns,
    pose_of,
    region_columns,
)
from .projection import Grid, Waves, as_image, section
from .tissues import Tissue

WEIGHTINGS = ("T1", "T2", "T1 with contrast")

_EXTENTS = {"brain": 225.0, "lung": 385.0, "liver": 385.0, "kidney": 385.0, "bone": 178.0}
_PLANES = ("axial", "axial", "coronal", "sagittal")


class Generator(SubsetGenerator):
    """Rows of `mri`: every second patient a head with or without a tumour, the others a lesion of any organ."""

    subset = "mri"
    conditions = {**BRAIN_CONDITIONS, **CONDITIONS}
    organs = ORGANS
    rows = 600
    members = 2
    shifts = ("site", "device", "organ")
    size = 224

    def notes(self) -> list[str]:
        return [*super().notes(), limits_of(self.simulation)]

    def patient(self, number: int) -> Patient:
        # Each kind of patient is counted by itself, so that balanced prevalence balances both sets of labels.
        if number % 2:
            drawn = draw_patient(self.simulation, "mri lesions", number // 2, CONDITIONS, ORGANS)
        else:
            drawn = draw_patient(self.simulation, "mri tumours", number // 2, BRAIN_CONDITIONS, ("brain",))
        return replace(drawn, subset=self.subset, number=number)

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        head = patient.condition in BRAIN_CONDITIONS
        random = patient.random("protocol", member)
        plane = _PLANES[int(random.integers(len(_PLANES)))] if head else "axial"
        weighting = WEIGHTINGS[int(random.integers(3 if head else 2))]
        together = not head and patient.number % 4 == 1
        volumes = (patient.number // 2 + member) % 4 == 0
        views = ("mri", "ct", "xray") if together else ("mri",)
        drawn = draw_lesion_views(patient, member, views, self.size, volumes, plane, weighting)
        labels = BRAIN_CONDITIONS if head else CONDITIONS
        return {
            **drawn.columns,
            "brain_tumor" if head else "disease": self.observed(patient, patient.condition, tuple(labels), member),
            "view": f"{plane} {weighting}",
            **person_columns(patient),
            **region_columns(drawn.masks["mri"], patient.condition),
        }


def spin_echo(tissue: Tissue, repetition: float, echo: float, contrast: bool = False) -> float:
    """Signal of a tissue relative to water at full recovery; times in ms."""
    t1 = tissue.t1_enhanced if contrast and tissue.t1_enhanced else tissue.t1
    return float(tissue.protons * (1 - np.exp(-repetition / t1)) * np.exp(-echo / tissue.t2))


def draw_slice(
    patient: Patient, body: Body, member: int, size: int, plane: str, weighting: str
) -> tuple[np.ndarray, np.ndarray]:
    """A slice through the lesion, or where one could be.

    Returns:
        Grey values 0..1, float32 `(size, size)`; the lesion, bool of the same shape.
    """
    image, seen = signal_slice(patient, body, member, size, plane, weighting)
    random = patient.random("mr look", member)
    # The scale of MR is arbitrary: the window follows the brighter part of the image.
    image = image / (np.percentile(image, 97.5) * random.uniform(1.0, 1.35))
    return add_look(image, patient, random, patient.simulation.harder(0.004, 0.012)), seen


def signal_slice(
    patient: Patient, body: Body, member: int, size: int, plane: str, weighting: str
) -> tuple[np.ndarray, np.ndarray]:
    """A slice as received, relative to water at full recovery, float32 `(size, size)`, and the lesion, bool."""
    random = patient.random("mr", member)
    extent = _EXTENTS[patient.organ] * random.uniform(0.92, 1.1)
    rotation = pose_of(patient, "mr", member)
    grid = Grid.plane(plane, slice_centre(body, rotation, random, plane, extent), size, extent)
    values, mask = _signals(patient, body, rotation, grid, weighting)
    return _receive(as_image(values), random, patient.simulation.harder(0.012, 0.045)), as_image(mask)


def draw_volume(
    patient: Patient, body: Body, member: int, weighting: str, counts: tuple[int, int, int] = (16, 64, 64)
) -> tuple[np.ndarray, list[float]]:
    """A volume around the lesion: arbitrary units, int16 `counts` (slice from the feet up, row, column); spacing in mm."""
    random = patient.random("mr volume", member)
    extent = _EXTENTS[patient.organ] * random.uniform(0.95, 1.1)
    rotation = pose_of(patient, "mr", member)
    grid, spacing = volume_grid(body, rotation, random, extent, counts)
    values, _ = _signals(patient, body, rotation, grid, weighting)
    values = _receive(values, random, 0.7 * patient.simulation.harder(0.012, 0.045))
    return np.round(values * random.uniform(900, 1500)).clip(0, 32767).astype(np.int16), spacing


def _signals(
    patient: Patient, body: Body, rotation: np.ndarray, grid: Grid, weighting: str
) -> tuple[np.ndarray, np.ndarray]:
    """Signal and lesion on a grid, `(z, y, x)`, before noise."""
    cut = section(body.phantom.turned(rotation), grid)
    # Every hospital has a protocol of its own.
    protocol = patient.style("site")
    if weighting == "T2":
        repetition, echo = protocol.uniform(3200, 5000), protocol.uniform(80, 105)
    else:
        repetition, echo = protocol.uniform(430, 620), protocol.uniform(9, 14)
    contrast = weighting == "T1 with contrast"
    tissues = [body.tissues[name] for name in body.phantom.tissues]
    table = np.array([spin_echo(tissue, repetition, echo, contrast) for tissue in tissues], dtype=np.float32)
    values = table[cut.labels]
    if body.lesion:
        healthy = table[cut.healthy]
        values = healthy + np.float32(body.lesion.visibility) * (values - healthy)
    values *= 1 + 0.05 * Waves(patient.random("grain"), 3, 9, 32).on(grid)
    bias = Waves(patient.random("coil"), 180, 500, 8).on(grid)
    return values * np.exp(0.13 * bias), cut.mask


def _receive(image: np.ndarray, random: np.random.Generator, noise: float) -> np.ndarray:
    """The magnitude of the signal with complex noise, after the blur of a finite matrix."""
    from scipy.ndimage import gaussian_filter

    real = gaussian_filter(image, 0.6)
    real += noise * random.standard_normal(image.shape, dtype=np.float32)
    return np.hypot(real, noise * random.standard_normal(image.shape, dtype=np.float32))
