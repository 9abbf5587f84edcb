"""Arteries and veins of the retina, three orders of them, drawn on a photograph of the fundus.

Trunks run from the disc along arcades shaped like parabolas (Foracchia, Grisan, Ruggeri, IEEE Trans. Med. Imaging 23, 1189,
2004) and branch so that the cubes of the radii add up (Murray, Proc. Natl. Acad. Sci. USA 12, 207, 1926).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..patient import Patient
from .fundus_view import Canvas, Eye

_STEPS = 14  # of a branch


@dataclass(frozen=True)
class Vessels:
    """Vessels of one order.

    Attributes:
        courses: `(vessels, points, 2)` in mm.
        radii: `(vessels, points)` in mm.
        veins: which ones are veins, bool `(vessels,)`; all others are arteries.
        ends: how many points of each course there are, `(vessels,)`.
    """

    courses: np.ndarray
    radii: np.ndarray
    veins: np.ndarray
    ends: np.ndarray


def grow_vessels(patient: Patient, member: int, eye: Eye) -> tuple[Vessels, Vessels, Vessels]:
    """Trunks, branches and twigs of an eye, as far as the photograph shows them."""
    random = patient.random("vessels", member)
    trunks, branches = branch(random, eye, _trunks(random, eye), random.uniform(0.75, 1.1))
    branches, twigs = branch(random, eye, branches, random.uniform(0.7, 1.1))
    return trunks, branches, twigs


def _trunks(random: np.random.Generator, eye: Eye) -> Vessels:
    """An artery and a vein for each quadrant, from the disc outwards."""
    points, veins = 50, np.arange(8) % 2 == 1
    temporal, up = np.repeat((True, False, True, False), 2)[:, None], np.repeat((-1, 1), 4)[:, None]
    t = np.linspace(0, 1, points)
    spread = np.where(temporal[::2], random.uniform(1.25, 1.6, (4, 1)), random.uniform(0.5, 1.2, (4, 1)))
    spread = up * spread.repeat(2, 0) * random.uniform(0.88, 1.12, (8, 1))
    reach = random.random((8, 1))
    along = np.where(temporal, (9 + 2 * reach) * t**1.7, (5 + 2 * reach) * t)
    across = spread * np.where(temporal, np.sqrt(along) * (1 - 0.0035 * along**2), along**0.85)
    course = np.stack((eye.side * np.where(temporal, -along, 0.9 * along), across), -1)
    bends = random.normal(0, 0.07, (8, 3, 1, 2)) / np.array((1, 1.6, 2.6))[:, None, None]
    waves = np.sin(2 * np.pi * (np.array((1.3, 2.9, 5.3))[:, None] * t + random.random((8, 3, 1))))
    course += (waves[..., None] * bends).sum(1) * np.minimum(1, 4 * t)[:, None]
    calibres = random.normal(np.where(veins, 0.075, 0.05), 0.004) * np.where(temporal[:, 0], 1, 0.8)
    courses = eye.disc + random.normal(0, 0.1, (8, 1, 2)) + course
    return Vessels(courses, np.repeat(calibres[:, None], points, 1), veins, np.full(8, points))


def branch(random: np.random.Generator, eye: Eye, parents: Vessels, spacing: float) -> tuple[Vessels, Vessels]:
    """The parents, thinner after each branch by Murray's law, and the branches, those outside the field left out.

    Args:
        random: where branches come from.
        eye: whose they are.
        parents: what branches.
        spacing: mean distance from one branch to the next, in mm.
    """
    steps = np.diff(parents.courses, axis=1)
    along = np.pad(np.cumsum(np.hypot(steps[..., 0], steps[..., 1]), 1), ((0, 0), (1, 0)))
    number, points = along.shape
    every, most = np.arange(number)[:, None], int(along[:, -1].max() / (0.6 * spacing)) + 1
    length = along[every, parents.ends[:, None] - 1] - 0.2
    gaps = random.uniform(0.6, 1.4, (number, most))
    gaps[:, 0] = random.uniform(0.4, 1.0, number)
    at = 0.3 + spacing * np.cumsum(gaps, 1)
    real = at < length
    index = np.minimum((along[:, None] < at[..., None]).sum(2), points - 2)
    share, angle = random.uniform(0.45, 0.85, (number, most)), random.uniform(0.6, 1.15, (number, most))
    angle *= random.choice((-1, 1), (number, 1)) * (-1) ** np.arange(most)
    thinner = np.cumprod(np.where(real, 1 / np.cbrt(1 + share**3), 1), 1)
    passed = ((index[..., None] <= np.arange(points)) & real[..., None]).sum(1)
    radii = parents.radii * np.pad(thinner, ((0, 0), (1, 0)), constant_values=1)[every, passed]
    calibre, place, ahead = (
        share * thinner * parents.radii[every, index],
        parents.courses[every, index],
        steps[every, index],
    )
    kept = real & (calibre > 0.008) & eye.sees(place, 0.3)
    heading = np.arctan2(ahead[..., 1], ahead[..., 0]) + angle
    courses = _courses(random, eye, place[kept], heading[kept], np.clip(6.5 * calibre[kept], 0.06, 0.24))
    avascular = np.pad(np.hypot(courses[..., 0], courses[..., 1]) < 0.42, ((0, 0), (0, 1)), constant_values=True)
    taper = np.linspace(1, 0.8, courses.shape[1])
    veins = np.broadcast_to(parents.veins[:, None], kept.shape)[kept]
    children = Vessels(courses, calibre[kept][:, None] * taper, veins, np.maximum(avascular.argmax(1), 1))
    return Vessels(parents.courses, radii, parents.veins, parents.ends), children


def _courses(
    random: np.random.Generator, eye: Eye, start: np.ndarray, heading: np.ndarray, pace: np.ndarray
) -> np.ndarray:
    """Where branches run, `(branches, points, 2)`: within the arcades to the macula, outside of them away from the disc."""
    # In the plane of complex numbers x + iy, turning is multiplication.
    place, disc = start[:, 0] + 1j * start[:, 1], complex(*eye.disc)
    goal, direction, courses = random.normal(0, 0.7, (2, len(place))), np.exp(1j * heading), [place]
    goal = goal[0] + 1j * goal[1]
    for wander in random.normal(0, 0.16, (_STEPS, len(place))):
        beyond = (place.real - disc.real) * -eye.side
        inner = (beyond > 0.5) & (np.abs(place.imag) < 1.25 * np.sqrt(np.maximum(beyond, 0)) + 0.2)
        wanted = np.where(inner, goal - place, place - disc) * direction.conj()
        direction = direction * np.exp(1j * (0.12 * wanted.imag / (np.abs(wanted) + 1e-9) + wander))
        place = place + pace * direction
        courses.append(place)
    course = np.stack(courses, 1)
    return np.stack((course.real, course.imag), -1)


def draw_vessels(patient: Patient, member: int, eye: Eye, beading: int, canvas: Mapping[str, Canvas]) -> None:
    """Draws the vessels of an eye.

    Args:
        patient: whose eye it is.
        member: even for the right eye, odd for the left one.
        eye: where it lies.
        beading: in how many quadrants of the photograph veins are beaded.
        canvas: what to draw on, 'arteries' and 'veins'.
    """
    trunks, branches, twigs = grow_vessels(patient, member, eye)
    beaded = patient.random("beading", member).permutation(4)[:beading]
    for vessels, chunk in ((twigs, _STEPS), (branches, 7), (trunks, 5)):
        shown = eye.sees(vessels.courses, 0.1).any(1)
        for kind, depth, own in (("arteries", 0.7, shown & ~vessels.veins), ("veins", 1.0, shown & vessels.veins)):
            courses, widths, ends = vessels.courses[own], 2 * vessels.radii[own], vessels.ends[own]
            beads = kind == "veins" and beading > 0 and vessels is not twigs
            if beads:
                x, y = np.moveaxis(courses - eye.centre, -1, 0)
                quadrant = (np.arctan2(y, x) % (2 * np.pi)) // (np.pi / 2)
                bead = 0.6 * np.sin(np.arange(quadrant.shape[1]) * 2 * np.pi / 4)
                widths = widths * (1 + bead * np.isin(quadrant, beaded))
            shades = depth * np.clip(widths / 0.13, 0, 1) ** 0.45
            canvas[kind].lines(courses, widths, shades, ends, 1 if beads else chunk)
            if vessels is trunks and kind == "arteries":  # the light reflex in the middle of an artery
                canvas[kind].lines(courses, 0.3 * widths, 0.5 * shades, ends, chunk)
