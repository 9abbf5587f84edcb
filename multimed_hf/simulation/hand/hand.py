"""Simulated radiographs of left hands of children, seen from the back, whose bones mature with bone age and sex.

What is seen of a bone follows its own age, see `maturity`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..images import png
from ..patient import Patient
from .bones import CARPALS, FOREARM, RAYS, SHAPES, draw_carpal, draw_forearm_bone, draw_growing, draw_sesamoid
from .canvas import Canvas
from .exposure import Chain, expose
from .maturity import FREQUENCIES, GROUPS, LABELS, Stage, best_possible, bone_ages, months_of, stage_of


class Generator(SubsetGenerator):
    """Rows of `bone_age`."""

    subset = "bone_age"
    conditions = FREQUENCIES
    rows = 1000
    members = 1
    size = 224
    """Rows and columns of an image."""

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, _ = draw_hand(patient, member, self.size)
        months = months_of(patient)
        label = self.observed(patient, patient.condition, LABELS, member)
        # Children grow with their skeleton, more or less early.
        early = patient.random("chronological age").normal(0, min(1.0, 0.25 + months / 120))
        return {
            "has_xray": True,
            "xray": png(image),
            "bone_age": label,
            "bone_age_months": float(12 * int(label) + months % 12),
            "sex": patient.sex,
            "age": round(max(0.1, (months + 0.5) / 12 + early), 1),
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        months, near = best_possible(self.simulation.difficulty, self.simulation.prevalence)
        return [
            *super().notes(),
            f"Bones of one child disagree: a reader who saw the age of every bone exactly and knew the sex would be off "
            f"by {months:.1f} months on average, within 12 months of {near:.0%} of the children (before label noise); "
            f"chronological age, which deviates from bone age by about a year, is not an input.",
        ]


def draw_hand(patient: Patient, member: int, size: int = 224) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """A radiograph of the left hand of a patient whose condition is one of `LABELS`.

    Args:
        patient: whose hand it is.
        member: number of the image of this patient.
        size: rows and columns.

    Returns:
        uint8 `(size, size)`; and row and column of the middle of each growth plate (closed or not) and of each carpal
        that has appeared, by name of the bone.

    Raises:
        ValueError: the condition is not a year of `LABELS`.
    """
    if patient.condition not in LABELS:
        raise ValueError(f"Expected a condition from '0' to '19', years of bone age, got {patient.condition!r}.")
    pose, build = patient.random("pose", member), patient.random("build")
    ages = bone_ages(patient)
    years = sum(ages[name] for name in GROUPS["fingers"]) / len(GROUPS["fingers"])
    stages = {name: stage_of(name, age, int(patient.sex == "male")) for name, age in ages.items()}
    canvas = _place(pose, size)
    places, fingers = _draw_rays(canvas, pose, build, stages, years)
    for name in CARPALS:
        if (place := draw_carpal(canvas, name, stages[name].growth, build)) is not None:
            places[name] = place
    for name in FOREARM:
        places[name] = draw_forearm_bone(canvas, name, stages[name], build)
    image = expose(
        canvas, [*fingers, *_palm(build.uniform(0.95, 1.1) * (1.12 - 0.12 * min(years / 8, 1)))], patient, member
    )
    return image, {name: (row, column) for name, (column, row) in places.items()}


def _place(pose: np.random.Generator, size: int) -> Canvas:
    """An empty canvas; how the hand lies on it."""
    # Small children look as large as big ones: the image is scaled to the hand.
    stretch = pose.uniform(0.8, 1.0)
    turn = math.radians(float(np.clip(pose.normal(0, 8), -20, 20)))
    arm = pose.uniform(22, 50)
    scale = size * stretch / (206 + arm)
    origin = (
        size * (0.5 + pose.uniform(-0.07, 0.07)) - scale * (6 + 80 * math.sin(turn)),
        size * (1 - 0.5 * (1 - stretch) + pose.uniform(-0.03, 0.03)) - scale * arm,
    )
    return Canvas(np.zeros((size, size), np.float32), scale, turn, origin)


def _draw_rays(
    canvas: Canvas, pose: np.random.Generator, build: np.random.Generator, stages: dict[str, Stage], years: float
) -> tuple[dict[str, tuple[float, float]], list[Chain]]:
    """Draw metacarpals and phalanges.

    Args:
        canvas: the hand.
        pose: how the fingers are spread.
        build: where this child deviates.
        stages: of each bone.
        years: bone age of the fingers.

    Returns:
        Column and row of the growth plates, and the soft tissue of each finger.
    """
    plump = build.uniform(0.9, 1.12) * (1.22 - 0.22 * min(years / 8, 1))
    stout = build.uniform(0.92, 1.08)
    slender = stout * (0.92 + 0.08 * min(years / 14, 1))
    spread = pose.uniform(0.2, 1.5)
    places: dict[str, tuple[float, float]] = {}
    flesh: list[Chain] = []
    for ray, (x, y, lean, more) in RAYS.items():
        angle = math.radians(lean + pose.normal(0, 1.2) + (spread - 0.8) * more * 0.6)
        chain: Chain = []
        for part in ("mc", "pp", "mp", "dp"):
            name = f"{part}{ray}"
            if name not in SHAPES:
                continue
            length, base, waist, head = SHAPES[name]
            length *= build.normal(1, 0.03)
            shape = (length, base * stout, waist * slender, head * stout)
            places[name] = draw_growing(canvas, name, x, y, angle, shape, stages[name], years, build)
            chain.append((x, y, _FLESH[part] * _FINGERS.get(ray, 1.0) * plump))
            gap = 1.6 if part != "mc" else 2.0
            x, y = x + (length + gap) * math.sin(angle), y + (length + gap) * math.cos(angle)
            if part == "mc":
                angle += math.radians(more * spread + pose.normal(0, 1.5) + (-9 if ray == 1 else 0))
                if ray == 1 and stages["sesamoid"].growth >= 0:
                    places["sesamoid"] = draw_sesamoid(canvas, x, y, angle, stages["sesamoid"].growth)
            else:
                angle += math.radians(pose.normal(0, 2.0))
        tip = (6.3 if ray != 5 else 5.5) * plump
        flesh.append([*chain, (x + 2 * math.sin(angle), y + 2 * math.cos(angle), tip)])
    return places, flesh


# Radius of the soft tissue around the base of a bone, in mm, and how much that of a finger deviates from it.
_FLESH = {"mc": 13.0, "pp": 11.0, "mp": 8.8, "dp": 7.8}
_FINGERS = {1: 1.06, 5: 0.86}


def _palm(plump: float) -> list[Chain]:
    """The soft tissue of wrist and forearm, and the webs: at the thumb, and across the heads of the metacarpals."""
    arms = [
        ((13.0, 22.0), (10.0, -12.0), (12.0, -120.0)),
        ((-6.0, 26.0), (-13.0, -10.0), (-14.0, -120.0)),
        ((1.0, 30.0), (-1.0, -12.0), (-1.0, -120.0)),
    ]
    return [
        *([(x, y, radius * plump) for (x, y), radius in zip(arm, (17.0, 16.0, 19.0), strict=True)] for arm in arms),
        [(22.0, 32.0, 14.0), (24.0, 58.0, 12.0), (24.0, 76.0, 5.0)],
        [(14.0, 45.0, 14.0), (17.0, 92.0, 14.0)],
        [(-6.0, 45.0, 14.0), (-15.0, 82.0, 14.0)],
        [(4.0, 45.0, 14.0), (3.0, 94.0, 14.0)],
    ]
