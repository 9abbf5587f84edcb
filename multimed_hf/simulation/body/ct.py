"""Simulated CT: HU of the tissues of a phantom, blurred by the reconstruction, with quantum noise, seen through a window.

Filtered back projection passes noise in proportion to the frequency, times the window of the kernel, and rays that cross
more tissue are noisier, so that noise runs in streaks along the long axis of the body (Riederer, Pelc, Chesler, Phys. Med.
Biol. 23, 446, 1978; Kak, Slaney, Principles of Computerized Tomographic Imaging, 1988).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..patient import Patient
from .anatomy import ORGANS
from .lesions import CONDITIONS, Body, draw_lesion_views, limits_of, person_columns, pose_of, region_columns
from .projection import Grid, Waves, as_image, section

# Extent of a slice in mm, and the window: its middle and width in HU.
_EXTENTS = {"brain": 232.0, "lung": 385.0, "liver": 385.0, "kidney": 385.0, "bone": 178.0}
_WINDOWS = {"brain": (40, 110), "lung": (-330, 1300), "liver": (50, 380), "kidney": (45, 400), "bone": (180, 900)}
_NOISE = {"brain": (3.0, 9.0), "lung": (12.0, 45.0), "liver": (5.0, 18.0), "kidney": (5.0, 20.0), "bone": (14.0, 50.0)}
# How much the density of a tissue varies from place to place, in HU.
_GRAIN = {"lung": 22.0, "spongy bone": 40.0, "bone": 60.0, "fat": 5.0, "bowel": 10.0, "lesion": 4.0, "rim": 6.0}


class Generator(SubsetGenerator):
    """Rows of `ct`: axial slices; every second patient also has a radiograph and MR, every fourth row a volume."""

    subset = "ct"
    conditions = CONDITIONS
    organs = ORGANS
    rows = 600
    members = 2
    shifts = ("site", "device", "organ")
    size = 224

    def notes(self) -> list[str]:
        return [*super().notes(), limits_of(self.simulation)]

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        together = patient.number % 2 == 0
        volumes = (patient.number + member) % 4 == 0
        views = ("ct", "xray", "mri") if together else ("ct",)
        drawn = draw_lesion_views(patient, member, views, self.size, volumes)
        return {
            **drawn.columns,
            "disease": self.observed(patient, patient.condition, tuple(CONDITIONS), member),
            "view": drawn.plane,
            **person_columns(patient),
            **region_columns(drawn.masks["ct"], patient.condition),
        }


def draw_slice(patient: Patient, body: Body, member: int, size: int, plane: str) -> tuple[np.ndarray, np.ndarray]:
    """A slice through the lesion, or where one could be, in the window of the organ.

    Returns:
        Grey values 0..1, float32 `(size, size)`; the lesion, bool of the same shape.
    """
    hu, mask = hounsfield_slice(patient, body, member, size, plane)
    random = patient.random("ct window", member)
    usual_middle, usual_width = _WINDOWS[patient.organ]
    width = usual_width * random.uniform(0.8, 1.25)
    middle = usual_middle + 0.12 * width * random.uniform(-1, 1)
    return np.clip((hu - middle) / width + 0.5, 0, 1).astype(np.float32), mask


def hounsfield_slice(
    patient: Patient, body: Body, member: int, size: int, plane: str = "axial", noise: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """A slice in HU, float32 `(size, size)`, and the lesion, bool."""
    random = patient.random("ct", member)
    extent = _EXTENTS[patient.organ] * random.uniform(0.92, 1.1)
    rotation = pose_of(patient, "ct", member)
    grid = Grid.plane(plane, slice_centre(body, rotation, random, plane, extent), size, extent)
    values, mask = _densities(patient, body, rotation, grid)
    image, seen = as_image(values), as_image(mask)
    if not noise:
        return image, seen
    # Blur and noise belong to the machine: its kernel is sharp and noisy or smooth and quiet.
    style = patient.style("device")
    sharp = style.uniform(0.75, 1.25)
    low, high = _NOISE[patient.organ]
    strength = patient.simulation.harder(low, high) * random.uniform(0.8, 1.25) * sharp * style.uniform(0.85, 1.15)
    image = _reconstruct(image, random, 0.75 / sharp * size / 224, strength, sharp)
    return image + patient.style("site").normal(0, 2.0), seen


def draw_volume(
    patient: Patient, body: Body, member: int, counts: tuple[int, int, int] = (16, 64, 64)
) -> tuple[np.ndarray, list[float]]:
    """A volume around the lesion: HU, int16 `counts` (slice from the feet up, row, column); spacing in mm."""
    from scipy.ndimage import gaussian_filter

    random = patient.random("ct volume", member)
    extent = _EXTENTS[patient.organ] * random.uniform(0.95, 1.1)
    rotation = pose_of(patient, "ct", member)
    grid, spacing = volume_grid(body, rotation, random, extent, counts)
    values, _ = _densities(patient, body, rotation, grid)
    # Thick slices and large pixels average much of the noise of a slice away.
    low, high = _NOISE[patient.organ]
    values = gaussian_filter(values, 0.5)
    values += 0.6 * patient.simulation.harder(low, high) * random.standard_normal(values.shape, dtype=np.float32)
    return np.round(values).clip(-1024, 3071).astype(np.int16), spacing


def volume_grid(
    body: Body, rotation: np.ndarray, random: np.random.Generator, extent: float, counts: tuple[int, int, int]
) -> tuple[Grid, list[float]]:
    """Voxels of slices of 5 mm around the lesion, `counts` (slice, row, column) over `extent` mm, and their spacing in mm."""
    thickness = 5.0
    x, y, z = rotation @ body.centre
    middle = (0.15 * x, 0.15 * y, z + random.uniform(-3, 3) * thickness)
    grid = Grid.around(middle, (extent, extent, thickness * counts[0]), counts[::-1])
    return grid, [thickness, extent / counts[1], extent / counts[2]]


def slice_centre(
    body: Body, rotation: np.ndarray, random: np.random.Generator, plane: str, extent: float
) -> tuple[float, float, float]:
    """The middle of a slice: through the lesion along its normal, near the middle of the body in the plane, mm."""
    place = rotation @ body.centre
    reach = 0.15 * min(body.lesion.radii) if body.lesion else 2.0
    middle = random.normal(0, 0.012 * extent, 3)
    normal = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    if normal != 2:
        middle[2] -= 12
    middle[normal] = place[normal] + reach * random.uniform(-1, 1)
    x, y, z = middle
    return float(x), float(y), float(z)


def _densities(patient: Patient, body: Body, rotation: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """HU and lesion on a grid, `(z, y, x)`, before the machine blurs and adds noise."""
    cut = section(body.phantom.turned(rotation), grid)
    contrast = patient.random("contrast").random() < 0.5
    names = body.phantom.tissues
    table = np.array(
        [body.tissues[name].enhanced if contrast else body.tissues[name].hu for name in names], dtype=np.float32
    )
    grain = np.array([_GRAIN.get(name, 3.0) for name in names], dtype=np.float32)
    grain[0] = 0
    values = table[cut.labels]
    grains = grain[cut.labels]
    if body.lesion:
        healthy = table[cut.healthy]
        values = healthy + np.float32(body.lesion.visibility) * (values - healthy)
    values += grains * Waves(patient.random("grain"), 3, 9, 32).on(grid)
    return values, cut.mask


def _reconstruct(
    image: np.ndarray, random: np.random.Generator, blur: float, strength: float, sharp: float
) -> np.ndarray:
    """The image as filtered back projection shows it, with noise of `strength` HU; `blur` in pixels."""
    from scipy import fft

    kernel, spectrum, flatness = _spectra(image.shape, blur, sharp)
    # A body is wider than deep, most at the shoulders and hips: rays along x are the noisiest.
    elongation = np.float32(random.uniform(1.0, 1.9))
    streaks = np.sqrt(1 + (elongation**2 - 1) * flatness)
    noise = fft.rfft2(random.standard_normal(image.shape, dtype=np.float32)) * (spectrum * streaks)
    grains: np.ndarray = fft.irfft2(noise, s=image.shape)
    smooth: np.ndarray = fft.irfft2(fft.rfft2(image.astype(np.float32)) * kernel, s=image.shape)
    return smooth + grains * np.float32(strength / (grains.std() + 1e-9))


@lru_cache(maxsize=16)
def _spectra(shape: tuple[int, int], blur: float, sharp: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each frequency, float32: what a machine's blur leaves, what it lets pass of noise, and the share along y, squared."""
    down, across = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    frequency = np.hypot(down, across)
    kernel = np.exp(-2 * (np.pi * blur * frequency) ** 2)
    spectrum = np.sqrt(frequency) * np.exp(-((frequency / (0.30 * sharp)) ** 2))
    flatness = (down / np.maximum(frequency, 1e-6)) ** 2
    return kernel.astype(np.float32), spectrum.astype(np.float32), flatness.astype(np.float32)
