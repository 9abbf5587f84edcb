"""What CT and MR depend on, for each healthy tissue.

HU: Kalender, Computed Tomography (Publicis, 2011). T1 and T2 at 1.5 T: Stanisz et al., Magn. Reson. Med. 54, 507 (2005);
de Bazelaire et al., Radiology 230, 652 (2004); of the brain: Kwan, Evans, Pike, IEEE Trans. Med. Imaging 18, 1085 (1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tissue:
    """HU without and with contrast medium, T1 and T2 in ms, density of protons relative to water, T1 with gadolinium."""

    hu: float
    enhanced: float
    t1: float
    t2: float
    protons: float
    t1_enhanced: float = 0.0


TISSUES: Mapping[str, Tissue] = {
    "air": Tissue(-1000, -1000, 1000, 1, 0.0),
    "lung": Tissue(-850, -840, 1200, 40, 0.12),
    "fat": Tissue(-100, -98, 343, 58, 1.0),
    "skin": Tissue(40, 45, 600, 35, 0.7),
    "water": Tissue(6, 6, 4000, 1500, 1.0),
    # Blood that flows leaves the slice between the pulses: it is dark in spin echoes, whatever its T1 and T2.
    "blood": Tissue(45, 155, 1441, 290, 0.12),
    "muscle": Tissue(55, 65, 1008, 44, 0.8),
    "white matter": Tissue(28, 30, 500, 70, 0.77),
    "grey matter": Tissue(38, 42, 833, 83, 0.86),
    "gland": Tissue(45, 80, 700, 60, 0.8, 450),
    "liver": Tissue(55, 108, 576, 46, 0.75),
    "spleen": Tissue(48, 115, 1057, 79, 0.8),
    "kidney": Tissue(32, 150, 966, 87, 0.8),
    "medulla": Tissue(28, 110, 1412, 85, 0.85),
    "bowel": Tissue(35, 70, 900, 60, 0.75),
    "bone": Tissue(1150, 1150, 500, 1, 0.05),
    "spongy bone": Tissue(230, 230, 480, 50, 0.72),
    "marrow": Tissue(-60, -60, 330, 52, 0.85),
    "cartilage": Tissue(85, 85, 1060, 42, 0.6),
}
"""The healthy tissues."""
