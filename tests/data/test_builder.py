import pytest

from multimed_hf.data import builder as builder_module
from multimed_hf.data.splits import Entry
from multimed_hf.tasks import UnknownNameError

from . import tiny


def made(builder_class, folder, **config):
    return builder_class(cache_dir=str(folder / "cache"), dataset_name="multimed", config_name="x", **config)


def test_rows_are_complete_and_say_where_they_come_from(tmp_path):
    builder = made(tiny.EegBuilder, tmp_path, sources=("synthetic",))
    builder.download_and_prepare(str(tmp_path / "out"))
    rows = builder.as_dataset("train").with_format(None)
    assert set(rows["source"]) == {"synthetic"}
    assert rows[0]["group"] == rows[0]["subject"]
    assert (rows[0]["eye_state"], rows[0]["has_text"]) == (-1, False)
    assert builder.notes == {"synthetic": ["Signals are white noise."]}
    assert builder.missing_splits == {"synthetic": []}


def test_default_source_and_missing_splits(tmp_path):
    builder = made(tiny.EegBuilder, tmp_path, rows=1)
    builder.download_and_prepare(str(tmp_path / "out"))
    assert builder.missing_splits == {"synthetic": ["validation", "test"]}
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {"train": 1}


def test_genes_of_all_sources_are_counted_once(tmp_path, monkeypatch):
    class OtherCells(tiny.Cells):
        name = "other"
        symbols = ("MS4A1", "NKG7", "ACTB")

        def read(self, entries):
            for row in super().read(entries):
                yield {**row, "id": row["id"].replace("pbmc68k", "other"), "expression_index": [1]}

    monkeypatch.setattr(tiny.CellsBuilder, "readers", (tiny.Cells, OtherCells))
    builder = made(tiny.CellsBuilder, tmp_path, sources=("pbmc68k", "other"))
    builder.download_and_prepare(str(tmp_path / "out"))
    assert builder.genes == ["ACTB", "CD3D", "MS4A1", "NKG7"]
    assert builder.gene_sources["MS4A1"] == ["pbmc68k", "other"]
    rows = {row["source"]: row for row in builder.as_dataset("train")}
    assert rows["pbmc68k"]["gene_index"] == [0, 2]
    assert (rows["other"]["gene_index"], rows["other"]["expression_index"]) == ([2, 0], [3])


def test_peaks_of_all_sources_are_counted_once(tmp_path, monkeypatch):
    class OtherCells(tiny.Chromatin):
        name = "other"
        regions = ("chr2:5-8", "chrX:1-2")

        def read(self, entries):
            for row in super().read(entries):
                yield {**row, "id": row["id"].replace("pbmc68k", "other")}

    monkeypatch.setattr(tiny.CellsBuilder, "readers", (tiny.Chromatin, OtherCells))
    builder = made(tiny.CellsBuilder, tmp_path, sources=("pbmc68k", "other"))
    builder.download_and_prepare(str(tmp_path / "out"))
    assert list(builder.peak_sources) == ["chr1:1-9", "chr1:20-29", "chr2:5-8", "chrX:1-2"]
    assert builder.peak_sources["chr2:5-8"] == ["pbmc68k", "other"]
    rows = {row["source"]: row for row in builder.as_dataset("train")}
    assert rows["pbmc68k"]["peak_index"] == [0, 2] and rows["other"]["peak_index"] == [2, 3]
    assert rows["other"]["gene_index"] == [0, 2]


def test_a_peak_twice_in_one_source_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.CellsBuilder, "readers", (tiny.Chromatin,))
    monkeypatch.setattr(tiny.Chromatin, "regions", ("chr1:1-9", "chr1:1-9"))
    with pytest.raises(ValueError, match="'pbmc68k' has the peak 'chr1:1-9' twice"):
        made(tiny.CellsBuilder, tmp_path, sources=("pbmc68k",)).download_and_prepare(str(tmp_path / "out"))


def test_a_gene_twice_in_one_source_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.Cells, "symbols", ("ACTB", "ACTB", "CD3D"))
    with pytest.raises(ValueError, match="'pbmc68k' has the gene 'ACTB' twice"):
        made(tiny.CellsBuilder, tmp_path, sources=("pbmc68k",)).download_and_prepare(str(tmp_path / "out"))


@pytest.mark.parametrize("num_proc", [None, 2])
def test_errors_keep_their_words(tmp_path, monkeypatch, num_proc):
    monkeypatch.setattr(builder_module, "_ROWS_PER_SHARD", 2)
    (tmp_path / "recording.txt").write_text("1 2 3 nan 5 6 7 8")
    builder = made(tiny.EegBuilder, tmp_path, sources=("uci_eye_state",), data_dirs={"uci_eye_state": str(tmp_path)})
    with pytest.raises(ValueError, match="row 'uci_eye_state/3' of subset 'eeg' has NaN"):
        builder.download_and_prepare(str(tmp_path / "out"), num_proc=num_proc)
    assert not (tmp_path / "out").exists()


def test_a_reader_that_yields_too_few_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.Synthetic, "index", lambda self: [Entry(0, "a"), Entry(1, "a")])
    read = tiny.Synthetic.read
    monkeypatch.setattr(tiny.Synthetic, "read", lambda self, entries: list(read(self, entries))[:-1])
    with pytest.raises(ValueError, match="shorter"):
        made(tiny.EegBuilder, tmp_path).download_and_prepare(str(tmp_path / "out"))


def test_reader_of_a_source():
    assert tiny.EegBuilder.reader("synthetic") is tiny.Synthetic
    with pytest.raises(UnknownNameError, match="Did you mean 'synthetic'"):
        tiny.EegBuilder.reader("synthetc")
    with pytest.raises(ValueError, match="'edf' of eeg has no reader yet; ready are: synthetic, uci_eye_state"):
        tiny.EegBuilder.reader("edf")
