"""The thirteen subsets, as data: which modalities and tasks a row may carry, and so which columns it has.

The columns of a subset are the same for all its sources, so that sources concatenate.
"""

from __future__ import annotations

from dataclasses import dataclass

from .columns import COMMON_COLUMNS, MODALITY_COLUMNS, TARGET_COLUMNS, Column
from .sources import sources_of
from .tasks import TASKS, closest


@dataclass(frozen=True)
class Subset:
    """One configuration of the data set `multimed`.

    Attributes:
        name: the second argument of `load_dataset`.
        title: for cards.
        modalities: what a row may carry; the first is what the subset is about.
        default_source: what `multimed build` takes when no `--source` is given; empty if no builder exists yet.
        metadata: columns that describe a row and are neither input nor target.
    """

    name: str
    title: str
    modalities: tuple[str, ...]
    default_source: str = ""
    metadata: tuple[Column, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks its sources may ask."""
        return tuple(task.name for task in TASKS.values() if self.name in task.subsets)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns in order: common, modalities, targets, metadata; each name once."""
        columns = {column.name: column for column in COMMON_COLUMNS}
        for modality in self.modalities:
            has = Column(f"has_{modality}", "bool", "", f"whether the row carries {modality}")
            for column in (has, *MODALITY_COLUMNS[modality]):
                columns.setdefault(column.name, column)
        for task in self.tasks:
            for column in TARGET_COLUMNS[task]:
                columns.setdefault(column.name, column)
        for column in self.metadata:
            columns.setdefault(column.name, column)
        return tuple(columns.values())

    @property
    def ready(self) -> bool:
        """Whether at least one of its sources can be built."""
        return any(source.ready for source in sources_of(self.name))


_SUBJECT = Column("subject", "string", "", "pseudonym of the person or recording")
_SESSION = Column("session", "string", "", "session or run of the recording")
_VIEW = Column("view", "string", "", "projection or plane")
_MAGNIFICATION = Column("magnification", "string", "", "magnification of the objective")

_SUBSETS = (
    Subset("oct", "Optical coherence tomography of the retina", ("oct", "fundus", "text")),
    Subset("xray", "Radiographs", ("xray", "ct", "mri", "text"), metadata=(_VIEW,)),
    Subset("bone_age", "Radiographs of children's hands", ("xray", "text")),
    Subset("fundus", "Fundus photographs", ("fundus", "oct", "text")),
    Subset("ct", "Computed tomography", ("ct", "xray", "mri", "text"), metadata=(_VIEW,)),
    Subset("mri", "Magnetic resonance imaging", ("mri", "ct", "xray", "text"), metadata=(_VIEW,)),
    Subset("pathology", "Histopathology", ("pathology", "text"), metadata=(_MAGNIFICATION,)),
    Subset("eeg", "Electroencephalography", ("eeg", "text"), "synthetic", (_SUBJECT, _SESSION)),
    Subset("genomics", "DNA and chromatin", ("genomics", "scrna", "text"), "sortseq_lac"),
    Subset("scrna", "Single-cell gene expression", ("scrna", "genomics", "protein", "text"), "pbmc68k"),
    Subset("protein", "Protein sequence and structure", ("protein", "text"), "pdb"),
    Subset("text", "Reports and questions", ("text",), "openi_reports"),
    Subset("vqa", "Questions about images", ("xray", "ct", "mri", "pathology", "text")),
)

SUBSETS: dict[str, Subset] = {subset.name: subset for subset in _SUBSETS}


def get_subset(name: str) -> Subset:
    """The subset called `name`.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    if name not in SUBSETS:
        raise closest(name, SUBSETS, "subset")
    return SUBSETS[name]
