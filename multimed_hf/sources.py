"""The sources, as data: every release a subset can be built from, with its tasks, labels, splits, licence and limits.

Labels and scores are per source: what two releases call malignant is not the same question. Sources of one task share a
head of the model only if they share a label set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .tasks import TASKS, closest


@dataclass(frozen=True)
class Target:
    """What one source asks of one task.

    Attributes:
        task: name of the task.
        label_set: name of the answers' space; sources that share it share a head.
        labels: label names in order; empty for regression, structure and answers.
        unit: unit of a regression target.
    """

    task: str
    label_set: str
    labels: tuple[str, ...] = ()
    unit: str = ""

    @property
    def head(self) -> str:
        """Name of the model's head for this target: `<task>/<label set>`."""
        return f"{self.task}/{self.label_set}"


@dataclass(frozen=True)
class Source:
    """One release that rows come from.

    Attributes:
        name: what `--source` takes and the `source` column says.
        subset: the subset it belongs to.
        summary: one sentence.
        targets: the tasks it asks, with their labels.
        group: what a group is; the unit of every interval.
        limits: what a score on it does not say.
        licence: SPDX name, or 'unknown: <what to check>'.
        publishable: whether rows may be put on a hub.
        homepage: where the release lives.
        citation: whom to cite.
        split: 'grouped' (ours, group-safe) or 'official' (the release's own, group-safe too).
        carrier: installed package that ships the data, as a pip requirement; empty if none does.
        extra: optional dependency of this project that reads it: `pip install multimed_hf[<extra>]`.
        ready: whether a builder reads it today.
    """

    name: str
    subset: str
    summary: str
    targets: tuple[Target, ...]
    group: str
    limits: str
    licence: str
    publishable: bool
    homepage: str
    citation: str
    split: Literal["grouped", "official"] = "grouped"
    carrier: str = ""
    extra: str = ""
    ready: bool = True

    @property
    def synthetic(self) -> bool:
        """Whether a program made this data."""
        return self.name == "synthetic"


PBMC68K_TYPES = (
    "CD14+ Monocyte",
    "CD19+ B",
    "CD34+",
    "CD4+/CD25 T Reg",
    "CD4+/CD45RA+/CD25- Naive T",
    "CD4+/CD45RO+ Memory",
    "CD56+ NK",
    "CD8+ Cytotoxic T",
    "CD8+/CD45RA+ Naive Cytotoxic",
    "Dendritic",
)

OPENI_FINDINGS = (
    "normal",
    "opacity",
    "cardiomegaly",
    "pulmonary atelectasis",
    "calcinosis",
    "calcified granuloma",
    "cicatrix",
    "pleural effusion",
    "atherosclerosis",
    "airspace disease",
    "nodule",
    "scoliosis",
    "emphysema",
    "pulmonary congestion",
)

NIH_FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)

RETINOPATHY_GRADES = ("no retinopathy", "mild", "moderate", "severe", "proliferative")

IMAGINED_MOVEMENTS = Target(
    "imagined_motor_imagery_classification",
    "fists_and_feet",
    ("left_fist", "right_fist", "both_fists", "both_feet"),
)

EYE_STATES = Target("eye_state", "open_closed", ("open", "closed"))

MACULAR_DISEASES = Target("disease_classification", "macula", ("CNV", "DME", "DRUSEN", "NORMAL"))

CHEST_FINDINGS = Target("radiographic_findings_classification", "nih_14", NIH_FINDINGS)

BRAIN_TUMOURS = Target("brain_tumor_classification", "tumour_kind", ("glioma", "meningioma", "notumor", "pituitary"))

RETINOPATHY = Target("diabetic_retinopathy_classification", "grades", RETINOPATHY_GRADES)

BONE_AGE_YEARS = Target("bone_age_classification", "years", tuple(str(year) for year in range(20)), unit="year")

BACKBONES = Target("protein_structure_prediction", "backbone", unit="angstrom")

# What may sit in any organ of a synthetic patient: one label space for radiograph, CT and MR.
LESIONS = Target("disease_classification", "lesions", ("normal", "cyst", "tumour", "haemorrhage", "calcification"))

SYNTHETIC_CELL_TYPES = (
    "B cell",
    "CD4 T cell",
    "CD8 T cell",
    "NK cell",
    "monocyte",
    "dendritic cell",
    "plasma cell",
    "megakaryocyte",
)


def _synthetic(subset: str, summary: str, group: str, *targets: Target) -> Source:
    """The source `synthetic` of a subset: what `multimed_hf.simulation` makes."""
    return Source(
        name="synthetic",
        subset=subset,
        summary=summary,
        targets=targets,
        group=f"simulated {group}",
        limits="made by a program: says nothing about people",
        licence="Apache-2.0",
        publishable=True,
        homepage="",
        citation=f"multimed_hf, synthetic patients: {subset}",
    )


_SOURCES = (
    Source(
        name="pbmc68k",
        subset="scrna",
        summary="700 peripheral blood cells of one donor, 765 genes, ten types by bulk profile (10x Genomics PBMC68k, reduced).",
        targets=(
            Target("cell_type_classification", "pbmc68k", PBMC68K_TYPES),
            Target("expression_prediction", "pbmc68k", unit="log1p counts per 10,000"),
        ),
        group="cell",
        limits="one donor: says nothing about new donors",
        licence="BSD-3-Clause",
        publishable=True,
        homepage="https://github.com/scverse/scanpy",
        citation="Zheng et al., Massively parallel digital transcriptional profiling of single cells, Nat. Commun. 8, 14049 (2017)",
        carrier="scanpy==1.11.5",
        extra="scrna",
    ),
    Source(
        name="sortseq_lac",
        subset="genomics",
        summary="Sort-seq of mutated lac promoters: 75 nt of DNA to the mean fluorescence bin.",
        targets=(Target("expression_prediction", "sortseq_lac", unit="mean fluorescence bin (1 to 9)"),),
        group="sequence",
        limits="mutants of one promoter; most have a single read, so that noise bounds every score",
        licence="MIT",
        publishable=True,
        homepage="https://github.com/jbkinney/mavenn",
        citation="Kinney et al., Using deep sequencing to characterize the biophysical mechanism of a transcriptional regulatory "
        "sequence, PNAS 107, 9158 (2010); Tareen et al., MAVE-NN, Genome Biol. 23, 98 (2022)",
        carrier="mavenn==1.1.4",
    ),
    Source(
        name="splice_junctions",
        subset="genomics",
        summary="60 nt windows of primate DNA: donor site, acceptor site or neither (Molecular Biology, UCI).",
        targets=(Target("splice_site", "splice_junctions", ("ei", "ie", "n")),),
        group="sequence",
        limits="windows of a 1992 gene bank release; genes are not recorded, so related windows may stand on both sides",
        licence="GPL-2.0-only",
        publishable=False,
        homepage="https://cran.r-project.org/package=mlbench",
        citation="Towell, Noordewier, Shavlik, Primate splice-junction gene sequences (1992), UCI Machine Learning Repository",
        extra="genomics",
    ),
    Source(
        name="openi_reports",
        subset="text",
        summary="Findings sections of chest radiograph reports with the indexers' MeSH headings (Indiana University, Open-i).",
        targets=(Target("report_findings", "openi_reports", OPENI_FINDINGS),),
        group="distinct text",
        limits="headings were indexed from the report, not from the image; one hospital network",
        licence="CC-BY-NC-ND-4.0",
        publishable=False,
        homepage="https://openi.nlm.nih.gov",
        citation="Demner-Fushman et al., Preparing a collection of radiology examinations for distribution and retrieval, JAMIA 23, 304 (2016)",
        carrier="torchxrayvision==1.5.7",
    ),
    Source(
        name="pubmedqa",
        subset="text",
        summary="1,000 questions of biomedical abstracts, to be answered with yes, no or maybe from the abstract without its conclusion.",
        targets=(Target("medical_question_answering", "pubmedqa"),),
        group="abstract",
        limits="questions are titles of papers",
        licence="MIT",
        publishable=True,
        homepage="https://pubmedqa.github.io",
        citation="Jin et al., PubMedQA: A Dataset for Biomedical Research Question Answering, EMNLP 2019",
        split="official",
    ),
    Source(
        name="pdb",
        subset="protein",
        summary="Protein chains of any folder of PDB and mmCIF files.",
        targets=(BACKBONES,),
        group="cluster at 30 % sequence identity",
        limits="a handful of chains shows that a model can learn them by heart, and nothing about folding new ones",
        licence="CC0-1.0",
        publishable=True,
        homepage="https://www.wwpdb.org",
        citation="wwPDB consortium, Protein Data Bank: the single global archive for 3D macromolecular structure data, NAR 47, D520 (2019)",
        carrier="tmtools==0.3.0",
        extra="protein",
    ),
    Source(
        name="uci_eye_state",
        subset="eeg",
        summary="One continuous recording of 117 s, 14 channels at 128 Hz, eyes open or closed (EEG Eye State, UCI).",
        targets=(EYE_STATES,),
        group="recording block",
        limits="one recording of one subject: says nothing about new subjects",
        licence="CC-BY-4.0",
        publishable=True,
        homepage="https://archive.ics.uci.edu/dataset/264/eeg+eye+state",
        citation="Roesler, EEG Eye State (2013), UCI Machine Learning Repository, doi 10.24432/C57G7J",
    ),
    Source(
        name="edf",
        subset="eeg",
        summary="Windows of any folder of EDF and EDF+ recordings; annotations that name a label become targets.",
        targets=(IMAGINED_MOVEMENTS, EYE_STATES),
        group="subject",
        limits="as good as the annotations in the files",
        licence="unknown: the terms of the recordings apply",
        publishable=False,
        homepage="https://www.edfplus.info",
        citation="Kemp, Olivan, European data format 'plus' (EDF+), Clin. Neurophysiol. 114, 1755 (2003)",
        extra="eeg",
    ),
    Source(
        name="eegmmidb",
        subset="eeg",
        summary="Imagined movements of the fists and feet of up to 109 subjects, 64 channels at 160 Hz (PhysioNet EEGMMIDB).",
        targets=(IMAGINED_MOVEMENTS,),
        group="subject",
        limits="untrained subjects, one session each",
        licence="ODC-By-1.0",
        publishable=True,
        homepage="https://physionet.org/content/eegmmidb/1.0.0/",
        citation="Schalk et al., BCI2000, IEEE Trans. Biomed. Eng. 51, 1034 (2004)",
        extra="eeg",
    ),
    Source(
        name="kermany_oct2017",
        subset="oct",
        summary="OCT B-scans of the macula: neovascularisation, diabetic oedema, drusen or normal.",
        targets=(MACULAR_DISEASES,),
        group="patient",
        limits="the official test folder shares most of its patients with the training folder",
        licence="CC-BY-4.0",
        publishable=True,
        homepage="https://data.mendeley.com/datasets/rscbjbr9sj",
        citation="Kermany et al., Identifying medical diagnoses and treatable diseases by image-based deep learning, Cell 172, 1122 (2018)",
    ),
    Source(
        name="kermany_chestxray2017",
        subset="xray",
        summary="Chest radiographs of children: pneumonia or normal.",
        targets=(Target("disease_classification", "kermany_chestxray2017", ("NORMAL", "PNEUMONIA")),),
        group="patient",
        limits="children of one hospital",
        licence="CC-BY-4.0",
        publishable=True,
        homepage="https://data.mendeley.com/datasets/rscbjbr9sj",
        citation="Kermany et al., Identifying medical diagnoses and treatable diseases by image-based deep learning, Cell 172, 1122 (2018)",
        ready=False,
    ),
    Source(
        name="nih_chestxray14",
        subset="xray",
        summary="Frontal chest radiographs with 14 findings mined from the reports.",
        targets=(CHEST_FINDINGS,),
        group="patient",
        limits="labels were mined from reports by a program",
        licence="unknown: check the terms of the NIH Clinical Center",
        publishable=False,
        homepage="https://nihcc.app.box.com/v/ChestXray-NIHCC",
        citation="Wang et al., ChestX-ray8, CVPR 2017",
    ),
    Source(
        name="rsna_bone_age",
        subset="bone_age",
        summary="Radiographs of children's hands with the assessed bone age in months.",
        targets=(BONE_AGE_YEARS,),
        group="patient",
        limits="two hospitals",
        licence="unknown: RSNA challenge terms",
        publishable=False,
        homepage="https://www.kaggle.com/datasets/kmader/rsna-bone-age",
        citation="Halabi et al., The RSNA pediatric bone age machine learning challenge, Radiology 290, 498 (2019)",
        ready=False,
    ),
    Source(
        name="aptos2019",
        subset="fundus",
        summary="Fundus photographs with the grade of diabetic retinopathy.",
        targets=(RETINOPATHY,),
        group="image",
        limits="patients are not recorded, so that both eyes of one may stand on both sides",
        licence="unknown: Kaggle competition terms",
        publishable=False,
        homepage="https://www.kaggle.com/c/aptos2019-blindness-detection",
        citation="APTOS 2019 Blindness Detection, Kaggle (2019)",
        ready=False,
    ),
    Source(
        name="covidx_ct2a",
        subset="ct",
        summary="Axial chest CT slices: normal, pneumonia or COVID-19.",
        targets=(Target("disease_classification", "covidx_ct2a", ("Normal", "Pneumonia", "COVID-19")),),
        group="patient",
        limits="classes come from different hospitals, which alone can give them away",
        licence="unknown: per contributing source",
        publishable=False,
        homepage="https://www.kaggle.com/datasets/hgunraj/covidxct",
        citation="Gunraj, Sabri, Koff, Wong, COVID-Net CT-2, Front. Med. 8 (2022)",
        split="official",
        ready=False,
    ),
    Source(
        name="nickparvar_mri",
        subset="mri",
        summary="MR slices of the brain: glioma, meningioma, pituitary tumour or none.",
        targets=(BRAIN_TUMOURS,),
        group="near-duplicate cluster",
        limits="patients are not recorded; the official folders leak",
        licence="unknown: check at the homepage",
        publishable=False,
        homepage="https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset",
        citation="Nickparvar, Brain Tumor MRI Dataset, Kaggle (2021)",
        ready=False,
    ),
    Source(
        name="breakhis",
        subset="pathology",
        summary="H&E images of breast tumours of 82 patients at four magnifications.",
        targets=(Target("breast_cancer_classification", "breakhis", ("benign", "malignant")),),
        group="patient",
        limits="one laboratory",
        licence="CC-BY-4.0",
        publishable=True,
        homepage="https://web.inf.ufpr.br/vri/databases/breast-cancer-histopathological-database-breakhis/",
        citation="Spanhol et al., A dataset for breast cancer histopathological image classification, IEEE TBME 63, 1455 (2016)",
    ),
    Source(
        name="vqa_rad",
        subset="vqa",
        summary="Questions of clinicians about radiology images, with closed and open answers.",
        targets=(Target("medical_visual_question_answering", "vqa_rad"),),
        group="image",
        limits="315 images",
        licence="CC0-1.0",
        publishable=True,
        homepage="https://osf.io/89kps/",
        citation="Lau et al., A dataset of clinically generated visual questions and answers about radiology images, Sci. Data 5 (2018)",
        split="official",
        ready=False,
    ),
    _synthetic(
        "oct",
        "Simulated OCT B-scans: retinal layers with drusen, fluid or a neovascular lesion, under speckle.",
        "patient",
        MACULAR_DISEASES,
    ),
    _synthetic(
        "xray",
        "Simulated radiographs: chests with findings, masks, boxes and reports; lesions of five organs, with CT and MR.",
        "patient",
        CHEST_FINDINGS,
        LESIONS,
    ),
    _synthetic(
        "bone_age",
        "Simulated radiographs of hands whose ossification centres grow and whose growth plates close with age.",
        "child",
        BONE_AGE_YEARS,
    ),
    _synthetic(
        "fundus",
        "Simulated fundus photographs with as many microaneurysms, haemorrhages and exudates as the grade says.",
        "patient",
        RETINOPATHY,
    ),
    _synthetic(
        "ct",
        "Simulated CT slices and volumes of five organs with lesions of known extent, some with radiograph and MR.",
        "patient",
        LESIONS,
    ),
    _synthetic(
        "mri",
        "Simulated MR slices and volumes: brains with tumours, and lesions of five organs, some with radiograph and CT.",
        "patient",
        BRAIN_TUMOURS,
        LESIONS,
    ),
    _synthetic(
        "pathology",
        "Simulated H&E tiles: architecture, and size, shape and mitoses of the nuclei differ between benign and malignant.",
        "patient",
        Target("breast_cancer_classification", "synthetic", ("benign", "malignant")),
    ),
    _synthetic(
        "eeg",
        "Simulated motor imagery: 1/f background, alpha, and lateralised mu and beta desynchronisation per imagined movement.",
        "subject",
        IMAGINED_MOVEMENTS,
    ),
    _synthetic(
        "genomics",
        "Simulated promoters, whose motifs drive the expression of a reporter by statistical thermodynamics.",
        "family of promoter variants",
        Target("expression_prediction", "synthetic", unit="log2 expression"),
    ),
    _synthetic(
        "scrna",
        "Simulated cells of eight types: expression, accessibility, surface proteins and donor DNA of one regulation.",
        "donor",
        Target("cell_type_classification", "synthetic", SYNTHETIC_CELL_TYPES),
        Target("expression_prediction", "synthetic_surface", unit="log1p counts per 10,000"),
    ),
    _synthetic(
        "protein",
        "Simulated chains: backbones follow from the secondary structure that the sequence implies, without clashes.",
        "fold",
        BACKBONES,
    ),
    _synthetic(
        "text",
        "Simulated reports of chest radiographs: findings stated, denied and hedged.",
        "patient",
        Target("report_findings", "synthetic", NIH_FINDINGS),
    ),
    _synthetic(
        "vqa",
        "Simulated images with questions on modality, organ, presence, position, count and size, answered by construction.",
        "patient",
        Target("medical_visual_question_answering", "synthetic"),
    ),
)

SOURCES: dict[tuple[str, str], Source] = {(source.subset, source.name): source for source in _SOURCES}


def sources_of(subset: str) -> tuple[Source, ...]:
    """All sources of a subset, ready or not, in the order in which they were declared."""
    return tuple(source for source in _SOURCES if source.subset == subset)


def get_source(subset: str, name: str) -> Source:
    """The source `name` of `subset`.

    Raises:
        UnknownNameError: the subset has no such source.
    """
    if (subset, name) not in SOURCES:
        raise closest(name, [source.name for source in sources_of(subset)], f"source of {subset}")
    return SOURCES[subset, name]


def labels_of(subset: str, task: str) -> tuple[str, ...]:
    """Label names of a task in a subset: those of all its sources, each once, in the order of declaration."""
    names: dict[str, None] = {}
    for source in sources_of(subset):
        for target in source.targets:
            if target.task == task:
                names.update(dict.fromkeys(target.labels))
    return tuple(names)


assert all(target.task in TASKS for source in _SOURCES for target in source.targets)
