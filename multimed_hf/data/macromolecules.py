"""Protein chains from PDB and mmCIF files, and clusters of their sequences."""

from __future__ import annotations

import gzip
import math
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import gemmi

SUFFIXES = (".cif", ".mmcif", ".pdb", ".ent")
BACKBONE_ATOMS = ("N", "CA", "C")

_KMER = 3
# What a gap costs whatever its length. The usual affine cost lets a short chain be scattered over a long unrelated one,
# whose end gaps are paid for anyway, until a third of its residues match by chance.
_GAP = -20
# Pairs with fewer shared k-mers than this many times the number expected by chance are not aligned.
_PREFILTER = 1.5


@dataclass(frozen=True)
class Chain:
    """One polypeptide(L) chain of the first model of a file.

    Attributes:
        name: the author's name of the chain, `_` if blank.
        sequence: residues from the N to the C terminus, unresolved ones too where the file lists them; modified
            residues as their parent, X where none is known.
        sequence_listed: whether the file lists the full sequence; else `sequence` has only residues with coordinates.
        backbone: N, C-alpha and C of each residue, float32 `(residue, atom, xyz)` in angstrom; zeros where unresolved.
        resolved: bool `(residue,)`, whether all three atoms are there.
        modified: number of residues in `sequence` that are not among the twenty.
        alternate: number of residues whose backbone atoms have alternate locations.
        misfits: number of residues with coordinates that have no place in the listed sequence.
    """

    name: str
    sequence: str
    sequence_listed: bool
    backbone: np.ndarray
    resolved: np.ndarray
    modified: int
    alternate: int
    misfits: int


@dataclass(frozen=True)
class Macromolecule:
    """What a file holds: how many `models`, and in the first the protein `chains` and how many `other_polymers`."""

    chains: tuple[Chain, ...]
    models: int
    other_polymers: int


def format_of(path: Path) -> str:
    """`mmcif` or `pdb` by the file name, `.gz` or not; empty for any other file."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in SUFFIXES or path.name.startswith("._"):
        return ""
    return "mmcif" if suffix in (".cif", ".mmcif") else "pdb"


def read_macromolecule(path: Path) -> Macromolecule:
    """The protein chains of the first model of a PDB or mmCIF file, gzipped or not.

    Where atoms have alternate locations, those of the location with the highest summed occupancy are taken, together
    for a residue; where two residues share a place in the sequence (microheterogeneity), the one with the highest
    occupancy.

    Raises:
        ValueError: the file is empty, truncated, in another format, or has coordinates that are no numbers.
        ImportError: gemmi is not installed.
    """
    gemmi = _gemmi()
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.name.lower().endswith(".gz") else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: expected a complete gzip file, but {error}: fetch it again.") from error
    if not data.strip():
        raise ValueError(f"{path}: expected atoms, found an empty file.")
    form = format_of(path)
    # gemmi raises nothing narrower than these.
    try:
        structure = _from_mmcif(gemmi, path, data) if form == "mmcif" else _from_pdb(gemmi, path, data)
    except (RuntimeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected {form}, but {' '.join(str(error).split())}.") from error
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise ValueError(f"{path}: expected atoms, found none.")
    structure.merge_chain_parts()
    structure.setup_entities()
    structure.assign_label_seq_id()
    polymers = [chain.get_polymer() for chain in structure[0]]
    polymers = [polymer for polymer in polymers if len(polymer)]
    chains = [
        _chain(gemmi, path, chain.name, structure.get_entity_of(polymer), polymer)
        for chain in structure[0]
        if len(polymer := chain.get_polymer()) and polymer.check_polymer_type() == gemmi.PolymerType.PeptideL
    ]
    return Macromolecule(tuple(chains), len(structure), len(polymers) - len(chains))


def _gemmi() -> ModuleType:
    try:
        import gemmi
    except ImportError as error:
        raise ImportError("Reading PDB and mmCIF files needs gemmi: pip install multimed_hf[protein]") from error
    return gemmi


def _from_mmcif(gemmi: Any, path: Path, data: bytes) -> gemmi.Structure:
    try:
        document = gemmi.cif.read_string(data)
    except ValueError as error:
        raise ValueError(f"{path}: expected complete mmCIF, but {' '.join(str(error).split())}.") from error
    # gemmi sees a loop that breaks off within a row, but not one that breaks off between two.
    separated = b"\n#" in data
    if not data.endswith((b"\n", b"\r")) or (separated and not data.rstrip().endswith(b"\n#")):
        raise ValueError(f"{path}: expected mmCIF to its end, but the file breaks off: fetch it again.")
    for block in document:
        if block.find_loop("_atom_site.Cartn_x"):
            return gemmi.make_structure_from_block(block)
    raise ValueError(f"{path}: expected the category _atom_site, found none.")


def _from_pdb(gemmi: Any, path: Path, data: bytes) -> gemmi.Structure:
    closed = True
    lines = data.rstrip().splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith((b"ATOM  ", b"HETATM")):
            closed = False
            # gemmi takes what is no number for zero.
            for field in (line[30:38], line[38:46], line[46:54]):
                if not _is_finite(field):
                    found = field.decode("ascii", "replace")
                    raise ValueError(f"{path}, line {number}: expected a coordinate in angstrom, found {found!r}.")
        elif line.startswith((b"TER", b"END", b"CONECT", b"MASTER")):
            closed = True
    # Files of the archive end with END; those of programs at least close their chains.
    if not closed or (lines[0].startswith(b"HEADER") and not lines[-1].startswith(b"END")):
        raise ValueError(f"{path}: expected TER or END after the last atom, but the file breaks off: fetch it again.")
    return gemmi.read_pdb_string(data)


def _is_finite(field: bytes) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


def _chain(gemmi: Any, path: Path, name: str, entity: Any, polymer: gemmi.ResidueSpan) -> Chain:
    listed = [gemmi.Entity.first_mon(monomer) for monomer in entity.full_sequence] if entity else []
    candidates: dict[int, list[gemmi.Residue]] = defaultdict(list)
    misfits = 0
    if listed:
        monomers = listed
        for residue in polymer:
            if residue.label_seq is None or not 1 <= residue.label_seq <= len(listed):
                misfits += 1
            else:
                candidates[residue.label_seq - 1].append(residue)
    else:
        places: dict[str, int] = {}
        for residue in polymer:
            candidates[places.setdefault(str(residue.seqid), len(places))].append(residue)
        monomers = [candidates[place][0].name for place in range(len(places))]

    # Caps such as ACE and NH2 stand in the sequence but are no amino acids.
    kinds = [gemmi.find_tabulated_residue(monomer) for monomer in monomers]
    kept = [place for place, kind in enumerate(kinds) if kind.is_amino_acid() or not kind.found()]
    backbone = np.zeros((len(kept), len(BACKBONE_ATOMS), 3), np.float32)
    resolved = np.zeros(len(kept), bool)
    alternate = 0
    for row, place in enumerate(kept):
        best = max((_backbone(residue) for residue in candidates[place]), key=lambda item: item[:2], default=None)
        if best is None:
            continue
        complete, _, atoms, several = best
        alternate += several or len(candidates[place]) > 1
        if complete:
            backbone[row] = [atom.pos.tolist() for atom in atoms]
            resolved[row] = True
            if not np.isfinite(backbone[row]).all():
                where = f"residue {candidates[place][0]} of chain {name}"
                raise ValueError(f"{path}: expected coordinates in angstrom, found something else in {where}.")
    letters = [kinds[place].one_letter_code.upper() if kinds[place].is_amino_acid() else "X" for place in kept]
    return Chain(
        name=name.strip() or "_",
        sequence="".join(letter if letter.strip() else "X" for letter in letters),
        sequence_listed=bool(listed),
        backbone=backbone,
        resolved=resolved,
        modified=sum(not kinds[place].is_standard() for place in kept),
        alternate=alternate,
        misfits=misfits,
    )


def _backbone(residue: gemmi.Residue) -> tuple[bool, float, list[gemmi.Atom], bool]:
    """Whether N, C-alpha and C are there, their summed occupancy, the atoms, and whether there was a choice."""
    locations = sorted({atom.altloc for atom in residue if atom.name in BACKBONE_ATOMS and atom.has_altloc()}) or ["\0"]
    best: tuple[bool, float, list[gemmi.Atom]] = (False, -1.0, [])
    for location in locations:
        found = [residue.find_atom(name, location) for name in BACKBONE_ATOMS]
        atoms = [atom for atom in found if atom is not None]
        option = (len(atoms) == len(BACKBONE_ATOMS), sum(atom.occ for atom in atoms), atoms)
        if option[:2] > best[:2]:
            best = option
    return (*best, len(locations) > 1)


def cluster(sequences: Mapping[str, str], identity: float = 0.3) -> dict[str, str]:
    """Single-linkage clusters of sequences.

    Two sequences are linked if a global alignment (BLOSUM62, gaps cost the same whatever their length) matches at least
    `identity` of the residues of the shorter. Pairs that share few 3-mers are taken for unrelated without an alignment,
    which keeps folders of thousands of chains feasible; close to the limit of 30 % this misses about one link in ten of
    chains below 100 residues, few of longer ones. A chain that is a part of another is linked to it.

    Args:
        sequences: one-letter sequences by name.
        identity: from 0 to 1.

    Returns:
        For each name the alphabetically smallest name of its cluster.
    """
    names_of: dict[str, list[str]] = defaultdict(list)
    for name in sorted(sequences):
        names_of[sequences[name]].append(name)
    unique = list(names_of)
    leader = list(range(len(unique)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    matches = _aligner()
    for low, high in _candidates(unique):
        first, second = sorted((find(low), find(high)))
        if first != second:
            shorter = min(len(unique[low]), len(unique[high]))
            if matches(unique[low], unique[high]) >= identity * shorter:
                leader[second] = first
    return {name: names_of[unique[find(index)]][0] for index, key in enumerate(unique) for name in names_of[key]}


def _candidates(sequences: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of indices that share more k-mers than unrelated sequences of their lengths would, the most alike first."""
    kmers = [{text[start : start + _KMER] for start in range(len(text) - _KMER + 1)} for text in sequences]
    holders: dict[str, list[int]] = defaultdict(list)
    lengths = np.array([len(text) for text in sequences])
    for index, own in enumerate(kmers):
        if own:
            earlier = [holders[kmer] for kmer in own]
            shared = np.bincount([other for group in earlier for other in group], minlength=1)
            by_chance = lengths[: len(shared)] * lengths[index] / 20**_KMER
            likely = np.flatnonzero(shared >= np.maximum(1, _PREFILTER * by_chance[: len(shared)]))
            for other in likely[np.argsort(-shared[likely], kind="stable")]:
                yield int(other), index
        for kmer in own:
            holders[kmer].append(index)


def _aligner() -> Any:
    """A function of two one-letter sequences: how many residues their global alignment matches."""
    gemmi = _gemmi()
    scoring = gemmi.AlignmentScoring("b")
    scoring.gapo = scoring.good_gapo = scoring.bad_gapo = _GAP
    scoring.gape = 0

    def matches(one: str, other: str) -> int:
        residues = [gemmi.expand_one_letter_sequence(text, gemmi.ResidueKind.AA) for text in (one, other)]
        return gemmi.align_string_sequences(*residues, [], scoring).match_count

    return matches
