"""The thirteen subsets, as data: which modalities and tasks a row may carry, and so which columns it has.

The columns of a subset are the same for all its sources, so that sources concatenate.
"""

from __future__ import annotations

from dataclasses import dataclass

from .columns import AGE, COMMON_COLUMNS, MODALITY_COLUMNS, SEX, TARGET_COLUMNS, Column
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
_SITE = Column("site", "string", "", "hospital, laboratory or batch")
_DEVICE = Column("device", "string", "", "the machine")
_DONOR = Column("donor", "string", "", "pseudonym of who gave the cells")
_QUESTION_TYPE = Column("question_type", "string", "", "what the question is about: modality, organ, presence, ...")
_ORGAN = Column("organ", "string", "", "organ or part of the body")
_PERSON = (
    AGE,
    SEX,
    _SITE,
    _DEVICE,
)
# Regions of the image of the subset's first modality.
_REGIONS = (
    Column("box_labels", "list<string>", "", "what each box and mask shows"),
    Column("boxes", "list<list<float32, 4>>", "pixel", "x and y of the upper left corner, width, height"),
    Column(
        "masks", "list<image>", "0 outside, 255 inside", "one mask a box, of the size of the image; [] without masks"
    ),
)
_VIEW = Column("view", "string", "", "projection or plane")
_MAGNIFICATION = Column("magnification", "string", "", "magnification of the objective")

_SUBSETS = (
    Subset("oct", "Optical coherence tomography of the retina", ("oct", "fundus", "text"), "synthetic", _PERSON),
    Subset("xray", "Radiographs", ("xray", "ct", "mri", "text"), "synthetic", (_VIEW, _ORGAN, *_PERSON, *_REGIONS)),
    Subset("bone_age", "Radiographs of children's hands", ("xray", "text"), "synthetic", _PERSON),
    Subset("fundus", "Fundus photographs", ("fundus", "oct", "text"), "synthetic", _PERSON),
    Subset(
        "ct", "Computed tomography", ("ct", "xray", "mri", "text"), "synthetic", (_VIEW, _ORGAN, *_PERSON, *_REGIONS)
    ),
    Subset(
        "mri",
        "Magnetic resonance imaging",
        ("mri", "ct", "xray", "text"),
        "synthetic",
        (_VIEW, _ORGAN, *_PERSON, *_REGIONS),
    ),
    Subset("pathology", "Histopathology", ("pathology", "text"), "synthetic", (_MAGNIFICATION, *_PERSON)),
    Subset("eeg", "Electroencephalography", ("eeg", "text"), "synthetic", (_SUBJECT, _SESSION, _SITE, _DEVICE)),
    Subset("genomics", "DNA and chromatin", ("genomics", "scrna", "text"), "sortseq_lac", (_DONOR, _SITE)),
    Subset(
        "scrna", "Single-cell gene expression", ("scrna", "genomics", "protein", "text"), "pbmc68k", (_DONOR, _SITE)
    ),
    Subset("protein", "Protein sequence and structure", ("protein", "text"), "pdb"),
    Subset("text", "Reports and questions", ("text",), "openi_reports"),
    Subset(
        "vqa",
        "Questions about images",
        ("xray", "ct", "mri", "pathology", "text"),
        "synthetic",
        (_QUESTION_TYPE, _ORGAN, *_PERSON),
    ),
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
