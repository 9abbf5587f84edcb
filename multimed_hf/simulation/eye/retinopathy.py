"""Diabetic retinopathy of the international grades 0 to 4: how many lesions an eye has, and drawing them.

Lesions are counted first and drawn then, so that the counts decide the grade as the international scale has it
(Wilkinson et al., Ophthalmology 110, 1677, 2003); `grade_of` is that scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...sources import RETINOPATHY_GRADES
from ..patient import Patient
from .fundus_view import Canvas, Eye


@dataclass(frozen=True)
class LesionCounts:
    """How many lesions of diabetic retinopathy an eye has.

    Attributes:
        microaneurysms: dots of up to 0.125 mm.
        haemorrhages: within the retina, for each quadrant of the photograph.
        exudates: groups of hard exudates.
        cotton_wool: soft exudates.
        beading: quadrants with venous beading.
        irma: quadrants with intraretinal microvascular abnormalities.
        neovascularisations: nets of new vessels, on the disc or elsewhere.
        preretinal: haemorrhages before the retina.
    """

    microaneurysms: int = 0
    haemorrhages: tuple[int, int, int, int] = (0, 0, 0, 0)
    exudates: int = 0
    cotton_wool: int = 0
    beading: int = 0
    irma: int = 0
    neovascularisations: int = 0
    preretinal: int = 0


def grade_of(counts: LesionCounts) -> int:
    """The international grade, 0 to 4; 3 by the 4-2-1 rule."""
    if counts.neovascularisations or counts.preretinal:
        return 4
    if min(counts.haemorrhages) > 20 or counts.beading >= 2 or counts.irma >= 1:
        return 3
    if any(counts.haemorrhages) or counts.exudates or counts.cotton_wool or counts.beading:
        return 2
    return 1 if counts.microaneurysms else 0


def count_lesions(patient: Patient, member: int) -> LesionCounts:
    """Lesions as the grade demands them; the severity says how many."""
    grade, random = RETINOPATHY_GRADES.index(patient.condition), patient.random("lesion counts", member)
    more = 0.5 * (patient.severity + random.random()) * patient.simulation.harder(1.0, 0.6)
    if grade == 0:
        return LesionCounts()
    if grade == 1:
        return LesionCounts(microaneurysms=5 + round(16 * more))
    severe = grade == 3 or (grade == 4 and random.random() < 0.4)
    rules = random.random(3) < (0.7, 0.4, 0.5)
    if not rules.any():
        rules[random.integers(3)] = True
    if severe and rules[0]:
        quadrants = random.integers(21, 26, 4) + random.poisson(12 * more, 4)
    else:
        quadrants = np.minimum(random.poisson(random.uniform(0.3, 1.7, 4) * (2 + (9 if severe else 6) * more)), 20)
    if not quadrants.any():
        quadrants[random.integers(4)] = 2
    first, second, third, fourth = map(int, quadrants)
    return LesionCounts(
        microaneurysms=6 + round((25 if severe else 16) * more),
        haemorrhages=(first, second, third, fourth),
        exudates=int(random.poisson(2.2 * more)),
        cotton_wool=int(random.poisson((2.5 if severe else 1.2) * more)),
        beading=int(random.integers(2, 5)) if severe and rules[1] else int(random.random() < 0.1),
        irma=int(random.integers(1, 4)) if severe and rules[2] else 0,
        neovascularisations=int(random.integers(1, 4)) if grade == 4 else 0,
        preretinal=int(grade == 4 and random.random() < 0.45),
    )


def draw_lesions(patient: Patient, member: int, eye: Eye, counts: LesionCounts, canvas: Mapping[str, Canvas]) -> None:
    """Draws the lesions of an eye; the difficulty makes them fainter.

    Args:
        patient: whose eye it is.
        member: even for the right eye, odd for the left one.
        eye: where it lies.
        counts: how many lesions.
        canvas: what to draw on: 'blood', 'lipid', 'cotton', 'veins', 'preretinal'.
    """
    random, simulation = patient.random("lesions", member), patient.simulation
    plain = simulation.harder(1.0, 0.45) * (0.8 + 0.2 * patient.severity)
    number = counts.microaneurysms
    canvas["blood"].blobs(
        random,
        eye.places(random, number),
        random.uniform(0.045, 0.0625, number),
        plain * random.uniform(0.7, 1, number),
    )
    _draw_haemorrhages(random, eye, counts.haemorrhages, plain, canvas["blood"])
    for _ in range(counts.exudates):
        place, reach, ring = random.normal(0, 1.6, 2), random.uniform(0.25, 0.8), random.random() < 0.4
        number = int(random.integers(6, 22))
        angle, far = 2 * np.pi * random.random(number), random.random(number)
        distance = reach * (0.85 + 0.25 * far if ring else np.sqrt(far))
        spots = place + np.stack((distance * np.cos(angle), distance * np.sin(angle)), -1)
        radii, shades = random.uniform(0.03, 0.1, number), plain * random.uniform(0.6, 1, number)
        canvas["lipid"].blobs(random, spots, radii, shades, 0.2)
    number = counts.cotton_wool
    spots, radii = eye.places(random, number, margin=0.4), random.uniform(0.18, 0.35, number)
    canvas["cotton"].blobs(random, spots, radii, np.full(number, 0.85 * plain), 0.15, random.uniform(1, 1.7, number))
    for quadrant in random.permutation(4)[: counts.irma]:
        for place in eye.places(random, 3, int(quadrant), 0.5):
            _tangle(random, canvas["veins"], place, 0.55, 4, plain)
    on_disc = random.random() < 0.5
    for number, place in enumerate(eye.places(random, counts.neovascularisations, margin=0.8)):
        if number == 0 and on_disc:
            _tangle(random, canvas["veins"], eye.disc, random.uniform(0.9, 1.5), 26, 1.2 * plain)
        else:
            _tangle(random, canvas["veins"], place, random.uniform(0.7, 1.3), 22, 1.2 * plain)
    for place in eye.places(random, counts.preretinal, margin=0.6):
        # Blood settles between retina and vitreous: level above, round below.
        width = random.uniform(0.6, 1.6) * simulation.harder(1, 0.75)
        turns = np.linspace(0, np.pi, 24)
        below = random.uniform(0.6, 1.1) * np.sin(turns) ** 0.8 + 0.03 * np.sin(5 * turns)
        canvas["preretinal"].shapes(place + width * np.stack((np.cos(turns), below), -1)[None], np.array([plain]))


def _draw_haemorrhages(
    random: np.random.Generator, eye: Eye, numbers: tuple[int, ...], plain: float, canvas: Canvas
) -> None:
    """Dots and blots, and flames, which follow the nerve fibres away from the disc."""
    places = np.concatenate([eye.places(random, number, quadrant) for quadrant, number in enumerate(numbers)])
    number = len(places)
    shades, kind = plain * random.uniform(0.45, 0.9, number), random.random(number)
    dot, flame = kind < 0.6, kind >= 0.8
    radii = np.select([dot, flame], [random.uniform(0.06, 0.11, number), random.uniform(0.05, 0.085, number)])
    radii = np.where(dot | flame, radii, random.uniform(0.1, 0.19, number))
    stretch = np.select([dot, flame], [1.0, 3.0], random.uniform(1, 1.4, number))
    away = places - eye.disc
    angle = np.where(flame, np.arctan2(away[:, 1], away[:, 0]) + random.normal(0, 0.3, number), 0)
    for ragged, own in ((0.1, ~flame), (0.2, flame)):
        canvas.blobs(random, places[own], radii[own], shades[own], ragged, stretch[own], angle[own])


def _tangle(
    random: np.random.Generator, canvas: Canvas, place: np.ndarray, reach: float, number: int, shade: float
) -> None:
    """Fine vessels that wind and loop."""
    steps = 14
    bend = random.normal(0, 0.3, (number, steps)) + 0.16 * random.choice((-1, 1), (number, 1))
    headings = random.uniform(0, 2 * np.pi, (number, 1)) + np.cumsum(bend, 1)
    pace = reach / steps * random.uniform(0.8, 1.5, (number, 1, 1))
    courses = place + random.normal(0, 0.12 * reach, (number, 1, 2))
    courses = courses + np.cumsum(pace * np.stack((np.cos(headings), np.sin(headings)), -1), 1)
    widths = np.repeat(random.uniform(0.035, 0.065, (number, 1)), steps, 1)
    canvas.lines(courses, widths, np.full(widths.shape, 0.85 * shade), np.full(number, steps), steps)
