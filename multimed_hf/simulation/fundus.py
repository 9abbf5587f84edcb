"""Simulated photographs of the fundus: healthy eyes and diabetic retinopathy of the international grades 0 to 4.

Lesions are counted first and drawn then, so that the counts decide the grade as the international scale has it
(Wilkinson et al., Ophthalmology 110, 1677, 2003); `grade_of` is that scale. Vessels run from the disc along arcades shaped
like parabolas (Foracchia, Grisan, Ruggeri, IEEE Trans. Med. Imaging 23, 1189, 2004) and branch so that the cubes of the
radii add up (Murray, Proc. Natl. Acad. Sci. USA 12, 207, 1926). Colour is light that melanin and blood left over (Preece,
Claridge, IEEE Trans. Pattern Anal. 26, 913, 2004), so that pigmentation changes redness more than any grade does.

Lengths are in millimetres on the retina, with the origin in the fovea, x to the right and y downwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..sources import RETINOPATHY_GRADES
from .generator import SubsetGenerator
from .images import add_look, png, texture, to_bytes
from .patient import Patient

SIZE = 224
"""Rows and columns of a photograph."""

FIELD = 13.0
"""Diameter of a field of 45 degrees in mm: at 224 pixels, about 60 micrometre a pixel."""

_OVERSAMPLING = 3

# Red, green and blue: light from below the pigment, and what a layer of pigment or blood absorbs of it.
_GROUND, _MELANIN = (0.9, 0.6, 0.4), (0.38, 1.0, 1.5)
_VENOUS, _ARTERIAL, _HAEMORRHAGE = (0.3, 1.0, 0.8), (0.12, 1.0, 0.9), (0.36, 1.35, 1.1)

_TURNS = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_ROUND = np.stack((np.cos(_TURNS), np.sin(_TURNS)))
_WAVES = np.concatenate([(np.cos(k * _TURNS), np.sin(k * _TURNS)) for k in (2, 3, 4)])


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
    counts = _count(patient, member)
    eye = _Eye(patient, member, size)
    names = ("drusen", "veins", "arteries", "blood", "lipid", "cotton", "preretinal")
    canvas = {name: _Canvas(eye) for name in names}
    random = patient.random("drusen", member)
    for _ in range(int(random.poisson(max(0.0, patient.age - 45) / 8))):
        canvas["drusen"].blob(random, random.normal(0, 1.5, 2), random.uniform(0.05, 0.09), random.uniform(0.15, 0.6))
    _draw_vessels(patient, member, eye, counts, canvas)
    _draw_lesions(patient, member, eye, counts, canvas)
    layers = {name: part.reduced() for name, part in canvas.items()}
    return _photograph(patient, member, eye, _colour(patient, member, eye, layers)), counts


def _count(patient: Patient, member: int) -> LesionCounts:
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


class _Eye:
    """Where fovea, disc and field lie, in mm, and how they get onto the picture."""

    def __init__(self, patient: Patient, member: int, size: int) -> None:
        random, anatomy, camera = (
            patient.random("view", member),
            patient.random("disc", member),
            patient.style("device"),
        )
        self.side = 1 if member % 2 == 0 else -1  # in the right eye, the disc lies to the right of the fovea
        self.disc = np.array((self.side * anatomy.normal(4.5, 0.15), anatomy.normal(-0.35, 0.15)))
        self.disc_radii = np.array((0.88, 0.96)) * anatomy.normal(1, 0.07)
        self.cup = float(np.clip(anatomy.normal(0.42, 0.13), 0.15, 0.75))
        self.field = FIELD * camera.uniform(0.85, 1.05) * random.uniform(0.95, 1.05)
        self.centre = np.array((self.side * random.uniform(0.0, 2.6), random.uniform(-0.7, 0.5)))
        self.pixels = float(size * camera.uniform(0.92, 1.06) * random.uniform(0.97, 1.03) / self.field)
        self.shift = 0.5 * size + 0.02 * size * random.normal(0, 1, 2)
        turn = np.radians(random.normal(0, 4))
        self.turn = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
        across, down = ((np.arange(size) + 0.5 - self.shift[:, None]) / self.pixels).astype(np.float32)
        self.from_centre = np.sqrt(across**2 + down[:, None] ** 2)
        (a, b), (c, d) = self.turn.T.tolist()
        self.x = (a * across + float(self.centre[0])) + b * down[:, None]
        self.y = (c * across + float(self.centre[1])) + d * down[:, None]

    def pixel(self, points: np.ndarray) -> np.ndarray:
        """Column and row of points `(n, 2)` in mm."""
        return (points - self.centre) @ self.turn.T * self.pixels + self.shift

    def place(self, random: np.random.Generator, quadrant: int | None = None, margin: float = 0.0) -> np.ndarray:
        """A random place in the field, off disc and fovea, `(2,)` in mm."""
        while True:
            angle, radius = random.random(2).tolist()
            angle = math.pi / 2 * (4 * angle if quadrant is None else quadrant + angle)
            distance = (0.44 * self.field - margin) * math.sqrt(0.01 + 0.99 * radius)
            point = self.centre + np.array((distance * math.cos(angle), distance * math.sin(angle)))
            if math.dist(point, self.disc) > 1.1 + margin and math.dist(point, (0, 0)) > 0.35 + margin:
                return point


class _Canvas:
    """A drawing in shades from 0 to 1, finer than the picture, that takes points in mm."""

    def __init__(self, eye: _Eye) -> None:
        from PIL import Image, ImageDraw

        self.eye, self.finer = eye, _OVERSAMPLING * eye.pixels
        self.image = Image.new("L", (_OVERSAMPLING * len(eye.x),) * 2)
        self.pen = ImageDraw.Draw(self.image)
        self.empty = True

    def lines(self, courses: np.ndarray, widths: np.ndarray, shades: np.ndarray, ends: np.ndarray, chunk: int) -> None:
        """Lines `(lines, points, 2)` up to point `ends` of each, as wide and dark as at the middle of each chunk.

        What is thinner than the drawing can show becomes paler.
        """
        self.empty = False
        places = (_OVERSAMPLING * self.eye.pixel(courses)).reshape(len(courses), 2 * courses.shape[1]).tolist()
        pixels = widths * self.finer
        fills = np.rint(255 * np.clip(shades, 0, 1) * np.clip(pixels, 0, 1)).astype(int).tolist()
        pixels = np.clip(np.rint(pixels), 1, None).astype(int).tolist()
        for place, fill, width, end in zip(places, fills, pixels, ends.tolist(), strict=True):
            for start in range(0, end - 1, chunk):
                middle = min(start + chunk // 2, end - 1)
                self.pen.line(
                    place[2 * start : 2 * min(start + chunk + 1, end)], fill=fill[middle], width=width[middle]
                )

    def shape(self, outline: np.ndarray, shade: float) -> None:
        """A filled polygon `(points, 2)`."""
        self.empty = False
        self.pen.polygon((_OVERSAMPLING * self.eye.pixel(outline)).ravel().tolist(), fill=round(255 * min(1, shade)))

    def blob(
        self,
        random: np.random.Generator,
        place: np.ndarray,
        radius: float,
        shade: float,
        ragged: float = 0.1,
        stretch: float = 1.0,
        angle: float = 0.0,
    ) -> None:
        """A round, ragged or stretched spot."""
        radii = radius * np.clip(1 + ragged * random.standard_normal(len(_WAVES)) @ _WAVES, 0.3, None)
        turned = np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))))
        self.shape(place + (radii * _ROUND).T * (stretch, 1.0) @ turned, shade)

    def reduced(self) -> np.ndarray | None:
        """The drawing at the size of the picture, float32 0..1; None if nothing was drawn."""
        if self.empty:
            return None
        return np.asarray(self.image.reduce(_OVERSAMPLING), np.float32) / 255


@dataclass(frozen=True)
class _Vessels:
    """Vessels of one order: courses `(vessels, points, 2)` and radii `(vessels, points)` in mm, which end at point `ends`."""

    courses: np.ndarray
    radii: np.ndarray
    veins: np.ndarray
    ends: np.ndarray


def _trunks(random: np.random.Generator, eye: _Eye) -> _Vessels:
    """An artery and a vein for each quadrant, from the disc outwards."""
    t, courses, calibres = np.linspace(0, 1, 50), [], []
    for up, temporal in ((-1, True), (-1, False), (1, True), (1, False)):
        spread = random.uniform(1.25, 1.6) if temporal else random.uniform(0.5, 1.2)
        for vein in (False, True):
            own = spread * random.uniform(0.88, 1.12)
            if temporal:
                along = random.uniform(9, 11) * t**1.7
                course = np.stack((-eye.side * along, up * own * np.sqrt(along) * (1 - 0.0035 * along**2)), -1)
            else:
                along = random.uniform(5, 7) * t
                course = np.stack((eye.side * along * 0.9, up * own * along**0.85), -1)
            bends = random.normal(0, 0.07, (3, 2)) / np.array((1, 1.6, 2.6))[:, None]
            waves = np.sin(2 * np.pi * (np.array((1.3, 2.9, 5.3))[:, None] * t + random.random((3, 1))))
            course += (waves[:, :, None] * bends[:, None]).sum(0) * np.minimum(1, 4 * t)[:, None]
            courses.append(eye.disc + random.normal(0, 0.1, 2) + course)
            calibres.append(random.normal(0.075 if vein else 0.05, 0.004) * (1 if temporal else 0.8))
    radii = np.repeat(np.array(calibres)[:, None], 50, 1)
    return _Vessels(np.stack(courses), radii, np.arange(8) % 2 == 1, np.full(8, 50))


def _branches(random: np.random.Generator, eye: _Eye, parents: _Vessels, spacing: float) -> tuple[_Vessels, _Vessels]:
    """The parents, thinner after each branch by Murray's law, and the branches."""
    steps = np.diff(parents.courses, axis=1)
    along = np.pad(np.cumsum(np.hypot(steps[..., 0], steps[..., 1]), 1), ((0, 0), (1, 0)))
    number, points = along.shape
    every, radii = np.arange(number), parents.radii
    at = 0.3 + spacing * random.uniform(0.4, 1.0, (number,))
    sign = random.choice((-1, 1), number)
    length = along[every, parents.ends - 1] - 0.2
    found = []
    while (at < length).any():
        index = np.minimum((along < at[:, None]).sum(1), points - 2)
        share, angle = random.uniform(0.45, 0.85, number), sign * random.uniform(0.6, 1.15, number)
        later = (np.arange(points) >= index[:, None]) & (at < length)[:, None]
        radii = np.where(later, radii / np.cbrt(1 + share**3)[:, None], radii)
        calibre, ahead = share * radii[every, index], steps[every, index]
        kept = (at < length) & (calibre > 0.008)
        heading = np.arctan2(ahead[:, 1], ahead[:, 0]) + angle
        found.append([part[kept] for part in (parents.courses[every, index], heading, calibre, parents.veins)])
        at, sign = at + spacing * random.uniform(0.6, 1.4, number), -sign
    place, heading, radius, veins = (np.concatenate(parts) for parts in zip(*found, strict=True))
    step = np.clip(6.5 * radius, 0.06, 0.24)
    # Within the arcades branches turn to the macula, outside of them away from the disc.
    goal, courses = random.normal(0, 0.7, place.shape), [place]
    for wander in random.normal(0, 0.16, (14, len(heading))):
        beyond = (place[:, 0] - eye.disc[0]) * -eye.side
        inner = (beyond > 0.5) & (np.abs(place[:, 1]) < 1.25 * np.sqrt(np.clip(beyond, 0, None)) + 0.2)
        wanted = np.where(inner[:, None], goal - place, place - eye.disc)
        heading = heading + 0.12 * np.sin(np.arctan2(wanted[:, 1], wanted[:, 0]) - heading) + wander
        place = place + step[:, None] * np.stack((np.cos(heading), np.sin(heading)), -1)
        courses.append(place)
    course = np.stack(courses, 1)
    avascular = np.pad(np.hypot(course[..., 0], course[..., 1]) < 0.42, ((0, 0), (0, 1)), constant_values=True)
    ends = np.maximum(avascular.argmax(1), 1)
    children = _Vessels(course, radius[:, None] * np.linspace(1, 0.8, course.shape[1]), veins, ends)
    return _Vessels(parents.courses, radii, parents.veins, parents.ends), children


def _draw_vessels(patient: Patient, member: int, eye: _Eye, counts: LesionCounts, canvas: dict[str, _Canvas]) -> None:
    random = patient.random("vessels", member)
    trunks, branches = _branches(random, eye, _trunks(random, eye), random.uniform(0.75, 1.1))
    branches, twigs = _branches(random, eye, branches, random.uniform(0.7, 1.1))
    beaded = patient.random("beading", member).permutation(4)[: counts.beading]
    for vessels, chunk in ((twigs, 7), (branches, 5), (trunks, 3)):
        away = vessels.courses - eye.centre
        quadrant = (np.arctan2(away[..., 1], away[..., 0]) % (2 * np.pi)) // (np.pi / 2)
        bead = 0.6 * np.sin(np.arange(quadrant.shape[1]) * 2 * np.pi / 4) * (chunk <= 5)
        for kind, depth, veins in (("arteries", 0.7, False), ("veins", 1.0, True)):
            own = vessels.veins == veins
            widths = 2 * vessels.radii[own]
            if veins:
                widths = widths * (1 + bead * np.isin(quadrant[own], beaded))
            shades = depth * np.clip(widths / 0.13, 0, 1) ** 0.45
            fine = 1 if veins and counts.beading and chunk <= 5 else chunk
            canvas[kind].lines(vessels.courses[own], widths, shades, vessels.ends[own], fine)
            if chunk == 3 and not veins:  # the light reflex in the middle of an artery
                canvas[kind].lines(vessels.courses[own], 0.3 * widths, 0.5 * shades, vessels.ends[own], chunk)


def _draw_lesions(patient: Patient, member: int, eye: _Eye, counts: LesionCounts, canvas: dict[str, _Canvas]) -> None:
    random, simulation = patient.random("lesions", member), patient.simulation
    plain = simulation.harder(1.0, 0.45) * (0.8 + 0.2 * patient.severity)
    blood = canvas["blood"]
    for _ in range(counts.microaneurysms):
        blood.blob(random, eye.place(random), random.uniform(0.045, 0.0625), plain * random.uniform(0.7, 1))
    for quadrant, number in enumerate(counts.haemorrhages):
        for _ in range(number):
            place, shade, kind = eye.place(random, quadrant), plain * random.uniform(0.45, 0.9), random.random()
            if kind < 0.6:
                blood.blob(random, place, random.uniform(0.06, 0.11), shade)
            elif kind < 0.8:
                blood.blob(random, place, random.uniform(0.1, 0.19), shade, 0.1, random.uniform(1, 1.4))
            else:  # flames follow the nerve fibres, away from the disc
                away = place - eye.disc
                angle = float(np.arctan2(away[1], away[0]) + random.normal(0, 0.3))
                blood.blob(random, place, random.uniform(0.05, 0.085), shade, 0.2, 3.0, angle)
    for _ in range(counts.exudates):
        place, reach, ring = random.normal(0, 1.6, 2), random.uniform(0.25, 0.8), random.random() < 0.4
        for _ in range(int(random.integers(6, 22))):
            angle = random.uniform(0, 2 * np.pi)
            distance = reach * (random.uniform(0.85, 1.1) if ring else np.sqrt(random.random()))
            spot = place + distance * np.array((np.cos(angle), np.sin(angle)))
            canvas["lipid"].blob(random, spot, random.uniform(0.03, 0.1), plain * random.uniform(0.6, 1), 0.2)
    for _ in range(counts.cotton_wool):
        spot = eye.place(random, margin=0.4)
        canvas["cotton"].blob(random, spot, random.uniform(0.18, 0.35), 0.85 * plain, 0.15, random.uniform(1, 1.7))
    for quadrant in random.permutation(4)[: counts.irma]:
        for _ in range(3):
            _tangle(random, canvas["veins"], eye.place(random, int(quadrant), 0.5), 0.55, 4, plain)
    for number in range(counts.neovascularisations):
        if number == 0 and random.random() < 0.5:
            _tangle(random, canvas["veins"], eye.disc, random.uniform(0.9, 1.5), 26, 1.2 * plain)
        else:
            _tangle(random, canvas["veins"], eye.place(random, margin=0.8), random.uniform(0.7, 1.3), 22, 1.2 * plain)
    for _ in range(counts.preretinal):
        # Blood settles between retina and vitreous: level above, round below.
        place, width = eye.place(random, margin=0.6), random.uniform(0.6, 1.6) * simulation.harder(1, 0.75)
        turns = np.linspace(0, np.pi, 24)
        below = random.uniform(0.6, 1.1) * np.sin(turns) ** 0.8 + 0.03 * np.sin(5 * turns)
        canvas["preretinal"].shape(place + width * np.stack((np.cos(turns), below), -1), plain)


def _tangle(
    random: np.random.Generator, canvas: _Canvas, place: np.ndarray, reach: float, number: int, shade: float
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


def _colour(patient: Patient, member: int, eye: _Eye, layers: dict[str, np.ndarray | None]) -> np.ndarray:
    """What the retina sends back of white light, float32 `(3, rows, columns)`, 0..1."""
    from scipy.ndimage import gaussian_filter

    size = len(eye.x)
    skin, random = patient.random("pigment"), patient.random("ground", member)
    pigment, fovea = skin.beta(2, 2), eye.x**2 + eye.y**2
    melanin = 0.25 + 0.75 * pigment + 0.05 * texture(random, (size, size), (size / 6, size / 6))
    melanin += 0.022 * texture(random, (size, size), (size / 80, size / 80))
    # Vessels of the choroid show where there is little pigment before them.
    stripes = np.abs(texture(random, (size, size), (size / 37, size / 22)))
    melanin -= 0.09 * (1 - pigment) ** 2 * np.clip(1.2 - 1.6 * stripes, -1, 1.2)
    melanin += skin.uniform(0.2, 0.4) * np.exp(fovea / -(skin.uniform(0.7, 1.1) ** 2))
    light = np.stack([white * np.exp(-share * melanin) for white, share in zip(_GROUND, _MELANIN, strict=True)])

    def over(share: np.ndarray | None, colour: tuple[float, ...], blur: float = 0) -> None:
        if share is None or not share.any():
            return
        share = gaussian_filter(share, blur * size / SIZE) if blur else share
        rows, columns = np.flatnonzero(share.any(1)), np.flatnonzero(share.any(0))
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        light[:, *part] += share[part] * (np.array(colour, np.float32)[:, None, None] - light[:, *part])

    over(layers["drusen"], (0.85, 0.65, 0.3), 0.5)
    (x, y), (width, height) = eye.disc.tolist(), eye.disc_radii.tolist()
    rim = np.sqrt(((eye.x - x) / width) ** 2 + ((eye.y - y) / height) ** 2)
    sharp = width * eye.pixels / 1.5
    crescent = np.clip(1 - np.abs(rim - 1.08) / 0.15, 0, 1) * (eye.side * (eye.x - x) < 0)
    pale = random.uniform(0.85, 1.1)
    over(random.uniform(0, 0.3) * crescent, (0.85, 0.62, 0.4))
    over(0.9 * np.clip((1 - rim) * sharp + 0.5, 0, 1), (0.92 * pale, 0.6 * pale, 0.35 * pale))
    over(0.75 * np.clip((eye.cup - rim) * sharp + 0.5, 0, 1), (0.97 * pale, 0.82 * pale, 0.58 * pale), 1)
    over(layers["cotton"], (0.93, 0.83, 0.6), 1.6)
    for part, *shares in zip(light, _VENOUS, _ARTERIAL, _HAEMORRHAGE, strict=True):
        blood = zip(shares, (layers[name] for name in ("veins", "arteries", "blood")), strict=True)
        part *= np.exp(-sum(share * density for share, density in blood if density is not None))
    over(layers["lipid"], (0.97, 0.86, 0.42))
    over(layers["preretinal"], (0.33, 0.05, 0.03), 0.6)
    reflex = skin.uniform(0, 0.16) * min(1.0, max(0.0, (60 - patient.age) / 40))
    light += reflex * np.exp(fovea / -(0.09**2))
    return light.clip(0, 1)


def _photograph(patient: Patient, member: int, eye: _Eye, light: np.ndarray) -> np.ndarray:
    """The retina as the camera takes it through the media of the eye, `(rows, columns, 3)`, 0..1."""
    from scipy.ndimage import gaussian_filter

    random, device, harder = patient.random("camera", member), patient.style("device"), patient.simulation.harder
    radius, blur = 0.5 * eye.field, harder(0.1, 0.75) * random.uniform(0.6, 1.4) * light.shape[1] / SIZE
    light = gaussian_filter(light, (0, blur, blur))
    # Uneven light, darker at the edge; a haze or a crescent of scattered light.
    angle, lean = random.uniform(0, 2 * np.pi), random.uniform(0, 0.25)
    x, y = eye.centre.tolist()
    slope = (math.cos(angle) * (eye.x - x) + math.sin(angle) * (eye.y - y)) / radius
    shine = (1 - random.uniform(0.1, 0.4) * (eye.from_centre / radius) ** 2) * (1 + lean * slope)
    haze = random.uniform(0, harder(0.06, 0.14)) + random.uniform(0, 0.3) * np.clip(-slope - 0.55, 0, None)
    balance = (device.uniform(0.9, 1.1, 3) * random.normal(1, 0.03, 3)).tolist()
    colours = zip(light, balance, (1.0, 0.75, 0.5), strict=True)
    light = np.stack([part * (shine * gain) + haze * tint for part, gain, tint in colours], -1)
    inside = np.clip((radius - eye.from_centre) * eye.pixels + 0.5, 0, 1)
    # The operator exposes each photograph anew: how bright it is says nothing about the grade.
    light *= random.uniform(0.3, 0.46) / light[inside > 0.5].mean()
    taken = add_look(light, patient, patient.random("look", member), harder(0.01, 0.03))
    dark = np.float32(random.uniform(0.0, 0.03))
    return (dark + inside[..., None] * (taken - dark)).astype(np.float32)


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
