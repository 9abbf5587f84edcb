"""One uploaded file: checked, read, described in a few words, and removed, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cells import read_cell_table, read_h5ad
from .images import read_image
from .limits import Refused, check_size, check_suffix, check_text, read_text
from .nifti import read_volume
from .recordings import read_edf, read_microvolts
from .sequences import read_sequence
from .waiting import remove

_IMAGE, _VOLUME = (".png", ".jpg", ".jpeg"), (".nii", ".nii.gz")

SUFFIXES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("xray", "oct", "fundus", "pathology"), _IMAGE),
    **dict.fromkeys(("ct", "mri"), _IMAGE + _VOLUME),
    "eeg": (".edf", ".bdf", ".csv"),
    "scrna": (".csv", ".h5ad"),
    **dict.fromkeys(("genomics", "protein"), (".fa", ".fasta", ".txt")),
    "text": (".txt",),
}
"""Modality to how the names of files may end."""


@dataclass(frozen=True)
class Given:
    """One modality as a visitor gave it: the `value` that the processor takes, and what it is, in words."""

    value: Any
    words: str


def read_upload(path: str | os.PathLike[str], modality: str, sampling_rate: float = 160.0) -> Given:
    """Reads an uploaded file, and removes it, also if it cannot be read, once nobody else waits for it.

    Args:
        path: the file, which is the demo's own copy.
        modality: what it is to be read as.
        sampling_rate: of EEG in CSV files, Hz.

    Raises:
        Refused: it cannot be read; the message is one sentence without paths.
    """
    file = Path(path)
    try:
        check_suffix(file, SUFFIXES[modality])
        check_size(file)
        return _read(file, modality, sampling_rate)
    except OSError:
        raise Refused("The file could not be read.") from None
    finally:
        remove(file)


def _read(file: Path, modality: str, sampling_rate: float) -> Given:
    name = file.name.lower()
    if name.endswith(_IMAGE):
        image = read_image(file)
        return Given(image, f"image of {image.width} x {image.height} pixels")
    if name.endswith(_VOLUME):
        scan = read_volume(file)
        return Given(scan, describe(scan))
    readers: dict[tuple[str, str], Callable[[], Any]] = {
        ("eeg", ".edf"): lambda: read_edf(file),
        ("eeg", ".bdf"): lambda: read_edf(file),
        ("eeg", ".csv"): lambda: read_microvolts(file, sampling_rate),
        ("scrna", ".csv"): lambda: read_cell_table(file),
        ("scrna", ".h5ad"): lambda: read_h5ad(file),
        ("text", ".txt"): lambda: check_text(read_text(file), "text"),
    }
    reader = readers.get((modality, file.suffix.lower()))
    value = reader() if reader else read_sequence(read_text(file), modality)
    return Given(value, describe(value))


def describe(value: Any) -> str:
    """What a value of any modality is, in a few words."""
    if isinstance(value, str):
        return f"{len(value):,} letters"
    if isinstance(value, tuple):
        return " and ".join(describe(each) for each in value)
    if not isinstance(value, dict):
        return f"image of {value.width} x {value.height} pixels"
    if "volume" in value:
        shape = " x ".join(map(str, value["volume"].shape))
        return f"volume of {shape} voxels" + (", and a slice" if value.get("image") is not None else "")
    if "signal" in value:
        seconds = len(value["signal"][0]) / value["sampling_rate"]
        return f"{len(value['channels'])} channels, {seconds:.1f} s at {value['sampling_rate']:g} Hz"
    if "genes" in value:
        return f"{len(value['genes']):,} expressed genes"
    return "sequence"
