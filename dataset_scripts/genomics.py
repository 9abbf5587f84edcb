"""`genomics`: DNA to expression (lac promoter sort-seq) and DNA to splice sites (primate splice junctions)."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from multimed_hf.data.builder import MultiMedBuilder
from multimed_hf.data.files import release_file
from multimed_hf.data.reader import SourceReader
from multimed_hf.data.splits import Entry
from multimed_hf.data.synthetic import synthetic_reader

NUCLEOTIDES = "ACGT"


def mean_bin(counts: np.ndarray) -> np.ndarray:
    """Mean fluorescence bin of variants with at least one read in bins 1 to 9.

    Args:
        counts: reads `(variants, 10)`; column 0 is the unsorted library and does not enter.

    Returns:
        Mean bins `(variants,)`, 1 (dim) to 9 (bright).
    """
    sorted_reads = counts[:, 1:]
    return sorted_reads @ np.arange(1, counts.shape[1]) / sorted_reads.sum(axis=1)


def noise_ceiling(counts: np.ndarray) -> float | None:
    """Highest Pearson correlation that a perfect prediction could reach, since a mean of few reads is noisy.

    With n_i sorted reads of variant i and their mean bin y_i, a read scatters around the true mean with variance

        s2 = share * sum_i sum_reads (bin - y_i)^2 / sum_i (n_i - 1),

    which only variants with two or more reads show. The table lists a variant once in a bin however many of its reads
    fell there, so that pairs of reads in one bin, which do not scatter, are missing. `share` mends that: pairs seen
    over pairs expected, at most 1. A library read meets a sorted read of its variant whatever the bin, so that with
    l_i library reads

        share = (sum_i n_i (n_i - 1) / 2) / (sum_i l_i n_i * sum_i n_i / (2 sum_i l_i)).

    Taking the same scatter for all variants, the reliability of the mean bins is 1 - s2 * mean(1 / n_i) / var(y_i), and
    the ceiling its square root (Spearman's formula of attenuation, for a prediction without noise).

    Args:
        counts: reads `(variants, 10)`; column 0 is the unsorted library.

    Returns:
        The ceiling, 0 to 1, or None where no variant has two sorted reads or all have the same mean bin.
    """
    library, reads = counts[:, 0], counts[:, 1:].sum(axis=1)
    pairs_with_library = float((library * reads).sum())
    expected = pairs_with_library * reads.sum() / (2 * library.sum()) if pairs_with_library else 0.0
    counts, reads = counts[reads > 0], reads[reads > 0]
    means = mean_bin(counts)
    if (reads < 2).all() or (means == means[0]).all():
        return None
    seen = float((reads * (reads - 1)).sum() / 2)
    share = min(1.0, seen / expected) if expected else 1.0
    squares = counts[:, 1:] @ np.arange(1, counts.shape[1]) ** 2 - reads * means**2
    scatter = share * squares.sum() / (reads - 1).sum()
    return math.sqrt(max(0.0, 1 - scatter * (1 / reads).mean() / means.var(ddof=1)))


class SortseqLacReader(SourceReader):
    """Sort-seq of the lac promoter: a table of sequences with read counts of the library (ct_0) and nine sorted bins.

    `ct_0` is the unsorted library, not the dimmest bin: its reads are mutated as the average of all bins is, and share
    variants with every bin alike. A variant without a read in a sorted bin therefore has no measured expression.
    """

    subset = "genomics"
    name = "sortseq_lac"
    carrier = ("mavenn", "examples/datasets/sortseq_data.csv.gz")

    COUNTS = tuple(f"ct_{number}" for number in range(10))
    SEQUENCE = "x"

    @property
    def genes(self) -> Sequence[str]:
        return ("lacZ",)

    def index(self) -> list[Entry]:
        path = release_file(self.location, "sortseq_data.csv.gz", "sortseq_data.csv")
        counts_of: dict[str, np.ndarray] = {}
        lines = 0
        for sequence, reads in self._lines(path):
            lines += 1
            if sequence in counts_of:
                counts_of[sequence] += reads
            else:
                counts_of[sequence] = reads
        if not counts_of:
            raise ValueError(f"{path}: expected variants below the header, found none.")
        counts = np.stack(list(counts_of.values()))
        sorted_reads = counts[:, 1:].sum(axis=1)
        kept = [sequence for sequence, reads in zip(counts_of, sorted_reads, strict=True) if reads]
        if not kept:
            raise ValueError(f"{path}: expected reads in the sorted bins ct_1 to ct_9, found none.")
        if lines > len(counts_of):
            self.notes.append(f"{lines - len(counts_of):,} lines repeat a sequence: their reads were added up.")
        self.notes.append(
            f"{len(counts) - len(kept):,} of {len(counts):,} variants were read only in ct_0, which is the unsorted "
            "library and says nothing of expression: left out."
        )
        self.notes.append(_noise_note(counts))
        means = mean_bin(counts[sorted_reads > 0]).tolist()
        # The sequence stands in the group alone: the index holds all variants, so that it must be light.
        return [
            Entry((number, mean), sequence) for number, (sequence, mean) in enumerate(zip(kept, means, strict=True))
        ]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            number, mean = cast(tuple[int, float], entry.key)
            yield {
                "id": f"{self.name}/{number:05d}",
                "has_genomics": True,
                "dna": entry.group,
                "expression_index": [0],
                "expression": [mean],
            }

    def _lines(self, path: Path) -> Iterator[tuple[str, np.ndarray]]:
        length = 0
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            try:
                table = csv.DictReader(file)
                missing = {*self.COUNTS, self.SEQUENCE} - set(table.fieldnames or ())
                if missing:
                    raise ValueError(
                        f"{path}: expected the columns ct_0 to ct_9 and x, lacks {', '.join(sorted(missing))}."
                    )
                for line in table:
                    where = f"{path}, line {table.line_num}"
                    sequence = line[self.SEQUENCE] or ""
                    length = length or len(sequence)
                    if not sequence or len(sequence) != length or set(sequence) - set(NUCLEOTIDES + "N"):
                        raise ValueError(
                            f"{where}: expected {length or 'some'} letters A, C, G, T, N in 'x', found {sequence!r}."
                        )
                    yield sequence, np.array([_count(where, column, line[column]) for column in self.COUNTS])
            except (EOFError, OSError, UnicodeDecodeError, csv.Error) as error:
                raise ValueError(f"{path}: expected a whole csv table, found a damaged one ({error}).") from error


def _count(where: str, column: str, value: str | None) -> int:
    if value is None or not value.isascii() or not value.isdigit():
        raise ValueError(f"{where}: expected a number of reads in {column!r}, found {value!r}.")
    return int(value)


def _noise_note(counts: np.ndarray) -> str:
    reads = counts[:, 1:].sum(axis=1)
    share = (reads == 1).sum() / (reads > 0).sum()
    ceiling = noise_ceiling(counts)
    if ceiling is None:
        return f"{share:.1%} of the variants have a single sorted read; the noise ceiling cannot be estimated."
    return (
        f"{share:.1%} of the variants have a single sorted read: noise ceiling of Pearson's r {ceiling:.2f} "
        f"({ceiling**2:.0%} of the variance is not read sampling), estimated from the {(reads > 1).sum():,} variants "
        "with two or more reads."
    )


class SpliceJunctionsReader(SourceReader):
    """Primate splice junctions as shipped by the R package mlbench: 60 positions as 180 indicators, and a class.

    Indicators of a position, from mlbench's documentation: A 100, C 010, G 001, T 000. The junction is in the middle:
    a donor site (`ei`) has GT right after it, an acceptor site (`ie`) AG right before it.
    """

    subset = "genomics"
    name = "splice_junctions"
    layout = "mlbench"

    LENGTH = 60
    FILE = "DNA.rda"
    DEBIAN = Path("usr/lib/R/site-library/mlbench/data/DNA.rda")

    @classmethod
    def locate(cls, data_dir: Path | None) -> Path | None:
        try:
            return super().locate(data_dir)
        except FileNotFoundError:
            # Installed by Debian's package manager, or unpacked by `dpkg -x` without root.
            for root in (Path("/"), Path(".carriers").resolve()):
                if data_dir is None and (root / cls.DEBIAN).is_file():
                    return root / cls.DEBIAN
            raise

    @classmethod
    def expects(cls) -> str:
        return f"{cls.FILE} in --data-dir, in $MULTIMED_DATA/{cls.layout}, or Debian's package r-cran-mlbench"

    def index(self) -> list[Entry]:
        path = release_file(self.location, self.FILE)
        sequences, labels = self._sequences(path)
        known = self.source.targets[0].labels
        rows_of: dict[str, list[int]] = {}
        for row, (sequence, label) in enumerate(zip(sequences, labels, strict=True)):
            if label not in known:
                raise ValueError(
                    f"{path}: expected a class among {', '.join(known)}, found {label!r} in row {row + 1}."
                )
            rows_of.setdefault(sequence, []).append(row)
        agreeing = [rows for rows in rows_of.values() if len({labels[row] for row in rows}) == 1]
        conflicting = sum(map(len, rows_of.values())) - sum(map(len, agreeing))
        repeated = sum(map(len, agreeing)) - len(agreeing)
        self.notes.append(
            f"{repeated} of {len(labels):,} windows repeat another with the same class: one of each kept; "
            f"{conflicting} share a sequence but not its class: left out; {len(agreeing):,} remain."
        )
        return [Entry(rows[0] + 1, sequences[rows[0]], labels[rows[0]]) for rows in agreeing]

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            yield {
                "id": f"{self.name}/{entry.key}",
                "has_genomics": True,
                "dna": entry.group,
                "splice_site": entry.stratum,
            }

    def _sequences(self, path: Path) -> tuple[list[str], list[str]]:
        """Sequences and classes in the order of the file."""
        table = _read_data_frame(path, "DNA")
        names = [f"V{number}" for number in range(1, 3 * self.LENGTH + 1)]
        missing = [name for name in (*names, "Class") if name not in table]
        if missing:
            raise ValueError(
                f"{path}: expected the columns V1 to V{len(names)} and Class, lacks {', '.join(missing[:5])}."
            )
        letters = dict(zip(("100", "010", "001", "000"), NUCLEOTIDES, strict=True))
        columns = []
        for first in range(0, len(names), 3):
            codes = [
                "".join(map(str, code))
                for code in zip(*(table[name] for name in names[first : first + 3]), strict=True)
            ]
            unknown = sorted(set(codes) - set(letters))
            if unknown:
                raise ValueError(
                    f"{path}: expected {', '.join(letters)} in V{first + 1} to V{first + 3}, found {unknown[0]!r}."
                )
            columns.append([letters[code] for code in codes])
        return ["".join(letters) for letters in zip(*columns, strict=True)], [str(label) for label in table["Class"]]


def _read_data_frame(path: Path, name: str) -> dict[str, list[str | None]]:
    """The data frame `name` of an R data file whose columns are factors, as lists of level names (None: missing)."""
    try:
        import rdata
    except ImportError as error:
        raise ImportError("Reading R data files needs rdata: pip install multimed_hf[genomics].") from error

    def factor(codes: Any, attributes: Any) -> list[str | None]:
        levels = [str(level) for level in attributes["levels"]]
        return [levels[int(code) - 1] if code is not np.ma.masked and code > 0 else None for code in codes]

    try:
        # The plain constructors keep pandas out: its categories differ from version to version.
        objects = rdata.conversion.convert(
            rdata.parser.parse_file(path),
            constructor_dict={"data.frame": lambda columns, attributes: columns, "factor": factor},
            default_encoding="utf-8",
        )
    # A damaged file raises whatever the decompressor or the parser stumbles over.
    except Exception as error:
        raise ValueError(f"{path}: expected a whole R data file, found a damaged one ({error}).") from error
    if name not in objects:
        raise ValueError(f"{path}: expected the data frame {name!r}, found {', '.join(objects)}.")
    return {str(column): values for column, values in objects[name].items()}


SyntheticReader = synthetic_reader("genomics")


class Builder(MultiMedBuilder):
    """Builds `genomics`."""

    subset = "genomics"
    readers = (SortseqLacReader, SpliceJunctionsReader, SyntheticReader)
