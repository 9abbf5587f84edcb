"""Scenes: a synthetic image and all that can be said about it, read off what the image was drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...sources import NIH_FINDINGS
from ..body.lesions import CONDITIONS, draw_lesion_views
from ..chest.chest import draw_chest
from ..chest.findings import draw_findings, probability_of
from ..images import png, to_bytes
from ..pathology.pathology import draw_tile
from ..patient import Patient

MODALITIES = {"ct": "CT", "mri": "MRI", "xray": "radiograph", "pathology": "histology"}
"""Column of the image to what it is called in an answer."""

PARTS = {
    "brain": "head",
    "chest": "chest",
    "lung": "chest",
    "liver": "abdomen",
    "kidney": "abdomen",
    "bone": "thigh",
    "breast": "breast",
}
"""Organ of a patient to the part of the body that an image of it shows."""


@dataclass(frozen=True)
class Thing:
    """Something that an image shows.

    Attributes:
        name: what it is, as in "is there a <name>?", with its article.
        size: longest diameter in mm; 0 if it has none that one would measure.
        count: how many there are.
        place: middle of its mask, row and column from 0 to 1; None if it has no one place.
        side: 'left' or 'right' of the patient; empty if that is no question.
    """

    name: str
    size: float = 0.0
    count: int = 1
    place: tuple[float, float] | None = None
    side: str = ""


@dataclass(frozen=True)
class Scene:
    """An image and what can be said about it.

    Attributes:
        columns: `has_<modality>` and the image.
        modality: key of `MODALITIES`.
        organ: what is shown.
        present: what is seen.
        absent: what could be seen and is not, with how often it is asked for.
        countable: what one may count here, plural, and how many there are.
        common: how many of such images show something that one can ask for.
    """

    columns: dict[str, Any]
    modality: str
    organ: str
    present: tuple[Thing, ...]
    absent: dict[str, float]
    countable: dict[str, int]
    common: float


def scene_of(patient: Patient, image: int, size: int = 224) -> Scene:
    """Image number `image` of a patient, drawn by the generator of its modality, with what is known about it."""
    if patient.organ == "breast":
        return _tissue(patient, image, size)
    return _chest(patient, image, size) if patient.organ == "chest" else _body(patient, image, size)


def _chest(patient: Patient, image: int, size: int) -> Scene:
    findings = draw_findings(patient)
    drawn = draw_chest(patient, image, findings, size)
    things = tuple(
        Thing(
            name=_with_article(finding.name.replace("_", " ").lower()),
            size=finding.size,
            count=finding.count,
            place=_middle(drawn.masks[finding.name]) if finding.side in ("left", "right") else None,
            side=finding.side if finding.side in ("left", "right") else "",
        )
        for finding in findings
    )
    found = {finding.name for finding in findings}
    absent = {
        _with_article(name.replace("_", " ").lower()): probability_of(name, patient.simulation.prevalence)
        for name in NIH_FINDINGS
        if name not in found
    }
    common = 1 - math.prod(1 - probability_of(name, patient.simulation.prevalence) for name in NIH_FINDINGS)
    nodules = next((finding.count for finding in findings if finding.name == "Nodule"), 0)
    columns = {"has_xray": True, "xray": png(to_bytes(drawn.image))}
    return Scene(columns, "xray", "chest", things, absent, {"nodules": nodules}, common)


def _body(patient: Patient, image: int, size: int) -> Scene:
    view = ("ct", "mri", "xray")[int(patient.random("view", image).integers(3))]
    drawn = draw_lesion_views(patient, image, (view,), size)
    mask = drawn.masks[view]
    seen = [lesion for lesion in drawn.lesions if mask is not None]
    paired = patient.organ in ("brain", "lung", "kidney")
    things = tuple(
        Thing(
            name=_with_article(lesion.kind),
            size=lesion.diameter,
            place=None if mask is None else _middle(mask),
            side=lesion.side if paired else "",
        )
        for lesion in seen
    )
    absent = {
        _with_article(name): weight
        for name, weight in CONDITIONS.items()
        if name != "normal" and name not in {lesion.kind for lesion in drawn.lesions}
    }
    share = 1 - CONDITIONS["normal"] / sum(CONDITIONS.values())
    common = 1 - 1 / len(CONDITIONS) if patient.simulation.prevalence == "balanced" else share
    # A lesion that is there but not in the image is nothing to ask about.
    if drawn.lesions and not seen:
        absent = {}
    return Scene(drawn.columns, view, patient.organ, things, absent, {}, common)


def _tissue(patient: Patient, image: int, size: int) -> Scene:
    tile, statistics = draw_tile(patient, image, size)
    malignant = patient.condition == "malignant"
    things = (Thing("malignant tissue"),) if malignant else ()
    absent = {} if malignant else {"malignant tissue": 1.0}
    columns = {"has_pathology": True, "pathology": png(tile)}
    return Scene(columns, "pathology", "breast", things, absent, {"mitoses": statistics.mitoses}, 0.5)


def _middle(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float((rows.mean() + 0.5) / mask.shape[0]), float((columns.mean() + 0.5) / mask.shape[1])


def _with_article(name: str) -> str:
    """'a nodule', 'an effusion'; what cannot be counted stays bare."""
    if name in ("cardiomegaly", "edema", "emphysema", "fibrosis", "pneumonia", "pleural thickening", "calcification"):
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
