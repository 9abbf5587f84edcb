"""Single-cell files in `anndata`'s h5ad layout, read cell by cell: the matrix never stands in memory as a whole.

Two layouts occur. The current one keeps a table as a group of columns (`obs/<column>`, a categorical one as `codes` and
`categories`) and the raw matrix as `raw/X`. The one before anndata 0.7 keeps a table as a structured array, the names
of its categories in `uns/<column>_categories`, and the raw matrix as `raw.X`.
Format: https://anndata.readthedocs.io/en/stable/fileformat-prose.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np


class H5adFile:
    """The `.raw` part of an h5ad file and the annotation of its cells; a context manager.

    Attributes:
        cells: names (barcodes) of the cells, in order, each once.
        genes: symbols of the genes of `.raw`, in order, each once.

    Args:
        path: the file.

    Raises:
        ImportError: h5py is not installed.
        ValueError: the file is empty, truncated or laid out in another way.
    """

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise ImportError("Reading h5ad files needs h5py: pip install multimed_hf[scrna].") from error
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ValueError(f"{path} is not a whole HDF5 file ({error}): fetch it again.") from error
        try:
            self._matrix = self._find("raw/X", "raw.X")
            self.cells = self._names(self._find("obs"), "cells")
            self.genes = self._names(self._find("raw/var", "raw.var"), "genes")
            self._row_starts = self._checked_row_starts()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> H5adFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def labels(self, column: str) -> list[str]:
        """The annotation `column` of each cell by name, empty where a cell has none.

        Raises:
            ValueError: there is no such column, or it is not categorical.
        """
        table = self._find("obs")
        values = self._column(table, column)
        if hasattr(values, "keys"):
            codes, categories = values.get("codes"), values.get("categories")
        else:
            codes, categories = values, self._file.get(f"uns/{column}_categories")
        if codes is None or categories is None or codes.dtype.kind not in "iu":
            raise ValueError(f"{self.path}: expected the categorical column {column!r} in 'obs', found another type.")
        names = _strings(categories)
        if len(codes) != len(self.cells) or not all(-1 <= code < len(names) for code in codes[:]):
            raise ValueError(
                f"{self.path}: expected {len(self.cells)} codes from -1 to {len(names) - 1} in column {column!r}, "
                "found others."
            )
        return [names[code] if code >= 0 else "" for code in codes[:]]

    def expression(self, rows: Iterable[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The expressed genes of these cells, one cell at a time, in the order asked for.

        Args:
            rows: positions of the cells.

        Yields:
            Positions of the expressed genes, int32 `(expressed,)`, ascending, and their values, float32 `(expressed,)`,
            in the unit of the file; all above zero.

        Raises:
            ValueError: a value is NaN, infinite or negative, or a position is out of range or stands twice.
        """
        for row in rows:
            part = slice(self._row_starts[row], self._row_starts[row + 1])
            indices, values = self._matrix["indices"][part], self._matrix["data"][part]
            order = np.argsort(indices, kind="stable")
            indices, values = indices[order], values[order]
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise ValueError(
                    f"{self.path}: expected finite values of at least 0 in 'raw.X' (log1p counts), found "
                    f"{values[~(np.isfinite(values) & (values >= 0))][0]} in cell {self.cells[row]!r}."
                )
            if len(indices) and (indices[0] < 0 or indices[-1] >= len(self.genes) or not np.diff(indices).all()):
                raise ValueError(
                    f"{self.path}: expected each gene from 0 to {len(self.genes) - 1} at most once in cell "
                    f"{self.cells[row]!r}, found others."
                )
            expressed = values > 0
            yield indices[expressed].astype(np.int32), values[expressed].astype(np.float32)

    def _find(self, *names: str) -> Any:
        for name in names:
            if name in self._file:
                return self._file[name]
        raise ValueError(f"{self.path}: expected {names[0]!r} of the h5ad layout, found only {sorted(self._file)}.")

    def _column(self, table: Any, column: str) -> Any:
        present = list(table.dtype.names or ()) if hasattr(table, "dtype") else list(table)
        if column not in present:
            raise ValueError(
                f"{self.path}: expected the column {column!r} in {table.name!r}, found {', '.join(present)}."
            )
        return table[column]

    def _names(self, table: Any, what: str) -> list[str]:
        names = _strings(self._column(table, str(table.attrs.get("_index", "index"))))
        if len(set(names)) < len(names):
            raise ValueError(
                f"{self.path}: expected each of the {what} once, found {len(names) - len(set(names))} twice."
            )
        return names

    def _checked_row_starts(self) -> np.ndarray:
        attributes = self._matrix.attrs
        kind = str(attributes.get("encoding-type", attributes.get("h5sparse_format", "dense")))
        if kind not in ("csr_matrix", "csr"):
            raise ValueError(f"{self.path}: expected 'raw.X' as a CSR matrix, found {kind!r}: convert it with anndata.")
        missing = {"data", "indices", "indptr"} - set(self._matrix)
        if missing:
            raise ValueError(f"{self.path}: expected data, indices and indptr in 'raw.X', lacks {sorted(missing)}.")
        shape = tuple(int(n) for n in attributes.get("shape", attributes.get("h5sparse_shape", ())))
        starts = self._matrix["indptr"][:]
        stored = min(len(self._matrix["data"]), len(self._matrix["indices"]))
        if shape != (len(self.cells), len(self.genes)) or len(starts) != len(self.cells) + 1:
            raise ValueError(
                f"{self.path}: expected 'raw.X' of {len(self.cells)} cells and {len(self.genes)} genes, found {shape}."
            )
        if starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] != stored:
            raise ValueError(f"{self.path}: expected {starts[-1]} stored values in 'raw.X', found {stored}.")
        return starts


def _strings(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values[:]]
