"""How a field of tissue looks in haematoxylin and eosin: cytoplasm, lumens, fat, collagen, and the light that passes.

Light passes two stains: transmission follows Beer and Lambert with the absorption vectors of Ruifrok and Johnston
(Anal. Quant. Cytol. Histol. 23, 291, 2001), which differ a little from site to site. The amount of each stain,
brightness and contrast are drawn whatever the tissue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..images import add_look, splines, texture
from ..patient import Patient
from .histology import BASAL, FIBROBLAST, LYMPHOCYTE, Hollow, Tissue, direction_of
from .nuclei import draw_nuclei
from .raster import ellipse_pixels

# Absorption of red, green and blue by haematoxylin and by eosin (Ruifrok and Johnston 2001).
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])


def stain(patient: Patient, random: np.random.Generator, tissue: Tissue, pixel: float, size: int) -> np.ndarray:
    """A tile of tissue as the patient's site stains it and the device takes it.

    Args:
        patient: whose tissue it is.
        random: for all that differs from tile to tile.
        tissue: what grows there.
        pixel: micrometres per pixel.
        size: rows and columns.

    Returns:
        float32 `(size, size, 3)`, 0..1.
    """
    haematoxylin, eosin = _amounts(random, tissue, pixel, size)
    image = _transmitted(patient, random, haematoxylin, eosin)
    # Contrast is drawn as well, not left to how much is white.
    mean, contrast = image.mean(), min(max(random.uniform(0.13, 0.2) / float(image.std()), 0.7), 1.35)
    image = contrast * image + (1 - contrast) * mean
    noise = patient.simulation.harder(0.008, 0.045) * random.uniform(0.5, 1.7)
    return add_look(image, patient, random, noise)


def _amounts(random: np.random.Generator, tissue: Tissue, pixel: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Haematoxylin and eosin, `(size, size)` each, float32: about as much of each in all as is drawn."""
    cells = tissue.nuclei()
    cells = cells[tissue.within(cells[:, :2], 12)]
    mottle = _texture(random, size, max(2.0, 3.5 / pixel))
    depth = _epithelium_depth(tissue, cells, pixel, size) + 1.3 * mottle[::-1]
    cytoplasm = np.clip(depth / max(pixel, 2.5) + 0.5, 0, 1)
    white, walls = _openings(random, tissue, cytoplasm, pixel, size)
    if tissue.halo:
        width = tissue.halo * np.clip(0.5 + 0.9 * _texture(random, size, min(30 / pixel, size / 3)), 0, 1.6)
        soft = max(pixel, 1.0)
        shrunk = np.clip((depth + width) / soft, 0, 1) * np.clip(-depth / soft, 0, 1)
        white = np.maximum(white, 0.95 * shrunk)
    stained = 1 - white
    grain = _half_octave(max(1.3, 0.9 / pixel))
    chromatin, cover = draw_nuclei(random, cells, tissue.atypia, pixel, size, grain)
    stroma = _collagen(random, tissue.grain, pixel, size)

    tint = random.uniform(0.1, 0.3)
    haematoxylin = (0.05 + tint * cytoplasm * (1 + 0.2 * mottle)) * stained
    haematoxylin = np.maximum(haematoxylin * (1 - cover), chromatin)
    eosin = stroma + cytoplasm * (random.uniform(0.3, 0.55) * (1 + 0.12 * mottle) - stroma)
    eosin = np.maximum(eosin * stained, walls) * (1 - 0.55 * cover)
    for amount in (haematoxylin, eosin):
        amount *= min(max(random.lognormal(math.log(0.36), 0.2) / float(amount.mean()), 0.6), 1.7)
    return haematoxylin, eosin


def _transmitted(
    patient: Patient, random: np.random.Generator, haematoxylin: np.ndarray, eosin: np.ndarray
) -> np.ndarray:
    """Light that passes, `(size, size, 3)`, float32, by Beer and Lambert, with the stains of the patient's site."""
    style = patient.style("site")
    stains = _STAINS * np.exp(style.normal(0, 0.1, (2, 3))) + style.uniform(0, 0.05, (2, 3))
    stains = stains * np.exp(style.normal(0, 0.1, (2, 1)) + random.normal(0, 0.06, (2, 1)))
    light = 1 - style.uniform(0.0, 0.06, 3)
    planes = np.empty((3, *haematoxylin.shape), np.float32)
    for plane, lamp, (by_haematoxylin, by_eosin) in zip(
        planes, light.tolist(), (-1.15 * stains.T).tolist(), strict=True
    ):
        np.exp(by_haematoxylin * haematoxylin + by_eosin * eosin + math.log(lamp), out=plane)
    return np.moveaxis(planes, 0, 2)


def _half_octave(scale: float) -> float:
    """Rounded to a power of the square root of 2: `splines` remembers a few scales, not any."""
    return 2.0 ** (round(2 * math.log2(scale)) / 2)


def _texture(random: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """Smooth noise `(size, size)`, standard deviation 1, of about this scale in pixels."""
    return texture(random, (size, size), _half_octave(scale))


def _coarse_step(pixel: float) -> int:
    """Pixels from knot to knot of a field that changes over micrometres: a power of 2, about 1.8 micrometres."""
    return 1 << max(0, round(math.log2(1.8 / pixel)))


def _knots(size: int, step: int) -> int:
    """Rows and columns of a coarse field; with a step above 1, knot 1 lies on pixel 0."""
    return size if step == 1 else splines(size, float(step)).shape[1]


def _refined(field: np.ndarray, size: int, step: int) -> np.ndarray:
    """A flattened coarse field as an image `(size, size)`."""
    if step == 1:
        return field.reshape(size, size)
    spline = splines(size, float(step))
    knots = spline.shape[1]
    return (spline @ (spline @ field.reshape(knots, knots)).T).T


def _epithelium_depth(tissue: Tissue, cells: np.ndarray, pixel: float, size: int) -> np.ndarray:
    """How deep each pixel lies in the epithelium, in micrometres; negative in the stroma, there exact near it only."""
    own = cells[(cells[:, 5] != FIBROBLAST) & (cells[:, 5] != LYMPHOCYTE)]
    radius = np.sqrt(own[:, 2] * own[:, 3]) + tissue.diameter * (0.68 - 0.25 * tissue.atypia)
    radius = np.where(own[:, 5] == BASAL, 3.5, np.maximum(radius, 0.9 * tissue.diameter))
    # Beyond: half the width of the edge, what the mottle adds, and the gap where the epithelium shrank.
    beyond = 0.5 * max(pixel, 2.5) + 4 + 1.6 * tissue.halo
    step = _coarse_step(pixel)
    knots, unit = _knots(size, step), step * pixel
    reach = ((radius + beyond) / unit)[:, None]
    cell, across, down, place = ellipse_pixels(own[:, :2] / unit + (step > 1), reach.repeat(2, 1), 0.0, knots)
    depth = np.full(knots**2, -beyond, np.float32)
    np.maximum.at(depth, place, radius.astype(np.float32)[cell] - unit * np.sqrt(across * across + down * down))
    return _refined(depth, size, step)


def _hollow_depth(
    hollows: Sequence[Hollow], beyond: float, unit: float, origin: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in hollows or not far from them: which hollow, how deep in it in micrometres, index into the image.

    Args:
        hollows: one or more.
        beyond: micrometres around them.
        unit: micrometres per pixel.
        origin: row and column of the corner of the field.
        size: rows and columns.
    """
    outlines = np.stack([hollow.radius * hollow.outline for hollow in hollows])
    middles = np.array([(hollow.x, hollow.y) for hollow in hollows]) / unit + origin
    reach = ((outlines.max(1) + beyond) / unit)[:, None].repeat(2, 1)
    which, across, down, place = ellipse_pixels(middles, reach, 0.0, size)
    radius = outlines.astype(np.float32)[which, direction_of(np.arctan2(down, across))]
    return which, radius - unit * np.sqrt(across * across + down * down), place


def _openings(
    random: np.random.Generator, tissue: Tissue, cytoplasm: np.ndarray, pixel: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """What holds no stain, lumens and fat, 0..1; and the eosin of the walls of fat cells and of secretion."""
    white, walls = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    soft = max(pixel, 0.8)
    if tissue.lumens:
        step = _coarse_step(pixel)
        knots, unit, strip = _knots(size, step), step * pixel, 0.6 * tissue.diameter
        which, inside, place = _hollow_depth(tissue.lumens, strip + soft + 2 * unit, unit, int(step > 1), knots)
        depth, content = np.full(knots**2, -strip - soft - 2 * unit, np.float32), np.zeros(knots**2, np.float32)
        np.maximum.at(depth, place, inside)
        filled = random.random(len(tissue.lumens)) < (0.2 if tissue.halo else 0.55)
        secretion = np.where(filled, random.uniform(0.12, 0.4, len(tissue.lumens)), 0.02)
        content[place] = secretion[which]
        depth = _refined(depth, size, step)
        white = np.clip((depth + strip) / soft, 0, 1) * (1 - cytoplasm)
        white = np.maximum(white, np.clip(depth / soft + 0.5, 0, 1))
        walls = _refined(content, size, step) * white
    if tissue.fat:
        wall = max(0.8 * pixel, 0.9)
        _, inside, place = _hollow_depth(tissue.fat, 3 * wall, pixel, 0, size)
        np.maximum.at(white.reshape(-1), place, np.clip(inside / soft + 0.5, 0, 1))
        np.maximum.at(walls.reshape(-1), place, 0.45 * np.exp(-((inside / wall) ** 2)))
    return white, walls


def _collagen(random: np.random.Generator, angle: float, pixel: float, size: int) -> np.ndarray:
    """Eosin of the stroma: bundles of collagen that run in waves, with clefts between them."""
    # A pattern that is wide enough for any direction and bend, squeezed along the fibres, is drawn and then bent.
    wide, squeeze = int(2.4 * size), 7
    shape = (wide, wide // squeeze)
    bundles = texture(random, shape, _half_octave(max(2.0, random.uniform(5, 10) / pixel)))
    fibrils = texture(random, shape, _half_octave(max(1.6, 1.7 / pixel)))
    density = random.uniform(0.36, 0.6)
    clefts = np.clip((bundles + random.uniform(1.0, 2.2)) / 0.35, 0.25, 1)
    pattern = density * np.clip(1 + 0.22 * bundles + 0.16 * fibrils, 0.2, 2) * clefts

    bend = _texture(random, size, min(90 / pixel, size / 2.5)) * min(random.uniform(15, 40) / pixel, size / 6)
    line = np.arange(size, dtype=np.float32) - size / 2
    across = line[:, None] * math.cos(angle) - line * math.sin(angle) + bend
    along = line[:, None] * math.sin(angle) + line * math.cos(angle) + 0.5 * bend
    row = np.clip(across + wide / 2, 0, shape[0] - 1).astype(np.int32)
    column = np.clip((along + wide / 2) / squeeze, 0, shape[1] - 1).astype(np.int32)
    return pattern.ravel()[row * shape[1] + column]
