"""The frontal chest radiograph of a synthetic patient: the thorax, the signs of the findings, the exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..patient import Patient
from .bones import draw_bones
from .exposure import develop
from .findings import Finding
from .signs import SIGNS
from .thorax import DIRECTION, Thorax

SIZE = 224
"""Rows and columns of an image, in pixels."""


@dataclass(frozen=True)
class ChestImage:
    """A radiograph and what is where in it.

    Attributes:
        image: float32 `(rows, columns)`, 0..1.
        masks: name of a finding to bool `(rows, columns)`, never empty; of a large heart, the heart.
        lungs, heart: bool `(rows, columns)`: aerated lungs before anything fills them, and the shadow of the heart.
        ratio: cardiothoracic ratio as drawn.
        spacing: size of a pixel, in mm.
        view: 'PA' or 'AP'.
    """

    image: np.ndarray
    masks: dict[str, np.ndarray]
    lungs: np.ndarray
    heart: np.ndarray
    ratio: float
    spacing: float
    view: str


def draw_chest(patient: Patient, member: int, findings: Sequence[Finding], size: int = SIZE) -> ChestImage:
    """A frontal radiograph of a patient; another `member` is another visit, with another position and inspiration.

    Args:
        patient: whose chest it is. Anatomy and places of findings depend on the patient alone.
        member: number of the image.
        findings: what it shows, each name at most once.
        size: rows and columns, 64 or more.

    Raises:
        ValueError: a finding that occurs twice, or a size that is too small.
    """
    names = [finding.name for finding in findings]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected each finding at most once, got {names}: merge the ones of one name.")
    if size < 64:
        raise ValueError(f"Expected a size of 64 pixels or more, got {size}: smaller ones show no ribs.")
    chest = Thorax(patient, member, {finding.name: finding for finding in findings}, size)
    chest.draw_lungs()
    chest.draw_heart()
    chest.draw_vessels()
    for name, finding in chest.findings.items():
        if name in SIGNS:
            mask = SIGNS[name](chest, finding, patient.random("chest", "sign", name))
            chest.masks[name] = mask if mask.any() else chest.lungs & (chest.side == DIRECTION[finding.sides[0]])
    chest.project()
    draw_bones(chest)
    return ChestImage(
        image=develop(chest, patient),
        masks={name: chest.masks[name] for name in names},
        lungs=chest.lungs,
        heart=chest.heart,
        ratio=chest.ratio,
        spacing=chest.spacing,
        view=chest.view,
    )
