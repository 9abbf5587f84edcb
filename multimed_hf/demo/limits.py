"""What the demo takes in, at most, and how it says no: sizes are checked before anything is decoded."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

MEGABYTE = 1024 * 1024
MOST_BYTES = 100 * MEGABYTE
"""Of an uploaded file."""
MOST_UNPACKED = 256 * MEGABYTE
"""Of what a compressed file holds."""
MOST_PIXELS = 40_000_000
MOST_LETTERS = 20_000
"""Of a text, a question or a sequence."""
MOST_LABELS, MOST_LABEL_LETTERS = 20, 100


class Refused(ValueError):
    """What a visitor gave cannot be read; the message is one sentence for the page, without paths of this machine."""


def check_size(path: Path) -> None:
    """Refuses an empty file, and one that is larger than `MOST_BYTES`, without reading it.

    Raises:
        Refused: it is either.
    """
    size = path.stat().st_size
    if not size:
        raise Refused("The file is empty.")
    if size > MOST_BYTES:
        raise Refused(f"The file has {size // MEGABYTE:,} MB; this page takes up to {MOST_BYTES // MEGABYTE} MB.")


def check_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuses a file whose name ends in none of `suffixes`.

    Raises:
        Refused: it does.
    """
    if not path.name.lower().endswith(suffixes):
        raise Refused(f"Expected a file that ends in {' or '.join(suffixes)}.")


def read_text(path: Path) -> str:
    """A file as UTF-8 text.

    Raises:
        Refused: it is none.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("Expected a text file in UTF-8, found bytes that are no text.") from None


def check_text(text: str, what: str) -> str:
    """`text` without spaces around it.

    Raises:
        Refused: it is longer than `MOST_LETTERS`, or holds control characters.
    """
    text = text.strip()
    if len(text) > MOST_LETTERS:
        raise Refused(f"The {what} has {len(text):,} characters; this page takes up to {MOST_LETTERS:,}.")
    if any(ord(letter) < 32 and letter not in "\t\n\r" for letter in text):
        raise Refused(f"The {what} holds control characters, which are no text.")
    return text


def unpack(path: Path, most: int = MOST_UNPACKED) -> bytes:
    """What a gzip file holds. No more than `most` bytes are ever unpacked, however small the file.

    Raises:
        Refused: it is damaged, or holds more.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(most + 1)
    except (OSError, EOFError, zlib.error):
        raise Refused("The file is no whole gzip file: it breaks off, or is damaged.") from None
    if len(content) > most:
        raise Refused(f"The file unpacks to more than {most // MEGABYTE} MB, which is more than this page takes.")
    return content
