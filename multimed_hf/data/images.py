"""What releases of many files share: which files count, which are copies, what is wrong, and whether an image is whole."""

from __future__ import annotations

import filecmp
import hashlib
import io
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, TypeVar

from ..wording import counted

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")

_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
_LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini", "__macosx"}

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class ImageFile:
    """A whole image as its file holds it: the `content`, never encoded anew, and its `width` and `height` in pixels."""

    content: bytes
    width: int
    height: int

    @property
    def column(self) -> dict[str, Any]:
        """The value of a column of type `image`; without the file's name, which may name the disease."""
        return {"bytes": self.content, "path": None}


def read_image(path: Path) -> ImageFile:
    """The image in a JPEG or PNG file.

    Raises:
        ValueError: the file holds no image, or only a part of one.
    """
    from PIL import Image

    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            size = image.size
            if image.format == "PNG":
                image.verify()
            else:
                # A JPEG has no checksums: only decoding tells, at the smallest scale it is cheap.
                image.draft("L", (1, 1))
                image.load()
    # What Pillow raises depends on the byte at which a file breaks off.
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, Image.DecompressionBombError) as error:
        reason = "an empty file" if not content else f"a damaged one ({' '.join(str(error).split())})"
        raise ValueError(f"{path}: expected a whole JPEG or PNG image, found {reason}: copy it again.") from error
    return ImageFile(content, *size)


def release_files(location: Path | None) -> list[PurePath]:
    """All files below a folder, relative to it and in the order of their names, links to folders followed.

    What operating systems leave behind is skipped: hidden files (`._*`, `.DS_Store`), `Thumbs.db`, `desktop.ini`,
    `__MACOSX`. Empty for a location that is no folder.
    """
    found: list[PurePath] = []
    visited: set[str] = set()
    for folder, folders, names in os.walk(location or "", followlinks=True):
        # A link to a folder above would lead round in circles.
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(filter(_counts, folders))
        inside = PurePath(os.path.relpath(folder, location))
        found += [inside / name for name in names if _counts(name)]
    return sorted(found)


def is_image(path: PurePath) -> bool:
    """Whether the name of a file is that of a JPEG or PNG image, in whatever case."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def wrong_release(location: Path | None, expected: str, files: Sequence[PurePath] = ()) -> ValueError:
    """The error for a release that is not there: what was looked for, what was found, and what to do.

    Args:
        location: where it should be.
        expected: what was looked for, as the middle of a sentence.
        files: what `release_files` found there.
    """
    archives = [file for file in files if file.suffix.lower() in _ARCHIVE_SUFFIXES]
    if location is not None and location.is_file():
        found = "a file: unpack it if it is an archive, and name the folder"
    elif archives:
        others = f" and {counted(len(archives) - 1, 'more archive')}" if len(archives) > 1 else ""
        found = f"the archive {str(archives[0])!r}{others}: unpack what is packed"
    elif files:
        found = f"{counted(len(files), 'other file')}, such as {str(files[0])!r}: name the right folder"
    else:
        found = "no files: name the right folder"
    return ValueError(f"{location}: expected {expected}, found {found}.")


def first_of_each(root: Path, keyed: Iterable[tuple[Key, PurePath]]) -> tuple[dict[Key, PurePath], int]:
    """The first file of each key, and how many more there were: releases often hold a folder twice.

    Args:
        root: folder to which the files are relative.
        keyed: key and file; what has one key should be one file.

    Raises:
        ValueError: two files of one key differ.
    """
    first: dict[Key, PurePath] = {}
    copies = 0
    for key, file in keyed:
        if first.setdefault(key, file) is file:
            continue
        if not filecmp.cmp(root / first[key], root / file, shallow=False):
            raise ValueError(
                f"{root / file}: expected a copy of {root / first[key]}, found other content: remove one of them."
            )
        copies += 1
    return first, copies


def same_bytes(root: Path, files: Iterable[PurePath]) -> list[list[PurePath]]:
    """Files with equal content, two or more together, in the order given. Files of a size of their own are not read."""
    by_size: dict[int, list[PurePath]] = defaultdict(list)
    for file in files:
        by_size[(root / file).stat().st_size].append(file)
    alike: dict[tuple[int, bytes], list[PurePath]] = defaultdict(list)
    for size, candidates in by_size.items():
        if len(candidates) > 1:
            for file in candidates:
                alike[size, hashlib.sha256((root / file).read_bytes()).digest()].append(file)
    return [group for group in alike.values() if len(group) > 1]


def _counts(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _LEFT_BY_SYSTEMS
