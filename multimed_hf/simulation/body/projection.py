"""A phantom of ellipsoids in space, and what a plane or block of voxels cuts out of it.

Coordinates are in mm and follow DICOM: x to the patient's left, y to the back, z to the head. Images are drawn as
radiologists see them: the patient's left is on the right. Shapes are painted in order, a later one over an earlier one,
as in the phantom of Shepp and Logan (IEEE Trans. Nucl. Sci. 21, 21, 1974).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .ellipsoids import Monomials, boxes_on, coefficients_of, corners_between

_ROUGHEST = 2.0  # standard deviations of the roughness of a lesion beyond which it is cut off


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

    def straight(self) -> list[np.ndarray]:
        """x, y and z, each along its axis of a block `(z, y, x)`."""
        return [self.x[None, None], self.y[None, :, None], self.z[:, None, None]]


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
        # With cos(a + b) = cos a cos b - sin a sin b, the sum of all waves is one matrix product.
        angles = [
            np.outer(axis, vector).astype(np.float32)
            for axis, vector in zip((grid.z, grid.y, grid.x), self._vectors.T[::-1], strict=True)
        ]
        angles[0] += self._phases.astype(np.float32)
        order = sorted(range(3), key=lambda axis: len(angles[axis]))
        first, second, last = (angles[axis] for axis in order)
        left = (first[:, None] + second[None]).reshape(-1, len(self._phases))
        rows = np.concatenate([np.cos(left), -np.sin(left)], 1)
        columns = np.concatenate([np.cos(last), np.sin(last)], 1).T
        # In blocks so small that BLAS does not start threads: they cost more than they bring.
        block = max(1, 2**18 // columns.size)
        product = np.concatenate([rows[start : start + block] @ columns for start in range(0, len(rows), block)])
        product *= np.float32(np.sqrt(2 / len(self._phases)))
        values = product.reshape(len(first), len(second), len(last))
        return values.transpose(np.argsort(order))


@dataclass(frozen=True)
class Phantom:
    """A body part.

    Attributes:
        shapes: in the order of painting, those of the lesion last.
        centres: where they are, mm, `(shapes, 3)`, see `places_of`.
        axes: how they lie, `(shapes, 3, 3)`.
        radii: mm, `(shapes, 3)`.
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
    radii: np.ndarray
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

    def forms(self) -> np.ndarray:
        """The quadratic forms of all shapes, below 1 inside, in 1/mm², `(shapes, 3, 3)`."""
        return (self.axes / self.radii[:, None] ** 2) @ self.axes.transpose(0, 2, 1)

    def spreads(self) -> np.ndarray:
        """The inverse of the forms, mm², `(shapes, 3, 3)`."""
        return (self.axes * self.radii[:, None] ** 2) @ self.axes.transpose(0, 2, 1)

    def roughened(self, shape: Shape, grid: Grid) -> np.ndarray:
        """How many times farther from the centre of a lesion places count as being than they are, `(z, y, x)`."""
        return 1 + np.float32(shape.rough) * np.clip(self.roughness.on(grid), -_ROUGHEST, _ROUGHEST)


def places_of(shapes: Sequence[Shape]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres `(shapes, 3)`, directions of the radii as columns `(shapes, 3, 3)`, and radii `(shapes, 3)`."""
    turns = np.radians([shape.turn for shape in shapes])
    axes = np.zeros((len(shapes), 3, 3))
    axes[:, 0, 0] = axes[:, 1, 1] = np.cos(turns)
    axes[:, 1, 0], axes[:, 0, 1], axes[:, 2, 2] = np.sin(turns), -np.sin(turns), 1
    for place, shape in enumerate(shapes):
        if shape.axes is not None:
            axes[place] = shape.axes
    return np.array([shape.centre for shape in shapes]), axes, np.array([shape.radii for shape in shapes])


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
    healthy = _healthy(phantom, grid)
    labels, mask = healthy.copy(), np.zeros(grid.shape, bool)
    number = {tissue: place for place, tissue in enumerate(phantom.tissues)}
    spared = np.array([tissue in phantom.spared for tissue in phantom.tissues])
    coefficients = coefficients_of(phantom.centres, phantom.forms())
    for index, box, near in lesion_parts(phantom, grid):
        shape = phantom.shapes[index]
        distance = Monomials(np.broadcast_arrays(*near.straight())).distance((slice(None),) * 3, coefficients[index])
        within = (distance * phantom.roughened(shape, near) ** 2 < 1) & ~spared[healthy[box]]
        if shape.lesion == "around":
            within &= ~mask[box]
        else:
            mask[box] |= within
        np.copyto(labels[box], number[shape.tissue], where=within)
    return Section(labels, healthy, mask)


def _healthy(phantom: Phantom, grid: Grid) -> np.ndarray:
    """Places in `Phantom.tissues` without the lesion."""
    straight = grid.straight()
    firm = [axis + phantom.bend_by * waves.on(grid) for axis, waves in zip(straight, phantom.bend, strict=True)]
    if phantom.taper:
        firm[0] *= 1 - phantom.taper * straight[1]
    soft = _pushed(firm, phantom.push) if phantom.push else firm
    monomials = {False: Monomials(firm)}
    monomials[True] = Monomials(soft) if phantom.push else monomials[False]
    moves = np.array([shape.soft for shape in phantom.shapes])
    boxes = {**_boxes(phantom, grid, firm, ~moves), **_boxes(phantom, grid, soft, moves)}
    coefficients = coefficients_of(phantom.centres, phantom.forms())
    number = {tissue: place for place, tissue in enumerate(phantom.tissues)}
    labels = np.zeros(grid.shape, np.uint8)
    folding: np.ndarray | None = None
    for index, shape in enumerate(phantom.shapes):
        box = boxes.get(index)
        if box is None or shape.lesion:
            continue
        distance = monomials[shape.soft].distance(box, coefficients[index])
        within = distance < 1
        np.copyto(labels[box], number[shape.tissue], where=within)
        if shape.folds:
            folding = _from_zeros(phantom.folding.on(grid), grid) if folding is None else folding
            _fold(labels[box], within, distance, folding[box], shape, phantom.sulci, number)
    return labels


def _boxes(
    phantom: Phantom, grid: Grid, places: Sequence[np.ndarray], chosen: np.ndarray
) -> dict[int, tuple[slice, ...]]:
    """The part `(z, y, x)` of a bent grid that each of the chosen shapes may reach, for those that reach any."""
    normal = int(np.argmin(grid.shape[::-1]))
    low, high = float(places[normal].min()), float(places[normal].max())
    lower, upper = corners_between(phantom.centres[chosen], phantom.spreads()[chosen], normal, low, high)
    boxes = boxes_on(lower, upper, grid.straight(), places)
    numbers = np.flatnonzero(chosen).tolist()
    return {numbers[place]: box for place, box in boxes.items()}


def lesion_parts(phantom: Phantom, grid: Grid) -> Iterator[tuple[int, tuple[slice, slice, slice], Grid]]:
    """The places of the lesion's shapes among all, each with the part `(z, y, x)` of the grid that it may reach.

    Along an axis with one place, that place is always reached.
    """
    extents = np.sqrt(np.einsum("nii->ni", phantom.spreads()))
    for index, shape in enumerate(phantom.shapes):
        if not shape.lesion:
            continue
        reach = extents[index] / (1 - _ROUGHEST * shape.rough)
        lower, upper = phantom.centres[index] - reach, phantom.centres[index] + reach
        x, y, z = (
            slice(*np.searchsorted(line, ends).tolist()) if len(line) > 1 else slice(0, 1)
            for line, ends in zip((grid.x, grid.y, grid.z), zip(lower, upper, strict=True), strict=True)
        )
        near = Grid(grid.x[x], grid.y[y], grid.z[z])
        if all(near.shape):
            yield index, (z, y, x), near


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
    depth = (1 - np.sqrt(np.maximum(distance, 0))) * min(shape.radii)
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
