"""Simulated photographs of the fundus: healthy eyes and diabetic retinopathy of the international grades 0 to 4.

Colour is light that melanin and blood left over (Preece, Claridge, IEEE Trans. Pattern Anal. 26, 913, 2004), so that
pigmentation changes redness more than any grade does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...sources import RETINOPATHY_GRADES
from ..generator import SubsetGenerator
from ..images import add_look, blurred, png, texture, to_bytes
from ..patient import Patient
from .fundus_view import Canvas, Eye
from .retinal_vessels import draw_vessels
from .retinopathy import LesionCounts, count_lesions, draw_lesions

SIZE = 224
"""Rows and columns of a photograph."""

DRAWINGS = ("drusen", "veins", "arteries", "blood", "lipid", "cotton", "preretinal")
"""What is drawn on the retina, each on a canvas of its own."""

# Red, green and blue: light from below the pigment, and what a layer of pigment or blood absorbs of it.
_GROUND, _MELANIN = (0.9, 0.6, 0.4), (0.38, 1.0, 1.5)
_BLOOD = {"veins": (0.3, 1.0, 0.8), "arteries": (0.12, 1.0, 0.9), "blood": (0.36, 1.35, 1.1)}

_Part = tuple[slice, slice]


def draw_fundus(patient: Patient, member: int, size: int = SIZE) -> tuple[np.ndarray, LesionCounts]:
    """The photograph of one eye of a patient.

    Args:
        patient: whose `condition` is one of `RETINOPATHY_GRADES`; both eyes have that grade.
        member: even for the right eye, odd for the left one.
        size: rows and columns.

    Returns:
        The image, float32 `(rows, columns, 3)`, sRGB 0..1; and the lesions that were drawn.

    Raises:
        ValueError: an unknown condition.
    """
    if patient.condition not in RETINOPATHY_GRADES:
        raise ValueError(f"Expected a condition of {RETINOPATHY_GRADES}, got {patient.condition!r}.")
    counts, eye = count_lesions(patient, member), Eye(patient, member, size)
    canvas = draw_retina(patient, member, eye, counts)
    return _photograph(patient, member, eye, colour(patient, member, eye, canvas)), counts


def draw_retina(patient: Patient, member: int, eye: Eye, counts: LesionCounts) -> dict[str, Canvas]:
    """Vessels, drusen and lesions of an eye, each of `DRAWINGS` on its canvas."""
    canvas, random = {name: Canvas(eye) for name in DRAWINGS}, patient.random("drusen", member)
    number = int(random.poisson(max(0.0, patient.age - 45) / 8))
    radii, shades = random.uniform(0.05, 0.09, number), random.uniform(0.15, 0.6, number)
    canvas["drusen"].blobs(random, random.normal(0, 1.5, (number, 2)), radii, shades)
    draw_vessels(patient, member, eye, counts.beading, canvas)
    draw_lesions(patient, member, eye, counts, canvas)
    return canvas


def colour(patient: Patient, member: int, eye: Eye, canvas: Mapping[str, Canvas]) -> np.ndarray:
    """What the retina sends back of white light, float32 `(3, rows, columns)`, 0..1."""
    size = len(eye.x)
    skin, random = patient.random("pigment"), patient.random("ground", member)
    light, wider = _ground(patient, eye, skin, random), size / SIZE

    def over(name: str, tint: tuple[float, float, float], blur: float = 0.0) -> None:
        """Covers the retina with what is drawn on a canvas."""
        drawn = canvas[name].reduced(4 * blur * wider)
        if drawn is not None:
            part, share = drawn
            _cover(light, part, blurred(share, blur * wider) if blur else share, tint)

    over("drusen", (0.85, 0.65, 0.3), 0.5)
    _add_disc(light, eye, random)
    over("cotton", (0.93, 0.83, 0.6), 1.6)
    for name, absorption in _BLOOD.items():
        drawn = canvas[name].reduced()
        if drawn is not None:
            part, density = drawn
            for plane, strength in zip(light, absorption, strict=True):
                plane[part] *= np.exp(-strength * density)
    over("lipid", (0.97, 0.86, 0.42))
    over("preretinal", (0.33, 0.05, 0.03), 0.6)
    reflex = skin.uniform(0, 0.16) * min(1.0, max(0.0, (60 - patient.age) / 40))
    if reflex:
        part = _around(eye, (0, 0), 0.3)
        light[:, *part] += reflex * np.exp((eye.x[part] ** 2 + eye.y[part] ** 2) / -(0.09**2))
    return np.clip(light, 0, 1, out=light)


def _ground(patient: Patient, eye: Eye, skin: np.random.Generator, random: np.random.Generator) -> np.ndarray:
    """Light that comes back through the pigment, `(3, rows, columns)`, darkest in the fovea."""
    size, pigment = len(eye.x), skin.beta(2, 2)
    melanin = 0.05 * texture(random, (size, size), size / 6)
    melanin += 0.022 * texture(random, (size, size), size / 80)
    # Vessels of the choroid show where there is little pigment before them.
    stripes = np.abs(texture(random, (size, size), (size / 37, size / 22)))
    melanin -= 0.09 * (1 - pigment) ** 2 * np.clip(1.2 - 1.6 * stripes, -1, 1.2)
    macula = (eye.x**2 + eye.y**2) / -(skin.uniform(0.7, 1.1) ** 2)
    melanin += 0.25 + 0.75 * pigment + skin.uniform(0.2, 0.4) * np.exp(macula)
    light = np.empty((3, size, size), np.float32)
    for plane, white, share in zip(light, _GROUND, _MELANIN, strict=True):
        np.exp(-share * melanin, out=plane)
        plane *= white
    return light


def _add_disc(light: np.ndarray, eye: Eye, random: np.random.Generator) -> None:
    """The optic disc with its cup, and a crescent beside it where the pigment begins late."""
    (x, y), (width, height) = eye.disc.tolist(), eye.disc_radii.tolist()
    part = _around(eye, (x, y), 1.4 * max(width, height))
    across, down = eye.x[part] - x, eye.y[part] - y
    rim = np.sqrt((across / width) ** 2 + (down / height) ** 2)
    sharp, pale = width * eye.pixels / 1.5, random.uniform(0.85, 1.1)
    crescent = np.clip(1 - np.abs(rim - 1.08) / 0.15, 0, 1) * (eye.side * across < 0)
    _cover(light, part, random.uniform(0, 0.3) * crescent, (0.85, 0.62, 0.4))
    _cover(light, part, 0.9 * np.clip((1 - rim) * sharp + 0.5, 0, 1), (0.92 * pale, 0.6 * pale, 0.35 * pale))
    cup = blurred(0.75 * np.clip((eye.cup - rim) * sharp + 0.5, 0, 1), len(eye.x) / SIZE)
    _cover(light, part, cup, (0.97 * pale, 0.82 * pale, 0.58 * pale))


def _around(eye: Eye, place: tuple[float, float], reach: float) -> _Part:
    """The part of the picture not farther than `reach` from a place, both in mm."""
    (column, row), wide = eye.pixel(np.array(place)).tolist(), reach * eye.pixels
    rows, columns = (
        slice(max(0, math.floor(middle - wide)), max(0, math.ceil(middle + wide))) for middle in (row, column)
    )
    return rows, columns


def _cover(light: np.ndarray, part: _Part, share: np.ndarray, tint: tuple[float, float, float]) -> None:
    """Mixes a colour into a part of the picture, as much as `share`, 0..1, says."""
    for plane, shade in zip(light, tint, strict=True):
        plane[part] += share * (shade - plane[part])


def _photograph(patient: Patient, member: int, eye: Eye, light: np.ndarray) -> np.ndarray:
    """The retina as the camera takes it through the media of the eye, `(rows, columns, 3)`, 0..1."""
    random, device, harder = patient.random("camera", member), patient.style("device"), patient.simulation.harder
    radius, blur = 0.5 * eye.field, harder(0.1, 0.75) * random.uniform(0.6, 1.4) * len(eye.x) / SIZE
    # Uneven light, darker at the edge; a haze or a crescent of scattered light.
    angle, lean = random.uniform(0, 2 * np.pi), random.uniform(0, 0.25)
    x, y = eye.centre.tolist()
    slope = ((eye.x - x) * math.cos(angle) + (eye.y - y) * math.sin(angle)) / radius
    shine = (1 - random.uniform(0.1, 0.4) * (eye.from_centre / radius) ** 2) * (1 + lean * slope)
    haze = random.uniform(0, harder(0.06, 0.14)) + random.uniform(0, 0.3) * np.clip(-slope - 0.55, 0, None)
    inside = np.clip((radius - eye.from_centre) * eye.pixels + 0.5, 0, 1)
    balance, bright = (device.uniform(0.9, 1.1, 3) * random.normal(1, 0.03, 3)).tolist(), 0.0
    for plane, gain, tint in zip(light, balance, (1.0, 0.75, 0.5), strict=True):
        plane *= shine
        plane *= gain
        plane += tint * haze
        bright += float((plane * inside).sum())
    # The operator exposes each photograph anew: how bright it is says nothing about the grade.
    light *= random.uniform(0.3, 0.46) * 3 * float(inside.sum()) / bright
    taken = add_look(np.moveaxis(light, 0, 2), patient, patient.random("look", member), harder(0.01, 0.03), blur)
    dark = np.float32(random.uniform(0.0, 0.03))
    for plane in np.moveaxis(taken, 2, 0):
        plane -= dark
        plane *= inside
        plane += dark
    return taken


class Generator(SubsetGenerator):
    """Rows of `fundus`: both eyes of each patient."""

    subset = "fundus"
    conditions = dict(zip(RETINOPATHY_GRADES, (0.49, 0.10, 0.27, 0.05, 0.08), strict=True))

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, _ = draw_fundus(patient, member)
        return {
            "has_fundus": True,
            "fundus": png(to_bytes(image)),
            "retinopathy": self.observed(patient, patient.condition, RETINOPATHY_GRADES, member),
            "age": patient.age,
            "sex": patient.sex,
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        best = 1 - self.simulation.label_noise
        return [
            *super().notes(),
            "The lesions drawn follow the definition of the true grade, the same in both eyes, so that who counts them all "
            f"reaches an accuracy of {best:.0%}.",
        ]
