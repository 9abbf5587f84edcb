"""Finding the one file of a release, whether the user names the file or the folder it lies in."""

from __future__ import annotations

from pathlib import Path


def release_file(location: Path | None, *names: str) -> Path:
    """`location` itself if it is a file, else the first of `names` that lies in that folder.

    Args:
        location: file or folder of a release.
        names: relative paths, the usual one first.

    Raises:
        FileNotFoundError: none of them is there.
    """
    if location is not None and location.is_file():
        return location
    for name in names:
        if location is not None and (location / name).is_file():
            return location / name
    raise FileNotFoundError(f"Expected the file {' or '.join(names)} in {location}, found none: name the right folder.")
