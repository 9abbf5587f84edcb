"""The builder under all `dataset_scripts`: readers in, group-safe splits of complete rows out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import datasets

from .. import __version__
from ..columns import LISTS
from ..simulation.settings import Simulation
from ..sources import get_source
from ..subsets import get_subset
from .reader import SourceReader
from .schema import RowCompleter, features_of
from .splits import SPLITS, Entry, assign

_ROWS_PER_SHARD = 256


@dataclass
class MultiMedBuilderConfig(datasets.BuilderConfig):
    """What to build a subset from.

    Attributes:
        sources: names of the sources, in order; empty for the subset's default.
        data_dirs: source name to its file or folder; sources not named are looked for.
        rows: rows per source, or None for all.
        simulation: settings of generated sources.
    """

    sources: Sequence[str] = ()
    data_dirs: dict[str, str] = field(default_factory=dict)
    rows: int | None = None
    simulation: Simulation = field(default_factory=Simulation)


class MultiMedBuilder(datasets.GeneratorBasedBuilder):
    """Builds one subset from any of its sources. Subclasses name the `subset` and its `readers`.

    Attributes:
        notes: source name to what its reader left out or mended; filled while building, like all others.
        gene_sources: symbol of each gene, in the order that `gene_index` counts, to the sources that measure it.
        peak_sources: the same for the names of peaks, which `peak_index` counts.
        missing_splits: source name to the splits for which it had too few rows or groups.
        warnings: source name to what else whoever builds should know.

    Raises:
        UnknownNameError: a source that the subset does not have.
        ValueError: a source without a reader yet, or data that is not what it should be.
        FileNotFoundError: a source that lies nowhere.
    """

    VERSION = datasets.Version(__version__)
    BUILDER_CONFIG_CLASS = MultiMedBuilderConfig
    # Small batches keep memory flat: a batch of EEG or structures is large.
    DEFAULT_WRITER_BATCH_SIZE = 64

    subset: ClassVar[str]
    readers: ClassVar[tuple[type[SourceReader], ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notes: dict[str, list[str]] = {}
        self.gene_sources: dict[str, list[str]] = defaultdict(list)
        self.peak_sources: dict[str, list[str]] = defaultdict(list)
        self.missing_splits: dict[str, list[str]] = {}
        self.warnings: dict[str, list[str]] = {}

    @property
    def genes(self) -> list[str]:
        """Symbols that `gene_index` and `expression_index` of the subset count, in order."""
        return list(self.gene_sources)

    @property
    def lists(self) -> dict[str, dict[str, list[str]]]:
        """`gene_sources` and `peak_sources`, by the names of `multimed_hf.columns.LISTS`."""
        return {"genes": self.gene_sources, "peaks": self.peak_sources}

    @classmethod
    def reader(cls, source: str) -> type[SourceReader]:
        """The reader of a source.

        Raises:
            UnknownNameError: the subset has no such source.
            ValueError: the source is declared, and has no reader yet.
        """
        known = {reader.name: reader for reader in cls.readers}
        if source not in known:
            get_source(cls.subset, source)
            raise ValueError(f"Source {source!r} of {cls.subset} has no reader yet; ready are: {', '.join(known)}.")
        return known[source]

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(description=get_subset(self.subset).title, features=features_of(self.subset))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        shards: dict[str, list[tuple[SourceReader, list[Entry]]]] = {split: [] for split in SPLITS}
        for reader in self._open_readers():
            entries = reader.index()
            splits = assign(entries, self.config.rows)
            self.notes[reader.name], self.warnings[reader.name] = list(reader.notes), list(reader.warnings)
            self.missing_splits[reader.name] = [split for split in SPLITS if split not in splits]
            for kind, sources in self.lists.items():
                for name in getattr(reader, kind):
                    if reader.name in sources[name]:
                        raise ValueError(
                            f"Source {reader.name!r} has the {kind[:-1]} {name!r} twice: names must be unique."
                        )
                    sources[name].append(reader.name)
            for split, chosen in splits.items():
                for start in range(0, len(chosen), _ROWS_PER_SHARD):
                    shards[split].append((reader, chosen[start : start + _ROWS_PER_SHARD]))
        position = {kind: {name: index for index, name in enumerate(found)} for kind, found in self.lists.items()}
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"shards": parts, "position": position})
            for split, parts in shards.items()
            if parts
        ]

    def _generate_examples(
        self, shards: list[tuple[SourceReader, list[Entry]]], position: dict[str, dict[str, int]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        complete = RowCompleter(self.subset)
        for reader, entries in shards:
            # Each source counts its own genes and peaks; the subset counts them all once.
            renumber = {
                column: [position[kind][name] for name in getattr(reader, kind)]
                for kind, columns in LISTS.items()
                for column in columns
            }
            for entry, partial in zip(entries, reader.read(entries), strict=True):
                for column, numbers in renumber.items():
                    if column in partial:
                        partial[column] = [numbers[index] for index in partial[column]]
                row = complete({**partial, "source": reader.name, "group": entry.group})
                yield row["id"], row

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[tuple[int, bool, Any]]:
        # The base class hides what went wrong behind a general error, and the link to it is lost between processes.
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except datasets.exceptions.DatasetGenerationError as error:
            raise error.__cause__ or error from None

    def _open_readers(self) -> Iterator[SourceReader]:
        for name in self.config.sources or [get_subset(self.subset).default_source]:
            reader, given = self.reader(name), self.config.data_dirs.get(name)
            yield reader(reader.locate(Path(given) if given else None), self.config.rows, self.config.simulation)
