"""Chains of PDB and mmCIF files against what was written, against Biopython, and broken; clusters of sequences."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimed_hf.data.macromolecules import Macromolecule, cluster, format_of, read_macromolecule

from .pdb import fake as pdb

pytest.importorskip("gemmi")

WRITERS = {"pdb": pdb.pdb_text, "cif": pdb.mmcif_text}
LETTERS = pdb.sequence(30, seed=1)


def read(folder: Path, text: str | bytes, suffix: str):
    path = folder / f"file.{suffix}"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_macromolecule(path)


@pytest.mark.parametrize("suffix", WRITERS)
def test_chains_come_back_with_unresolved_residues_in_their_places(tmp_path: Path, suffix: str) -> None:
    chains = {
        "A": pdb.chain(LETTERS, seed=1, unseen=(0, 1, 12, 13, 14, 29)),
        "B": pdb.chain(pdb.sequence(25, seed=2), seed=2),
    }
    molecule = read(tmp_path, WRITERS[suffix](chains), suffix)
    assert [chain.name for chain in molecule.chains] == ["A", "B"]
    assert (molecule.models, molecule.other_polymers) == (1, 0)
    for chain, letters in zip(molecule.chains, (LETTERS, pdb.sequence(25, seed=2)), strict=True):
        written = chains[chain.name]
        assert chain.sequence == letters and chain.sequence_listed
        np.testing.assert_array_equal(chain.resolved, written.seen)
        np.testing.assert_allclose(chain.backbone[chain.resolved], written.backbone[written.seen], atol=1e-5)
        assert not chain.backbone[~chain.resolved].any()
        assert (chain.modified, chain.alternate, chain.misfits) == (0, 0, 0)


@pytest.mark.parametrize("suffix", WRITERS)
def test_without_a_listed_sequence_the_residues_with_coordinates_are_it(tmp_path: Path, suffix: str) -> None:
    written = pdb.chain(LETTERS, unseen=(0, 5, 6))
    chain = read(tmp_path, WRITERS[suffix]({"A": written}, listed=False), suffix).chains[0]
    assert not chain.sequence_listed
    assert chain.sequence == "".join(np.array(list(LETTERS))[written.seen])
    np.testing.assert_allclose(chain.backbone, written.backbone[written.seen], atol=1e-5)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_residue_is_resolved_only_with_all_three_atoms(tmp_path: Path, suffix: str) -> None:
    text = WRITERS[suffix]({"A": pdb.chain(LETTERS)})
    lines = text.splitlines(keepends=True)
    atoms = [number for number, line in enumerate(lines) if line.startswith("ATOM")]
    del lines[atoms[3 * 10 + 2]]
    chain = read(tmp_path, "".join(lines), suffix).chains[0]
    assert np.flatnonzero(~chain.resolved).tolist() == [10]
    assert not chain.backbone[10].any()


@pytest.mark.parametrize("suffix", WRITERS)
def test_modified_residues_become_their_parent_and_unknown_ones_x(tmp_path: Path, suffix: str) -> None:
    plain = pdb.chain("A" * 20)
    monomers = ("MSE", "SEP", "QQQ", *plain.monomers[3:])
    chain = read(tmp_path, WRITERS[suffix]({"A": replace(plain, monomers=monomers)}), suffix).chains[0]
    # gemmi knows no parent of phosphoserine that is written with one letter other than s.
    assert chain.sequence == "MSX" + "A" * 17
    assert chain.modified == 3
    assert chain.resolved.all()


@pytest.mark.parametrize("suffix", WRITERS)
def test_caps_are_no_residues(tmp_path: Path, suffix: str) -> None:
    plain = pdb.chain("G" + LETTERS + "G")
    monomers = ("ACE", *plain.monomers[1:-1], "NH2")
    chain = read(tmp_path, WRITERS[suffix]({"A": replace(plain, monomers=monomers)}), suffix).chains[0]
    assert chain.sequence == LETTERS
    np.testing.assert_allclose(chain.backbone, plain.backbone[1:-1], atol=1e-5)


def test_only_the_first_model_is_read(tmp_path: Path) -> None:
    atoms = [line for line in pdb.pdb_text({"A": pdb.chain(LETTERS)}).splitlines() if line.startswith(("ATOM", "TER"))]
    other = [line.replace("1.00 20.00", "1.00 20.00")[:30] + "   9.000   9.000   9.000" + line[54:] for line in atoms]
    text = "\n".join(["MODEL        1", *atoms, "ENDMDL", "MODEL        2", *other, "ENDMDL", "END", ""])
    molecule = read(tmp_path, text, "pdb")
    assert molecule.models == 2
    np.testing.assert_allclose(molecule.chains[0].backbone, pdb.chain(LETTERS).backbone, atol=1e-5)


@pytest.mark.parametrize("better", ["A", "B"])
def test_of_alternate_locations_the_likelier_is_taken_for_the_whole_residue(tmp_path: Path, better: str) -> None:
    lines = []
    for line in pdb.pdb_text({"A": pdb.chain(LETTERS)}).splitlines():
        if line.startswith("ATOM") and line[22:26].strip() == "7":
            for location in "AB":
                # One atom alone speaks for the other location.
                likely = (location == better) != (line[12:16].strip() == "N")
                moved = f"{float(line[30:38]) + (location == 'B'):8.3f}"
                lines.append(
                    f"{line[:16]}{location}{line[17:30]}{moved}{line[38:54]}{0.6 if likely else 0.4:6.2f}{line[60:]}"
                )
        else:
            lines.append(line)
    chain = read(tmp_path, "\n".join(lines) + "\n", "pdb").chains[0]
    expected = pdb.chain(LETTERS).backbone
    expected[6, :, 0] += better == "B"
    np.testing.assert_allclose(chain.backbone, expected, atol=1e-5)
    assert chain.alternate == 1


def test_of_two_residues_at_one_place_the_likelier_is_taken(tmp_path: Path) -> None:
    lines = []
    others = []
    for line in pdb.mmcif_text({"A": pdb.chain(LETTERS)}).splitlines():
        fields = line.split()
        if line.startswith("ATOM") and fields[8] == "7":
            x = f"{float(fields[10]) + 1:.3f}"
            others.append(" ".join([*fields[:4], "B", "GLY", *fields[6:10], x, *fields[11:13], "0.7", *fields[14:]]))
            lines.append(" ".join([*fields[:4], "A", *fields[5:13], "0.3", *fields[14:]]))
            if len(others) == len(pdb.ATOMS):
                lines += others
        else:
            lines.append(line)
    chain = read(tmp_path, "\n".join(lines) + "\n", "cif").chains[0]
    expected = pdb.chain(LETTERS).backbone
    expected[6, :, 0] += 1
    np.testing.assert_allclose(chain.backbone, expected, atol=1e-5)
    assert chain.alternate == 1 and chain.sequence == LETTERS


def test_other_polymers_and_waters_are_no_chains(tmp_path: Path) -> None:
    dna = replace(pdb.chain("A" * 20), monomers=(" DA",) * 20)
    water = f"HETATM 9999  O   HOH W   1    {1:8.3f}{1:8.3f}{1:8.3f}{1:6.2f}{20:6.2f}           O"
    text = pdb.pdb_text({"A": pdb.chain(LETTERS), "D": dna}).replace("END\n", f"{water}\nEND\n")
    molecule = read(tmp_path, text, "pdb")
    assert [chain.name for chain in molecule.chains] == ["A"]
    assert molecule.other_polymers == 1


def test_a_blank_chain_has_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, pdb.pdb_text({" ": pdb.chain(LETTERS)}), "pdb").chains[0].name == "_"


@pytest.mark.parametrize("suffix", WRITERS)
def test_gzip_makes_no_difference_unless_it_breaks_off(tmp_path: Path, suffix: str) -> None:
    data = gzip.compress(WRITERS[suffix]({"A": pdb.chain(LETTERS)}).encode())
    assert read(tmp_path, data, f"{suffix}.gz").chains[0].sequence == LETTERS
    with pytest.raises(ValueError, match=r"file\..*\.gz: expected a complete gzip file"):
        read(tmp_path, data[: len(data) // 2], f"{suffix}.gz")


@pytest.mark.parametrize("suffix", WRITERS)
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_that_breaks_off_anywhere_is_refused(tmp_path_factory, suffix: str, part: float) -> None:
    text = WRITERS[suffix]({"A": pdb.chain(LETTERS)})
    end = text.rindex("ATOM") + (60 if suffix == "pdb" else text[text.rindex("ATOM") :].index("\n"))
    with pytest.raises(ValueError, match=rf"file\.{suffix}"):
        read(tmp_path_factory.mktemp("cut"), text[: int(part * end)], suffix)


def test_mmcif_without_separators_may_end_with_its_last_row_but_not_within_it(tmp_path: Path) -> None:
    text = pdb.mmcif_text({"A": pdb.chain(LETTERS)}).replace("#\n", "")
    assert read(tmp_path, text, "cif").chains[0].sequence == LETTERS
    with pytest.raises(ValueError, match="breaks off"):
        read(tmp_path, text.rstrip(), "cif")


def test_a_file_of_the_archive_that_breaks_off_after_a_chain_is_refused(tmp_path: Path) -> None:
    text = "HEADER    FAKE\n" + pdb.pdb_text({"A": pdb.chain(LETTERS), "B": pdb.chain(LETTERS, seed=2)})
    assert len(read(tmp_path, text, "pdb").chains) == 2
    with pytest.raises(ValueError, match="breaks off"):
        read(tmp_path, text[: text.index("\n", text.index("TER")) + 1], "pdb")


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        ("", "pdb", "found an empty file"),
        (" \n", "cif", "found an empty file"),
        ("what is this\n", "cif", "expected complete mmCIF"),
        ("data_x\n_cell.length_a 1\n", "cif", "expected the category _atom_site"),
        ("HEADER    FAKE\nEND\n", "pdb", "expected atoms, found none"),
        (pdb.mmcif_text({"A": pdb.chain(LETTERS)}), "pdb", "file.pdb"),
        (pdb.pdb_text({"A": pdb.chain(LETTERS)}), "cif", "file.cif"),
    ],
)
def test_what_is_no_structure_is_refused(tmp_path: Path, text: str, suffix: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, suffix)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("value", ["nan", "?", "abc"])
def test_coordinates_that_are_no_numbers_are_refused(tmp_path: Path, suffix: str, value: str) -> None:
    text = WRITERS[suffix]({"A": pdb.chain(LETTERS)})
    lines = text.splitlines(keepends=True)
    number = next(number for number, line in enumerate(lines) if line.startswith("ATOM"))
    x = f"{pdb.chain(LETTERS).backbone[0, 0, 0]:.3f}"
    replacement = (f"{x:>8s}", f"{value:>8s}") if suffix == "pdb" else (f" {x} ", f" {value} ")
    lines[number] = lines[number].replace(*replacement, 1)
    with pytest.raises(ValueError, match=rf"file\.{suffix}.*expected"):
        read(tmp_path, "".join(lines), suffix)


def test_formats_are_told_by_the_name() -> None:
    names = ["1abc.cif", "pdb1abc.ent.gz", "X.PDB", "x.mmcif.gz", "notes.txt", "._1abc.cif", "1abc.cif.gz.part"]
    assert [format_of(Path(name)) for name in names] == ["mmcif", "pdb", "pdb", "mmcif", "", "", ""]


def real_files() -> list[Path]:
    import os

    places = [Path(os.environ["MULTIMED_DATA"]) / "pdb"] if os.environ.get("MULTIMED_DATA") else []
    spec = importlib.util.find_spec("tmtools")
    if spec and spec.submodule_search_locations:
        places.append(Path(spec.submodule_search_locations[0]) / "data")
    return [path for place in places if place.is_dir() for path in sorted(place.iterdir()) if format_of(path)]


@cache
def real_molecule(path: Path) -> Macromolecule:
    """A real file, read once for the tests that compare it."""
    return read_macromolecule(path)


@pytest.mark.parametrize("path", real_files() or [None], ids=lambda path: path.name if path else "none")
def test_real_files_agree_with_biopython(path: Path | None) -> None:
    if path is None:
        pytest.skip("needs structures in $MULTIMED_DATA/pdb or the package tmtools")
    parsers = pytest.importorskip("Bio.PDB")
    parser = parsers.MMCIFParser(QUIET=True) if format_of(path) == "mmcif" else parsers.PDBParser(QUIET=True)
    model = parser.get_structure("x", path)[0]
    chains = real_molecule(path).chains
    assert chains
    for chain in chains:
        complete = [
            [residue[atom].coord for atom in ("N", "CA", "C")]
            for residue in model[chain.name]
            if residue.id[0] in (" ", "H_MSE", "H_HYP") and all(atom in residue for atom in ("N", "CA", "C"))
        ]
        # Biopython picks each atom of the likeliest location, we the likeliest location of the residue.
        apart = np.abs(chain.backbone[chain.resolved] - np.array(complete)).max(axis=(1, 2)) > 1e-3
        assert apart.sum() <= chain.alternate


@pytest.mark.parametrize("path", real_files() or [None], ids=lambda path: path.name if path else "none")
def test_real_sequences_agree_with_biopython(path: Path | None) -> None:
    if path is None:
        pytest.skip("needs structures in $MULTIMED_DATA/pdb or the package tmtools")
    sequences = pytest.importorskip("Bio.SeqIO")
    molecule = real_molecule(path)
    kind = "cif-seqres" if format_of(path) == "mmcif" else "pdb-seqres"
    # Biopython names the chains of mmCIF otherwise, and writes caps, and modified residues that it does not know, as X.
    expected = {str(record.seq).strip("X") for record in sequences.parse(path, kind)}
    for chain in molecule.chains:
        if chain.sequence_listed:
            patterns = {letters for letters in expected if len(letters) == len(chain.sequence)}
            assert any(all(b in (a, "X") for a, b in zip(chain.sequence, letters, strict=True)) for letters in patterns)


def relative(letters: str, kept: float, seed: int) -> str:
    """The sequence with all but a part of its residues replaced."""
    random = np.random.default_rng(seed)
    changed = random.permutation(len(letters))[: round((1 - kept) * len(letters))]
    other = pdb.sequence(len(letters), seed + 1000)
    return "".join(other[at] if at in set(changed.tolist()) else letter for at, letter in enumerate(letters))


def test_relatives_and_fragments_are_one_cluster_and_strangers_are_not() -> None:
    base = pdb.sequence(200, seed=5)
    sequences = {
        "a": base,
        "b": relative(base, 0.5, seed=6),
        "c": base[60:120],
        "d": pdb.sequence(100, 7) + relative(base, 0.6, seed=8) + pdb.sequence(100, 9),
        "e": pdb.sequence(200, seed=10),
        "f": pdb.sequence(100, seed=11),
        "g": pdb.sequence(600, seed=12),
        "h": base,
    }
    assert cluster(sequences) == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e", "f": "f", "g": "g", "h": "a"}


@pytest.mark.parametrize("bridge", ["a", "m", "z"])
def test_links_are_handed_on(bridge: str) -> None:
    first, second = pdb.sequence(100, seed=1), pdb.sequence(100, seed=2)
    sequences = {"y": first, "b": second}
    assert cluster(sequences) == {"y": "y", "b": "b"}
    assert set(cluster(sequences | {bridge: first + second}).values()) == {min(bridge, "b")}


@given(st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order(random) -> None:
    base = pdb.sequence(60, seed=3)
    items = [(f"n{number}", relative(base, 0.35, seed=number)) for number in range(6)]
    shuffled = list(items)
    random.shuffle(shuffled)
    assert cluster(dict(shuffled)) == cluster(dict(items))


def test_chance_links_few_strangers_even_of_very_different_lengths() -> None:
    # A plain affine alignment links nearly all of them: 100 residues find 30 matches among 600.
    strangers = {f"{number:02d}": pdb.sequence(length, number) for number, length in enumerate([100, 600] * 12)}
    assert len(set(cluster(strangers).values())) >= 22


def test_no_sequence_is_too_short_to_stand_alone() -> None:
    assert cluster({"a": "A", "b": "", "c": "AC"}) == {"a": "a", "b": "b", "c": "c"}
    assert cluster({}) == {}


def test_without_gemmi_the_message_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "gemmi", None)
    with pytest.raises(ImportError, match=r"pip install multimed_hf\[protein\]"):
        read(tmp_path, pdb.pdb_text({"A": pdb.chain(LETTERS)}), "pdb")
