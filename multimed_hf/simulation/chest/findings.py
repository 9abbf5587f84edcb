"""Which of the fourteen findings of ChestX-ray14 a synthetic patient has, as facts from which image and report are made.

Each finding is drawn by itself, as often as its label in ChestX-ray14 (Wang et al., CVPR 2017) times `RAISED`, so that two
thirds of the patients have at least one; with balanced prevalence, each with probability `BALANCED`. Findings of one cause
come together more often than by chance: each cause is a hidden normal variable that its findings share (a Gaussian copula),
which leaves the frequency of each as it is. Heart failure brings oedema, effusion and a large heart; infection brings
pneumonia, consolidation and infiltration; smoking brings emphysema, fibrosis, nodules and masses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...sources import NIH_FINDINGS
from ..patient import Patient

NIH_FREQUENCIES = {
    "Atelectasis": 0.10,
    "Cardiomegaly": 0.025,
    "Consolidation": 0.042,
    "Edema": 0.021,
    "Effusion": 0.12,
    "Emphysema": 0.022,
    "Fibrosis": 0.015,
    "Hernia": 0.002,
    "Infiltration": 0.18,
    "Mass": 0.05,
    "Nodule": 0.056,
    "Pleural_Thickening": 0.03,
    "Pneumonia": 0.013,
    "Pneumothorax": 0.047,
}

RAISED = 1.5
"""How many times as common as in ChestX-ray14 findings are with long-tailed prevalence."""

BALANCED = 0.2
"""Probability of each finding with balanced prevalence."""

LARGEST_NODULE = 30.0
"""In mm: what is larger is a mass (Hansell et al., Fleischner Society glossary, Radiology 246, 697, 2008)."""

# Cause, and what share of the variance of each of its findings it explains.
_CAUSES = {
    "heart failure": {"Edema": 0.4, "Effusion": 0.25, "Cardiomegaly": 0.4},
    "infection": {"Pneumonia": 0.25, "Consolidation": 0.25, "Infiltration": 0.15},
    "smoking": {"Emphysema": 0.2, "Fibrosis": 0.15, "Nodule": 0.1, "Mass": 0.1},
}

# Weights of the sides (right, left, both) and zones (upper, middle, lower); none where the finding has no such place.
_SIDES = {
    "Atelectasis": (0.45, 0.45, 0.1),
    "Consolidation": (0.5, 0.4, 0.1),
    "Edema": (0, 0, 1),
    "Effusion": (0.35, 0.35, 0.3),
    "Emphysema": (0, 0, 1),
    "Fibrosis": (0.1, 0.1, 0.8),
    "Infiltration": (0.35, 0.35, 0.3),
    "Mass": (0.5, 0.5, 0),
    "Nodule": (0.5, 0.5, 0),
    "Pleural_Thickening": (0.45, 0.45, 0.1),
    "Pneumonia": (0.55, 0.45, 0),
    "Pneumothorax": (0.5, 0.5, 0),
}
_ZONES = {
    "Atelectasis": (0.1, 0.25, 0.65),
    "Consolidation": (0.3, 0.3, 0.4),
    "Fibrosis": (0.1, 0.1, 0.8),
    "Infiltration": (0.3, 0.35, 0.35),
    "Mass": (0.4, 0.3, 0.3),
    "Nodule": (0.4, 0.3, 0.3),
    "Pleural_Thickening": (0.45, 0.3, 0.25),
    "Pneumonia": (0.3, 0.3, 0.4),
}
SIDES = ("right", "left", "both")
ZONES = ("upper", "middle", "lower")


@dataclass(frozen=True)
class Finding:
    """One finding of one patient.

    Attributes:
        name: one of `NIH_FINDINGS`.
        side: of the patient: 'right', 'left' or 'both'; empty for the heart and the midline.
        zone: 'upper', 'middle' or 'lower' third of the lung; empty where it has no such place.
        size: in mm, of a nodule, mass or hernia its largest diameter; 0 for findings that are not measured.
        count: how many there are, 1 or more.
        severity: 0 (just visible) to 1 (unmistakable).
        certainty: 0 to 1, how sure a careful reader of the image is.
    """

    name: str
    side: str
    zone: str
    size: float
    count: int
    severity: float
    certainty: float

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides one by one: ('right', 'left') for both."""
        return ("right", "left") if self.side == "both" else (self.side,)


def probability_of(name: str, prevalence: str) -> float:
    """How often a patient has the finding, with prevalence 'long_tailed' or 'balanced'."""
    return BALANCED if prevalence == "balanced" else RAISED * NIH_FREQUENCIES[name]


def draw_findings(patient: Patient) -> list[Finding]:
    """The findings of a patient in the order of `NIH_FINDINGS`; an empty list is a normal chest.

    They do not change from image to image, and depend on neither age, sex, site nor device.
    """
    random = patient.random("findings")
    causes, own = random.standard_normal(len(_CAUSES)), random.standard_normal(len(NIH_FINDINGS))
    details = random.random((len(NIH_FINDINGS), 6))
    shared = {
        name: (share, float(cause))
        for cause, members in zip(causes, _CAUSES.values(), strict=True)
        for name, share in members.items()
    }
    found = []
    for place, name in enumerate(NIH_FINDINGS):
        share, cause = shared.get(name, (0.0, 0.0))
        latent = math.sqrt(share) * cause + math.sqrt(1 - share) * float(own[place])
        # The upper tail of the normal distribution: large values of the cause bring the finding.
        if 0.5 * math.erfc(latent / math.sqrt(2)) < probability_of(name, patient.simulation.prevalence):
            found.append(_describe(patient, name, details[place]))
    return found


def _describe(patient: Patient, name: str, draws: np.ndarray) -> Finding:
    severity, side, zone, size, several, doubt = (float(draw) for draw in draws)
    diameter = {
        # Near the limit of visibility small ones are lost; below 8 mm nobody reports them on a radiograph.
        "Nodule": patient.simulation.harder(14, 9) + size * (LARGEST_NODULE - 2 - 14),
        "Mass": LARGEST_NODULE + 4 + size * 44,
        "Hernia": 45 + size * 40,
    }.get(name, 0.0)
    count = 1
    if name == "Nodule":
        count = 1 + (several > 0.65) + (several > 0.85)
    elif name == "Infiltration":
        count = 2 + (several > 0.5)
    return Finding(
        name=name,
        side=_pick(SIDES, _SIDES.get(name), side),
        zone=_pick(ZONES, _ZONES.get(name), zone),
        size=round(diameter, 1),
        count=count,
        severity=round(severity, 4),
        certainty=round(min(1.0, 0.25 + 0.6 * severity + 0.5 * doubt - patient.simulation.harder(0, 0.2)), 4),
    )


def _pick(names: tuple[str, ...], weights: tuple[float, ...] | None, draw: float) -> str:
    if weights is None:
        return ""
    total = 0.0
    for name, weight in zip(names, weights, strict=True):
        total += weight
        if draw < total:
            return name
    return names[-1]
