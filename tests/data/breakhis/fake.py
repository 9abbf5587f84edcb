"""A made-up BreakHis in its official layout: `_` in the name of a slide's folder where its files have `-`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

FOLDERS = {
    "A": "benign/SOB/adenosis",
    "F": "benign/SOB/fibroadenoma",
    "PT": "benign/SOB/phyllodes_tumor",
    "TA": "benign/SOB/tubular_adenoma",
    "DC": "malignant/SOB/ductal_carcinoma",
    "LC": "malignant/SOB/lobular_carcinoma",
    "MC": "malignant/SOB/mucinous_carcinoma",
    "PC": "malignant/SOB/papillary_carcinoma",
}
MAGNIFICATIONS = (40, 100, 200, 400)


def png(seed: int) -> bytes:
    """An RGB PNG of noise, 20 rows and 30 columns."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def slides(each: int = 4) -> list[tuple[str, str]]:
    """Code of the tumour and slide; no two of one patient."""
    return [(code, f"14-{1000 * (tumour + 1) + slide}") for tumour, code in enumerate(FOLDERS) for slide in range(each)]


def write(
    folder: Path,
    of: list[tuple[str, str]] | None = None,
    images: int = 1,
    top: str = "BreaKHis_v1/histology_slides/breast",
) -> Path:
    """Writes `images` images of each slide at each magnification below `folder`, and returns it."""
    for code, slide in slides() if of is None else of:
        for magnification in MAGNIFICATIONS:
            for number in range(1, images + 1):
                add(folder / top, code, slide, magnification, number)
    (folder / top / "README.txt").write_text("BreaKHis_v1")
    (folder / "dsfold1.txt").write_text("SOB_B_A-14-1000-40-001.png|40|1|train\n")
    return folder


def add(root: Path, code: str, slide: str, magnification: int, number: int = 1) -> Path:
    """Writes one image below the folder `breast`."""
    letter = "B" if FOLDERS[code].startswith("benign") else "M"
    inside = root / FOLDERS[code] / f"SOB_{letter}_{code}_{slide}" / f"{magnification}X"
    inside.mkdir(parents=True, exist_ok=True)
    path = inside / f"SOB_{letter}_{code}-{slide}-{magnification}-{number:03d}.png"
    path.write_bytes(png(sum(map(ord, path.name)) * 1000 + number))
    return path
