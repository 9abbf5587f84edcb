"""Uploaded tables: CSV with a line of names and then numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .limits import Refused, read_text

_MOST_CELLS = 5_000_000
_SHOWN = 20


@dataclass(frozen=True)
class Table:
    """A table: the names in its first line, and the cells of the others as they were written."""

    head: list[str]
    lines: list[list[str]]

    def numbers(self, columns: Iterable[int]) -> np.ndarray:
        """Columns as numbers, float64 `(lines, columns)`.

        Raises:
            Refused: a cell is no finite number.
        """
        wanted = list(columns)
        try:
            found = np.array([[float(line[column]) for column in wanted] for line in self.lines])
            if np.isfinite(found).all():
                return found
        except ValueError:
            pass
        place = next(
            (at, column) for at, line in enumerate(self.lines) for column in wanted if not _finite(line[column])
        )
        cell = self.lines[place[0]][place[1]][:_SHOWN]
        raise Refused(f"Expected a number in line {place[0] + 2}, column {place[1] + 1}, found {cell!r}.")


def read_table(path: Path) -> Table:
    """A CSV file, separated by commas, semicolons or tabs.

    Raises:
        Refused: it is none, has no second line, or its lines differ in length.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=separator) if any(map(str.strip, line))]
    except csv.Error:
        raise Refused("The file is no table in CSV.") from None
    if len(lines) < 2:
        raise Refused("Expected a line of names and one or more lines of numbers.")
    if len(lines) * len(lines[0]) > _MOST_CELLS:
        raise Refused(f"The table has more than {_MOST_CELLS:,} cells, the most this page takes.")
    width = len(lines[0])
    ragged = next((number for number, line in enumerate(lines, 1) if len(line) != width), None)
    if ragged:
        raise Refused(f"Expected {width} cells in every line, found {len(lines[ragged - 1])} in line {ragged}.")
    return Table([name.strip() for name in lines[0]], lines[1:])


def _finite(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
