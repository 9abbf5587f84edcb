"""Plain features of images and volumes: brightness, texture and edges, in all and by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SIDE = 128
"""Pixels of a side to which images are resized, whatever their shape."""

CELLS = 8
"""Cells along each side of an image, and, halved, along each axis of a volume."""

BINS = 32
ORIENTATIONS = 8

SCANS = ("oct", "xray", "fundus", "pathology", "ct", "mri")
"""The modalities that are images or volumes."""

_COLOURED = ("fundus", "pathology")
_CT_RANGE = (-1000.0, 1000.0)


def image_features(image: Any, grey: bool) -> np.ndarray:
    """What a textbook measures in an image of 8 bit.

    Args:
        image: a PIL image.
        grey: one channel instead of three.

    Returns:
        float32: by channel mean and standard deviation of each of 8 x 8 cells and a histogram of 32 bins, then of the grey
        image the histogram of gradient directions of each cell (Dalal and Triggs, CVPR 2005; eight unsigned directions,
        weighted by magnitude, divided by the length of the cell's).
    """
    pixels = np.asarray(image.convert("L" if grey else "RGB").resize((SIDE, SIDE)), np.float32) / 255
    parts = []
    for channel in np.moveaxis(pixels.reshape(SIDE, SIDE, -1), 2, 0):
        cells = _cells(channel)
        parts += [cells.mean(1), cells.std(1), np.histogram(channel, BINS, (0, 1))[0] / channel.size]
    down, right = np.gradient(pixels.reshape(SIDE, SIDE, -1).mean(2))
    direction = np.floor(np.arctan2(down, right) % np.pi * (ORIENTATIONS / np.pi)).astype(int) % ORIENTATIONS
    strength = np.hypot(down, right)
    cells = np.stack([_cells(strength * (direction == each)).sum(1) for each in range(ORIENTATIONS)], axis=1)
    parts.append((cells / np.sqrt((cells**2).sum(1, keepdims=True) + 1e-4)).ravel())
    return np.concatenate(parts).astype(np.float32)


def volume_features(volume: np.ndarray, low: float, high: float) -> np.ndarray:
    """What a textbook measures in a volume `(slices, rows, columns)`.

    Returns:
        float32: mean and standard deviation of each of 4 x 4 x 4 blocks, and a histogram of 32 bins from `low` to `high`.
    """
    values = (np.asarray(volume, np.float32).clip(low, high) - low) / max(high - low, 1e-6)
    blocks = [values]
    for axis in range(3):
        # An axis shorter than four gives the same slice more than once.
        edges = np.linspace(0, values.shape[axis], CELLS // 2 + 1)
        starts = np.minimum(edges[:-1].astype(int), values.shape[axis] - 1)
        ends = np.maximum(np.ceil(edges[1:]).astype(int), starts + 1)
        blocks = [
            np.take(block, range(start, end), axis) for block in blocks for start, end in zip(starts, ends, strict=True)
        ]
    means, deviations = [block.mean() for block in blocks], [block.std() for block in blocks]
    histogram = np.histogram(values, BINS, (0, 1))[0] / values.size
    return np.concatenate([means, deviations, histogram]).astype(np.float32)


def scan_features(modality: str, scan: Any) -> dict[str, np.ndarray]:
    """Features of an image, or of the slice and the volume of a scan: `image`, `volume`, or both."""
    if not isinstance(scan, Mapping):
        return {"image": image_features(scan, modality not in _COLOURED)}
    parts = {} if scan.get("image") is None else {"image": image_features(scan["image"], modality not in _COLOURED)}
    # HU mean the same everywhere; the units of MR differ from machine to machine.
    low, high = _CT_RANGE if modality == "ct" else np.percentile(scan["volume"], (1, 99))
    return {**parts, "volume": volume_features(scan["volume"], low, high)}


class ScanFeatures:
    """Features of images and volumes, as `scan_features` gives them, side by side; the mean where a row lacks a part."""

    def fit(self, values: Sequence[Mapping[str, np.ndarray]]) -> ScanFeatures:
        """Learns which parts there are, and their means."""
        names = dict.fromkeys(name for value in values for name in value)
        self.means = {name: np.mean([value[name] for value in values if name in value], axis=0) for name in names}
        return self

    def transform(self, values: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
        """`(rows, features)`."""
        return np.stack(
            [np.concatenate([value.get(name, mean) for name, mean in self.means.items()]) for value in values]
        )


def _cells(channel: np.ndarray) -> np.ndarray:
    """Pixels of each of 8 x 8 cells of an image `(SIDE, SIDE)`: `(cells, pixels)`."""
    step = SIDE // CELLS
    return channel.reshape(CELLS, step, CELLS, step).swapaxes(1, 2).reshape(CELLS * CELLS, -1)
