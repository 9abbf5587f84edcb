"""What the tissue in a B-scan scatters back and absorbs: layers, choroid, vessels, cysts, lipid and membranes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..images import texture
from ..patient import Patient
from .macular_lesions import Lesions
from .oct_scan import DEPTH, SIZE, WIDTH, Scan, wave

# Backscatter in dB above the receiver's noise, before light is lost on the way.
_VITREOUS, _FLUID = -8.0, -2.0
_RETINA = {"rnfl": 26.0, "gcl": 18.5, "ipl": 21.0, "inl": 14.5, "opl": 21.5, "onl": 12.5, "elm": 20.0, "is": 15.0}
_ELLIPSOID, _OUTER_SEGMENTS, _EPITHELIUM = 29.0, 21.0, 32.0
_BRUCH, _STROMA, _LUMEN, _SCLERA = 27.0, 27.0, 17.0, 25.0


def scatter(
    patient: Patient, member: int, scan: Scan, lesions: Lesions, surfaces: dict[str, np.ndarray], size: int
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """What the light meets in a B-scan.

    Args:
        patient: whose eye it is.
        member: the B-scan.
        scan: where it cuts the eye.
        lesions: what disease does there.
        surfaces: of the layers, as `surfaces_of` has them.
        size: rows and columns.

    Returns:
        Backscatter in dB and what is absorbed besides (one way, 1/micrometre), float32 `(rows, columns)` each; and the masks of
        the signs, bool `(rows, columns)`, which may be empty.
    """
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
        "material": 27.0 - patient.simulation.harder(0, 3) + 1.5 * wave(random, scan.x, 400),
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


def _choroid(patient: Patient, scan: Scan, surfaces: dict[str, np.ndarray], depth: np.ndarray) -> np.ndarray:
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

    def __init__(self, patient: Patient, scan: Scan, surfaces: dict[str, np.ndarray], depth: np.ndarray) -> None:
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
        lesions: Lesions,
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
