"""Made-up protein chains, written as PDB and as mmCIF files in the layout of the archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

THREE = dict(
    zip(
        "ACDEFGHIKLMNPQRSTVWY",
        "ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP TYR".split(),
        strict=True,
    )
)
ATOMS = (("N", "N"), ("CA", "C"), ("C", "C"))


@dataclass(frozen=True)
class Chain:
    """Monomers of the sequence, backbone `(residue, atom, xyz)` in angstrom, and which residues are in the file."""

    monomers: tuple[str, ...]
    backbone: np.ndarray
    seen: np.ndarray


def sequence(length: int, seed: int) -> str:
    """A random sequence of the twenty amino acids, one letter each."""
    return "".join(np.random.default_rng(seed).choice(list(THREE), length))


def chain(letters: str, seed: int = 0, unseen: tuple[int, ...] = ()) -> Chain:
    """A chain that walks at random, without the residues `unseen`; coordinates have the three digits of the formats."""
    backbone = np.random.default_rng(seed).normal(0, 0.85, (3 * len(letters), 3)).cumsum(0).reshape(-1, 3, 3).round(3)
    seen = np.ones(len(letters), bool)
    seen[list(unseen)] = False
    return Chain(tuple(THREE[letter] for letter in letters), backbone, seen)


def pdb_text(chains: Mapping[str, Chain], listed: bool = True) -> str:
    """The text of a PDB file; `listed` says whether it has SEQRES records."""
    lines = []
    for name, item in chains.items() if listed else ():
        for row, start in enumerate(range(0, len(item.monomers), 13), 1):
            monomers = " ".join(item.monomers[start : start + 13])
            lines.append(f"SEQRES {row:3d} {name} {len(item.monomers):4d}  {monomers}")
    serial = 1
    for name, item in chains.items():
        for number in np.flatnonzero(item.seen):
            for (atom, element), (x, y, z) in zip(ATOMS, item.backbone[number], strict=True):
                lines.append(
                    f"ATOM  {serial:5d}  {atom:3s} {item.monomers[number]:3s} {name}{number + 1:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}{1:6.2f}{20:6.2f}          {element:>2s}"
                )
                serial += 1
        lines.append(f"TER   {serial:5d}      {item.monomers[-1]:3s} {name}{len(item.monomers):4d}")
        serial += 1
    return "\n".join([*(line.ljust(80) for line in lines), "END", ""])


def mmcif_text(chains: Mapping[str, Chain], listed: bool = True) -> str:
    """The text of an mmCIF file; `listed` says whether it has the category entity_poly_seq."""
    lines = ["data_FAKE", "#"]
    if listed:
        lines += ["loop_", "_entity.id", "_entity.type"]
        lines += [f"{entity} polymer" for entity in range(1, len(chains) + 1)]
        lines += ["#", "loop_", "_entity_poly.entity_id", "_entity_poly.type"]
        lines += [f"{entity} polypeptide(L)" for entity in range(1, len(chains) + 1)]
        lines += ["#", "loop_", "_entity_poly_seq.entity_id", "_entity_poly_seq.num", "_entity_poly_seq.mon_id"]
        for entity, item in enumerate(chains.values(), 1):
            lines += [f"{entity} {number} {monomer}" for number, monomer in enumerate(item.monomers, 1)]
        lines.append("#")
    columns = "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id "
    columns += "label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id "
    columns += "auth_asym_id pdbx_PDB_model_num"
    lines += ["loop_", *(f"_atom_site.{column}" for column in columns.split())]
    serial = 1
    for entity, (name, item) in enumerate(chains.items(), 1):
        for number in np.flatnonzero(item.seen):
            for (atom, element), (x, y, z) in zip(ATOMS, item.backbone[number], strict=True):
                lines.append(
                    f"ATOM {serial} {element} {atom} . {item.monomers[number]} {name} {entity if listed else '?'} "
                    f"{number + 1 if listed else '?'} ? {x:.3f} {y:.3f} {z:.3f} 1.0 20.0 {number + 1} {name} 1"
                )
                serial += 1
    return "\n".join([*lines, "#", ""])


def write(folder: Path, entries: int = 8, length: int = 40) -> Path:
    """Writes entries 1FA0, 1FA1, ... of one unrelated chain each, by turns as mmCIF and PDB; gives the folder."""
    for number in range(entries):
        chains = {"A": chain(sequence(length, seed=number), seed=number, unseen=(0, length - 1))}
        text, suffix = (pdb_text(chains), "pdb") if number % 2 else (mmcif_text(chains), "cif")
        (folder / f"1FA{number}.{suffix}").write_text(text)
    return folder
