"""Simulated radiographs of a phantom: parallel beams from the back to the front, scatter, quanta, and the look of a film.

A beam adds up the chords of the ellipsoids, each times the difference of its attenuation from what it replaces, and is
weakened by Beer and Lambert's law.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..images import add_look
from ..patient import Patient
from .ellipsoids import Monomials, boxes_on, coefficients_of
from .lesions import Body, pose_of
from .projection import Grid, Phantom, lesion_parts

_WATER = 0.0193  # attenuation of water at 70 keV, 1/mm (NIST XCOM)
# Middle in mm towards the head and extent in mm of a radiograph.
_FIELDS = {
    "brain": (-12.0, 250.0),
    "lung": (5.0, 385.0),
    "liver": (-10.0, 400.0),
    "kidney": (-10.0, 400.0),
    "bone": (-45.0, 240.0),
}


def draw_radiograph(patient: Patient, body: Body, member: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A frontal radiograph.

    Returns:
        Grey values 0..1, float32 `(size, size)`; the lesion, bool of the same shape.
    """
    random = patient.random("radiograph", member)
    middle, extent = _FIELDS[patient.organ]
    extent *= random.uniform(0.92, 1.08)
    shift = random.normal(0, 0.015 * extent, 2)
    grid = Grid.plane("coronal", (shift[0], 0, middle + shift[1]), size, extent)
    phantom = body.phantom.turned(pose_of(patient, "radiograph", member))
    visibility = body.lesion.visibility if body.lesion else 1.0
    depth, mask = attenuation_of(phantom, grid, lambda tissue: body.tissues[tissue].hu, visibility)
    # Quanta that arrive, with those scattered in the body as a smooth fog (Bushberg et al., Essential Physics, 2012).
    arriving = np.exp(-np.maximum(depth, 0))
    scatter = np.float32(random.uniform(0.1, 0.25))
    arriving = (1 - scatter) * arriving + scatter * _smoothed(arriving, 0.06 * size)
    typical = float(np.median(arriving[depth > 0.5])) if (depth > 0.5).any() else 1.0
    quanta = np.float32(patient.simulation.harder(6000, 700) * random.uniform(0.7, 1.4) / typical)
    counted = arriving * quanta
    counted += np.sqrt(counted) * random.standard_normal(counted.shape, dtype=np.float32)
    density = -np.log(np.maximum(counted, np.float32(0.3)) / quanta)
    # As digital radiographs are shown: fine structures raised above coarse ones, air outside the body black.
    density += np.float32(random.uniform(0.5, 0.9)) * (density - _smoothed(density, 0.05 * size))
    low, high = np.percentile(density[depth > 0.6] if (depth > 0.6).any() else density, (2, 99.3))
    image = (0.06 + 0.94 * (density - low) / (high - low)).clip(0, 1).astype(np.float32)
    return add_look(image, patient, random, patient.simulation.harder(0.006, 0.02)), mask


def attenuation_of(
    phantom: Phantom, grid: Grid, hounsfield: Callable[[str], float], visibility: float
) -> tuple[np.ndarray, np.ndarray]:
    """Attenuation along y of parallel beams.

    Args:
        phantom: the body part.
        grid: a coronal plane; its one y matters to the outlines only.
        hounsfield: attenuation of a tissue in HU.
        visibility: share of the lesion's thickness that the lesion fills.

    Returns:
        Line integrals of the attenuation, without unit, float32 `(z, x)` with the head at the top; the lesion, bool.
    """
    straight = [grid.x[None], grid.z[:, None]]
    places = [
        line + phantom.bend_by * waves.on(grid)[:, 0]
        for line, waves in zip(straight, (phantom.bend[0], phantom.bend[2]), strict=True)
    ]
    beams = _Beams(phantom)
    monomials = Monomials(places)
    lower, upper = beams.corners()
    boxes = boxes_on(lower, upper, straight, places)
    total, mask = np.zeros(places[0].shape, np.float32), np.zeros(places[0].shape, bool)
    attenuation = {tissue: _WATER * max(0.0, 1 + _at_energy(hounsfield(tissue)) / 1000) for tissue in phantom.tissues}
    merging: dict[str, list[_Chords]] = {}
    for index, shape in enumerate(phantom.shapes):
        box = boxes.get(index)
        if box is None or shape.lesion:
            continue
        half = beams.half(index, monomials.distance(box, beams.coefficients[index]))
        contrast = attenuation[shape.tissue] - attenuation[shape.inside]
        added = 2 * contrast * half
        if shape.merges or shape.inside in merging:
            chords = box, beams.middle(index, [values[box] for values in places]), half, contrast
            for earlier in merging.get(shape.inside, ()):
                _give_back(added, chords, earlier)
            if shape.merges:
                merging.setdefault(shape.inside, []).append(chords)
        total[box] += added
    for index, (rows, _, columns), near in lesion_parts(phantom, grid):
        shape = phantom.shapes[index]
        if shape.lesion == "around":
            continue
        flat = Monomials(np.broadcast_arrays(near.x[None], near.z[:, None]))
        distance = flat.distance((slice(None),) * 2, beams.coefficients[index])
        half = beams.half(index, distance * phantom.roughened(shape, near)[:, 0] ** 2)
        mask[rows, columns] |= half > 0
        contrast = visibility * (attenuation[shape.tissue] - attenuation[shape.inside])
        total[rows, columns] += 2 * contrast * half
    return total[::-1], mask[::-1]


class _Beams:
    """Parallel beams along y: where they meet the ellipsoids of a phantom.

    Seen along y, an ellipsoid is an ellipse, inside which the square of half a chord falls linearly with its form.

    Attributes:
        coefficients: of the ellipses in x and z, `(shapes, 6)`, see `coefficients_of`.
    """

    def __init__(self, phantom: Phantom) -> None:
        forms, seen = phantom.forms(), [0, 2]
        self._depth = forms[:, 1, 1]
        self._centres = phantom.centres
        self._tilt = forms[:, 1, seen] / self._depth[:, None]
        self._extents = np.sqrt(np.einsum("nii->ni", phantom.spreads())[:, seen])
        leaning = self._tilt[:, :, None] * self._tilt[:, None] * self._depth[:, None, None]
        outlines = forms[:, seen][:, :, seen] - leaning
        self.coefficients = coefficients_of(phantom.centres[:, seen], outlines)

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corners of the ellipses, `(shapes, 2)` mm."""
        centres = self._centres[:, [0, 2]]
        return centres - self._extents, centres + self._extents

    def half(self, index: int, distance: np.ndarray) -> np.ndarray:
        """Half the length in mm of the chords of shape `index`, 0 beside it; `distance` in its ellipse, see `Monomials`."""
        chord: np.ndarray = np.sqrt(np.maximum(1 - distance, 0) / np.float32(self._depth[index]))
        return chord

    def middle(self, index: int, places: Sequence[np.ndarray]) -> np.ndarray:
        """The y in mm of the middles of the chords of shape `index`, at places x and z."""
        (x, y, z), (across, along) = self._centres[index], self._tilt[index]
        height: np.ndarray = np.float32(y) - np.float32(across) * (places[0] - x) - np.float32(along) * (places[1] - z)
        return height


_Chords = tuple[tuple[slice, ...], np.ndarray, np.ndarray, float]
"""Part of the image, middles and halves of the chords in it, and their contrast."""


def _give_back(added: np.ndarray, chords: _Chords, earlier: _Chords) -> None:
    """Takes from `added` what an earlier shape already added along the same part of a ray."""
    box, middle, half, _ = chords
    other, other_middle, other_half, contrast = earlier
    shared = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, other, strict=True)]
    if any(part.start >= part.stop for part in shared):
        return
    own, theirs = (
        tuple(slice(part.start - base.start, part.stop - base.start) for part, base in zip(shared, of, strict=True))
        for of in (box, other)
    )
    near = np.maximum(middle[own] - half[own], other_middle[theirs] - other_half[theirs])
    far = np.minimum(middle[own] + half[own], other_middle[theirs] + other_half[theirs])
    added[own] -= contrast * np.maximum(far - near, 0) * ((half[own] > 0) & (other_half[theirs] > 0))


def _at_energy(hounsfield: float) -> float:
    """HU at 70 keV: bone and calcium attenuate more than on CT, at whose energy HU are tabulated."""
    return hounsfield * 1.15 if hounsfield > 150 else hounsfield


def _smoothed(image: np.ndarray, sigma: float) -> np.ndarray:
    """The image after a Gaussian of `sigma` pixels, mirrored at the edges; a cosine transform takes wide ones fast."""
    from scipy import fft

    decay = [np.exp(-((np.pi * sigma * np.arange(size) / size) ** 2) / 2).astype(np.float32) for size in image.shape]
    smooth: np.ndarray = fft.idctn(fft.dctn(image) * decay[0][:, None] * decay[1])
    return smooth
