"""An uploaded cell: its genes and counts, from a CSV file, or the first cell of an h5ad file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.h5ad import H5adFile
from .limits import MEGABYTE, MOST_UNPACKED, Refused
from .tables import read_table

_MOST_PARTS = 10_000
_NORMALISED = 10_000
_AT_ONCE = 8


def read_cell_table(path: Path) -> dict[str, Any]:
    """A CSV file of two columns: symbols of genes, and counts or log1p counts per 10,000.

    Returns:
        `genes`, symbols, and `values`, log1p counts per 10,000; those above zero.

    Raises:
        Refused: other columns, a gene twice, a cell that is no number, no gene.
    """
    table = read_table(path)
    if len(table.head) != 2:
        raise Refused(f"Expected two columns, genes and counts, found {len(table.head)}.")
    return _cell([line[0].strip() for line in table.lines], table.numbers([1])[:, 0])


def read_h5ad(path: Path) -> dict[str, Any]:
    """The first cell of `.raw` of an h5ad file; returns what `read_cell_table` does.

    Raises:
        Refused: it is no such file, points to other files, or holds more than the page takes once unpacked.
    """
    try:
        _check_parts(path)
        with H5adFile(path) as file:
            if not file.cells:
                raise Refused("The file holds no cell.")
            ((places, values),) = file.expression([0])
            genes = [file.genes[place] for place in places]
    except Refused:
        raise
    # h5py raises whatever the C library's state suggests.
    except (ValueError, OSError, LookupError, ArithmeticError, RuntimeError, AttributeError, TypeError):
        raise Refused("The file is no whole h5ad file with the counts of its cells in .raw, as a CSR matrix.") from None
    return _cell(genes, np.asarray(values, np.float64))


def _check_parts(path: Path) -> None:
    """Refuses what would grow, or lead elsewhere, before any of it is read."""
    import h5py

    total = parts = 0
    with h5py.File(path, "r") as file:
        waiting = [file]
        while waiting:
            group = waiting.pop()
            for name in group:
                parts += 1
                if parts > _MOST_PARTS:
                    raise Refused(f"The file has more than {_MOST_PARTS:,} parts, the most this page takes.")
                # Links could lead to files of this machine, or round in circles.
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise Refused("The file links to other places, which this page does not follow.")
                part = group[name]
                if isinstance(part, h5py.Group):
                    waiting.append(part)
                elif isinstance(part, h5py.Dataset):
                    if part.is_virtual or part.external:
                        raise Refused("The file links to other places, which this page does not follow.")
                    total += _unpacked(part, MOST_UNPACKED - total)
                    if total > MOST_UNPACKED:
                        most = MOST_UNPACKED // MEGABYTE
                        raise Refused(f"The file unpacks to more than {most} MB, which is more than this page takes.")


def _unpacked(part: Any, most: int) -> int:
    """Bytes of a dataset in memory, counted until they are more than `most`."""
    import h5py

    declared = int(part.size or 0) * part.dtype.itemsize
    if h5py.check_vlen_dtype(part.dtype) is None or not part.shape or declared > most:
        return declared
    # Entries of any length may all point to one place in the file: only reading tells, a few at a time.
    total = 0
    for start in range(0, part.shape[0], _AT_ONCE):
        total += sum(len(entry) for entry in np.ravel(part[start : start + _AT_ONCE]))
        if total > most:
            break
    return max(total, declared)


def _cell(genes: list[str], values: np.ndarray) -> dict[str, Any]:
    if len(set(genes)) < len(genes):
        raise Refused("Expected every gene once, found one repeated.")
    if (values < 0).any():
        raise Refused("Expected counts of 0 or more, found a negative one.")
    expressed = values > 0
    if not expressed.any():
        raise Refused("The cell expresses no gene.")
    names, counts = [gene for gene, keep in zip(genes, expressed, strict=True) if keep], values[expressed]
    # Whole numbers are counts; what was normalised already has fractions.
    if (counts == np.round(counts)).all():
        counts = np.log1p(counts / counts.sum() * _NORMALISED)
    return {"genes": names, "values": counts.astype(np.float32)}
