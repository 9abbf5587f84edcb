"""Many ellipsoids on one grid: which places each of them may reach, and how far from its centre every place is.

An ellipsoid is the set where a quadratic form is below 1. On a grid, bent or not, the form of any ellipsoid is a sum of the
same few monomials of the coordinates: they are worked out once, and each ellipsoid costs one product with them, in its box.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np


class Monomials:
    """The products of the coordinates of a grid up to the second degree.

    Args:
        places: two or three coordinates in mm, float32, each with the shape of the grid, two or three axes.
    """

    def __init__(self, places: Sequence[np.ndarray]) -> None:
        # The products run along the last axis: a plane across it is turned.
        self._turned = places[0].shape[-1] == 1
        if self._turned:
            places = [values.swapaxes(-1, -2) for values in places]
        pairs = list(combinations_with_replacement(places, 2))
        *rows, columns = places[0].shape
        self._values = np.empty((*rows, len(pairs) + len(places) + 1, columns), np.float32)
        for place, (first, second) in enumerate(pairs):
            np.multiply(first, second, out=self._values[..., place, :])
        for place, values in enumerate(places, len(pairs)):
            self._values[..., place, :] = values
        self._values[..., -1, :] = 1

    def distance(self, box: tuple[slice, ...], coefficients: np.ndarray) -> np.ndarray:
        """Squared distance from the centre in units of the radius, 1 on the surface: float32 with the shape of `box`.

        Args:
            box: part of the grid.
            coefficients: those of the ellipsoid, see `coefficients_of`.
        """
        if self._turned:
            box = (*box[:-2], box[-1], box[-2])
        values: np.ndarray = coefficients @ self._values[(*box[:-1], slice(None), box[-1])]
        return values.swapaxes(-1, -2) if self._turned else values


def coefficients_of(centres: np.ndarray, forms: np.ndarray) -> np.ndarray:
    """What each monomial counts in the quadratic forms of ellipsoids, float32 `(ellipsoids, monomials)`.

    Args:
        centres: mm, `(ellipsoids, dimensions)`.
        forms: symmetric matrices in 1/mm², `(ellipsoids, dimensions, dimensions)`.
    """
    count = centres.shape[1]
    first, second = np.triu_indices(count)
    squares = forms[:, first, second] * np.where(first == second, 1, 2)
    linear = np.einsum("nij,nj->ni", forms, centres)
    constant = (linear * centres).sum(1, keepdims=True)
    return np.concatenate([squares, -2 * linear, constant], 1).astype(np.float32)


def corners_between(
    centres: np.ndarray, spreads: np.ndarray, axis: int, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners, `(ellipsoids, 3)` mm, of the parts of ellipsoids between two planes across an axis.

    The upper corner is below the lower one for an ellipsoid that has no such part.

    Args:
        centres: mm, `(ellipsoids, 3)`.
        spreads: inverse of the quadratic forms, mm², `(ellipsoids, 3, 3)`.
        axis: 0 to 2.
        low, high: the planes, mm.
    """
    extents = np.sqrt(np.einsum("nii->ni", spreads))
    own = extents[:, axis, None]
    first, last = (low - centres[:, axis, None]) / own, (high - centres[:, axis, None]) / own
    # At the height t, from -1 to 1, the section is `slope` t away from the centre and `half` sqrt(1 - t²) large.
    slope = spreads[:, axis] / own
    half = np.sqrt(np.maximum(extents**2 - slope**2, 0))
    corners = []
    for sign in (-1, 1):
        height = np.clip(np.clip(sign * slope / extents, first, last), -1, 1)
        corners.append(centres + slope * height + sign * half * np.sqrt(1 - height**2))
    missed = (first > 1) | (last < -1)
    return np.where(missed, np.inf, corners[0]), np.where(missed, -np.inf, corners[1])


def boxes_on(
    lower: np.ndarray, upper: np.ndarray, straight: Sequence[np.ndarray], places: Sequence[np.ndarray]
) -> dict[int, tuple[slice, ...]]:
    """The part of a grid that may lie between two corners, for every pair of corners that has one.

    Args:
        lower, upper: mm, `(pairs, coordinates)`.
        straight: ascending coordinates of the grid, each along its own axis; the first along the last axis.
        places: the same after the grid was bent.
    """
    starts, ends = np.empty((2, *lower.shape), np.int64)
    for place, (line, bent) in enumerate(zip(straight, places, strict=True)):
        shift = bent - line
        starts[:, place] = np.searchsorted(line.ravel(), lower[:, place] - shift.max())
        ends[:, place] = np.searchsorted(line.ravel(), upper[:, place] - shift.min(), side="right")
    reached = np.flatnonzero((starts < ends).all(1))
    bounds = np.stack([starts, ends], -1)[reached, ::-1].tolist()
    return {index: tuple(slice(*ends) for ends in box) for index, box in zip(reached.tolist(), bounds, strict=True)}
