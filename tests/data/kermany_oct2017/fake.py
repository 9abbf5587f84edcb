"""A made-up OCT2017 in its official layout, with what its archives really hold: `._*` files, a patient in both folders."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

LABELS = ("CNV", "DME", "DRUSEN", "NORMAL")
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "


def jpeg(seed: int, size: tuple[int, int] = (24, 32), quality: int = 90) -> bytes:
    """A grey JPEG of noise, `size` in rows and columns."""
    from PIL import Image

    stream = io.BytesIO()
    grey = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    Image.fromarray(grey).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def write(folder: Path, patients: int = 8, scans: int = 2, top: str = "OCT2017") -> Path:
    """Writes `folder/<top>` and returns it.

    Each class has `patients` patients of its own with `scans` scans each in train. The first of them has one more scan in
    test, beside a patient who is in test alone. Numbers of patients are 1000 to 1000 + patients for CNV, then 2000, ...
    """
    root = folder / top
    for number, label in enumerate(LABELS, start=1):
        for patient in range(patients):
            for scan in range(1, scans + 1):
                add(root, "train", label, number * 1000 + patient, scan)
        add(root, "test", label, number * 1000, scans + 1)
        add(root, "test", label, number * 1000 + 500, 1)
        (root / "train" / label / f"._{label}-{number * 1000}-1.jpeg").write_bytes(APPLE_DOUBLE)
    (root / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "train" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    return root


def add(root: Path, folder: str, label: str, patient: int | str, scan: int, content: bytes | None = None) -> Path:
    """Writes one scan, whose bytes no other scan has unless `content` is given."""
    path = root / folder / label / f"{label}-{patient}-{scan}.jpeg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(int(patient) * 100 + scan + LABELS.index(label) * 10**6) if content is None else content)
    return path
