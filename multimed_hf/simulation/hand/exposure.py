"""From the bones of a hand to the radiograph: soft tissue, exposure, marker, shutters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..images import add_look, texture, to_bytes
from ..patient import Patient
from .canvas import Canvas

Chain = list[tuple[float, float, float]]
"""Soft tissue along a finger or arm: x, y and radius of the points that capsules connect, in mm."""

_TISSUE = 0.15  # attenuation per mm, in the unit of `hand_canvas`
_DEEP = 13.0  # mm from the skin where the hand is as thick as it gets
_COARSE = 4  # pixels between the places where soft tissue is computed


def expose(canvas: Canvas, flesh: Sequence[Chain], patient: Patient, member: int) -> np.ndarray:
    """The radiograph of what was drawn: noise, collimation, side marker, and an exposure that tells nothing of age.

    Args:
        canvas: the bones.
        flesh: the soft tissue.
        patient: whose hand it is.
        member: number of the image of this patient.

    Returns:
        uint8 `(rows, columns)`.
    """
    random, harder = patient.random("exposure", member), patient.simulation.harder
    size = len(canvas.density)
    grain = 1 + 0.1 * texture(random, (size, size), 1.6) + 0.06 * texture(random, (size, size), 6)
    bones = canvas.density * grain * random.uniform(0.85, 1.15) * harder(1.0, 0.62)
    path = bones + _TISSUE * _tissue(canvas, flesh) * (1 + 0.05 * texture(random, (size, size), 9))
    image = 1 - np.exp(-path / random.uniform(7.5, 11))
    image += 0.05 * random.random() * texture(random, (size, size), size / 2)
    # Mean and contrast are drawn, not left to how much bone there is.
    target, contrast = random.uniform(0.26, 0.44), random.uniform(0.17, 0.23)
    image = target + (image - image.mean()) * (contrast / image.std())
    if random.random() < 0.6:
        _add_marker(image, random)
    if random.random() < 0.5:
        _collimate(image, random)
    return to_bytes(add_look(image, patient, random, harder(0.012, 0.05) * random.uniform(0.6, 1.6)))


def _add_marker(image: np.ndarray, random: np.random.Generator) -> None:
    """A lead letter L near an edge."""
    size = len(image)
    height, stroke = round(size * random.uniform(0.045, 0.07)), max(1, round(size * 0.011))
    row, column = int(random.uniform(0.04, 0.8) * size), int((0.03 if random.random() < 0.5 else 0.88) * size)
    image[row : row + height, column : column + stroke] = 0.95
    image[row + height - stroke : row + height, column : column + round(0.6 * height)] = 0.95


def _collimate(image: np.ndarray, random: np.random.Generator) -> None:
    """Shutters: dark or bright margins."""
    size, tone = len(image), random.choice([0.02, 0.02, 0.85])
    top, bottom, left, right = (random.uniform(0, 0.035, 4) * size).astype(int)
    image[:top], image[size - bottom :] = tone, tone
    image[:, :left], image[:, size - right :] = tone, tone


def _tissue(canvas: Canvas, flesh: Sequence[Chain]) -> np.ndarray:
    """Depth of the soft tissue in mm, `(rows, columns)`: round at the edges."""
    from scipy.ndimage import gaussian_filter

    size = len(canvas.density)
    capsules = [
        (*canvas.pixel(x, y), radius * canvas.scale, *canvas.pixel(x1, y1), radius1 * canvas.scale)
        for chain in flesh
        for (x, y, radius), (x1, y1, radius1) in pairwise(chain)
    ]
    ends = np.array(capsules, np.float32)[..., None]
    start, step = ends[:, :3], ends[:, 3:] - ends[:, :3]
    axis = np.linspace(0, size - 1, size // _COARSE + 2, dtype=np.float32)
    across, down = axis - start[:, 0], axis - start[:, 1]
    span = step[:, 0] ** 2 + step[:, 1] ** 2 + 1e-6
    # How far along its capsule each place lies, and how far from the axis of the capsule there.
    along = (across * step[:, 0] / span)[:, None, :] + (down * step[:, 1] / span)[:, :, None]
    np.minimum(np.maximum(along, 0, out=along), 1, out=along)
    square = (across[:, None, :] - along * step[:, :1]) ** 2
    square += (down[:, :, None] - along * step[:, 1:2]) ** 2
    along *= step[:, 2:]
    along -= np.sqrt(square, out=square)
    along += start[:, 2:]
    inside = _enlarged(gaussian_filter(along.max(0), 0.6), size) / canvas.scale
    return 1.5 * _DEEP * np.sqrt(np.maximum(1 - (1 - np.clip(inside / _DEEP, 0, 1)) ** 2, 0))


def _enlarged(coarse: np.ndarray, size: int) -> np.ndarray:
    """A square image at `size` rows and columns, corners on corners, linear in between."""
    place = np.linspace(0, len(coarse) - 1, size)
    first = np.minimum(place.astype(int), len(coarse) - 2)
    part = (place - first).astype(np.float32)
    rows = coarse[first] * (1 - part)[:, None] + coarse[first + 1] * part[:, None]
    return rows[:, first] * (1 - part) + rows[:, first + 1] * part
