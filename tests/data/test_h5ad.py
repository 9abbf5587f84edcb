"""h5ad files, both layouts, against scipy's sparse matrices; and what damaged files say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from multimed_hf.data.h5ad import H5adFile
from multimed_hf.sources import PBMC68K_TYPES

from .pbmc68k import fake as pbmc68k

h5py = pytest.importorskip("h5py")


@pytest.fixture(params=["old", "current"])
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


def matrix_name(layout: str) -> str:
    return "raw.X" if layout == "old" else "raw/X"


def test_names_labels_and_values_are_those_of_the_matrix(tmp_path: Path, layout: str) -> None:
    counts = pbmc68k.counts()
    expected = pbmc68k.log1p_per_10k(counts)
    with H5adFile(pbmc68k.write(tmp_path, counts, layout)) as file:
        assert file.cells == [f"CELL{number:04d}-1" for number in range(len(counts))]
        assert file.genes == list(pbmc68k.GENES)
        assert file.labels("bulk_labels") == list(np.repeat(PBMC68K_TYPES, len(counts) // len(PBMC68K_TYPES)))
        rows = [5, 0, 5, len(counts) - 1]
        for row, (indices, values) in zip(rows, file.expression(rows), strict=True):
            assert indices.dtype == np.int32 and values.dtype == np.float32
            np.testing.assert_array_equal(indices, np.flatnonzero(counts[row]))
            np.testing.assert_array_equal(values, expected[row][indices])


def test_a_cell_without_a_category_has_an_empty_label(tmp_path: Path) -> None:
    path = pbmc68k.write(tmp_path, layout="current")
    with h5py.File(path, "r+") as file:
        file["obs/bulk_labels/codes"][3] = -1
    with H5adFile(path) as file:
        assert file.labels("bulk_labels")[2:4] == [PBMC68K_TYPES[0], ""]


def test_stored_zeros_are_not_expressed(tmp_path: Path, layout: str) -> None:
    path = pbmc68k.write(tmp_path, layout=layout)
    with h5py.File(path, "r+") as file:
        first = file[matrix_name(layout)]["indices"][0]
        file[matrix_name(layout)]["data"][0] = 0.0
    with H5adFile(path) as file:
        indices, values = next(file.expression([0]))
    assert first not in indices and (values > 0).all()


@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_empty_and_truncated_files_are_refused(tmp_path: Path, kept: float) -> None:
    path = pbmc68k.write(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(ValueError, match=r"reduced\.h5ad is not a whole HDF5 file"):
        H5adFile(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5])
def test_values_that_no_log1p_count_can_have_are_refused(tmp_path: Path, layout: str, value: float) -> None:
    path = pbmc68k.write(tmp_path, layout=layout)
    with h5py.File(path, "r+") as file:
        file[matrix_name(layout)]["data"][-1] = value
    with H5adFile(path) as file, pytest.raises(ValueError, match=rf"found {value} in cell 'CELL0059-1'"):
        list(file.expression(range(len(file.cells))))


@pytest.mark.parametrize("position", [-1, len(pbmc68k.GENES), "twice"])
def test_positions_out_of_range_or_twice_are_refused(tmp_path: Path, position: int | str) -> None:
    path = pbmc68k.write(tmp_path)
    with h5py.File(path, "r+") as file:
        indices = file["raw.X/indices"]
        indices[0] = indices[1] if position == "twice" else position
    with H5adFile(path) as file, pytest.raises(ValueError, match="expected each gene from 0 to 47 at most once"):
        list(file.expression([0]))


def test_a_missing_column_names_those_that_exist(tmp_path: Path, layout: str) -> None:
    with (
        H5adFile(pbmc68k.write(tmp_path, layout=layout)) as file,
        pytest.raises(ValueError, match=r"expected the column 'cell_type' in '/obs', found .*bulk_labels"),
    ):
        file.labels("cell_type")


def test_a_column_that_is_not_categorical_is_refused(tmp_path: Path, layout: str) -> None:
    column = "index" if layout == "old" else "_index"
    with (
        H5adFile(pbmc68k.write(tmp_path, layout=layout)) as file,
        pytest.raises(ValueError, match="expected the categorical column"),
    ):
        file.labels(column)


def test_codes_beyond_the_categories_are_refused(tmp_path: Path) -> None:
    path = pbmc68k.write(tmp_path, layout="current")
    with h5py.File(path, "r+") as file:
        file["obs/bulk_labels/codes"][0] = 99
    with H5adFile(path) as file, pytest.raises(ValueError, match="expected 60 codes from -1 to 9"):
        file.labels("bulk_labels")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.pop("raw.X"), "expected 'raw/X' of the h5ad layout"),
        (lambda file: file["raw.X"].pop("data"), r"lacks \['data'\]"),
        (lambda file: file["raw.X"].attrs.update(h5sparse_format="csc"), "as a CSR matrix, found 'csc'"),
        (lambda file: file["raw.X"].attrs.update(h5sparse_shape=(60, 47)), r"found \(60, 47\)"),
        (lambda file: file["raw.X/indptr"].write_direct(np.arange(61, dtype=np.int32)), "stored values"),
    ],
)
def test_a_matrix_laid_out_in_another_way_is_refused(tmp_path: Path, damage, message: str) -> None:
    path = pbmc68k.write(tmp_path)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(ValueError, match=message):
        H5adFile(path)


def test_two_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    path = pbmc68k.write(tmp_path)
    with h5py.File(path, "r+") as file:
        cells = file["obs"][:]
        cells["index"][1] = cells["index"][0]
        file["obs"][:] = cells
    with pytest.raises(ValueError, match="expected each of the cells once, found 1 twice"):
        H5adFile(path)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pbmc68k.write(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install multimed_hf\[scrna\]"):
        H5adFile(path)
