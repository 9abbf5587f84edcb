"""How deep the layers of the retina lie in a B-scan, in micrometres.

Their thickness depends on the distance from the fovea (shape after Dubis et al., Br. J. Ophthalmol. 93, 1223, 2009; layers as
in Staurenghi et al., Ophthalmology 121, 1572, 2014); lesions move them apart.
"""

from __future__ import annotations

import numpy as np

from ..patient import Patient
from .macular_lesions import Lesions
from .oct_scan import WIDTH, Scan, wave


def surfaces_of(patient: Patient, scan: Scan, lesions: Lesions) -> dict[str, np.ndarray]:
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
    surfaces["choroid"] = scan.bruch + choroid * (1 - 0.06 * (scan.nasal / 1500)) + 14 * wave(random, scan.x, 1700)
    return surfaces


def _thickness(patient: Patient, scan: Scan) -> dict[str, np.ndarray]:
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
