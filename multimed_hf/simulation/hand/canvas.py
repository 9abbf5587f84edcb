"""The plane that a hand is drawn on: how much each ray is weakened by bones, as tubes and blobs of cortex around marrow.

Grey values follow the attenuation of a tube of dense cortex around porous marrow, seen from the side: the cortex is
longest in the beam near the outline, so that outlines are bright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_CORTEX, _MARROW = 1.0, 0.24  # attenuation per mm, of arbitrary unit
_STEPS = 160
_RAMP = np.linspace(0, 1, _STEPS + 1, dtype=np.float32)


@dataclass
class Canvas:
    """Attenuation of a hand as it is drawn, and how millimetres of the hand become pixels."""

    density: np.ndarray
    scale: float
    turn: float
    origin: tuple[float, float]

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row of a point of the hand in mm."""
        sine, cosine = math.sin(self.turn), math.cos(self.turn)
        return (
            self.origin[0] + self.scale * (cosine * x + sine * y),
            self.origin[1] + self.scale * (sine * x - cosine * y),
        )

    def window(
        self, x: float, y: float, angle: float, wide: float, tall: float
    ) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """The pixels around a rectangle, and their place in mm across and along its axis.

        Args:
            x, y: its middle, in mm.
            angle: of its axis from y, in radian.
            wide, tall: half its extent across and along the axis, in mm.
        """
        column, row = self.pixel(x, y)
        sine, cosine = math.sin(angle + self.turn), math.cos(angle + self.turn)
        right = (wide * abs(cosine) + tall * abs(sine)) * self.scale + 1
        below = (wide * abs(sine) + tall * abs(cosine)) * self.scale + 1
        rows, columns = self.density.shape
        box = (
            slice(max(0, int(row - below)), max(0, min(rows, int(row + below) + 2))),
            slice(max(0, int(column - right)), max(0, min(columns, int(column + right) + 2))),
        )
        across = (np.arange(box[1].start, box[1].stop, dtype=np.float32) - column) / self.scale
        down = ((np.arange(box[0].start, box[0].stop, dtype=np.float32) - row) / self.scale)[:, None]
        return box, cosine * across + sine * down, sine * across - cosine * down

    def tube(
        self, x: float, y: float, angle: float, ends: tuple[float, float], shape: tuple[float, float, float, float],
        rounding: tuple[float, float], cortex: float, weight: float = 1.0, depth: float = 1.0, lean: float = 0.0,
    ) -> None:  # fmt: skip
        """Add a tubular bone from `ends[0]` to `ends[1]` mm along the axis that begins at (x, y).

        Args:
            x, y: in mm.
            angle: of the axis from y, in radian.
            ends: in mm.
            shape: length of the whole bone, and its half widths at base, waist and head, in mm.
            rounding: how far from each end it starts to narrow, in mm.
            cortex: thickness of the cortex at the waist, in mm.
            weight: density, 1 for all of the bone.
            depth: of the bone, in units of its width.
            lean: how oblique its ends are, as a slope.
        """
        middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
        sine, cosine = math.sin(angle), math.cos(angle)
        wide = max(shape[1:])
        tall = half + abs(lean) * wide
        box, across, along = self.window(x + middle * sine, y + middle * cosine, angle, wide, tall)
        place = along + lean * across if lean else along
        step = np.minimum(np.maximum((place + half) * (_STEPS / (2 * half)), 0), _STEPS).astype(np.intp)
        outer, inner, marrow = (profile.take(step) for profile in _profiles(ends, shape, rounding, cortex))
        square = across * across
        outer = np.sqrt(np.maximum(outer - square, 0))
        inner = np.sqrt(np.maximum(inner - square, 0))
        self.density[box] += (2 * weight * depth) * (outer * _CORTEX + inner * marrow)

    def blob(
        self, x: float, y: float, angle: float, axes: tuple[float, float], depth: float, square: float,
        bumps: tuple[float, float, float, float] = (0, 0, 0, 0), weight: float = 1.0,
    ) -> None:  # fmt: skip
        """Add a compact bone.

        Args:
            x, y: its middle, in mm.
            angle: of its axis from y, in radian.
            axes: half its extent across and along the axis, in mm.
            depth: in mm.
            square: exponent of its outline: 2 for an ellipse, more for a rounded rectangle.
            bumps: what share of its radius it deviates with two and with three bumps around it, as cosine and sine each.
            weight: density, 1 for all of the bone.
        """
        reach = 1.3 if any(bumps) else 1.0
        box, across, along = self.window(x, y, angle, reach * axes[0], reach * axes[1])
        first, second = np.abs(across) / axes[0], np.abs(along) / axes[1]
        radius = (first**square + second**square) ** (1 / square)
        if any(bumps):
            # Cosine and sine of twice and of three times the angle around the middle.
            turn = (across + 1j * along) / (np.hypot(across, along) + 1e-6)
            twice = turn * turn
            thrice = twice * turn
            radius /= (
                1 + bumps[0] * twice.real + bumps[1] * twice.imag + bumps[2] * thrice.real + bumps[3] * thrice.imag
            )
        square_radius = radius * radius
        hollow = 1 - min(0.5, 0.8 / min(axes))
        outer = np.sqrt(np.maximum(1 - square_radius, 0))
        inner = np.sqrt(np.maximum(hollow**2 - square_radius, 0))
        self.density[box] += (weight * depth) * (outer * _CORTEX + inner * (1.15 * _MARROW - _CORTEX))


def _profiles(
    ends: tuple[float, float], shape: tuple[float, float, float, float], rounding: tuple[float, float], cortex: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Along a tubular bone, from end to end: squares of its outer and inner radius in mm, and marrow less cortex per mm."""
    length, base, waist, head = shape
    first = (ends[1] - ends[0]) * _RAMP
    last = first[::-1]
    part = np.minimum(np.maximum((first + ends[0]) / length, 0), 1)
    wide = waist + (base - waist) * np.maximum(1 - part / 0.45, 0) ** 2
    wide += (head - waist) * np.maximum(1 - (1 - part) / 0.38, 0) ** 2
    for end, radius in ((first, rounding[0]), (last, rounding[1])):
        wide *= np.sqrt(1 - np.maximum(1 - end / radius, 0) ** 3)
    thick = cortex * (1.12 - 0.9 * (2 * part - 1) ** 2)
    # Where the plate grows, new bone is dense.
    marrow = _MARROW - _CORTEX + 0.35 * np.exp(np.minimum(first, last) / -0.8)
    return wide * wide, np.maximum(wide - thick, 0) ** 2, marrow
