"""The columns rows are made of, as data: name, type, unit and what each means.

Types are written in a small grammar, so that this module needs no library: `string`, `bool`, `int32`, `float32`, ...,
`image`, `nifti`, `list<T>`, `list<T, n>` for lists of fixed length n, `class` for one of the task's label names and
`classes` for a struct with one `absent / present / uncertain` field per label name. `multimed_hf.data.schema` turns them
into `datasets.Features`.

What a row lacks is never null: text is empty, a list is `[]`, a class is -1, and `has_<modality>` is false.
"""

from __future__ import annotations

from dataclasses import dataclass

FINDING_STATES = ("absent", "present", "uncertain")


@dataclass(frozen=True)
class Column:
    """One column: its `name`, its `dtype` in the grammar above, its `unit` (empty: none) and its `meaning`."""

    name: str
    dtype: str
    unit: str
    meaning: str


COMMON_COLUMNS = (
    Column("id", "string", "", "unique over the whole data set: <source>/<item>"),
    Column("source", "string", "", "the release this row comes from; 'synthetic' if a program made it"),
    Column("group", "string", "", "patient, donor, slide, recording block, cluster: never on two sides of a split"),
)

LISTS: dict[str, tuple[str, ...]] = {"genes": ("gene_index", "expression_index"), "peaks": ("peak_index",)}
"""What `<subset>/<list>.csv` names, and the columns that count its lines."""

LISTED = {"genes": "symbol", "peaks": "peak"}
"""The column of `<subset>/<list>.csv` that holds the names."""

AGE = Column("age", "float32", "year", "age at the examination or diagnosis; 0: not known")
SEX = Column("sex", "string", "", "'female' or 'male'")

MODALITY_COLUMNS: dict[str, tuple[Column, ...]] = {
    "text": (Column("text", "string", "", "report or abstract, as far as it is an input"),),
    "oct": (Column("oct", "image", "intensity 0..255", "OCT B-scan, grey"),),
    "xray": (Column("xray", "image", "intensity 0..255", "radiograph, grey"),),
    "fundus": (Column("fundus", "image", "sRGB 0..255", "fundus photograph"),),
    "ct": (
        Column("ct", "image", "intensity 0..255 in the window of the source", "axial CT slice"),
        Column("ct_volume", "list<list<list<int16>>>", "HU", "CT volume (slice, row, column)"),
        Column("ct_spacing", "list<float32>", "mm", "distance of voxels (slice, row, column)"),
    ),
    "mri": (
        Column("mri", "image", "intensity 0..255", "MR slice"),
        Column("mri_volume", "list<list<list<int16>>>", "arbitrary", "MR volume (slice, row, column)"),
        Column("mri_spacing", "list<float32>", "mm", "distance of voxels (slice, row, column)"),
    ),
    "pathology": (Column("pathology", "image", "sRGB 0..255", "tile of a stained slide"),),
    "eeg": (
        Column("eeg", "list<list<float32>>", "microvolt", "EEG window (channels, time)"),
        Column("eeg_channels", "list<string>", "", "electrode names in the 10-20 system and its extensions"),
        Column("eeg_sampling_rate", "float32", "Hz", "samples per second"),
    ),
    "genomics": (
        Column("dna", "string", "", "nucleotides 5' to 3': A, C, G, T, N"),
        Column("peak_index", "list<int32>", "", "accessible peaks (ATAC), indices into <subset>/peaks.csv"),
    ),
    "scrna": (
        Column("gene_index", "list<int32>", "", "expressed genes, indices into <subset>/genes.csv"),
        Column("gene_value", "list<float32>", "log1p counts per 10,000", "their expression, in the same order"),
    ),
    "protein": (Column("protein", "string", "", "residues from the N to the C terminus, one letter each, X unknown"),),
}

MODALITIES = tuple(MODALITY_COLUMNS)

MODALITY_NAMES = {
    "oct": "OCT",
    "xray": "X-ray",
    "ct": "CT",
    "mri": "MRI",
    "eeg": "EEG",
    "genomics": "DNA",
    "scrna": "cell",
}
"""What modalities are called where people read, within a sentence, if not as in code."""

_QUESTION = (
    Column("question", "string", "", "the question, an input"),
    Column("choices", "list<string>", "", "the answers to choose from, an input; [] for an open question"),
    Column("answer", "string", "", "the answer"),
    Column("answer_type", "string", "", "'closed' or 'open'"),
)

TARGET_COLUMNS: dict[str, tuple[Column, ...]] = {
    "disease_classification": (Column("disease", "class", "", "disease shown"),),
    "brain_tumor_classification": (Column("brain_tumor", "class", "", "kind of brain tumour"),),
    "breast_cancer_classification": (
        Column("breast_cancer", "class", "", "benign or malignant, or as the source says"),
    ),
    "radiographic_findings_classification": (Column("findings", "classes", "", "findings in the radiograph"),),
    "bone_age_classification": (
        Column("bone_age", "class", "year", "floor(months / 12)"),
        Column("bone_age_months", "float32", "month", "bone age as assessed"),
        SEX,
    ),
    "diabetic_retinopathy_classification": (Column("retinopathy", "class", "", "international grade 0 to 4"),),
    "imagined_motor_imagery_classification": (Column("motor_imagery", "class", "", "imagined movement"),),
    "cell_type_classification": (Column("cell_type", "class", "", "type of the cell"),),
    "expression_prediction": (
        Column("expression_index", "list<int32>", "", "the target genes, indices into <subset>/genes.csv"),
        Column("expression", "list<float32>", "as the source says", "their expression, in the same order"),
        Column("stratum", "string", "", "annotated cell type, for the cell-type-mean profile; never an input"),
    ),
    "protein_structure_prediction": (
        Column(
            "backbone",
            "list<list<list<float32, 3>, 3>>",
            "angstrom",
            "N, C-alpha and C of each residue (residue, atom, xyz); zeros where unresolved",
        ),
        Column("resolved", "list<bool>", "", "whether all three backbone atoms of the residue were seen"),
    ),
    "medical_visual_question_answering": _QUESTION,
    "eye_state": (Column("eye_state", "class", "", "state of the eyes"),),
    "splice_site": (Column("splice_site", "class", "", "what the middle of the window is"),),
    "report_findings": (Column("report_findings", "classes", "", "findings indexed from the report"),),
    "medical_question_answering": _QUESTION,
    "protein_fitness": (Column("fitness", "list<float32>", "as the source says", "measured fitness"),),
    "disease_prognosis": (
        Column("survival_days", "float32", "day", "time to the event or to the end of follow-up"),
        Column("event", "bool", "", "whether the event was seen; false: censored"),
        AGE,
    ),
}
