"""`scrna`: rows of a made-up release in the official layout, and of the real one where scanpy is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from multimed_hf.resources import load_script
from multimed_hf.sources import PBMC68K_TYPES

from ..data.pbmc68k import fake as pbmc68k

pytest.importorskip("h5py")

scrna = load_script("scrna")
TARGETS = scrna.target_positions(pbmc68k.GENES)


def read_all(location: Path) -> tuple[object, list[dict]]:
    reader = scrna.Pbmc68kReader(location)
    return reader, list(reader.read(reader.index()))


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1), min_size=1, max_size=60, unique=True), st.randoms())
def test_target_genes_depend_on_the_symbols_alone(genes: list[str], random) -> None:
    shuffled = list(genes)
    random.shuffle(shuffled)
    targets = {genes[position] for position in scrna.target_positions(genes)}
    assert targets == {shuffled[position] for position in scrna.target_positions(shuffled)}
    assert targets == set(sorted(genes)[::8])


@given(
    stnp.arrays(np.int64, st.integers(2, 30), elements=st.integers(0, 500)).filter(lambda counts: counts.sum() > 0),
    st.integers(0, 10_000),
)
def test_renormalised_inputs_do_not_depend_on_the_counts_of_targets(counts: np.ndarray, target_counts: int) -> None:
    alone = np.log1p(counts / counts.sum() * 10_000)
    beside_targets = np.log1p(counts / (counts.sum() + target_counts) * 10_000)
    np.testing.assert_allclose(scrna.renormalise(beside_targets), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["old", "current"])
def test_a_cell_gives_a_typing_row_and_an_expression_row(tmp_path: Path, layout: str) -> None:
    counts = pbmc68k.counts()
    all_genes = pbmc68k.log1p_per_10k(counts)
    inputs = np.setdiff1d(np.arange(counts.shape[1]), TARGETS)
    input_genes = pbmc68k.log1p_per_10k(counts[:, inputs])
    reader, rows = read_all(pbmc68k.write(tmp_path, counts, layout))

    assert reader.genes == pbmc68k.GENES
    assert len(rows) == 2 * len(counts)
    for cell, (typing, expression) in enumerate(zip(rows[::2], rows[1::2], strict=True)):
        cell_type = PBMC68K_TYPES[cell * len(PBMC68K_TYPES) // len(counts)]
        assert typing["id"] == f"pbmc68k/CELL{cell:04d}-1/cell_type" and typing["cell_type"] == cell_type
        np.testing.assert_array_equal(typing["gene_index"], np.flatnonzero(counts[cell]))
        np.testing.assert_allclose(typing["gene_value"], all_genes[cell][typing["gene_index"]])
        assert not {"expression", "expression_index", "stratum"} & typing.keys()

        assert expression["id"] == f"pbmc68k/CELL{cell:04d}-1/expression" and "cell_type" not in expression
        assert expression["stratum"] == cell_type
        assert expression["expression_index"] == TARGETS
        np.testing.assert_allclose(expression["expression"], all_genes[cell][TARGETS])
        expressed = counts[cell, inputs] > 0
        np.testing.assert_array_equal(expression["gene_index"], inputs[expressed])
        np.testing.assert_allclose(expression["gene_value"], input_genes[cell, expressed], rtol=1e-5)


def test_the_counts_of_targets_leave_no_trace_in_the_inputs(tmp_path: Path) -> None:
    counts = pbmc68k.counts()
    rows = read_all(pbmc68k.write(tmp_path, counts))[1][1::2]
    counts[:, TARGETS] *= 50
    changed = read_all(pbmc68k.write(tmp_path, counts))[1][1::2]
    for before, after in zip(rows, changed, strict=True):
        assert before["gene_index"] == after["gene_index"]
        np.testing.assert_allclose(before["gene_value"], after["gene_value"], rtol=1e-4)
        assert before["expression"] != after["expression"]


def test_entries_can_be_read_in_any_order(tmp_path: Path) -> None:
    reader = scrna.Pbmc68kReader(pbmc68k.write(tmp_path))
    entries = list(reader.index())[::-3]
    assert [row["id"].split("/")[1] for row in reader.read(entries)] == [entry.group for entry in entries]


def test_building_keeps_the_rows_of_a_cell_in_one_split(tmp_path: Path, build) -> None:
    builder, rows = build("scrna", data_dirs={"pbmc68k": str(pbmc68k.write(tmp_path).parent)})
    assert len(rows) == 120 and {row["split"] for row in rows} == {"train", "validation", "test"}
    assert len({(row["group"], row["split"]) for row in rows}) == len({row["group"] for row in rows}) == 60
    assert builder.genes == list(pbmc68k.GENES)
    assert "6 of 48 genes" in builder.notes["pbmc68k"][0]
    for row in rows:
        # A row asks one question only.
        assert (row["cell_type"] == -1) == bool(row["expression"]) == bool(row["stratum"])
        assert row["has_scrna"] and not set(row["expression_index"]) & set(row["gene_index"])


def test_rows_are_a_total(tmp_path: Path, build) -> None:
    _, rows = build("scrna", data_dirs={"pbmc68k": str(pbmc68k.write(tmp_path))}, rows=11)
    assert len(rows) == 11


def test_a_type_outside_the_names_is_refused(tmp_path: Path) -> None:
    path = pbmc68k.write(tmp_path, types=(*PBMC68K_TYPES[:-1], "Neuron"))
    with pytest.raises(ValueError, match=r"expected 'bulk_labels' among CD14.*, found 'Neuron' in cell 'CELL0054-1'"):
        scrna.Pbmc68kReader(path).index()


def test_a_cell_without_input_genes_is_refused(tmp_path: Path) -> None:
    counts = pbmc68k.counts()
    counts[7] = 0
    counts[7, TARGETS[0]] = 5
    with pytest.raises(ValueError, match="expected an expressed input gene in cell 'CELL0007-1'"):
        read_all(pbmc68k.write(tmp_path, counts))


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Expected the file 10x_pbmc68k_reduced\.h5ad"):
        scrna.Pbmc68kReader(tmp_path).index()


def test_the_real_release() -> None:
    try:
        location = scrna.Pbmc68kReader.locate(None)
    except FileNotFoundError:
        pytest.skip("needs scanpy, which ships PBMC68k reduced")
    reader, rows = read_all(location)
    assert len(rows) == 1400 and len(reader.genes) == 765
    assert {row["cell_type"] for row in rows[::2]} == set(PBMC68K_TYPES)
    assert sum(row["cell_type"] == "CD34+" for row in rows[::2]) == 13
    expression = np.array([row["expression"] for row in rows[1::2]])
    assert expression.shape == (700, 96) and (expression.std(axis=0) > 0).all()
    for row in rows[1::2]:
        assert np.expm1(np.array(row["gene_value"], float)).sum() == pytest.approx(10_000, rel=1e-4)
