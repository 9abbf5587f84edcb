"""Builds the subset `oct`: OCT2017 (Kermany et al.) and simulated patients."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar, cast

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.images import first_of_each, is_image, read_image, release_files, same_bytes, wrong_release
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.wording import counted


@dataclass(frozen=True)
class Scan:
    """What a file name says, `<label>-<patient>-<number>.jpeg`; the patient's number without leading zeros."""

    label: str
    patient: str
    number: str


_NAME = re.compile(r"(?P<label>[A-Z]+)-0*(?P<patient>[0-9]+)-(?P<number>[0-9]+)\.(?:jpe?g|png)", re.IGNORECASE)


def parse_name(name: str) -> Scan:
    """What the name of a file of the release says.

    Raises:
        ValueError: it is not made as they are.
    """
    match = _NAME.fullmatch(name)
    if not match:
        raise ValueError(f"expected a name such as CNV-1016042-1.jpeg, found {name!r}")
    return Scan(match["label"].upper(), match["patient"], match["number"])


class KermanyOct2017Reader(SourceReader):
    """The B-scans of `OCT2017/{train,test,val}/{CNV,DME,DRUSEN,NORMAL}`, as unpacked or as Kaggle keeps them.

    The official folders share patients, so their split is not taken. The release does not say whether the number in a
    file name or the class with the number is the patient: the number alone is the group, which is safe either way.

    Class attributes:
        FOLDERS: names of the official splits.
    """

    subset = "oct"
    name = "kermany_oct2017"
    layout = "kermany_oct2017"

    FOLDERS: ClassVar[tuple[str, ...]] = ("train", "test", "val")

    def index(self) -> Sequence[Entry]:
        scans, counts = self._scans()
        self._note_patients(scans)
        root = cast(Path, self.location)
        dropped: set[PurePath] = set()
        for alike in same_bytes(root, scans):
            if len({scans[file].label for file in alike}) > 1:
                counts["contradicting"] += len(alike)
                dropped.update(alike)
            else:
                counts["copies"] += len(alike) - 1
                dropped.update(alike[1:])
        entries = [
            Entry((str(file), scan.label), f"{self.name}/{scan.patient}", scan.label)
            for file, scan in scans.items()
            if file not in dropped
        ]
        missing = [label for label in self._labels if label not in {entry.stratum for entry in entries}]
        if missing:
            raise ValueError(
                f"{self.location}: expected images of {', '.join(self._labels)}, found none of {', '.join(missing)}: "
                "the release is incomplete."
            )
        sentences = {
            "copies": ("image", "left out: byte for byte the same as another one of the class."),
            "contradicting": ("image", "left out: the same bytes stand under several classes."),
            "others": ("other image file", "ignored: in no folder of a class."),
        }
        self.notes += [f"{counted(counts[key], noun)} {text}" for key, (noun, text) in sentences.items() if counts[key]]
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        assert self.location
        for entry in entries:
            file, label = cast(tuple[str, str], entry.key)
            folder, _, name = Path(file).parts[-3:]
            yield {
                "id": f"{self.name}/{folder.strip().lower()}/{Path(name).stem}",
                "has_oct": True,
                "oct": read_image(self.location / file).column,
                "disease": label,
            }

    @property
    def _labels(self) -> tuple[str, ...]:
        return self.source.targets[0].labels

    def _scans(self) -> tuple[dict[PurePath, Scan], Counter[str]]:
        """The scans by file, relative to the location, and counts of what was passed over."""
        files = release_files(self.location)
        counts: Counter[str] = Counter()
        placed = []
        for file in filter(is_image, files):
            place = tuple(part.strip() for part in file.parts[-3:])
            # The other half of the publication has folders of the same names: chest_xray/train/NORMAL.
            chest = any(part.lower().startswith(("chest_xray", "chestxray")) for part in file.parts)
            if chest or len(place) < 3 or place[0].lower() not in self.FOLDERS or place[1].upper() not in self._labels:
                counts["others"] += 1
            else:
                placed.append(((place[0].lower(), place[1].upper(), place[2]), file))
        if not placed:
            expected = "folders such as OCT2017/train/CNV with images such as CNV-1016042-1.jpeg"
            raise wrong_release(self.location, expected, files)
        root = cast(Path, self.location)
        found, counts["copies"] = first_of_each(root, placed)
        scans = {}
        for (_, label, name), file in found.items():
            try:
                scan = parse_name(name)
            except ValueError as error:
                raise ValueError(f"{root / file}: {error}.") from error
            if scan.label != label:
                raise ValueError(f"{root / file}: expected an image of {label}, as its folder says, found {name!r}.")
            scans[file] = scan
        return scans, counts

    def _note_patients(self, scans: dict[PurePath, Scan]) -> None:
        labels: dict[str, set[str]] = defaultdict(set)
        patients: dict[str, set[str]] = defaultdict(set)
        for file, scan in scans.items():
            labels[scan.patient].add(scan.label)
            patients[file.parts[-3].strip().lower()].add(scan.patient)
        several = sum(len(of_one) > 1 for of_one in labels.values())
        self.notes.append(
            "Patients are told apart by the number in the file name alone: "
            f"{several:,} of {counted(len(labels), 'number')} under several classes: each counts as one patient."
        )
        for folder in ("test", "val"):
            if patients[folder]:
                shared = len(patients[folder] & patients["train"])
                self.notes.append(
                    f"{shared:,} of {counted(len(patients[folder]), 'patient')} in the official folder {folder} also in train: "
                    "the split is drawn by patient instead."
                )


SyntheticReader = synthetic_reader("oct")


class Builder(MultiMedBuilder):
    """Builds `oct` from its sources."""

    subset = "oct"
    readers = (KermanyOct2017Reader, SyntheticReader)
