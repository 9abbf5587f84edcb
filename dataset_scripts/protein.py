"""Builds the subset `protein`: chains of PDB and mmCIF files, with the places of their backbone atoms."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.macromolecules import Chain, Macromolecule, cluster, format_of, read_macromolecule
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader
from multimed_hf.wording import counted

_PDB_ID = re.compile(r"(?:pdb)?(?P<id>[0-9][a-z0-9]{3}|(?<=pdb)_[0-9]{4}[0-9][a-z0-9]{3})", re.IGNORECASE)


class PdbReader(SourceReader):
    """One row per protein chain of the PDB and mmCIF files of a folder.

    Without a location, the files below `$MULTIMED_DATA` and those of the carrier package are read together. An entry
    that is there several times counts once, as mmCIF if possible. Chains whose sequences cluster at 30 % identity are
    one group.

    Class attributes:
        MIN_RESIDUES, MAX_RESIDUES: lengths of the full sequence that are taken.
        MIN_RESOLVED: how many of its residues need all backbone atoms.
        IDENTITY: part of the shorter sequence from which on two chains are one group.
    """

    subset = "protein"
    name = "pdb"
    layout = "pdb"
    carrier = ("tmtools", "data")

    MIN_RESIDUES: ClassVar[int] = 16
    MAX_RESIDUES: ClassVar[int] = 1024
    MIN_RESOLVED: ClassVar[int] = 8
    IDENTITY: ClassVar[float] = 0.3

    @classmethod
    def locate(cls, data_dir: Path | None) -> Path | None:
        """`data_dir`, or None: every place where structures are found.

        Raises:
            FileNotFoundError: nowhere; the message says what to install or where to put which files.
        """
        first = super().locate(data_dir)
        return first if data_dir is not None else None

    def index(self) -> Sequence[Entry]:
        counts: Counter[str] = Counter()
        sequences: dict[tuple[str, str], str] = {}
        ids: dict[tuple[str, str], str] = {}
        for entry, path in self._entries(counts).items():
            molecule = read_macromolecule(path)
            for chain in self._select(molecule, counts):
                key = (str(path), chain.name)
                sequences[key] = chain.sequence
                ids[key] = f"{self.name}/{entry}/{chain.name}"
        if not sequences:
            raise ValueError(
                f"Expected a protein chain of {self.MIN_RESIDUES} to {self.MAX_RESIDUES} residues, "
                f"found none in {counted(counts['files'], 'file')}."
            )
        clusters = cluster({ids[key]: sequence for key, sequence in sequences.items()}, self.IDENTITY)
        self._note(counts)
        return [Entry(key=(*key, ids[key]), group=clusters[ids[key]]) for key in sequences]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        keys = [cast(tuple[str, str, str], entry.key) for entry in entries]
        for path, group in itertools.groupby(keys, key=lambda key: key[0]):
            chains = {chain.name: chain for chain in read_macromolecule(Path(path)).chains}
            for _, name, row_id in group:
                yield {
                    "id": row_id,
                    "has_protein": True,
                    "protein": chains[name].sequence,
                    "backbone": chains[name].backbone,
                    "resolved": chains[name].resolved,
                }

    def _entries(self, counts: Counter[str]) -> dict[str, Path]:
        """The file of each entry, in the order of the entries' names."""
        found: list[tuple[bool, int, str, Path]] = []
        roots = self.found() if self.location is None else [self.location]
        for place, root in enumerate(roots):
            for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
                if path.is_file() and (form := format_of(path)):
                    found.append((form != "mmcif", place, _entry(path, root), path))
        if not found:
            places = ", ".join(str(root) for root in roots)
            raise ValueError(
                f"Expected files ending in .cif, .pdb or .ent (or these with .gz), found none in {places}."
            )
        entries: dict[str, Path] = {}
        for _, _, entry, path in sorted(found):
            entries.setdefault(entry, path)
        counts["files"] = len(found)
        counts["copies"] = len(found) - len(entries)
        return dict(sorted(entries.items()))

    def _select(self, molecule: Macromolecule, counts: Counter[str]) -> Iterator[Chain]:
        counts["models"] += molecule.models > 1
        counts["other polymers"] += molecule.other_polymers
        seen: set[str] = set()
        for chain in molecule.chains:
            if len(chain.sequence) < self.MIN_RESIDUES or chain.resolved.sum() < self.MIN_RESOLVED:
                counts["short"] += 1
            elif len(chain.sequence) > self.MAX_RESIDUES:
                counts["long"] += 1
            elif chain.sequence in seen:
                counts["repeated"] += 1
            else:
                seen.add(chain.sequence)
                counts["modified"] += chain.modified
                counts["alternate"] += chain.alternate
                counts["misfits"] += chain.misfits
                counts["unlisted"] += not chain.sequence_listed
                counts["unresolved"] += int((~chain.resolved).sum())
                counts["residues"] += len(chain.resolved)
                yield chain

    def _note(self, counts: Counter[str]) -> None:
        sentences = {
            "copies": ("file", "left out: the same entry is there in another format or place."),
            "models": ("file", "with several models (NMR): only the first model was taken."),
            "other polymers": ("chain", "left out: nucleic acids and other polymers that are no polypeptide(L)."),
            "short": ("chain", f"left out: below {self.MIN_RESIDUES} residues or {self.MIN_RESOLVED} resolved ones."),
            "long": ("chain", f"left out: longer than {self.MAX_RESIDUES} residues."),
            "repeated": ("chain", "left out: the same sequence as an earlier chain of their entry."),
            "modified": ("modified residue", "written as their parent, or X where none is known."),
            "alternate": ("residue", "with alternate locations: the one with the highest occupancy was taken."),
            "misfits": ("residue", "left out: no place in the sequence that their file lists."),
            "unlisted": ("chain", "without a listed sequence: it was read off the residues with coordinates."),
            "unresolved": (
                "residue",
                f"of {counts['residues']:,} without backbone atoms: zeros, and false in resolved.",
            ),
        }
        self.notes += [f"{counted(counts[key], noun)} {text}" for key, (noun, text) in sentences.items() if counts[key]]


def _entry(path: Path, root: Path) -> str:
    """The PDB id in the file name; else the path below `root`, so that equal names in two folders stay apart."""
    relative = Path(path.name) if path == root else path.relative_to(root)
    stem = relative.name.removesuffix(".gz").removesuffix(".GZ")
    stem = Path(stem).stem
    match = _PDB_ID.fullmatch(stem)
    return match["id"].upper() if match else (relative.parent / stem).as_posix()


SyntheticReader = synthetic_reader("protein")


class Builder(MultiMedBuilder):
    """Builds `protein` from its sources."""

    subset = "protein"
    readers = (PdbReader, SyntheticReader)
