"""A made-up `10x_pbmc68k_reduced.h5ad` in its official layout, or the same data in anndata's current one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from multimed_hf.sources import PBMC68K_TYPES

GENES = tuple(f"GENE{number}" for number in range(48))


def counts(cells_per_type: int = 6, seed: int = 0) -> np.ndarray:
    """Counts `(cells, genes)` of cells that stand type by type; each type has genes of its own."""
    random = np.random.default_rng(seed)
    profiles = random.gamma(0.6, 3.0, size=(len(PBMC68K_TYPES), len(GENES)))
    return random.poisson(np.repeat(profiles, cells_per_type, axis=0) + 0.2)


def log1p_per_10k(cell_counts: np.ndarray) -> np.ndarray:
    """log1p counts per 10,000 of all genes, as in `.raw`."""
    return np.log1p(cell_counts / cell_counts.sum(axis=1, keepdims=True) * 10_000).astype(np.float32)


def write(
    folder: Path, cell_counts: np.ndarray | None = None, layout: str = "old", types: tuple[str, ...] = PBMC68K_TYPES
) -> Path:
    """Writes the file; `layout` is "old" (the official one) or "current"; `types` are the names of the categories."""
    import h5py

    cell_counts = counts() if cell_counts is None else cell_counts
    matrix = sparse.csr_matrix(log1p_per_10k(cell_counts))
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        # The official file lists the genes of a cell from the last to the first.
        matrix.indices[start:stop] = matrix.indices[start:stop][::-1].copy()
        matrix.data[start:stop] = matrix.data[start:stop][::-1].copy()
    barcodes = [f"CELL{number:04d}-1".encode() for number in range(len(cell_counts))]
    codes = (np.arange(len(cell_counts)) * len(types) // len(cell_counts)).astype("i1")
    names = [name.encode() for name in types]
    genes = [gene.encode() for gene in GENES]

    path = folder / "10x_pbmc68k_reduced.h5ad"
    with h5py.File(path, "w") as file:
        raw = file.create_group("raw.X" if layout == "old" else "raw/X")
        for part in ("data", "indices", "indptr"):
            raw[part] = getattr(matrix, part)
        if layout == "old":
            raw.attrs.update(h5sparse_format="csr", h5sparse_shape=matrix.shape)
            file["obs"] = np.array(list(zip(barcodes, codes, strict=True)), [("index", "S16"), ("bulk_labels", "i1")])
            file["raw.var"] = np.array([(gene,) for gene in genes], [("index", "S13")])
            file["uns/bulk_labels_categories"] = np.array(names)
        else:
            raw.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": matrix.shape})
            for table, index in (("obs", barcodes), ("raw/var", genes)):
                file[f"{table}/_index"] = np.array(index, dtype=h5py.string_dtype())
                file[table].attrs.update({"encoding-type": "dataframe", "_index": "_index"})
            file["obs/bulk_labels/codes"] = codes
            file["obs/bulk_labels/categories"] = np.array(names, dtype=h5py.string_dtype())
            file["obs/bulk_labels"].attrs["encoding-type"] = "categorical"
    return path
