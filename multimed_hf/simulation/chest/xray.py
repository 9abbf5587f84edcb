"""Radiographs: chests with fourteen findings and the reports of them, and lesions of five organs, some with CT and MR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...sources import NIH_FINDINGS
from ..body.anatomy import ORGANS
from ..body.lesions import CONDITIONS, draw_lesion_views, person_columns, region_columns
from ..generator import SubsetGenerator
from ..images import box_of, png, to_bytes
from ..language.reports import write_report
from ..patient import Patient, draw_patient
from .chest import SIZE, draw_chest
from .findings import BALANCED, RAISED, draw_findings, probability_of

CHEST = "chest"
"""The organ of patients with findings; the others have one of `Generator.organs`."""

REPORTED = 2 / 3
"""Part of the chest radiographs that come with a report."""

SEVERAL = 0.5
"""Part of the patients with a lesion, or an organ without one, who also have CT and MR."""

_STATES = ("absent", "present")
_SMALLEST = 9.0  # mm²: crumbs of a region that are smaller get no box of their own


class Generator(SubsetGenerator):
    """Rows of `xray`: patients with an even number are chests, those with an odd one have an organ and at most a lesion."""

    subset = "xray"
    conditions = CONDITIONS
    organs = ORGANS
    shifts = ("site", "device", "organ")
    size = SIZE

    def patient(self, number: int) -> Patient:
        if number % 2 == 0:
            return draw_patient(self.simulation, self.subset, number, {"": 1.0}, (CHEST,))
        # Counted by themselves, so that with balanced prevalence every five of them have each condition once.
        drawn = draw_patient(self.simulation, f"{self.subset} lesion", number // 2, self.conditions, self.organs)
        return replace(drawn, subset=self.subset, number=number)

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        return (self._chest if patient.organ == CHEST else self._lesion)(patient, member)

    def _chest(self, patient: Patient, member: int) -> dict[str, Any]:
        findings = draw_findings(patient)
        chest = draw_chest(patient, member, findings, self.size)
        present = {finding.name for finding in findings}
        row = {
            "has_xray": True,
            "xray": png(to_bytes(chest.image)),
            "findings": {
                name: self.observed(patient, _STATES[name in present], _STATES, name, member) for name in NIH_FINDINGS
            },
            "view": chest.view,
            **person_columns(patient),
            **_regions(chest.masks, _SMALLEST / chest.spacing**2),
        }
        random = patient.random("report", member)
        if random.random() < REPORTED:
            row |= {"has_text": True, "text": write_report(patient, findings, random)[0]}
        return row

    def _lesion(self, patient: Patient, member: int) -> dict[str, Any]:
        several = patient.random("modalities").random() < SEVERAL
        drawn = draw_lesion_views(patient, member, ("xray", "ct", "mri") if several else ("xray",), self.size)
        return {
            **drawn.columns,
            "disease": self.observed(patient, patient.condition, tuple(CONDITIONS), member),
            "view": "AP",
            **person_columns(patient),
            **region_columns(drawn.masks["xray"], patient.condition),
        }

    def notes(self) -> list[str]:
        prevalence, noise = self.simulation.prevalence, self.simulation.label_noise
        common = [probability_of(name, prevalence) for name in NIH_FINDINGS]
        often = (
            f"{RAISED:g} times as common as in ChestX-ray14" if prevalence == "long_tailed" else f"{BALANCED:.0%} each"
        )
        return [
            *super().notes(),
            f"Findings of the chest are {often}: about {np.prod(1 - np.array(common)):.0%} of the chests are normal.",
            "Reports hedge and miss findings; labels, boxes and masks of images are what was drawn.",
            "Knowing what was drawn gives a macro AUROC of "
            f"{np.mean([best_auroc(share, noise) for share in common]):.3f} against the labels of the findings.",
        ]


def best_auroc(share: float, noise: float) -> float:
    """AUROC of the truth against labels of which `noise` are flipped, where `share` of the truth is positive."""
    positive, negative = share * (1 - noise) + (1 - share) * noise, (1 - share) * (1 - noise) + share * noise
    right, left = share * (1 - noise) / positive, (1 - share) * (1 - noise) / negative
    return (right + left) / 2


def _regions(masks: Mapping[str, np.ndarray], smallest: float) -> dict[str, Any]:
    """A box and a mask for each connected region of each finding, the largest first; `smallest` in pixels."""
    from scipy.ndimage import label

    labels, boxes, images = [], [], []
    for name, mask in masks.items():
        numbered, count = label(mask, np.ones((3, 3), int))
        sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
        order = np.argsort(-sizes, kind="stable")
        for place in order[: max(1, int((sizes >= smallest).sum()))]:
            region = numbered == place + 1
            labels.append(name)
            boxes.append(box_of(region))
            images.append(png(region))
    return {"box_labels": labels, "boxes": boxes, "masks": images}
