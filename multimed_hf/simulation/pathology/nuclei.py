"""Nuclei as haematoxylin shows them: outline, rim, chromatin, nucleolus."""

from __future__ import annotations

import numpy as np

from ..images import texture
from .histology import EPITHELIAL, MITOSIS
from .raster import ellipse_pixels

# By kind of nucleus: how dark on average, and how uneven the outline of a healthy one.
_DARK = np.array([1.0, 1.25, 1.2, 1.55, 2.1, 2.0])
_UNEVEN = np.array([0.035, 0.05, 0.08, 0.03, 0.1, 0.05])


def draw_nuclei(
    random: np.random.Generator, cells: np.ndarray, atypia: float, pixel: float, size: int, grain: float
) -> tuple[np.ndarray, np.ndarray]:
    """Haematoxylin of the nuclei, and how far each pixel belongs to one.

    Args:
        random: for outlines, darkness, chromatin and nucleoli.
        cells: `(cells, 6)` as in `histology.Tissue`, in micrometres.
        atypia: of the epithelium, 0 to 1: uneven outlines, coarse chromatin with a dark rim, large nucleoli.
        pixel: micrometres per pixel.
        size: rows and columns.
        grain: distance of clumps of chromatin, in pixels.

    Returns:
        Two arrays `(size, size)`, float32: 0 to about 5, a benign nucleus about 0.8; and 0 to 1.
    """
    count, kinds = len(cells), cells[:, 5].astype(np.intp)
    epithelial = kinds == EPITHELIAL
    atypical = np.where(epithelial, atypia, 0.0)
    axes = np.maximum(cells[:, 2:4] / pixel, 0.7)
    mean_axis = np.sqrt(axes[:, 0] * axes[:, 1])
    # Distances from the outline are counted in pixels along an axis between the mean and the short one.
    thick = np.minimum(mean_axis, 1.3 * axes[:, 1])
    soft = max(0.9, 0.3 / pixel)
    waves = random.standard_normal((4, count)) * (_UNEVEN[kinds] + 0.055 * atypical)
    cosine, sine = np.cos(cells[:, 4]), np.sin(cells[:, 4])
    wide = (random.uniform(0.55, 0.8, count) + 0.6 * atypical) / pixel
    of_cell = np.stack(
        [
            cosine / axes[:, 0],
            sine / axes[:, 0],
            cosine / axes[:, 1],
            sine / axes[:, 1],
            *waves,
            thick,
            np.where(kinds == MITOSIS, 0.1, 0.12) + 0.13 * atypical,
            np.where(epithelial, 0.3, 0.1) + 0.35 * atypical,
            np.where(epithelial, 0.15, 0.0) + 1.1 * atypical * (random.random(count) < 0.75),
            *random.uniform(-0.45, 0.45, (2, count)),
            -(mean_axis**2) / (2 * wide**2 + 0.3),
            _DARK[kinds] * np.exp(random.standard_normal(count) * (0.1 + 0.1 * atypical)),
        ]
    ).astype(np.float32)
    reach = 1 + np.hypot(waves[0], waves[1]) + np.abs(waves[2]) + np.abs(waves[3]) + 0.5 * soft / thick
    cell, across, down, place = ellipse_pixels(cells[:, :2] / pixel, axes * reach[:, None], cells[:, 4], size)
    values = np.take(of_cell, cell, axis=1)
    along_x, along_y, short_x, short_y = values[:4]
    wave_sine, wave_cosine, wave_four, wave_one = values[4:8]
    thickness, coarse, rim, spot, spot_first, spot_second, narrow, dark = values[8:]

    first, second = across * along_x + down * along_y, down * short_x - across * short_y
    radius = np.sqrt(first * first + second * second) + np.float32(1e-4)
    one, two = first / radius, second / radius
    double, twofold = 2 * one * one - 1, 2 * one * two
    outline = 1 + wave_sine * (one * double - two * twofold) + wave_cosine * (two * double + one * twofold)
    outline += wave_four * (2 * double * double - 1) + wave_one * one
    depth = (outline - radius) * thickness
    inside = np.clip(depth / soft + 0.5, 0, 1)
    clumps = texture(random, (size, size), grain).ravel()
    amount = 0.82 + coarse * clumps[place] + rim * np.exp(np.maximum(depth, 0) * (-pixel / 0.55))
    amount += spot * np.exp(((first - spot_first) ** 2 + (second - spot_second) ** 2) * narrow)
    amount = np.clip(amount, 0.5, 2.2) * dark * inside

    haematoxylin, cover = np.zeros(size**2, np.float32), np.zeros(size**2, np.float32)
    np.maximum.at(haematoxylin, place, amount)
    np.maximum.at(cover, place, inside)
    return haematoxylin.reshape(size, size), cover.reshape(size, size)
