"""The source `synthetic` of every subset: what `multimed_hf.simulation` makes."""

from __future__ import annotations

from .labels import (
    BACKBONES,
    BONE_AGE_YEARS,
    BRAIN_TUMOURS,
    CHEST_FINDINGS,
    IMAGINED_MOVEMENTS,
    LESIONS,
    MACULAR_DISEASES,
    NIH_FINDINGS,
    RETINOPATHY,
    SYNTHETIC_CELL_TYPES,
)
from .source import Source, Target


def _synthetic(subset: str, summary: str, group: str, *targets: Target) -> Source:
    """The source of one subset; `group` is who is simulated."""
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


SOURCES = (
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
