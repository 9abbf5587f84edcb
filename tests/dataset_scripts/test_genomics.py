"""`genomics`: made-up releases in their official layouts, the real ones where they lie, and the noise ceiling."""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from multimed_hf.resources import load_script

from ..data.sortseq_lac import fake as sortseq_lac
from ..data.splice_junctions import fake as splice_junctions

genomics = load_script("genomics")


def read_all(reader) -> list[dict]:
    return list(reader.read(reader.index()))


def counts_table(*, low: int = 0):
    """Read counts `(variants, 10)` with at least one read in bin 5."""
    tables = stnp.arrays(np.int64, st.tuples(st.integers(1, 40), st.just(10)), elements=st.integers(low, 3))
    return tables.map(lambda counts: counts + np.eye(10, dtype=int)[5])


# Sort-seq


@given(counts_table())
def test_the_mean_bin_is_the_mean_over_sorted_reads(counts: np.ndarray) -> None:
    expected = [np.repeat(np.arange(1, 10), row[1:]).mean() for row in counts]
    np.testing.assert_allclose(genomics.mean_bin(counts), expected)


@given(counts_table())
def test_the_noise_ceiling_is_a_correlation(counts: np.ndarray) -> None:
    ceiling = genomics.noise_ceiling(counts)
    if (counts[:, 1:].sum(axis=1) < 2).all():
        assert ceiling is None
    assert ceiling is None or 0 <= ceiling <= 1


@pytest.mark.parametrize("collapsed", [False, True])
def test_the_noise_ceiling_is_what_the_truth_reaches(collapsed: bool) -> None:
    truth, counts = sortseq_lac.reads(60_000, rate=0.4)
    if collapsed:
        # The release counts a variant once in a bin, however often it was read there.
        counts = np.minimum(counts, 1)
    measured = counts[:, 1:].sum(axis=1) > 0
    reached = np.corrcoef(truth[measured], genomics.mean_bin(counts[measured]))[0, 1]
    assert genomics.noise_ceiling(counts) == pytest.approx(reached, abs=0.015)


def test_without_repeated_reads_there_is_no_noise_ceiling() -> None:
    assert genomics.noise_ceiling(np.eye(10, dtype=int)[1:]) is None


def test_a_variant_gives_its_sequence_and_mean_bin(tmp_path: Path) -> None:
    lines = sortseq_lac.table(variants=30)
    reader = genomics.SortseqLacReader(sortseq_lac.write(tmp_path, lines))
    rows = {row["dna"]: row for row in read_all(reader)}
    expected = {line[-1]: np.array(line[2:-1], dtype=int) for line in lines if set(line[2:-1]) != {"0"}}
    assert rows.keys() == expected.keys() and len(rows) < len(lines)
    for sequence, row in rows.items():
        reads = expected[sequence]
        assert row["expression"] == [pytest.approx((reads @ np.arange(1, 10)) / reads.sum())]
        assert row["expression_index"] == [0]
    assert reader.genes == ("lacZ",)
    assert f"{30 - len(rows)} of 30 variants were read only in ct_0" in reader.notes[0]


def test_reads_of_repeated_sequences_are_added_up(tmp_path: Path) -> None:
    once = ["test", *"0001000000", "ACGT"]
    again = ["test", *"1000000020", "ACGT"]
    reader = genomics.SortseqLacReader(sortseq_lac.write(tmp_path, [once, again]))
    (row,) = read_all(reader)
    assert row["expression"] == [pytest.approx((3 + 8 + 8) / 3)]
    assert "1 lines repeat a sequence" in reader.notes[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["test", *"000x000000", "ACGT"], r"line 2: expected a number of reads in 'ct_3', found 'x'"),
        (["test", *"0010000", "nan", *"00", "ACGT"], r"line 2: expected a number of reads in 'ct_7', found 'nan'"),
        (["test", *"0010000", "-1", *"00", "ACGT"], r"found '-1'"),
        (["test", *"0010000000", "ACGU"], r"line 2: expected 4 letters A, C, G, T, N in 'x', found 'ACGU'"),
        (["test", *"0010000000"], r"line 2: expected some letters"),
        (["test", *"1000000000", "ACGT"], r"expected reads in the sorted bins ct_1 to ct_9, found none"),
    ],
)
def test_bad_lines_are_refused(tmp_path: Path, line: list[str], message: str) -> None:
    path = sortseq_lac.write(tmp_path, [line])
    with pytest.raises(ValueError, match=message):
        genomics.SortseqLacReader(path).index()


def test_a_last_line_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sortseq_data.csv"
    path.write_bytes(gzip.decompress(sortseq_lac.write(tmp_path).read_bytes())[:-9])
    with pytest.raises(ValueError, match="line 61: expected 39 letters"):
        genomics.SortseqLacReader(path).index()


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    path = sortseq_lac.write(tmp_path, columns=(*sortseq_lac.COLUMNS[:-1], "sequence"))
    with pytest.raises(ValueError, match=r"sortseq_data\.csv\.gz: expected the columns ct_0 to ct_9 and x, lacks x"):
        genomics.SortseqLacReader(path).index()


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), b"no gzip", "truncated", "header"])
def test_empty_and_damaged_tables_are_refused(tmp_path: Path, content: bytes | str) -> None:
    path = sortseq_lac.write(tmp_path, [] if content == "header" else None)
    if content != "header":
        path.write_bytes(path.read_bytes()[:-200] if isinstance(content, str) else content)
    with pytest.raises(ValueError, match=r"sortseq_data\.csv\.gz: expected"):
        genomics.SortseqLacReader(path).index()


def test_the_real_sortseq_release() -> None:
    try:
        location = genomics.SortseqLacReader.locate(None)
    except FileNotFoundError:
        pytest.skip("needs mavenn, which ships the lac promoter sort-seq table")
    reader = genomics.SortseqLacReader(location)
    entries = reader.index()
    assert len(entries) == len({entry.group for entry in entries}) == 45_066
    assert {len(entry.group) for entry in entries} == {75}
    assert "5,452 of 50,518 variants were read only in ct_0" in reader.notes[0]
    assert "97.8% of the variants have a single sorted read: noise ceiling of Pearson's r 0.87" in reader.notes[1]

    # Mutations of the -10 box darken: dim bins hold more of them, bright bins fewer; bin 0, the library, the average.
    wild_type, box = "TATGTT", slice(63, 69)
    mutations: dict[int, list[int]] = {number: [] for number in range(10)}
    for sequence, reads in reader._lines(location):
        for number in np.flatnonzero(reads):
            mutations[number].append(sum(a != b for a, b in zip(sequence[box], wild_type, strict=True)))
    means = {number: np.mean(values) for number, values in mutations.items()}
    average = np.mean([means[number] for number in range(1, 10)])
    assert means[1] > 1.15 * average and means[9] < 0.85 * average
    assert means[0] == pytest.approx(average, rel=0.05)


# Splice junctions


def test_the_indicators_are_decoded(tmp_path: Path) -> None:
    pytest.importorskip("rdata")
    rows = splice_junctions.windows(per_class=5)
    reader = genomics.SpliceJunctionsReader(splice_junctions.write(tmp_path, rows))
    assert [(row["dna"], row["splice_site"]) for row in read_all(reader)] == rows
    assert "0 of 15 windows repeat another" in reader.notes[0]


def test_repeated_windows_are_kept_once_and_contradictions_never(tmp_path: Path) -> None:
    pytest.importorskip("rdata")
    rows = splice_junctions.windows(per_class=3)
    repeated, contradicted = rows[0], rows[1]
    written = [*rows, repeated, repeated, (contradicted[0], "n")]
    reader = genomics.SpliceJunctionsReader(splice_junctions.write(tmp_path, written))
    read = [(row["dna"], row["splice_site"]) for row in read_all(reader)]
    assert read == [row for row in rows if row != contradicted]
    assert reader.notes == [
        "2 of 12 windows repeat another with the same class: one of each kept; 2 share a sequence but not its class: "
        "left out; 8 remain."
    ]


def test_a_class_outside_the_names_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rdata")
    path = splice_junctions.write(tmp_path, [("A" * 60, "ei"), ("C" * 60, "exon")])
    with pytest.raises(ValueError, match="expected a class among ei, ie, n, found 'exon' in row 2"):
        genomics.SpliceJunctionsReader(path).index()


def test_an_unknown_code_or_missing_value_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rdata")
    monkeypatch.setitem(splice_junctions.CODES, "X", "110")
    path = splice_junctions.write(tmp_path, [("A" * 57 + "XAA", "ei")])
    with pytest.raises(ValueError, match="expected 100, 010, 001, 000 in V172 to V174, found '110'"):
        genomics.SpliceJunctionsReader(path).index()
    monkeypatch.setitem(splice_junctions.CODES, "X", "1?0")
    path = splice_junctions.write(tmp_path, [("A" * 60, "ei"), ("A" * 57 + "XAA", "ei")])
    with pytest.raises(ValueError, match="found '1None0'"):
        genomics.SpliceJunctionsReader(path).index()


def test_wrong_names_in_the_r_file_are_told(tmp_path: Path) -> None:
    pytest.importorskip("rdata")
    with pytest.raises(ValueError, match="expected the data frame 'DNA', found Soybean"):
        genomics.SpliceJunctionsReader(splice_junctions.write(tmp_path, name="Soybean")).index()
    with pytest.raises(ValueError, match="expected the columns V1 to V180 and Class, lacks Class"):
        genomics.SpliceJunctionsReader(splice_junctions.write(tmp_path, target="y")).index()


@pytest.mark.parametrize("kept", [0, 60, 0.5])
def test_empty_and_truncated_r_files_are_refused(tmp_path: Path, kept: float) -> None:
    pytest.importorskip("rdata")
    path = splice_junctions.write(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(ValueError, match=r"DNA\.rda: expected a whole R data file, found a damaged one"):
        genomics.SpliceJunctionsReader(path).index()


def test_without_rdata_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "DNA.rda").touch()
    monkeypatch.setitem(sys.modules, "rdata", None)
    with pytest.raises(ImportError, match=r"pip install multimed_hf\[genomics\]"):
        genomics.SpliceJunctionsReader(tmp_path).index()


def test_the_r_file_is_found_where_debian_or_the_user_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = genomics.SpliceJunctionsReader
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MULTIMED_DATA", raising=False)
    monkeypatch.setattr(reader, "DEBIAN", Path("somewhere/DNA.rda"))
    with pytest.raises(FileNotFoundError, match=r"expected DNA\.rda in --data-dir, .* Debian's package r-cran-mlbench"):
        reader.locate(None)

    unpacked = tmp_path / ".carriers/somewhere/DNA.rda"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    assert reader.locate(None) == unpacked

    (tmp_path / "releases/mlbench").mkdir(parents=True)
    monkeypatch.setenv("MULTIMED_DATA", str(tmp_path / "releases"))
    assert reader.locate(None) == tmp_path / "releases/mlbench"
    assert reader.locate(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match="does not exist"):
        reader.locate(tmp_path / "nowhere")


def test_the_real_splice_junctions_obey_biology() -> None:
    pytest.importorskip("rdata")
    try:
        location = genomics.SpliceJunctionsReader.locate(None)
    except FileNotFoundError:
        pytest.skip("needs DNA.rda of mlbench")
    reader = genomics.SpliceJunctionsReader(location)
    rows = read_all(reader)
    assert len(rows) == 3000 == len({row["dna"] for row in rows})
    assert "184 of 3,186 windows repeat another" in reader.notes[0] and "2 share a sequence" in reader.notes[0]
    after = Counter(row["dna"][30:32] for row in rows if row["splice_site"] == "ei")
    before = Counter(row["dna"][28:30] for row in rows if row["splice_site"] == "ie")
    assert after["GT"] > 0.97 * after.total() and before["AG"] > 0.99 * before.total()


# Both


def test_building_both_sources(tmp_path: Path, build) -> None:
    pytest.importorskip("rdata")
    folders = {"sortseq_lac": sortseq_lac.write(tmp_path), "splice_junctions": splice_junctions.write(tmp_path).parent}
    builder, rows = build(
        "genomics", sources=tuple(folders), data_dirs={name: str(path) for name, path in folders.items()}
    )
    assert builder.genes == ["lacZ"] and set(builder.notes) == set(folders)
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    by_source = Counter(row["source"] for row in rows)
    assert by_source["splice_junctions"] == 36 and 40 < by_source["sortseq_lac"] < 60
    for row in rows:
        assert row["has_genomics"] and row["group"] == row["dna"]
        is_site = row["source"] == "splice_junctions"
        assert (row["splice_site"] >= 0) == is_site
        assert row["expression_index"] == ([] if is_site else [0]) and len(row["expression"]) == (not is_site)
        assert row["stratum"] == ""
