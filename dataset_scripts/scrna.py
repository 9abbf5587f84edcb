"""`scrna`: single-cell gene expression. A cell gives a row to be typed and a row whose held-out genes are predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.files import release_file
from multimed_hf.data.h5ad import H5adFile
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.simulation.settings import Simulation

COUNTS_PER_CELL = 10_000
TARGET_STEP = 8


def target_positions(genes: Sequence[str]) -> list[int]:
    """Positions of the genes to predict: every eighth symbol in alphabetical order, whatever their values.

    Args:
        genes: symbols, in the order of the file.

    Returns:
        Positions in `genes`, ascending.
    """
    return sorted(sorted(range(len(genes)), key=lambda position: genes[position])[::TARGET_STEP])


def renormalise(values: np.ndarray) -> np.ndarray:
    """log1p counts per 10,000 of some genes of a cell, relative to the counts of these genes alone.

    x -> log1p(expm1(x) / sum(expm1(x)) * 10,000)

    Args:
        values: log1p counts `(genes,)`, normalised by any total; at least one above zero.

    Returns:
        log1p counts per 10,000 `(genes,)`.
    """
    counts = np.expm1(values.astype(np.float64))
    return np.log1p(counts / counts.sum() * COUNTS_PER_CELL).astype(np.float32)


class Pbmc68kReader(SourceReader):
    """PBMC68k, reduced by scanpy's authors: `.raw` holds log1p counts per 10,000, `obs.bulk_labels` the types."""

    subset = "scrna"
    name = "pbmc68k"
    carrier = ("scanpy", "datasets/10x_pbmc68k_reduced.h5ad")

    def __init__(self, location: Path | None, rows: int | None = None, simulation: Simulation | None = None) -> None:
        super().__init__(location, rows, simulation)
        self._genes: tuple[str, ...] = ()

    @property
    def genes(self) -> Sequence[str]:
        return self._genes

    def index(self) -> list[Entry]:
        with H5adFile(self._path) as file:
            cells, types = file.cells, file.labels("bulk_labels")
            self._genes = tuple(file.genes)
        known = self.source.targets[0].labels
        for cell, cell_type in zip(cells, types, strict=True):
            if cell_type not in known:
                raise ValueError(
                    f"{self._path}: expected 'bulk_labels' among {', '.join(known)}, "
                    f"found {cell_type!r} in cell {cell!r}."
                )
        targets = len(target_positions(self._genes))
        self.notes.append(
            f"{len(cells):,} cells give two rows each; {targets} of {len(self._genes)} genes (every eighth in "
            "alphabetical order) are the targets of expression_prediction, the other "
            f"{len(self._genes) - targets} its inputs, normalised without the targets."
        )
        return [
            Entry((row, task), cell, cell_type)
            for row, (cell, cell_type) in enumerate(zip(cells, types, strict=True))
            for task in ("cell_type", "expression")
        ]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        targets = np.array(target_positions(self._genes), dtype=np.int64)
        keys = [cast(tuple[int, str], entry.key) for entry in entries]
        with H5adFile(self._path) as file:
            cells = file.expression(row for row, _ in keys)
            for entry, (_, task), (indices, values) in zip(entries, keys, cells, strict=True):
                row = {"id": f"{self.name}/{entry.group}/{task}", "has_scrna": True}
                if task == "cell_type":
                    row |= {"gene_index": indices.tolist(), "gene_value": values.tolist(), "cell_type": entry.stratum}
                else:
                    row |= self._expression_columns(entry, indices, values, targets)
                yield row

    def _expression_columns(
        self, entry: Entry, indices: np.ndarray, values: np.ndarray, targets: np.ndarray
    ) -> dict[str, Any]:
        is_input = ~np.isin(indices, targets)
        inputs = indices[is_input]
        assert not set(inputs.tolist()) & set(targets.tolist())
        if not len(inputs):
            raise ValueError(f"{self._path}: expected an expressed input gene in cell {entry.group!r}, found none.")
        expression = np.zeros(len(self._genes), dtype=np.float32)
        expression[indices] = values
        return {
            "gene_index": inputs.tolist(),
            # The file divides by the counts of all genes: a large target would push every input down, and so could be
            # read off the inputs. Dividing by the counts of the inputs alone takes that trace away.
            "gene_value": renormalise(values[is_input]).tolist(),
            "expression_index": targets.tolist(),
            "expression": expression[targets].tolist(),
            "stratum": entry.stratum,
        }

    @property
    def _path(self) -> Path:
        return release_file(self.location, "10x_pbmc68k_reduced.h5ad")


SyntheticReader = synthetic_reader("scrna")


class Builder(MultiMedBuilder):
    """Builds `scrna`."""

    subset = "scrna"
    readers = (Pbmc68kReader, SyntheticReader)
