"""An uploaded volume in NIfTI-1, as `.nii` or `.nii.gz`: its voxels and their size, nothing else of the header.

Format: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from .limits import MEGABYTE, MOST_UNPACKED, Refused, unpack

_HEADER = 348
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}


def read_volume(path: Path) -> dict[str, Any]:
    """The volume in a NIfTI-1 file.

    Axes are turned so that slices run from the feet to the head, rows from the front to the back, and columns from the
    patient's right to the left, as axial slices are usually shown. An oblique volume is turned to the nearest axes.

    Returns:
        `volume` `(slices, rows, columns)` float32, in the unit of the file, and `spacing` in mm `(slice, row, column)`.

    Raises:
        Refused: it is no such file, breaks off, holds more than one volume, or is larger than the page takes.
    """
    content = unpack(path) if path.name.lower().endswith(".gz") else path.read_bytes()
    order = _byte_order(content)
    header = _Header(content, order)
    sides = header.shape
    length = header.dtype.itemsize * int(np.prod(sides, dtype=object))
    # Stored as bytes, a volume takes four times as much in single precision.
    if length > MOST_UNPACKED or int(np.prod(sides, dtype=object)) * 4 > MOST_UNPACKED:
        raise Refused(f"The volume takes more than {MOST_UNPACKED // MEGABYTE} MB in memory, the most this page takes.")
    if len(content) < header.start + length:
        raise Refused("The NIfTI file breaks off: it holds fewer voxels than its header says.")
    stored = np.frombuffer(content, header.dtype, int(np.prod(sides)), header.start).reshape(sides, order="F")
    volume = stored.astype(np.float32)
    if header.slope not in (0.0, 1.0) or (header.slope and header.intercept):
        volume = volume * np.float32(header.slope) + np.float32(header.intercept)
    if not np.isfinite(volume).all():
        raise Refused("The volume holds values that are not finite.")
    return _axial(volume, header.axes)


def _byte_order(content: bytes) -> str:
    for order in "<>":
        if len(content) >= _HEADER + 4 and struct.unpack_from(f"{order}i", content) == (_HEADER,):
            if content[344:348] == b"n+1\0":
                return order
            break
    raise Refused("The file is no NIfTI-1 file with its voxels in it (.nii or .nii.gz).")


class _Header:
    """What is used of a header, checked; `axes` `(3, 3)` are the steps in mm to the right, front and head, by column."""

    def __init__(self, content: bytes, order: str) -> None:
        def read(form: str, at: int) -> tuple[Any, ...]:
            return struct.unpack_from(order + form, content, at)

        count, *sides = read("8h", 40)
        if not 3 <= count <= 7 or min(sides[:count]) < 1 or any(side != 1 for side in sides[3:count]):
            raise Refused("Expected a NIfTI file of one volume with three axes.")
        self.shape: tuple[int, ...] = tuple(sides[:3])
        (code,) = read("h", 70)
        if code not in _TYPES:
            raise Refused("Expected a NIfTI file of whole or real numbers, found another kind of voxels.")
        self.dtype = np.dtype(order + _TYPES[code])
        sizes = np.abs(np.array(read("8f", 76)[1:4]))
        (start,), (self.slope, self.intercept) = read("f", 108), read("2f", 112)
        self.start = int(start) if np.isfinite(start) and start >= _HEADER + 4 else _HEADER + 4
        if not (np.isfinite([self.slope, self.intercept]).all()):
            self.slope, self.intercept = 0.0, 0.0
        self.axes = self._axes(read, sizes)
        if not (np.isfinite(self.axes).all() and abs(np.linalg.det(self.axes)) > 1e-9):
            raise Refused("Expected voxels of three sizes above 0 mm, found others in the header of the NIfTI file.")

    @staticmethod
    def _axes(read: Any, sizes: np.ndarray) -> np.ndarray:
        (by_quaternion, by_matrix) = read("2h", 252)
        if by_matrix > 0:
            return np.array(read("12f", 280)).reshape(3, 4)[:, :3]
        if by_quaternion <= 0:
            return np.diag(sizes)
        b, c, d = read("3f", 256)
        a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
        turn = np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
            ]
        )
        (factor,) = read("f", 76)
        return turn * sizes * [1, 1, -1 if factor < 0 else 1]


def _axial(volume: np.ndarray, axes: np.ndarray) -> dict[str, Any]:
    """Turns (i, j, k) to (slice, row, column)."""
    sizes = np.linalg.norm(axes, axis=0)
    steps = axes / sizes
    # Head first: the axis that runs most along it, then of the others the one that runs most from back to front.
    along_body = int(np.abs(steps[2]).argmax())
    others = [axis for axis in range(3) if axis != along_body]
    along_depth = max(others, key=lambda axis: abs(steps[1, axis]))
    along_width = next(axis for axis in others if axis != along_depth)
    order = (along_body, along_depth, along_width)
    # NIfTI counts to the right, the front and the head.
    wanted = ((2, 1), (1, -1), (0, -1))
    flips = [steps[row, axis] * sign < 0 for axis, (row, sign) in zip(order, wanted, strict=True)]
    turned = np.flip(volume.transpose(order), tuple(place for place, flip in enumerate(flips) if flip))
    return {"volume": np.ascontiguousarray(turned), "spacing": sizes[list(order)].astype(np.float32)}
