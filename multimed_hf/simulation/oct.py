"""Simulated OCT of the macula: B-scans of healthy eyes, drusen, neovascularisation and diabetic oedema.

Anatomy comes first, in micrometres: Bruch's membrane, tilted and curved, and on it the layers of the retina, whose
thickness depends on the distance from the fovea (shape after Dubis et al., Br. J. Ophthalmol. 93, 1223, 2009; layers as in
Staurenghi et al., Ophthalmology 121, 1572, 2014). Lesions then move the layers apart or sit within them. Optics come
last: light is lost in proportion to what is scattered back (Vermeer et al., Biomed. Opt. Express 5, 322, 2014), so that
vessels and exudates cast shadows; speckle is fully developed, its intensity gamma distributed over the averaged frames
(Schmitt, Xiang, Yung, J. Biomed. Opt. 4, 95, 1999); and what is shown is the logarithm of the intensity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..sources import MACULAR_DISEASES
from .generator import SubsetGenerator
from .images import add_look, png, texture, to_bytes
from .patient import Patient

SIZE = 224
"""Rows and columns of a B-scan."""

DEPTH, WIDTH = 1200.0, 6000.0
"""What a B-scan shows, in micrometre: at 224 pixels, 5.4 micrometre a row and 26.8 a column."""

# Backscatter in dB above the receiver's noise, before light is lost on the way.
_VITREOUS, _FLUID = -8.0, -2.0
_RETINA = {"rnfl": 26.0, "gcl": 18.5, "ipl": 21.0, "inl": 14.5, "opl": 21.5, "onl": 12.5, "elm": 20.0, "is": 15.0}
_ELLIPSOID, _OUTER_SEGMENTS, _EPITHELIUM = 29.0, 21.0, 32.0
_BRUCH, _STROMA, _LUMEN, _SCLERA = 27.0, 27.0, 17.0, 25.0

_ATTENUATION = 8e-6  # 1/micrometre for each unit of linear backscatter: 3 per mm in the nerve fibres, 13 in the RPE


@dataclass
class _Lesions:
    """What disease does to each column, in micrometre, dB or as a share from 0 to 1; `(columns,)` each.

    Attributes:
        elevation: of the retinal pigment epithelium (RPE) above Bruch's membrane.
        filling: backscatter of what lies below the elevated RPE.
        material: thickness of the hyperreflective material on the RPE.
        fluid: thickness of the subretinal fluid.
        thickening: of the retina.
        receptors: how much of ellipsoid zone and external limiting membrane is left.
        epithelium: how much of the RPE is left.
        cysts: x, layer ('inl' or 'onl'), half width and share of the layer's height.
        exudates: x, place between OPL and ELM (0..1), half width.
        foci: small bright dots, x and place in the whole retina (0..1).
    """

    elevation: np.ndarray
    filling: np.ndarray
    material: np.ndarray
    fluid: np.ndarray
    thickening: np.ndarray
    receptors: np.ndarray
    epithelium: np.ndarray
    cysts: list[tuple[float, str, float, float]] = field(default_factory=list)
    exudates: list[tuple[float, float, float]] = field(default_factory=list)
    foci: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class _Scan:
    """Where a B-scan cuts the eye, in micrometre: columns, distance from the fovea (nasal: positive), Bruch's membrane."""

    x: np.ndarray
    nasal: np.ndarray
    eccentricity: np.ndarray
    bruch: np.ndarray


def draw_bscan(patient: Patient, member: int, size: int = SIZE) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """B-scan `member` of one eye of a patient.

    Args:
        patient: whose `condition` is one of CNV, DME, DRUSEN and NORMAL.
        member: 0 or more; scans of an eye share anatomy and disease and cut them a little differently.
        size: rows and columns.

    Returns:
        The image, float32 `(rows, columns)`, 0..1, vitreous above; and a bool mask `(rows, columns)` for each kind of sign
        that it shows, of 'drusen', 'neovascular', 'fluid', 'cysts' and 'exudates'; none for NORMAL.

    Raises:
        ValueError: an unknown condition.
    """
    if patient.condition not in MACULAR_DISEASES.labels:
        raise ValueError(f"Expected a condition of {MACULAR_DISEASES.labels}, got {patient.condition!r}.")
    scan = _cut(patient, member, size)
    lesions = _lesions(patient, member, scan)
    surfaces = _surfaces(patient, scan, lesions)
    backscatter, absorbed, masks = _tissue(patient, member, scan, lesions, surfaces, size)
    image = _detect(patient, member, backscatter, absorbed)
    if patient.random("eye").random() < 0.5:
        image, masks = image[:, ::-1], {name: mask[:, ::-1] for name, mask in masks.items()}
    random = patient.random("look", member)
    noise = patient.simulation.harder(0.008, 0.03)
    return add_look(image, patient, random, noise), {name: mask for name, mask in masks.items() if mask.any()}


def _cut(patient: Patient, member: int, size: int) -> _Scan:
    """The eye lies differently in each scan: shifted, tilted, moving; its curvature stays."""
    eye, random = patient.random("curvature"), patient.random("scan", member)
    x = ((np.arange(size) + 0.5) / size - 0.5) * WIDTH
    nasal = x - random.uniform(-1100, 1100)
    eccentricity = np.hypot(nasal, random.normal(0, 280))
    bend = eye.normal(-9e-6, 8e-6) * x**2 + 8 * _wave(eye, x, 2500)
    motion = random.uniform(1, 5) * _wave(random, x, 900) + random.normal(0, 1.2, size)
    if random.random() < 0.2:  # a small saccade
        motion += random.normal(0, 9) * (x > random.uniform(-0.5, 0.5) * WIDTH)
    bruch = random.uniform(580, 940) + random.normal(0, 0.045) * x + bend + motion
    return _Scan(x, nasal, eccentricity, bruch)


def _wave(random: np.random.Generator, x: np.ndarray, length: float) -> np.ndarray:
    """A smooth irregular line with a standard deviation near 1 and a typical wavelength `length`."""
    waves = (2 * np.pi / length) * random.uniform(0.4, 1.6, (4, 1)) * x + random.uniform(0, 2 * np.pi, (4, 1))
    return np.sin(waves).sum(0) / np.sqrt(2)


def _dome(x: np.ndarray, centre: float, half_width: float) -> np.ndarray:
    """A smooth dome of height 1."""
    return np.clip(1 - ((x - centre) / half_width) ** 2, 0, None) ** 0.8


def _lesions(patient: Patient, member: int, scan: _Scan) -> _Lesions:
    """The disease of the eye as this scan cuts it; the difficulty makes it smaller."""
    random, jitter = patient.random("disease"), patient.random("slice", member)
    size = patient.simulation.harder(1.0, 0.45) * (0.75 + 0.45 * patient.severity) * jitter.uniform(0.9, 1.1)
    nothing, whole = np.zeros_like(scan.x), np.ones_like(scan.x)
    filling = np.full_like(scan.x, 24.0)
    lesions = _Lesions(nothing, filling, nothing, nothing, nothing, whole, whole)
    move = jitter.normal(0, 80)
    if patient.condition == "DRUSEN":
        _add_drusen(lesions, scan, random, move, int(random.integers(3, 9)), size)
    elif patient.condition == "CNV":
        _add_neovascularisation(lesions, scan, random, move, size)
    elif patient.condition == "DME":
        _add_oedema(lesions, scan, random, move, size)
    # Drupelets, below 63 micrometre, are normal ageing (Ferris et al., Ophthalmology 120, 844, 2013).
    for _ in range(int(jitter.poisson(patient.age / 70))):
        low = jitter.uniform(5, 11) * _dome(scan.x, jitter.uniform(-0.5, 0.5) * WIDTH, jitter.uniform(25, 31))
        lesions.elevation = np.maximum(lesions.elevation, low)
    return lesions


def _add_drusen(
    lesions: _Lesions, scan: _Scan, random: np.random.Generator, move: float, number: int, size: float
) -> None:
    middle, spread = random.normal(0, 700), random.uniform(600, 1400)
    for place in random.uniform(-1, 1, number):
        half_width = random.uniform(110, 290) * (0.6 + 0.4 * size)
        height = random.uniform(0.55, 1.0) * min(75.0, 0.42 * half_width) * (0.25 + 0.75 * size)
        # Never as low as a drupelet.
        dome = max(17.0, height) * _dome(scan.nasal, middle + place * spread + move, half_width)
        lesions.elevation = np.maximum(lesions.elevation, dome)
    lesions.receptors = 1 - 0.5 * np.clip(lesions.elevation / 60, 0, 1)


def _add_neovascularisation(
    lesions: _Lesions, scan: _Scan, random: np.random.Generator, move: float, size: float
) -> None:
    """Type 1 grows below the RPE, type 2 above it (Freund et al., Retina 30, 1333, 2010); both leak."""
    if random.random() < 0.6:
        _add_drusen(lesions, scan, random, move, int(random.integers(1, 5)), 0.8 * size)
    kind, x = random.choice(3, p=(0.4, 0.3, 0.3)), scan.nasal
    middle, half = random.normal(0, 750) + move, random.uniform(500, 1100) * (0.4 + 0.6 * size)
    rough = 1 + 0.16 * _wave(random, x, 500)
    if kind != 1:
        detachment = random.uniform(70, 170) * size * _dome(x, middle, half) * rough
        lesions.elevation = np.maximum(lesions.elevation, detachment)
        serous = 8.0 if random.random() < 0.25 else random.uniform(21, 25)
        lesions.filling = np.where(detachment > 10, serous + 2.5 * _wave(random, x, 300), lesions.filling)
    if kind != 0:
        shift, narrow = random.normal(0, 0.3) * half, half * random.uniform(0.6, 1.0)
        lesions.material = random.uniform(70, 130) * size * _dome(x, middle + shift, narrow) * rough
        gap = np.abs(x - middle - shift - random.normal(0, 0.3) * narrow) < narrow * random.uniform(0.25, 0.6)
        lesions.epithelium = np.where(gap, random.uniform(0.1, 0.35), 1.0)
    if kind == 0 or random.random() < 0.8:
        # The retina spans the lesion like a tent: fluid fills the corners on its sides.
        lesion, reach = lesions.elevation + lesions.material, half * random.uniform(1.25, 1.8)
        roof = (0.8 * lesion[np.abs(x - middle) < half].max(initial=0) + random.uniform(40, 90) * size) * _dome(
            x, middle + random.normal(0, 0.3) * half, reach
        )
        lesions.fluid = np.clip(roof - lesion, 0, random.uniform(80, 150) * size)
    lost = random.uniform(0.6, 0.95)
    lesions.receptors = np.minimum(lesions.receptors, 1 - lost * np.clip(1.4 * _dome(x, middle, 1.1 * half), 0, 1))
    lesions.thickening = random.uniform(0, 70) * size * np.exp(-(((x - middle) / half) ** 2))
    if random.random() < 0.3:
        for _ in range(int(random.integers(1, 4))):
            place = middle + random.normal(0, 0.5) * half
            lesions.cysts.append((place, "onl", random.uniform(60, 130) * size, random.uniform(0.4, 0.8)))
    lesions.foci = [(float(random.normal(middle, half)), float(random.uniform(0.3, 0.95))) for _ in range(6)]


def _add_oedema(lesions: _Lesions, scan: _Scan, random: np.random.Generator, move: float, size: float) -> None:
    """Cysts of the inner nuclear and Henle's layers, a thick retina and lipid (Otani et al., Am. J. Ophthalmol. 127, 1999)."""
    x = scan.nasal
    middle, half = random.normal(0, 650) + move, random.uniform(900, 1800)
    bump = random.uniform(120, 270) * size**1.3 * np.exp(-(((x - middle) / half) ** 2))
    lesions.thickening = bump * (1 + 0.12 * _wave(random, x, 1200))
    for _ in range(int(random.integers(5, 9) + round(8 * size * random.random()))):
        place = float(middle + 0.75 * half * random.normal(0, 0.8))
        if random.random() < 0.6:
            half_width, height = random.uniform(60, 230) * size, random.uniform(0.6, 0.96)
            lesions.cysts.append((place, "onl", half_width, height))
        else:
            lesions.cysts.append((place, "inl", random.uniform(50, 120) * size, random.uniform(0.55, 0.9)))
    if random.random() < 0.2:
        lesions.fluid = random.uniform(40, 130) * size * _dome(x, middle, random.uniform(400, 800))
    side = float(random.choice((-1, 1)))
    for _ in range(int(random.poisson(4 * size) * (random.random() < 0.7))):
        place = float(middle + side * half * random.uniform(0.3, 1.2))
        lesions.exudates.append((place, float(random.uniform(0, 0.55)), float(random.uniform(20, 55))))
    lesions.foci = [(float(random.normal(middle, half)), float(random.uniform(0.15, 0.9))) for _ in range(14)]
    lesions.receptors = 1 - random.uniform(0, 0.5) * np.exp(-(((x - middle) / (0.5 * half)) ** 2))


def _thickness(patient: Patient, scan: _Scan) -> dict[str, np.ndarray]:
    """Thickness of the healthy layers in micrometre, `(columns,)` each: about 230 in the fovea, 330 around it."""
    random = patient.random("layers")
    mm = scan.eccentricity / 1000
    depth_of_pit, width_of_pit = random.uniform(0.85, 1.0), random.uniform(0.8, 1.25)

    def outside(radius: float, power: float) -> np.ndarray:
        return 1 - depth_of_pit * np.exp(-((mm / (radius * width_of_pit)) ** power))

    nasal = np.clip(scan.nasal / 6000 + 0.5, 0, 1)
    layers = {
        "rnfl": 5 + (10 + 26 * nasal**1.5) * outside(0.9, 2.0),
        "gcl": (54 * np.exp(-((mm / 2.9) ** 2)) + 4) * outside(0.5, 2.4),
        "ipl": 44 * np.exp(-((mm / 4.2) ** 2)) * outside(0.45, 2.4),
        "inl": 40 * np.exp(-((mm / 5.0) ** 2)) * outside(0.42, 2.2) + 2,
        "opl": 10 + 17 * outside(0.35, 2.0),
        "onl": 57 + 48 * np.exp(-((mm / 0.55) ** 2)),
        "elm": np.full_like(mm, 6.0),
        "is": 18 + 6 * np.exp(-((mm / 0.3) ** 2)),
        "ez": np.full_like(mm, 14.0),
        "os": 15 + 16 * np.exp(-((mm / 0.35) ** 2)),
        "rpe": np.full_like(mm, 22.0),
    }
    size = random.normal(1, 0.06)
    inner = ("rnfl", "gcl", "ipl", "inl", "opl", "onl")
    return {
        name: layer * size * random.normal(1, 0.05) if name in inner else layer * random.normal(1, 0.04)
        for name, layer in layers.items()
    }


def _surfaces(patient: Patient, scan: _Scan, lesions: _Lesions) -> dict[str, np.ndarray]:
    """Depth of the lower edge of each layer, in micrometre, from the vitreous down, `(columns,)` each."""
    from scipy.ndimage import gaussian_filter1d

    layers = _thickness(patient, scan)
    swollen = {"inl": 0.33, "opl": 0.1, "onl": 0.57}
    layers |= {name: layers[name] + share * lesions.thickening for name, share in swollen.items()}
    # What pushes from below lifts the inner retina less and more smoothly: the outer nuclear layer takes up the difference.
    push = lesions.elevation + lesions.material + lesions.fluid
    lift = 0.7 * gaussian_filter1d(push, 300 * len(scan.x) / WIDTH, mode="nearest")
    layers["onl"] = np.maximum(layers["onl"] + lift - push, 0.3 * layers["onl"])
    upwards = {"sub-rpe": lesions.elevation, "rpe": layers["rpe"], "material": lesions.material, "fluid": lesions.fluid}
    upwards |= {name: layers[name] for name in ("os", "ez", "is", "elm", "onl", "opl", "inl", "ipl", "gcl", "rnfl")}
    lower = scan.bruch - 4.0
    surfaces = {"bruch": scan.bruch}
    for name, thickness in upwards.items():
        surfaces[name] = lower
        lower = lower - thickness
    surfaces["vitreous"] = lower
    random = patient.random("choroid")
    choroid = np.clip(random.normal(270, 60) - 1.2 * (patient.age - 55), 110, 420)
    surfaces["choroid"] = scan.bruch + choroid * (1 - 0.06 * (scan.nasal / 1500)) + 14 * _wave(random, scan.x, 1700)
    return surfaces


def _tissue(
    patient: Patient, member: int, scan: _Scan, lesions: _Lesions, surfaces: dict[str, np.ndarray], size: int
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Backscatter in dB, what is absorbed besides (one way, 1/micrometre), and the masks of the signs."""
    random, step = patient.random("tissue", member), DEPTH / size
    depth = ((np.arange(size, dtype=np.float32) + 0.5) * step)[:, None]
    spots, choroid = _Spots(patient, scan, surfaces, depth), _choroid(patient, scan, surfaces, depth)
    clear = patient.simulation.harder(0.0, 6.0)  # turbid fluid is harder to tell from retina
    weaker = 1 - lesions.receptors
    levels: dict[str, Any] = {
        "vitreous": _VITREOUS,
        **_RETINA,
        "elm": _RETINA["elm"] - 6 * weaker,
        "ez": _ELLIPSOID - 14 * weaker,
        "os": _OUTER_SEGMENTS - 4 * weaker,
        "fluid": _FLUID + clear,
        "material": 27.0 - patient.simulation.harder(0, 3) + 1.5 * _wave(random, scan.x, 400),
        "rpe": _EPITHELIUM - 9 * (1 - lesions.epithelium),
        "sub-rpe": lesions.filling,
        "bruch": _BRUCH,
        "choroid": choroid,
    }
    backscatter, edge = np.full((size, size), _VITREOUS, np.float32), np.empty((size, size), np.float32)
    names = list(levels)
    for above, name in zip(names, [*names[1:], "sclera"], strict=True):
        np.subtract(depth / (1.2 * step) + 0.5, (surfaces[above] / (1.2 * step)).astype(np.float32), out=edge)
        np.clip(edge, 0, 1, out=edge)
        edge *= np.subtract(levels.get(name, _SCLERA), levels[above], dtype=np.float32)
        backscatter += edge
    backscatter += 0.9 * texture(random, (size, size), (9 * size / SIZE,) * 2) * (backscatter > 0)
    absorbed = np.zeros((size, size), np.float32)
    spots.add(backscatter, absorbed, lesions, patient, random, _FLUID + clear)

    def between(upper: str, lower: str, least: np.ndarray) -> np.ndarray:
        return (depth >= surfaces[upper]) & (depth < surfaces[lower]) & (least > 12)

    masks = {"fluid": between("os", "fluid", lesions.fluid), "cysts": spots.cysts, "exudates": spots.exudates}
    if patient.condition == "CNV":
        # The elevation of a choroidal neovascularisation counts as part of it, drusen at its side as well.
        masks["neovascular"] = between("fluid", "material", lesions.material)
        masks["neovascular"] |= between("rpe", "sub-rpe", lesions.elevation)
    elif patient.condition == "DRUSEN":
        masks["drusen"] = between("rpe", "sub-rpe", lesions.elevation)
    return backscatter, absorbed, masks


def _choroid(patient: Patient, scan: _Scan, surfaces: dict[str, np.ndarray], depth: np.ndarray) -> np.ndarray:
    """Backscatter of the choroid in dB: dark vessels in bright stroma, wider towards the sclera."""
    size = len(scan.x)
    random = patient.random("choroidal vessels")
    # Knots of Sattler's and of Haller's layer, every 40 and 100 micrometre in depth.
    scales = ((40 * size / DEPTH, 75 * size / WIDTH), (100 * size / DEPTH, 180 * size / WIDTH))
    fields = [texture(random, (size, size), scale) for scale in scales]
    bruch, thickness = (surfaces[name].astype(np.float32) for name in ("bruch", "choroid"))
    thickness = thickness - bruch
    first = max(0, min(size - 1, int(bruch.min() * size / DEPTH)))
    below = depth[first:] - bruch
    rows_below = np.clip(below * (size / DEPTH), 0, size - 1).astype(np.intp)
    fine, wide = (np.take_along_axis(noise, rows_below, 0) for noise in fields)
    share = np.clip(2.2 / thickness * below - 0.4, 0, 1)
    lumen = 1 / (1 + np.exp(2.1 - 7 * (fine + share * (wide - fine))))
    # The choriocapillaris, the first 20 micrometre, is too fine to be resolved.
    lumen *= np.clip((below - 12) / 25, 0, 1) * np.clip((thickness - below) / 40, 0, 1)
    backscatter = np.full((size, size), _STROMA, np.float32)
    backscatter[first:] -= (_STROMA - _LUMEN) * lumen
    return backscatter


class _Spots:
    """Vessels, cysts, lipid and membranes: what sits in the layers at one place."""

    def __init__(self, patient: Patient, scan: _Scan, surfaces: dict[str, np.ndarray], depth: np.ndarray) -> None:
        self.scan, self.surfaces, self.depth = scan, surfaces, depth
        size = len(scan.x)
        self.cysts, self.exudates = np.zeros((2, size, size), bool)
        self.ragged = 0.18 * texture(patient.random("ragged"), (size, size), (8 * size / SIZE,) * 2)

    def _ellipse(self, x: float, z: float, half_width: float, half_height: float) -> tuple[tuple[slice, slice], Any]:
        """A part of the image, and how much of each of its pixels lies in the ellipse; empty outside of the image."""
        size = len(self.depth)
        wide, high = WIDTH / size, DEPTH / size
        half_width, half_height = max(half_width, 0.6 * wide), max(half_height, 0.8 * high)
        column, row = (x - self.scan.nasal[0]) / wide, z / high
        reach, lift = 1.3 * half_width / wide + 1, 1.3 * half_height / high + 1
        part = (
            slice(max(0, round(row - lift)), max(0, round(row + lift) + 1)),
            slice(max(0, round(column - reach)), max(0, round(column + reach) + 1)),
        )
        across = (self.scan.nasal[part[1]] - x) / half_width
        radius = np.sqrt(across**2 + ((self.depth[part[0]] - z) / half_height) ** 2) + self.ragged[part]
        return part, np.clip((1 - radius) * half_height / high + 0.5, 0, 1).astype(np.float32)

    def _at(self, name: str, x: float) -> float:
        return float(np.interp(x, self.scan.nasal, self.surfaces[name]))

    def add(
        self,
        backscatter: np.ndarray,
        absorbed: np.ndarray,
        lesions: _Lesions,
        patient: Patient,
        random: np.random.Generator,
        fluid: float,
    ) -> None:
        """Put all spots into `backscatter` (dB) and `absorbed` (1/micrometre)."""
        vessels = patient.random("vessels")
        for x in vessels.uniform(-3600, 3600, vessels.integers(3, 8)):
            calibre = vessels.uniform(22, 70)
            if abs(x) < 450:  # the avascular zone
                continue
            top, bottom = self._at("vitreous", x), self._at("ipl", x)
            part, inside = self._ellipse(x, top + 0.45 * (bottom - top), calibre, calibre)
            backscatter[part] += inside * np.where(self.depth[part[0]] < top + 0.45 * (bottom - top), 7, -3)
            absorbed[part] += inside * (vessels.uniform(0.12, 0.4) / calibre)
        for x, layer, half_width, share in lesions.cysts:
            top, bottom = self._at({"inl": "ipl", "onl": "opl"}[layer], x), self._at(layer, x)
            part, inside = self._ellipse(x, (top + bottom) / 2, half_width, share * (bottom - top) / 2)
            backscatter[part] += inside * (fluid - backscatter[part])
            self.cysts[part] |= inside > 0.5
        for x, share, half_width in lesions.exudates:
            top, bottom = self._at("inl", x), self._at("onl", x)
            part, inside = self._ellipse(x, top + share * (bottom - top), half_width, 0.6 * half_width)
            backscatter[part] += inside * (31 - backscatter[part])
            absorbed[part] += inside * (0.3 / half_width)
            self.exudates[part] |= inside > 0.5
        for x, share in lesions.foci:
            top, bottom = self._at("vitreous", x), self._at("elm", x)
            part, inside = self._ellipse(x, top + share * (bottom - top), 14, 8)
            backscatter[part] += 7 * inside
        # Lines on or before the retina say nothing about the four conditions.
        if random.random() < 0.2:
            self._line(backscatter, self.surfaces["vitreous"] - 3, 7, 27, random)
        if random.random() < 0.25:
            ends = np.array([self.scan.nasal[0], self.scan.nasal[-1]])
            chord = np.interp(self.scan.nasal, ends, [self._at("vitreous", end) for end in ends])
            rise = random.uniform(30, 160) - random.uniform(-60, 60) * (self.scan.x / 3000) ** 2
            free = np.minimum(chord - rise, self.surfaces["vitreous"] - 15)
            self._line(backscatter, free, 6, random.uniform(7, 12), random)

    def _line(
        self, backscatter: np.ndarray, depth: np.ndarray, width: float, level: float, random: np.random.Generator
    ) -> None:
        middle, half = random.uniform(-2500, 2500), random.uniform(400, 1600)
        line = np.clip(1.2 - np.abs(self.depth - depth) / width, 0, 1) * (np.abs(self.scan.x - middle) < half)
        backscatter += line * np.clip(level - backscatter, 0, None)


def _detect(patient: Patient, member: int, backscatter: np.ndarray, absorbed: np.ndarray) -> np.ndarray:
    """What the detector sees of the tissue: shadows, speckle, noise, logarithm; `(rows, columns)`, 0..1."""
    from scipy.ndimage import gaussian_filter

    random, harder = patient.random("speckle", member), patient.simulation.harder
    size = len(backscatter)
    step = DEPTH / size
    linear = np.exp(backscatter * np.float32(np.log(10) / 10))
    lost = np.cumsum(_ATTENUATION * linear + absorbed, axis=0) * (2 * step)
    # Vignetting by iris and lens, and less sensitivity in depth.
    signal = -harder(0, 7) - random.uniform(0, 3) + 1.5 * _wave(random, np.arange(size), size * 1.5)
    across = (signal * (np.log(10) / 10)).astype(np.float32)
    down = np.linspace(0, -3 * np.log(10) / 10, size, dtype=np.float32)[:, None]
    intensity = linear * np.exp(across + down - lost)
    # Signal and receiver noise are both circular Gaussian, and so is their sum: its intensity follows a gamma distribution
    # with as many degrees as frames are averaged. The point spread function, less than two pixels wide, correlates it.
    frames = harder(14, 2.2) * random.uniform(0.6, 1.5)
    speckle = random.standard_gamma(0.28 * frames, (size, size), dtype=np.float32) / np.float32(0.28 * frames)
    speckle = gaussian_filter(speckle, (0.55, 0.6))
    shown = np.log((intensity + 1) * speckle + np.float32(0.05))
    # Operators set brightness and contrast to their own liking, whatever the eye has.
    mean, spread = random.uniform(0.24, 0.36), random.uniform(0.17, 0.215)
    return (mean + spread * (shown - shown.mean()) / shown.std()).astype(np.float32)


class Generator(SubsetGenerator):
    """Rows of `oct`."""

    subset = "oct"
    conditions = {"NORMAL": 0.32, "CNV": 0.45, "DME": 0.13, "DRUSEN": 0.10}

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, _ = draw_bscan(patient, member)
        return {
            "has_oct": True,
            "oct": png(to_bytes(image)),
            "disease": self.observed(patient, patient.condition, MACULAR_DISEASES.labels, member),
            "age": patient.age,
            "sex": patient.sex,
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        best = 1 - self.simulation.label_noise
        return [
            *super().notes(),
            f"Every B-scan shows the disease that its true label names, so that the best accuracy is {best:.0%}.",
        ]
