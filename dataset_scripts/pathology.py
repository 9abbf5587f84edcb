"""Builds the subset `pathology`: BreakHis and simulated patients."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar, cast

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.images import first_of_each, is_image, read_image, release_files, wrong_release
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.wording import counted

# Letter of the class and code of the tumour in a file name, to their folders.
CLASSES = {"B": "benign", "M": "malignant"}
TUMOURS = {
    ("B", "A"): "adenosis",
    ("B", "F"): "fibroadenoma",
    ("B", "PT"): "phyllodes_tumor",
    ("B", "TA"): "tubular_adenoma",
    ("M", "DC"): "ductal_carcinoma",
    ("M", "LC"): "lobular_carcinoma",
    ("M", "MC"): "mucinous_carcinoma",
    ("M", "PC"): "papillary_carcinoma",
}

_NAME = re.compile(
    r"SOB_(?P<letter>[BM])_(?P<code>[A-Z]+)[-_](?P<year>[0-9]+)-(?P<number>[0-9]+)(?P<part>[A-Z]*)"
    r"-(?P<magnification>40|100|200|400)-(?P<sequence>[0-9]+)\.(?:png|jpe?g)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Tile:
    """What a file name says: `SOB_<letter>_<tumour>-<year>-<slide>-<magnification>-<sequence>.png`.

    Attributes:
        place: folders in which the file should lie, `_` and `-` alike: class, procedure, tumour, slide, magnification.
        patient: year and number of the slide, without the tumour and without the letters that tell parts apart.
        slide: year and slide with these letters.
    """

    place: tuple[str, str, str, str, str]
    patient: str
    slide: str

    @property
    def label(self) -> str:
        """`benign` or `malignant`."""
        return self.place[0]

    @property
    def magnification(self) -> str:
        """`40X`, `100X`, `200X` or `400X`."""
        return self.place[4].upper()


def parse_name(name: str) -> Tile:
    """What the name of a file of the release says.

    Raises:
        ValueError: it is not made as they are.
    """
    match = _NAME.fullmatch(name)
    letter, code = (match["letter"].upper(), match["code"].upper()) if match else ("", "")
    if not match or (letter, code) not in TUMOURS:
        raise ValueError(f"expected a name such as SOB_B_A-14-22549AB-40-001.png, found {name!r}")
    patient = f"{match['year']}-{match['number']}"
    slide = patient + match["part"].upper()
    folder = f"sob-{letter}-{code}-{slide}".lower()
    place = (CLASSES[letter], "sob", TUMOURS[letter, code], folder, f"{match['magnification']}x")
    return Tile(place, patient, slide)


def place_of(file: PurePath) -> tuple[str, ...]:
    """The five folders in which a file lies, written as in `Tile.place`; the slide's has `_` where its files have `-`."""
    folders = tuple(part.strip().lower() for part in file.parts[-6:-1])
    if len(folders) < 5:
        return folders
    return (*folders[:3], folders[3].replace("_", "-"), folders[4])


class BreakHisReader(SourceReader):
    """The images of `BreaKHis_v1/histology_slides/breast/{benign,malignant}/SOB/<tumour>/<slide>/<magnification>`.

    All slides, tumours and magnifications of a patient stay together. One patient's slide numbers may carry letters
    (`22549AB`, `22549CD`) and stand under two tumours: year and number alone are the group, which is safe whatever the
    letters mean.
    """

    subset = "pathology"
    name = "breakhis"
    layout = "breakhis"

    LABELS: ClassVar[tuple[str, ...]] = tuple(CLASSES.values())

    def index(self) -> Sequence[Entry]:
        files = release_files(self.location)
        images = list(filter(is_image, files))
        # A slide's image lies below benign or malignant; Kaggle puts other folders beside.
        inside = [file for file in images if set(self.LABELS) & {part.strip().lower() for part in file.parts[:-1]}]
        if not inside:
            expected = "folders such as breast/benign/SOB/adenosis/SOB_B_A_14-22549AB/40X with images in them"
            raise wrong_release(self.location, expected, files)
        root = cast(Path, self.location)
        found, copies = first_of_each(root, ((file.name.lower(), file) for file in inside))
        entries: list[Entry] = []
        tiles: list[Tile] = []
        for file in found.values():
            tile = self._tile(root, file)
            tiles.append(tile)
            key = (str(file), tile.label, tile.magnification)
            entries.append(Entry(key, f"{self.name}/{tile.patient}", tile.label))
        missing = [label for label in self.LABELS if label not in {tile.label for tile in tiles}]
        if missing:
            raise ValueError(
                f"{root}: expected {' and '.join(self.LABELS)} images, found none that is {missing[0]}: "
                "the release is incomplete."
            )
        self._note(tiles, copies, len(images) - len(inside))
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        assert self.location
        for entry in entries:
            file, label, magnification = cast(tuple[str, str, str], entry.key)
            yield {
                "id": f"{self.name}/{Path(file).stem}",
                "has_pathology": True,
                "pathology": read_image(self.location / file).column,
                "breast_cancer": label,
                "magnification": magnification,
            }

    def _tile(self, root: Path, file: PurePath) -> Tile:
        try:
            tile = parse_name(file.name)
        except ValueError as error:
            raise ValueError(f"{root / file}: {error}.") from error
        if place_of(file) != tile.place:
            raise ValueError(
                f"{root / file}: expected a file of this name in folders like {'/'.join(tile.place)}, "
                f"found it in {'/'.join(file.parts[-6:-1])!r}."
            )
        return tile

    def _note(self, tiles: Sequence[Tile], copies: int, others: int) -> None:
        slides = {(tile.place[2], tile.slide) for tile in tiles}
        patients = {tile.patient for tile in tiles}
        self.notes.append(
            f"{counted(len(slides), 'slide')} of {counted(len(patients), 'patient')}: year and number of a slide are "
            "the patient, whatever tumour and letters stand beside them; all magnifications of a patient are on one side."
        )
        both = {tile.patient for tile in tiles if tile.label == "benign"} & {
            tile.patient for tile in tiles if tile.label == "malignant"
        }
        if both:
            self.notes.append(f"{counted(len(both), 'patient')} with benign and malignant slides.")
        if copies:
            self.notes.append(f"{counted(copies, 'image')} left out: the same file is there in another folder.")
        if others:
            self.notes.append(f"{counted(others, 'other image file')} ignored: neither in benign nor in malignant.")


SyntheticReader = synthetic_reader("pathology")


class Builder(MultiMedBuilder):
    """Builds `pathology` from its sources."""

    subset = "pathology"
    readers = (BreakHisReader, SyntheticReader)
