"""The source `synthetic` of any subset, as a reader: what `multimed_hf.simulation` makes, in place of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from ..simulation import SubsetGenerator, generator_of
from ..wording import counted
from .reader import SourceReader
from .splits import Entry


class SyntheticReader(SourceReader):
    """Rows 0, 1, 2, ... of a generator, see `multimed_hf.simulation`. Row i is the same whatever the number of rows.

    Class attributes:
        subset: name of the subset; `synthetic_reader` makes the class for each.
    """

    name = "synthetic"

    @cached_property
    def generator(self) -> SubsetGenerator:
        """Makes the rows."""
        return generator_of(self.subset, self.simulation)

    @property
    def genes(self) -> Sequence[str]:
        return self.generator.genes

    @property
    def peaks(self) -> Sequence[str]:
        return self.generator.peaks

    @classmethod
    def locate(cls, data_dir: Path | None) -> Path | None:
        """None: nothing is read.

        Raises:
            ValueError: a folder was given.
        """
        if data_dir is not None:
            raise ValueError(f"Source {cls.name!r} is generated: expected no --data-dir, got {data_dir}.")
        return None

    def index(self) -> Sequence[Entry]:
        generator = self.generator
        wanted = self.rows if self.rows is not None else generator.rows
        entries, groups = [], {}
        for index in range(wanted):
            if split := generator.split(index):
                number, _ = generator.place(index)
                if number not in groups:
                    groups[number] = generator.patient(number).group
                entries.append(Entry(key=index, group=groups[number], split=split))
        self.notes += [f"Made by a program: {self.simulation.described()}.", *generator.notes()]
        if len(entries) < wanted:
            self.notes.append(
                f"{wanted - len(entries)} of {counted(wanted, 'row')} left out: what the test split holds out is in no other."
            )
        if wanted < len(generator.conditions):
            self.warnings.append(
                f"{counted(wanted, 'row')} cannot show all of its {len(generator.conditions)} conditions"
            )
        return entries

    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            row = self.generator.row(cast(int, entry.key))
            del row["group"]
            yield row


def synthetic_reader(subset: str) -> type[SyntheticReader]:
    """The reader of the source `synthetic` of a subset."""
    return type("SyntheticReader", (SyntheticReader,), {"subset": subset, "__doc__": SyntheticReader.__doc__})
