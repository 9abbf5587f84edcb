"""Builder scripts in miniature, so that building can be tested without any release.

`install(monkeypatch)` puts them in the place of the real ones.
"""

import io
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np

from multimed_hf import resources
from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.sources import IMAGINED_MOVEMENTS


class Synthetic(SourceReader):
    """Three trials of each simulated subject; the signal depends on seed, subject and trial alone."""

    subset, name = "eeg", "synthetic"
    total = 60

    @classmethod
    def locate(cls, data_dir):
        return data_dir

    def index(self) -> Sequence[Entry]:
        self.notes.append("Signals are white noise.")
        return [Entry(trial, f"subject-{trial // 3}") for trial in range(self.total)]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict]:
        for entry in entries:
            signal = np.random.default_rng([self.simulation.seed, entry.key]).normal(size=(2, 16)).astype("float32")
            yield {
                "id": f"synthetic/{entry.key}",
                "has_eeg": True,
                "eeg": signal,
                "eeg_channels": ["C3", "C4"],
                "eeg_sampling_rate": 128.0,
                "motor_imagery": IMAGINED_MOVEMENTS.labels[entry.key % 4],
                "subject": entry.group,
            }


class Recording(SourceReader):
    """One text file, one value a line; each line becomes a row. The word `nan` is bad input."""

    subset, name = "eeg", "uci_eye_state"
    layout = "tiny_recording"

    def index(self) -> Sequence[Entry]:
        lines = (self.location / "recording.txt").read_text().split()
        return [Entry(number, f"block-{number // 2}") for number in range(len(lines))]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict]:
        lines = (self.location / "recording.txt").read_text().split()
        for entry in entries:
            yield {
                "id": f"uci_eye_state/{entry.key}",
                "has_eeg": True,
                "eeg": [[float(lines[entry.key])]],
                "eye_state": "open",
            }


class EegBuilder(MultiMedBuilder):
    subset = "eeg"
    readers = (Synthetic, Recording)


class Cells(SourceReader):
    subset, name = "scrna", "pbmc68k"
    symbols = ("ACTB", "CD3D", "MS4A1")

    @classmethod
    def locate(cls, data_dir):
        return data_dir

    @property
    def genes(self) -> Sequence[str]:
        return self.symbols

    def index(self) -> Sequence[Entry]:
        return [Entry(cell, f"cell-{cell}") for cell in range(20)]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict]:
        for entry in entries:
            yield {
                "id": f"pbmc68k/{entry.key}",
                "has_scrna": True,
                "gene_index": [0, 2],
                "gene_value": [0.5, 1.5],
                "cell_type": "Dendritic",
            }


class Chromatin(Cells):
    """The same cells with the first and the last of some open peaks."""

    regions: tuple[str, ...] = ("chr1:1-9", "chr1:20-29", "chr2:5-8")

    @property
    def peaks(self) -> Sequence[str]:
        return self.regions

    def read(self, entries: Sequence[Entry]) -> Iterator[dict]:
        for row in super().read(entries):
            yield {**row, "has_genomics": True, "peak_index": [0, len(self.regions) - 1]}


class CellsBuilder(MultiMedBuilder):
    subset = "scrna"
    readers = (Cells,)


class Radiographs(SourceReader):
    """Two rows, which between them fill and leave empty every type of column."""

    subset, name = "xray", "nih_chestxray14"

    @classmethod
    def locate(cls, data_dir):
        return data_dir

    def index(self) -> Sequence[Entry]:
        return [Entry("full", "patient-a"), Entry("bare", "patient-b")]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict]:
        for entry in entries:
            row = {"id": f"nih_chestxray14/{entry.key}", "has_xray": True, "xray": png(7)}
            if entry.key == "full":
                row |= {
                    "findings": {"Mass": "present", "Edema": "uncertain", "Hernia": "absent"},
                    "disease": "PNEUMONIA",
                    "has_ct": True,
                    "ct": png(200),
                    "ct_volume": np.arange(24, dtype="int16").reshape(2, 3, 4) - 1000,
                    "ct_spacing": [1.25, 0.5, 0.5],
                    "has_text": True,
                    "text": "Größe unverändert, 无异常",
                    "view": "PA",
                }
            yield row


class RadiographsBuilder(MultiMedBuilder):
    subset = "xray"
    readers = (Radiographs,)


def png(grey: int) -> dict:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (4, 3), grey).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


SCRIPTS = {
    "eeg": SimpleNamespace(Builder=EegBuilder),
    "scrna": SimpleNamespace(Builder=CellsBuilder),
    "xray": SimpleNamespace(Builder=RadiographsBuilder),
}


def install(monkeypatch) -> None:
    """Puts these scripts in the place of the real ones, and declares all sources ready."""
    from dataclasses import replace

    from multimed_hf import sources

    monkeypatch.setattr(resources, "load_script", SCRIPTS.__getitem__)
    monkeypatch.setattr(sources, "_SOURCES", tuple(replace(source, ready=True) for source in sources._SOURCES))
