"""Collecting the ellipsoids of a body part, each a little different from patient to patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .projection import Shape


class Parts:
    """Shapes in the order of painting.

    Args:
        random: what every shape differs by.
        scale: size of the body relative to the average.

    Attributes:
        shapes: what was added, in mm.
    """

    def __init__(self, random: np.random.Generator, scale: float) -> None:
        self.random = random
        self.scale = scale
        self.shapes: list[Shape] = []

    def add(
        self,
        tissue: str,
        centre: Sequence[float],
        radii: Sequence[float],
        inside: str = "muscle",
        turn: float = 0.0,
        vary: float = 0.05,
        both: bool = False,
        soft: bool = True,
        folds: float = 0.0,
        merges: bool = False,
    ) -> Shape:
        """Adds a shape, and with `both` its mirror image first.

        Args:
            tissue, inside, turn, soft, folds, merges: see `Shape`.
            centre, radii: mm, in a body of average size.
            vary: largest relative change of each radius, and of the place in units of the smallest radius.
            both: whether there is one on each side.
        """
        if both:
            self.add(
                tissue, (-centre[0], *centre[1:]), radii, inside, -turn, vary, soft=soft, folds=folds, merges=merges
            )
        (x, y, z), (a, b, c) = centre, radii
        grow_a, grow_b, grow_c, right, down, up = (vary * self.random.uniform(-1, 1, 6)).tolist()
        scale, step = self.scale, min(radii)
        place = (float(scale * (x + step * right)), float(scale * (y + step * down)), float(scale * (z + step * up)))
        size = (scale * a * (1 + grow_a), scale * b * (1 + grow_b), scale * c * (1 + grow_c))
        shape = Shape(tissue, place, size, inside, turn, soft=soft, folds=folds, merges=merges)
        self.shapes.append(shape)
        return shape

    def bones(self, *parts: tuple[Sequence[float], Sequence[float], float, str], merges: bool = False) -> None:
        """A bone that is the union of ellipsoids: centre, radii, thickness of the wall in mm and tissue inside of each."""
        shells = [
            self.add("bone", centre, radii, vary=0.04, soft=False, merges=merges) for centre, radii, _, _ in parts
        ]
        for shell, (_, _, wall, core) in zip(shells, parts, strict=True):
            a, b, c = (radius - wall for radius in shell.radii)
            self.shapes.append(replace(shell, tissue=core, radii=(a, b, c), inside="bone"))
