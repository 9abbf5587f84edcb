"""Builds the subset `xray`: ChestX-ray14 (NIH) and simulated patients."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar, cast

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.images import first_of_each, is_image, read_image, release_files, wrong_release
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.sources import NIH_FINDINGS
from multimed_hf.wording import counted

# Finding, x, y, width, height.
_Box = tuple[str, float, float, float, float]
# File, findings, age, sex, view, boxes.
_Key = tuple[str, tuple[str, ...], float, str, str, tuple[_Box, ...]]

# The commas in the brackets are not quoted: 'OriginalImage[Width,Height]' is two columns.
DATA_COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
    "OriginalImage[Width",
    "Height]",
    "OriginalImagePixelSpacing[x",
    "y]",
)
BOX_COLUMNS = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]")
NO_FINDING = "No Finding"
MAX_AGE = 120.0

# Strata of the split, so that a patient counts for the rarest finding that any of the images shows.
_RARE_FIRST = (
    "Hernia Pneumonia Fibrosis Edema Emphysema Cardiomegaly Pleural_Thickening Consolidation Pneumothorax Mass Nodule "
    "Atelectasis Effusion Infiltration"
).split()

_AGE = re.compile(r"(?P<number>[0-9]+)(?P<unit>[YMWD]?)")
_YEARS = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_SEXES = {"M": "male", "F": "female", "": ""}
_VIEWS = ("PA", "AP", "")


@dataclass(frozen=True)
class Radiograph:
    """One line of the table of images.

    Attributes:
        image: name of the file.
        findings: without `No Finding`, in the order of the file.
        patient: number of the patient.
        age: in years; above `MAX_AGE` as it stands there, 0 if nothing does.
        sex: `female`, `male` or empty.
        view: `PA`, `AP` or empty.
    """

    image: str
    findings: tuple[str, ...]
    patient: int
    age: float
    sex: str
    view: str


def parse_radiograph(fields: Sequence[str]) -> Radiograph:
    """A line of `Data_Entry_2017.csv` by place, see `DATA_COLUMNS`.

    Raises:
        ValueError: a field is not what the column promises; the message names the column.
    """
    image, labels, _, patient, age, sex, view = (field.strip() for field in fields[:7])
    findings = tuple(label.strip() for label in labels.split("|"))
    unknown = [label for label in findings if label not in (*NIH_FINDINGS, NO_FINDING)]
    if unknown:
        raise ValueError(f"expected the 14 findings or 'No Finding' in 'Finding Labels', found {unknown[0]!r}")
    if len(set(findings)) < len(findings) or (NO_FINDING in findings and len(findings) > 1):
        raise ValueError(f"expected each finding once, or 'No Finding' alone in 'Finding Labels', found {labels!r}")
    if not image:
        raise ValueError("expected the name of a file in 'Image Index', found none")
    if not patient.isascii() or not patient.isdigit():
        raise ValueError(f"expected a number in 'Patient ID', found {patient!r}")
    named = re.match(r"([0-9]{8})_", image)
    if named and int(named[1]) != int(patient):
        raise ValueError(f"expected the patient of {image!r} in 'Patient ID', found {patient!r}")
    match = _AGE.fullmatch(age.upper())
    if age and not match:
        raise ValueError(f"expected an age such as 57 or 057Y in 'Patient Age', found {age!r}")
    if sex.upper() not in _SEXES:
        raise ValueError(f"expected M or F in 'Patient Gender', found {sex!r}")
    if view.upper() not in _VIEWS:
        raise ValueError(f"expected PA or AP in 'View Position', found {view!r}")
    return Radiograph(
        image=image,
        findings=() if findings == (NO_FINDING,) else findings,
        patient=int(patient),
        age=round(int(match["number"]) * _YEARS[match["unit"]], 2) if match else 0.0,
        sex=_SEXES[sex.upper()],
        view=view.upper(),
    )


def parse_box(fields: Sequence[str]) -> tuple[str, _Box]:
    """A line of `BBox_List_2017.csv`: name of the image, and the box; what is `Infiltrate` here is `Infiltration` there.

    Raises:
        ValueError: a field is not what the column promises.
    """
    image, label, *numbers = (field.strip() for field in fields)
    label = "Infiltration" if label == "Infiltrate" else label
    if label not in NIH_FINDINGS:
        raise ValueError(f"expected one of the 14 findings in 'Finding Label', found {label!r}")
    try:
        x, y, width, height = map(float, numbers)
    except ValueError as error:
        raise ValueError(f"expected the numbers x, y, w and h, found {numbers}") from error
    if not all(map(math.isfinite, (x, y, width, height))) or min(x, y) < 0 or min(width, height) <= 0:
        raise ValueError(f"expected a box with an extent inside the image, found {numbers}")
    return image, (label, x, y, width, height)


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line of a table; empty columns at the end, as Kaggle's copies have, are dropped.

    Raises:
        ValueError: the columns are others, a line has another number of fields, or the file is no text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            while header and not header[-1]:
                header.pop()
            # A later release may speak of sex.
            given = ["Patient Gender" if name == "Patient Sex" else name for name in header]
            if given != list(columns):
                missing = [name for name in columns if name not in given]
                lacks = f", which lacks {', '.join(map(repr, missing))}" if missing else ""
                raise ValueError(
                    f"{path}: expected the columns {','.join(columns)}, found {','.join(header)!r}{lacks}."
                )
            for fields in reader:
                while len(fields) > len(columns) and not fields[-1].strip():
                    fields.pop()
                if not any(field.strip() for field in fields):
                    continue
                if len(fields) != len(columns):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: expected {len(columns)} fields, found {len(fields)}."
                    )
                yield reader.line_num, fields
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: expected a table of comma-separated text, found a damaged file ({error})."
        ) from error


class NihChestXray14Reader(SourceReader):
    """Frontal radiographs of `images_001/images/*.png` to `images_012`, or of one folder, with the NIH's tables beside.

    `Data_Entry_2017_v2020.csv` or else `Data_Entry_2017.csv` is needed; `BBox_List_2017.csv` gives boxes, in pixels of
    the released image, and the two official lists of files are compared with the patients. Any part of the images will do.

    Class attributes:
        TABLES: names of the table of images, the preferred one first.
    """

    subset = "xray"
    name = "nih_chestxray14"
    layout = "nih_chestxray14"

    TABLES: ClassVar[tuple[str, ...]] = ("data_entry_2017_v2020.csv", "data_entry_2017.csv")

    def index(self) -> Sequence[Entry]:
        files = release_files(self.location)
        by_name: dict[str, PurePath] = {}
        for file in files:
            by_name.setdefault(file.name.lower(), file)
        table = next((by_name[name] for name in self.TABLES if name in by_name), None)
        if table is None:
            raise wrong_release(self.location, "Data_Entry_2017_v2020.csv or Data_Entry_2017.csv", files)
        root = cast(Path, self.location)
        radiographs = self._radiographs(root / table)
        listed = {item.image.lower() for item in radiographs}
        keyed = [(file.name.lower(), file) for file in files if is_image(file)]
        images, copies = first_of_each(root, (pair for pair in keyed if pair[0] in listed))
        boxes = self._boxes(root / by_name["bbox_list_2017.csv"]) if "bbox_list_2017.csv" in by_name else {}
        entries = []
        counts = Counter(copies=copies, unlisted=len(keyed) - len(images) - copies)
        for item in radiographs:
            if item.image.lower() not in images:
                counts["missing"] += 1
                continue
            counts["ages"] += item.age > MAX_AGE
            age = item.age if item.age <= MAX_AGE else 0.0
            key: _Key = (
                str(images[item.image.lower()]),
                item.findings,
                age,
                item.sex,
                item.view,
                tuple(boxes.get(item.image, ())),
            )
            stratum = min((_RARE_FIRST.index(finding) for finding in item.findings), default=len(_RARE_FIRST))
            entries.append(Entry(key, f"{self.name}/{item.patient:08d}", f"{stratum:02d}"))
        if not entries:
            expected = (
                f"the images that {table} lists, such as {radiographs[0].image!r}, in images_001/images or images"
            )
            raise wrong_release(root, expected, files)
        self._note(counts, len(radiographs), sum(map(len, boxes.values())))
        self._note_lists(root, by_name, {item.image: item.patient for item in radiographs})
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        assert self.location
        for entry in entries:
            file, findings, age, sex, view, boxes = cast(_Key, entry.key)
            path = self.location / file
            image = read_image(path)
            for label, x, y, width, height in boxes:
                # A pixel of rounding is no fault; a smaller copy of the release is.
                if x + width > image.width + 1 or y + height > image.height + 1:
                    raise ValueError(
                        f"{path}: expected an image that holds its box of {label} at {x:g}, {y:g} with {width:g} x "
                        f"{height:g} pixels, found {image.width} x {image.height}: boxes fit the official images alone."
                    )
            yield {
                "id": f"{self.name}/{path.stem}",
                "has_xray": True,
                "xray": image.column,
                "findings": {label: "present" if label in findings else "absent" for label in NIH_FINDINGS},
                "view": view,
                "organ": "chest",
                "age": age,
                "sex": sex,
                "box_labels": [box[0] for box in boxes],
                "boxes": [list(box[1:]) for box in boxes],
            }

    def _radiographs(self, path: Path) -> list[Radiograph]:
        radiographs: dict[str, Radiograph] = {}
        for line, fields in read_table(path, DATA_COLUMNS):
            try:
                item = parse_radiograph(fields)
            except ValueError as error:
                raise ValueError(f"{path}, line {line}: {error}.") from error
            if item.image in radiographs:
                raise ValueError(f"{path}, line {line}: expected each image once, found {item.image!r} again.")
            radiographs[item.image] = item
        if not radiographs:
            raise ValueError(f"{path}: expected a line for each image, found none.")
        return list(radiographs.values())

    def _boxes(self, path: Path) -> dict[str, list[_Box]]:
        boxes: dict[str, list[_Box]] = defaultdict(list)
        for line, fields in read_table(path, BOX_COLUMNS):
            try:
                image, box = parse_box(fields)
            except ValueError as error:
                raise ValueError(f"{path}, line {line}: {error}.") from error
            boxes[image].append(box)
        return boxes

    def _note(self, counts: Counter[str], listed: int, boxes: int) -> None:
        sentences = {
            "missing": ("image", f"of {listed:,} listed left out: the file is not there."),
            "unlisted": ("image", "left out: in no table."),
            "copies": ("image", "left out: the same file is there in another folder."),
            "ages": ("age", f"above {MAX_AGE:g} years, which cannot be: written as 0, not known."),
        }
        self.notes += [f"{counted(counts[key], noun)} {text}" for key, (noun, text) in sentences.items() if counts[key]]
        if not boxes:
            self.notes.append("No boxes: BBox_List_2017.csv is not there.")

    def _note_lists(self, root: Path, by_name: dict[str, PurePath], patients: dict[str, int]) -> None:
        """Says whether the official split is safe; it is not taken either way, since it has no validation images."""
        sides = []
        for name in ("train_val_list.txt", "test_list.txt"):
            if name not in by_name:
                return
            listed = (root / by_name[name]).read_text(encoding="utf-8-sig").split()
            sides.append({patients[image] for image in listed if image in patients})
        shared = len(sides[0] & sides[1])
        self.notes.append(
            f"The official lists share {counted(shared, 'patient')} between train_val_list.txt and test_list.txt: "
            f"{'they leak' if shared else 'they are safe'}. The split here is drawn by patient and is another one."
        )


SyntheticReader = synthetic_reader("xray")


class Builder(MultiMedBuilder):
    """Builds `xray` from its sources."""

    subset = "xray"
    readers = (NihChestXray14Reader, SyntheticReader)
