"""What all synthetic images share: smooth textures, the look of a site and a device, and the mark that says what they are."""

from __future__ import annotations

import io
import zlib
from functools import lru_cache
from typing import Any

import numpy as np

from .patient import Patient

MARK = "multimed_hf simulation: made by a program, not recorded from a person"
"""Stands in the metadata of every synthetic PNG, under `Comment`."""


def texture(random: np.random.Generator, shape: tuple[int, int], scale: float | tuple[float, float]) -> np.ndarray:
    """Smooth noise with standard deviation 1, a cubic B-spline over random knots; float32 `shape`.

    Args:
        random: where the knots come from.
        shape: rows and columns.
        scale: distance of the knots in pixels, or one for rows and one for columns.
    """
    steps = scale if isinstance(scale, tuple) else (scale, scale)
    rows, columns = (splines(size, float(step)) for size, step in zip(shape, steps, strict=True))
    knots = random.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
    fine: np.ndarray = rows @ (columns @ knots.T).T
    fine -= fine.mean()
    fine /= np.sqrt(np.square(fine).mean()) + np.float32(1e-6)
    return fine


@lru_cache(maxsize=64)
def splines(size: int, step: float) -> Any:
    """How much each knot, `step` apart, counts at each of `size` places: uniform cubic B-splines, sparse `(size, knots)`."""
    # Sparse products start no threads, which would cost more than they save here.
    from scipy.sparse import csr_matrix

    place = np.arange(size) / step
    distance = np.abs(place[:, None] - np.arange(-1, int(place[-1]) + 3))
    near, far = 2 / 3 - distance**2 + distance**3 / 2, np.clip(2 - distance, 0, None) ** 3 / 6
    return csr_matrix(np.where(distance < 1, near, far).astype(np.float32))


def blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    """A plane after a Gaussian blur, mirrored at the edges.

    For blurs of a few pixels: the time grows with `sigma`, and is a third of that of `scipy.ndimage.gaussian_filter`.

    Args:
        plane: float `(rows, columns)`, each more than `3.5 * sigma`.
        sigma: standard deviation in pixels, above 0.

    Returns:
        The same shape and dtype.
    """
    reach = max(1, round(3.5 * sigma))
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    centre, *sides = (weights / (weights[0] + 2 * weights[1:].sum())).tolist()
    for _ in range(2):
        padded, size = np.concatenate((plane[:reach][::-1], plane, plane[-reach:][::-1])), len(plane)
        plane = padded[reach : reach + size] * centre
        pair = np.empty_like(plane)
        for step, weight in enumerate(sides, 1):
            np.add(padded[reach - step :][:size], padded[reach + step :][:size], out=pair)
            pair *= weight
            plane += pair
        plane = plane.T
    return plane


def add_look(
    image: np.ndarray, patient: Patient, random: np.random.Generator, noise: float, blur: float = 0.0
) -> np.ndarray:
    """The image as this patient's site and device take it: its own sharpness, grain, gamma and exposure.

    Exposure and grain also vary from image to image, more than any sign of disease changes them, so that mean, contrast and
    size of the file say nothing about the label.

    Args:
        image: `(rows, columns)` or `(rows, columns, 3)` float, 0..1.
        patient: whose site and device take it.
        random: for what varies from image to image.
        noise: standard deviation of the grain of an average device, in units of the full range.
        blur: standard deviation, in pixels, of what blurs the image on its way to the device.

    Returns:
        float32 of the same shape, 0..1.
    """
    site, device = patient.style("site"), patient.style("device")
    sigma, grain = float(np.hypot(device.uniform(0.3, 0.9), blur)), device.uniform(0.7, 1.3)
    gamma = site.uniform(0.85, 1.2) * random.uniform(0.85, 1.18)
    gain, offset = site.uniform(0.9, 1.0) * random.uniform(0.82, 1.0), random.uniform(0.0, 0.08)
    strength = noise * grain * random.uniform(0.75, 1.25)
    planes = np.moveaxis(np.atleast_3d(image), 2, 0).astype(np.float32, order="C")
    # Plane by plane, each stays in the cache of the processor.
    for number, plane in enumerate(planes):
        taken = np.clip(blurred(plane, sigma), 1e-6, 1)
        # A power by way of the logarithm, which takes numpy half the time.
        np.exp(gamma * np.log(taken), out=taken)
        taken *= gain
        taken += offset
        taken += strength * random.standard_normal(plane.shape, dtype=np.float32)
        np.clip(taken, 0, 1, out=planes[number])
    return planes[0] if image.ndim == 2 else np.moveaxis(planes, 0, 2)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """A float image 0..1 as uint8 0..255."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def png(image: np.ndarray) -> dict[str, Any]:
    """A marked PNG as a column of type `image` wants it: `{"bytes": ..., "path": None}`.

    Args:
        image: uint8 `(rows, columns)` or `(rows, columns, 3)`, or bool for a mask, stored as 0 and 255.

    Raises:
        ValueError: an image of another type or shape.
    """
    if image.dtype == bool:
        image = image.astype(np.uint8) * 255
    if image.dtype != np.uint8:
        raise ValueError(f"Expected an image of uint8 or bool, got {image.dtype}.")
    if image.ndim != 2 and image.shape[2:] != (3,):
        raise ValueError(f"Expected an image (rows, columns) or (rows, columns, 3), got {image.shape}.")
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    mark = PngInfo()
    mark.add_text("Comment", MARK)
    stream = io.BytesIO()
    # Run lengths alone: to look for repeated strings, of which grain has none, would take longer and gain nothing.
    Image.fromarray(image).save(stream, "PNG", pnginfo=mark, compress_type=zlib.Z_RLE)
    return {"bytes": stream.getvalue(), "path": None}


def is_marked(content: bytes) -> bool:
    """Whether a PNG carries the mark."""
    return MARK.encode() in content[:4096]


def box_of(mask: np.ndarray) -> list[float]:
    """The smallest box around a mask `(rows, columns)`: x, y of the upper left corner, width, height, in pixels.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("Expected a mask with at least one pixel, got an empty one.")
    x, y = int(columns[0]), int(rows[0])
    return [float(x), float(y), float(columns[-1] - x + 1), float(rows[-1] - y + 1)]
