"""What drusen, neovascularisation and diabetic oedema do to the macula where a B-scan cuts it, in micrometres."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..patient import Patient
from .oct_scan import WIDTH, Scan, wave


@dataclass
class Lesions:
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


def lesions_of(patient: Patient, member: int, scan: Scan) -> Lesions:
    """The disease of the eye as this scan cuts it; the difficulty makes it smaller."""
    random, jitter = patient.random("disease"), patient.random("slice", member)
    extent = patient.simulation.harder(1.0, 0.45) * (0.75 + 0.45 * patient.severity)
    size = extent * jitter.uniform(0.9, 1.1)
    nothing, whole = np.zeros_like(scan.x), np.ones_like(scan.x)
    filling = np.full_like(scan.x, 24.0)
    lesions = Lesions(nothing, filling, nothing, nothing, nothing, whole, whole)
    move = jitter.normal(0, 80)
    if patient.condition == "DRUSEN":
        _add_drusen(lesions, scan, random, move, int(random.integers(3, 9)), size)
    elif patient.condition == "CNV":
        _add_neovascularisation(lesions, scan, random, move, size)
    elif patient.condition == "DME":
        _add_oedema(lesions, scan, random, move, extent, size)
    # Drupelets, below 63 micrometre, are normal ageing (Ferris et al., Ophthalmology 120, 844, 2013).
    for _ in range(int(jitter.poisson(patient.age / 70))):
        low = jitter.uniform(5, 11) * _dome(scan.x, jitter.uniform(-0.5, 0.5) * WIDTH, jitter.uniform(25, 31))
        lesions.elevation = np.maximum(lesions.elevation, low)
    return lesions


def _dome(x: np.ndarray, centre: float, half_width: float) -> np.ndarray:
    """A smooth dome of height 1."""
    return np.clip(1 - ((x - centre) / half_width) ** 2, 0, None) ** 0.8


def _add_drusen(
    lesions: Lesions, scan: Scan, random: np.random.Generator, move: float, number: int, size: float
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
    lesions: Lesions, scan: Scan, random: np.random.Generator, move: float, size: float
) -> None:
    """Type 1 grows below the RPE, type 2 above it (Freund et al., Retina 30, 1333, 2010); both leak."""
    if random.random() < 0.6:
        _add_drusen(lesions, scan, random, move, int(random.integers(1, 5)), 0.8 * size)
    kind, x = random.choice(3, p=(0.4, 0.3, 0.3)), scan.nasal
    middle, half = random.normal(0, 750) + move, random.uniform(500, 1100) * (0.4 + 0.6 * size)
    rough = 1 + 0.16 * wave(random, x, 500)
    if kind != 1:
        detachment = random.uniform(70, 170) * size * _dome(x, middle, half) * rough
        lesions.elevation = np.maximum(lesions.elevation, detachment)
        serous = 8.0 if random.random() < 0.25 else random.uniform(21, 25)
        lesions.filling = np.where(detachment > 10, serous + 2.5 * wave(random, x, 300), lesions.filling)
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


def _add_oedema(
    lesions: Lesions, scan: Scan, random: np.random.Generator, move: float, extent: float, size: float
) -> None:
    """Cysts of the inner nuclear and Henle's layers, a thick retina and lipid (Otani et al., Am. J. Ophthalmol. 127, 1999)."""
    x = scan.nasal
    middle, half = random.normal(0, 650) + move, random.uniform(900, 1800)
    bump = random.uniform(120, 270) * size**1.3 * np.exp(-(((x - middle) / half) ** 2))
    lesions.thickening = bump * (1 + 0.12 * wave(random, x, 1200))
    for _ in range(int(random.integers(5, 9) + round(8 * extent * random.random()))):
        place = float(middle + 0.75 * half * random.normal(0, 0.8))
        if random.random() < 0.6:
            half_width, height = random.uniform(60, 230) * size, random.uniform(0.6, 0.96)
            lesions.cysts.append((place, "onl", half_width, height))
        else:
            lesions.cysts.append((place, "inl", random.uniform(50, 120) * size, random.uniform(0.55, 0.9)))
    if random.random() < 0.2:
        lesions.fluid = random.uniform(40, 130) * size * _dome(x, middle, random.uniform(400, 800))
    side = float(random.choice((-1, 1)))
    for _ in range(int(random.poisson(4 * extent) * (random.random() < 0.7))):
        place = float(middle + side * half * random.uniform(0.3, 1.2))
        lesions.exudates.append((place, float(random.uniform(0, 0.55)), float(random.uniform(20, 55))))
    lesions.foci = [(float(random.normal(middle, half)), float(random.uniform(0.15, 0.9))) for _ in range(14)]
    lesions.receptors = 1 - random.uniform(0, 0.5) * np.exp(-(((x - middle) / (0.5 * half)) ** 2))
