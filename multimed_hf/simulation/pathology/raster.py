"""Pixels that ellipses cover: of many at once, as one flat list, so that cells are drawn without a loop over them."""

from __future__ import annotations

import numpy as np


def ellipse_pixels(
    middles: np.ndarray, axes: np.ndarray, turns: np.ndarray | float, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pixels of a square image whose places lie in ellipses; a pixel comes once for each ellipse that covers it.

    Args:
        middles: x and y in pixels, `(ellipses, 2)`; may lie outside the image. Column c and row r are at x = c and y = r.
        axes: long and short half axis in pixels, above 0, `(ellipses, 2)`.
        turns: direction of the long axis in radians from x, of each or of all.
        size: rows and columns of the image.

    Returns:
        Four arrays `(pixels,)`, the ellipses in order: which ellipse; distance from its middle along x and along y in
        pixels, float32; index into the flattened image.
    """
    (x, y), (long, short) = middles.T, axes.T
    cosine, sine = np.cos(turns), np.sin(turns)
    # An ellipse is xx dx^2 + 2 xy dx dy + yy dy^2 <= 1, with xx yy - xy^2 = 1 / (long short)^2.
    xx = (cosine / long) ** 2 + (sine / short) ** 2
    xy = cosine * sine * (1 / long**2 - 1 / short**2)
    height = long * short * np.sqrt(xx)
    first, rows = _span(y - height, y + height, size)
    row_of, row = _expand(first, rows)
    down = row - y[row_of]
    middle = (x[row_of] - down * (xy / xx)[row_of]) if len(row_of) else down
    half = np.sqrt(np.maximum(1 - (down / height[row_of]) ** 2, 0) / xx[row_of])
    first, columns = _span(middle - half, middle + half, size)
    span_of, column = _expand(first, columns)
    ellipse = row_of[span_of]
    across = (column - x[ellipse]).astype(np.float32)
    return ellipse, across, down.astype(np.float32)[span_of], column + (row * size)[span_of]


def _span(low: np.ndarray, high: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first whole number of each interval within 0 to size - 1, and how many there are."""
    first = np.maximum(np.ceil(low), 0).astype(np.intp)
    last = np.minimum(np.floor(high), size - 1).astype(np.intp)
    return first, np.maximum(last - first + 1, 0)


def _expand(first: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs of whole numbers one after another: which run each belongs to, and the number."""
    run = np.repeat(np.arange(len(counts)), counts)
    return run, np.arange(len(run)) + (first - np.cumsum(counts) + counts)[run]
