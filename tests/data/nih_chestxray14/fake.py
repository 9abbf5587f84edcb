"""A made-up ChestX-ray14 in the layout of the NIH and of Kaggle, with the header whose commas are not quoted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
LABELS = ("No Finding", "Cardiomegaly|Emphysema", "Infiltration", "Pleural_Thickening|Mass|Hernia", "No Finding")


def png(seed: int, size: int = 64) -> bytes:
    """A grey PNG of noise with `size` rows and columns."""
    from PIL import Image

    stream = io.BytesIO()
    grey = np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)
    Image.fromarray(grey).save(stream, "PNG")
    return stream.getvalue()


def image(patient: int, number: int = 0) -> str:
    """Name of a file."""
    return f"{patient:08d}_{number:03d}.png"


def line(
    patient: int, number: int = 0, labels: str = "No Finding", age: str = "57", sex: str = "M", view: str = "PA"
) -> str:
    """A line of the table of images."""
    return f"{image(patient, number)},{labels},{number},{patient},{age},{sex},{view},2682,2749,0.143,0.143"


def lines(patients: int = 12, each: int = 2) -> list[str]:
    """Lines of `patients` patients with `each` images each; findings, ages, sexes and views by turns."""
    return [
        line(
            patient,
            number,
            LABELS[patient % len(LABELS)],
            str(20 + patient),
            "MF"[patient % 2],
            ("PA", "AP")[number % 2],
        )
        for patient in range(1, patients + 1)
        for number in range(each)
    ]


def write(
    folder: Path,
    rows: Sequence[str] | None = None,
    boxes: Sequence[str] = (),
    table: str = "Data_Entry_2017_v2020.csv",
    flat: bool = False,
    kaggle: bool = False,
) -> Path:
    """Writes the release into `folder` and returns it.

    Args:
        folder: where to; made if need be.
        rows: lines of the table of images; each gets its image.
        boxes: lines of the table of boxes, which is left out without any.
        table: name of the table of images.
        flat: all images in `images`, instead of by turns in `images_001/images` and `images_002/images`.
        kaggle: an empty column ends each line of both tables.
    """
    rows = lines() if rows is None else rows
    tail = "," if kaggle else ""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / table).write_text("".join(f"{text}{tail}\n" for text in [HEADER, *rows]))
    for number, row in enumerate(rows):
        inside = folder / ("images" if flat else f"images_{number % 2 + 1:03d}/images")
        inside.mkdir(parents=True, exist_ok=True)
        (inside / row.split(",")[0]).write_bytes(png(number))
        (inside / f"._{row.split(',')[0]}").write_bytes(b"\0")
    if boxes:
        more = ",,," if kaggle else ""
        (folder / "BBox_List_2017.csv").write_text("\n".join([BOX_HEADER, *(f"{box}{more}" for box in boxes), ""]))
    return folder


def write_lists(folder: Path, train_val: Sequence[str], test: Sequence[str]) -> None:
    """Writes the official lists of files."""
    (folder / "train_val_list.txt").write_text("\n".join(train_val))
    (folder / "test_list.txt").write_text("\n".join(test))
