"""What lies in a built folder, and whether it is still what was built: `manifest.json`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .splits import SPLITS

MANIFEST_NAME = "manifest.json"
PARTIAL = ".partial-"
"""Prefix of what is not finished; `datasets` and the Hub's viewer skip hidden names."""

_FORMAT = 2
_READ_AT_A_TIME = 4


@dataclass(frozen=True)
class FileRecord:
    """A file as it was written: `sha256` in hexadecimal and `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class SourceRecord:
    """What one source gave to a subset.

    Attributes:
        rows: split name to number of rows; splits without rows are left out.
        group: what a group of this source is, the unit of every interval.
        notes: what its reader left out or mended.
    """

    rows: dict[str, int]
    group: str
    notes: list[str]

    @property
    def missing_splits(self) -> list[str]:
        """Splits to which the source gave no row."""
        return [split for split in SPLITS if split not in self.rows]


@dataclass(frozen=True)
class SubsetRecord:
    """One subset as it was built.

    Attributes:
        fingerprint: hash over its files; equal fingerprints mean equal data.
        version: version of this package that built it.
        simulation: settings of generated sources.
        requested_rows: rows asked for per source, None for all.
        sources: source name to what it gave, in the order of the rows.
        rows: split name to number of rows.
        files: path below the folder, with `/`, to the file as written.
        dataset_info: features, splits and sizes, as they stand in the card.
    """

    fingerprint: str
    version: str
    simulation: dict[str, Any]
    requested_rows: int | None
    sources: dict[str, SourceRecord]
    rows: dict[str, int]
    files: dict[str, FileRecord]
    dataset_info: dict[str, Any]

    def shards(self, split: str) -> list[str]:
        """Paths of the Parquet files of a split, below the folder, in order."""
        return sorted(path for path in self.files if path.rpartition("/")[2].startswith(f"{split}-"))


@dataclass(frozen=True)
class Manifest:
    """All subsets of a built folder, by name."""

    subsets: dict[str, SubsetRecord] = field(default_factory=dict)

    @classmethod
    def read(cls, out: str | os.PathLike[str]) -> Manifest:
        """The manifest of the folder `out`.

        Raises:
            FileNotFoundError: `out` holds none.
            ValueError: it cannot be read as one.
        """
        path = Path(out) / MANIFEST_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']}")
            return cls({name: _subset_record(record) for name, record in content["subsets"].items()})
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                f"Expected {path}, found none: name a folder that `multimed build` wrote, or build one."
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is no manifest of format {_FORMAT} ({error}): remove the folder and build it again."
            ) from None

    def write(self, out: Path) -> None:
        """Puts the manifest into `out`, whole or not at all."""
        content = {"format": _FORMAT, "subsets": {name: asdict(self.subsets[name]) for name in sorted(self.subsets)}}
        replace_text(out / MANIFEST_NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def having(self, name: str, record: SubsetRecord) -> Manifest:
        """This manifest with the subset `name` added or replaced."""
        return Manifest({**self.subsets, name: record})

    def without(self, name: str) -> Manifest:
        """This manifest without the subset `name`."""
        return Manifest({other: record for other, record in self.subsets.items() if other != name})


def _subset_record(content: Mapping[str, Any]) -> SubsetRecord:
    sources = {name: SourceRecord(**record) for name, record in content["sources"].items()}
    files = {path: FileRecord(**record) for path, record in content["files"].items()}
    return SubsetRecord(**{**content, "sources": sources, "files": files})


def hash_files(paths: Iterable[Path]) -> list[FileRecord]:
    """The records of files as they are now; several are read at a time."""

    def record(path: Path) -> FileRecord:
        with path.open("rb") as stream:
            return FileRecord(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)

    with ThreadPoolExecutor(_READ_AT_A_TIME) as pool:
        return list(pool.map(record, paths))


def fingerprint_of(files: Mapping[str, FileRecord]) -> str:
    """Sixteen hexadecimal digits that change with the name or the content of any file."""
    lines = "".join(f"{path}\t{files[path].sha256}\n" for path in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def replace_text(path: Path, text: str) -> None:
    """Writes a text file so that a reader, or a crash, sees the old content or the new one and nothing between."""
    partial = path.with_name(f"{PARTIAL}{path.name}-{os.getpid()}")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)


def verify(out: str | os.PathLike[str]) -> list[str]:
    """Reads every file of a built folder again and says what is not as it was built.

    Args:
        out: the folder.

    Returns:
        One sentence a problem; empty if all is whole.

    Raises:
        FileNotFoundError: `out` holds no manifest.
        ValueError: the manifest cannot be read.
    """
    from .card import CARD_NAME, fingerprints_in_card
    from .croissant import CROISSANT_NAME, hashes_in_croissant

    folder = Path(out)
    manifest = Manifest.read(folder)
    problems = []
    listed = fingerprints_in_card(folder)
    described = hashes_in_croissant(folder)
    for name, record in manifest.subsets.items():
        problems += verify_subset(folder, name, record)
        if listed.get(name) != record.fingerprint:
            problems.append(f"{CARD_NAME} does not describe {name} as it was built: build the subset again.")
        # Folders that an earlier version built have no such file.
        if described and any(described.get(path) != file.sha256 for path, file in record.files.items()):
            problems.append(f"{CROISSANT_NAME} does not describe {name} as it was built: build the subset again.")
    for name in sorted(listed.keys() - manifest.subsets.keys()):
        problems.append(f"{CARD_NAME} lists {name}, which {MANIFEST_NAME} does not hold: build the subset again.")
    return problems


def verify_subset(folder: Path, name: str, record: SubsetRecord) -> list[str]:
    """The problems of one subset's files, one sentence each."""
    present = [path for path in record.files if (folder / path).is_file()]
    hashed = dict(zip(present, hash_files(folder / path for path in present), strict=True))
    problems = []
    for path, expected in record.files.items():
        found = hashed.get(path)
        if found is None:
            problems.append(f"{path} is missing: build {name} again.")
        elif found.size != expected.size:
            problems.append(f"{path} has {found.size} bytes, expected {expected.size}: build {name} again.")
        elif found != expected:
            problems.append(f"{path} has other content than was built: build {name} again.")
    # Hidden files are nothing that load_dataset would read.
    visible = [path for path in (folder / name).rglob("*") if path.is_file() and not path.name.startswith(".")]
    for path in sorted({path.relative_to(folder).as_posix() for path in visible} - record.files.keys()):
        problems.append(f"{path} is not part of {name} as it was built: remove it.")
    return problems
