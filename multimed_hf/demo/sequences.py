"""A sequence that a visitor types or uploads: letters, or one FASTA record."""

from __future__ import annotations

from .limits import MOST_LETTERS, Refused

_KINDS = {"genomics": ("DNA", "ACGTN"), "protein": ("a protein", "ACDEFGHIKLMNPQRSTVWYX")}


def read_sequence(text: str, modality: str) -> str:
    """The letters of a sequence, in upper case.

    Args:
        text: letters on any number of lines, or one FASTA record.
        modality: `genomics` or `protein`.

    Raises:
        Refused: more than one record, no letters, letters that the alphabet lacks, or too many.
    """
    lines = text.strip().splitlines()
    if lines and lines[0].startswith(">"):
        lines = lines[1:]
    if any(line.startswith(">") for line in lines):
        raise Refused("Expected one sequence, found several FASTA records: give one of them.")
    letters = "".join("".join(lines).split()).upper()
    name, alphabet = _KINDS[modality]
    if not letters:
        raise Refused(f"Expected the letters of {name}, found none.")
    if len(letters) > MOST_LETTERS:
        raise Refused(f"The sequence has {len(letters):,} letters; this page takes up to {MOST_LETTERS:,}.")
    wrong = sorted(set(letters) - set(alphabet))
    if wrong:
        shown = ", ".join(repr(letter) for letter in wrong[:5])
        raise Refused(f"Expected letters of {name}, {alphabet}, found {shown}.")
    return letters
