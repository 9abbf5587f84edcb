"""Ellipsoids in space: what a plane or block of voxels cuts out of them, and the radiograph that a beam through them casts.

Coordinates are in mm and follow DICOM: x to the patient's left, y to the back, z to the head. Images are drawn as
radiologists see them: the patient's left is on the right. Shapes are painted in order, a later one over an earlier one,
as in the phantom of Shepp and Logan (IEEE Trans. Nucl. Sci. 21, 21, 1974). A beam adds up the chords of the shapes, each
times the difference of its attenuation from what it replaces, and is weakened by Beer and Lambert's law.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

_WATER = 0.0193  # attenuation of water at 70 keV, 1/mm (NIST XCOM)


@dataclass(frozen=True)
class Shape:
    """One ellipsoid.

    Attributes:
        tissue: what it is made of.
        centre, radii: mm.
        inside: the tissue it replaces, for the radiograph.
        turn: rotation about z in degrees, from x towards y.
        axes: `(3, 3)` directions of the radii as columns, in place of `turn`.
        soft: whether a mass pushes it aside.
        folds: depth of the folds of a brain surface in mm; 0 without.
        rough: how much the radius varies over the surface, relative.
        lesion: '' for anatomy, 'mass' for what the mask shows, 'around' for a reaction of the tissue outside the mask.
        merges: whether a later shape that overlaps it, and has the same `inside`, replaces it in the radiograph too.
    """

    tissue: str
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    inside: str = "muscle"
    turn: float = 0.0
    axes: np.ndarray | None = None
    soft: bool = True
    folds: float = 0.0
    rough: float = 0.0
    lesion: str = ""
    merges: bool = False


@dataclass(frozen=True)
class Grid:
    """Places of pixels or voxels: ascending mm along x, y and z, float32; a plane has one place along its normal."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    @classmethod
    def around(cls, centre: Sequence[float], extent: Sequence[float], counts: Sequence[int]) -> Grid:
        """A block around `centre` with `extent` in mm and `counts` voxels along x, y, z."""
        axes = []
        for middle, length, count in zip(centre, extent, counts, strict=True):
            axes.append((middle + length * ((np.arange(count) + 0.5) / count - 0.5)).astype(np.float32))
        return cls(*axes)

    @classmethod
    def plane(cls, view: str, centre: Sequence[float], size: int, extent: float) -> Grid:
        """A square of `extent` mm and `size` pixels; `view` is 'axial', 'coronal' or 'sagittal'."""
        normal = {"sagittal": 0, "coronal": 1, "axial": 2}[view]
        extents, counts = [extent] * 3, [size] * 3
        extents[normal], counts[normal] = 0.0, 1
        return cls.around(centre, extents, counts)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        return len(self.z), len(self.y), len(self.x)


def as_image(values: np.ndarray) -> np.ndarray:
    """A block `(z, y, x)` with one place along one axis as an image: the front or the head is at the top."""
    if values.shape[0] == 1:
        return values[0]
    return values[::-1, 0] if values.shape[1] == 1 else values[::-1, :, 0]


class Waves:
    """A smooth random function of space with mean 0 and standard deviation 1: a sum of plane waves.

    It is the same function on every grid, so that a slice, a volume and another plane of a patient agree.

    Args:
        random: what it is drawn from.
        shortest, longest: of the wavelengths, in mm.
        count: how many waves.
    """

    def __init__(self, random: np.random.Generator, shortest: float, longest: float, count: int) -> None:
        directions = random.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self._vectors = 2 * np.pi * directions / random.uniform(shortest, longest, (count, 1))
        self._phases = random.uniform(0, 2 * np.pi, count)

    def on(self, grid: Grid) -> np.ndarray:
        """Its values, float32 `(z, y, x)`."""
        # A plane wave is a product of three factors of one coordinate each: the sum of all is one matrix product.
        angles = [
            np.outer(axis, vector) for axis, vector in zip((grid.z, grid.y, grid.x), self._vectors.T[::-1], strict=True)
        ]
        angles[0] += self._phases
        factors = [np.exp(np.complex64(1j) * angle.astype(np.float32)) for angle in angles]
        order = sorted(range(3), key=lambda axis: len(factors[axis]))
        first, second, last = (factors[axis] for axis in order)
        left = (first[:, None] * second[None]).reshape(-1, len(self._phases))
        rows, columns = np.concatenate([left.real, -left.imag], 1), np.concatenate([last.real, last.imag], 1).T
        # In blocks so small that BLAS does not start threads: they cost more than they bring.
        block = max(1, 2**20 // columns.size)
        product = np.concatenate([rows[start : start + block] @ columns for start in range(0, len(rows), block)])
        values = product.reshape(len(first), len(second), len(last)) * np.float32(np.sqrt(2 / len(self._phases)))
        return values.transpose(np.argsort(order))


@dataclass(frozen=True)
class Phantom:
    """A body part.

    Attributes:
        shapes: in the order of painting.
        centres: where they are, `(shapes, 3)`, see `places_of`.
        axes: how they lie, `(shapes, 3, 3)`.
        tissues: names; their places are the numbers in `Section.labels`. The first is what surrounds the body.
        bend: three smooth functions that displace anatomy, in mm along x, y, z times `bend_by`.
        bend_by: mm.
        folding: where its value is near 0, the surface of the brain folds in.
        roughness: varies the radii of lesions.
        push: centre and radius in mm and strength of a mass that displaces soft shapes; None without.
        spared: tissues that a lesion does not grow into.
        sulci: width of the folds in mm.
        taper: relative growth of the width per mm towards the back.
    """

    shapes: tuple[Shape, ...]
    centres: np.ndarray
    axes: np.ndarray
    tissues: tuple[str, ...]
    bend: tuple[Waves, Waves, Waves]
    bend_by: float
    folding: Waves
    roughness: Waves
    push: tuple[tuple[float, float, float], float, float] | None = None
    spared: tuple[str, ...] = ("air",)
    sulci: float = 1.0
    taper: float = 0.0

    def turned(self, rotation: np.ndarray) -> Phantom:
        """The phantom after a rotation `(3, 3)` about the origin."""
        push = self.push
        if push is not None:
            x, y, z = rotation @ push[0]
            push = ((float(x), float(y), float(z)), push[1], push[2])
        return replace(self, centres=self.centres @ rotation.T, axes=rotation @ self.axes, push=push)

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corners of all shapes, `(shapes, 3)` mm."""
        radii = np.array([shape.radii for shape in self.shapes])
        extents = np.sqrt(((self.axes * radii[:, None]) ** 2).sum(-1))
        return self.centres - extents, self.centres + extents


def places_of(shapes: Sequence[Shape]) -> tuple[np.ndarray, np.ndarray]:
    """Centres `(shapes, 3)`, and directions of the radii as columns `(shapes, 3, 3)`."""
    turns = np.radians([shape.turn for shape in shapes])
    axes = np.zeros((len(shapes), 3, 3))
    axes[:, 0, 0] = axes[:, 1, 1] = np.cos(turns)
    axes[:, 1, 0], axes[:, 0, 1], axes[:, 2, 2] = np.sin(turns), -np.sin(turns), 1
    for place, shape in enumerate(shapes):
        if shape.axes is not None:
            axes[place] = shape.axes
    return np.array([shape.centre for shape in shapes]), axes


def rotation_about(axis: int, degrees: float) -> np.ndarray:
    """The rotation `(3, 3)` about x (0), y (1) or z (2)."""
    if not degrees:
        return np.eye(3)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.eye(3)
    first, second = [other for other in range(3) if other != axis]
    rotation[[first, second], [first, second]] = cosine
    rotation[second, first], rotation[first, second] = sine, -sine
    return rotation


@dataclass(frozen=True)
class Section:
    """What a grid cuts out of a phantom; all arrays are `(z, y, x)`.

    Attributes:
        labels: places in `Phantom.tissues`.
        healthy: the same without the lesion.
        mask: the lesion.
    """

    labels: np.ndarray
    healthy: np.ndarray
    mask: np.ndarray


def section(phantom: Phantom, grid: Grid) -> Section:
    """Cuts a phantom along a grid."""
    straight = [axis.reshape(-1, *[1] * place) for place, axis in enumerate((grid.x, grid.y, grid.z))]
    bent = [axis + phantom.bend_by * waves.on(grid) for axis, waves in zip(straight, phantom.bend, strict=True)]
    if phantom.taper:
        bent[0] = bent[0] * (1 - phantom.taper * straight[1])
    soft = _pushed(bent, phantom.push) if phantom.push else bent
    margin = 2.8 * phantom.bend_by + (0.35 * phantom.push[1] if phantom.push else 0) + 7000 * phantom.taper
    lower, upper = phantom.boxes()
    axes = ((2, grid.z), (1, grid.y), (0, grid.x))
    starts = np.stack([np.searchsorted(axis, lower[:, place] - margin) for place, axis in axes], 1)
    ends = np.stack([np.searchsorted(axis, upper[:, place] + margin) for place, axis in axes], 1)
    present = (starts < ends).all(1)
    first_lesion = next((index for index, shape in enumerate(phantom.shapes) if shape.lesion), len(phantom.shapes))
    number = {tissue: place for place, tissue in enumerate(phantom.tissues)}
    labels = np.zeros(grid.shape, np.uint8)
    mask = np.zeros(grid.shape, bool)
    healthy = labels
    folding: np.ndarray | None = None
    roughness: np.ndarray | None = None
    spared = np.array([tissue in phantom.spared for tissue in phantom.tissues])
    for index in np.flatnonzero(present):
        shape = phantom.shapes[index]
        box = tuple(slice(start, end) for start, end in zip(starts[index].tolist(), ends[index].tolist(), strict=True))
        if index >= first_lesion and healthy is labels:
            labels = labels.copy()
        if not shape.lesion:
            near = [values[box] for values in (soft if shape.soft else bent)]
            distance = _distance(near, phantom.centres[index], phantom.axes[index], shape)
            within = distance < 1
            labels[box][within] = number[shape.tissue]
            if shape.folds:
                folding = _from_zeros(phantom.folding.on(grid), grid) if folding is None else folding
                _fold(labels[box], within, distance, folding[box], shape, phantom.sulci, number)
            continue
        near = [np.broadcast_to(values, grid.shape)[box] for values in straight]
        distance = _distance(near, phantom.centres[index], phantom.axes[index], shape)
        if shape.rough:
            roughness = phantom.roughness.on(grid) if roughness is None else roughness
            distance = distance * (1 + shape.rough * np.clip(roughness[box], -2, 2)) ** 2
        within = (distance < 1) & ~spared[healthy[box]]
        if shape.lesion == "around":
            within &= ~mask[box]
        else:
            mask[box] |= within
        labels[box][within] = number[shape.tissue]
    return Section(labels, healthy, mask)


def _distance(places: Sequence[np.ndarray], centre: np.ndarray, axes: np.ndarray, shape: Shape) -> np.ndarray:
    """Squared distance from the centre in units of the radius: 1 on the surface."""
    scaled = (axes / shape.radii).T.astype(np.float32)
    offsets = scaled @ centre.astype(np.float32)
    x, y, z = places
    along = (a * x + b * y + c * z - offset for (a, b, c), offset in zip(scaled, offsets, strict=True))
    first, second, third = along
    return first * first + second * second + third * third


def _pushed(places: list[np.ndarray], push: tuple[tuple[float, float, float], float, float]) -> list[np.ndarray]:
    """Where tissue came from that a mass displaced."""
    centre, radius, strength = push
    offsets = [values - np.float32(middle) for values, middle in zip(places, centre, strict=True)]
    near = sum(offset**2 for offset in offsets) / np.float32((1.7 * radius) ** 2)
    factor = np.float32(strength) * np.exp(-near)
    return [values - factor * offset for values, offset in zip(places, offsets, strict=True)]


def _fold(
    labels: np.ndarray,
    within: np.ndarray,
    distance: np.ndarray,
    from_sulcus: np.ndarray,
    shape: Shape,
    sulci: float,
    number: dict[str, int],
) -> None:
    """Paints a folded cortex: grey matter along the surface and the sulci, water in the sulci."""
    depth = (1 - np.sqrt(distance)) * min(shape.radii)
    reach = np.clip(1.15 - depth / shape.folds, 0, 1)
    labels[within & ((from_sulcus < 3.6 * np.sqrt(reach)) | (depth < 3.2))] = number["grey matter"]
    labels[within & (from_sulcus < sulci * (1.1 * reach - 0.25))] = number["water"]


def _from_zeros(values: np.ndarray, grid: Grid) -> np.ndarray:
    """About how far, in mm, each place is from where a function of space is 0."""
    steepness = np.full(values.shape, 0.03**2, np.float32)
    for axis, places in enumerate((grid.z, grid.y, grid.x)):
        if len(places) > 1:
            steepness += np.gradient(values, float(places[1] - places[0]), axis=axis) ** 2
    return np.abs(values) / np.sqrt(steepness)


def radiograph(
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
    places = [phantom.bend_by * waves.on(grid)[:, 0] for waves in phantom.bend]
    across, along = grid.x[None] + places[0], grid.z[:, None] + places[2]
    total = np.zeros_like(across)
    mask = np.zeros(across.shape, bool)
    lower, upper = phantom.boxes()
    margin = 2.8 * phantom.bend_by
    attenuation = {tissue: _WATER * max(0.0, 1 + _at_energy(hounsfield(tissue)) / 1000) for tissue in phantom.tissues}
    merging: dict[str, list[_Chords]] = {}
    rough: np.ndarray | None = None
    starts = [np.searchsorted(axis, lower[:, place] - margin).tolist() for place, axis in ((2, grid.z), (0, grid.x))]
    ends = [np.searchsorted(axis, upper[:, place] + margin).tolist() for place, axis in ((2, grid.z), (0, grid.x))]
    radii = np.array([shape.radii for shape in phantom.shapes])
    forms = ((phantom.axes / radii[:, None] ** 2) @ phantom.axes.transpose(0, 2, 1)).astype(np.float32)
    centres = phantom.centres.astype(np.float32)
    for index, shape in enumerate(phantom.shapes):
        box = (slice(starts[0][index], ends[0][index]), slice(starts[1][index], ends[1][index]))
        if box[0].start >= box[0].stop or box[1].start >= box[1].stop or shape.lesion == "around":
            continue
        if shape.lesion:
            near = (grid.x[None, box[1]], grid.z[box[0], None])
        else:
            near = (across[box], along[box])
        scale: np.ndarray | float = 1.0
        if shape.rough:
            rough = phantom.roughness.on(grid)[:, 0] if rough is None else rough
            scale = 1 + shape.rough * np.clip(rough[box], -2, 2)
        middle, half = _chord(centres[index], forms[index], near[0], near[1], scale)
        if shape.lesion:
            mask[box] |= half > 0
        contrast = attenuation[shape.tissue] - attenuation[shape.inside]
        added = (visibility if shape.lesion else 1.0) * contrast * 2 * half
        for earlier in merging.get(shape.inside, ()):
            _give_back(added, box, middle, half, earlier)
        if shape.merges:
            merging.setdefault(shape.inside, []).append((box, middle, half, contrast))
        total[box] += added
    return total[::-1], mask[::-1]


_Chords = tuple[tuple[slice, slice], np.ndarray, np.ndarray, float]
"""Part of the image, middles and halves of the chords in it, and their contrast."""


def _give_back(
    added: np.ndarray, box: tuple[slice, slice], middle: np.ndarray, half: np.ndarray, earlier: _Chords
) -> None:
    """Takes from `added` what an earlier shape already added along the same part of a ray."""
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


def _chord(
    centre: np.ndarray, form: np.ndarray, across: np.ndarray, along: np.ndarray, scale: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and half length in mm of the part of a ray along y inside an ellipsoid; half is 0 where it misses."""
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = form
    dx, dz = (across - centre[0]) * scale, (along - centre[2]) * scale
    linear = xy * dx + yz * dz
    inside = linear * linear - yy * (dx * (xx * dx + 2 * xz * dz) + zz * dz * dz - 1)
    return centre[1] - linear / yy, np.sqrt(np.maximum(inside, 0)) / yy
