"""The head of simulated EEG: electrodes on a sphere, and what a current dipole inside causes at them.

Every source is a current dipole in a homogeneous sphere (Frank, J. Appl. Phys. 23, 1225, 1952), as deep as blurs it like
the skull would (Ary, Klein, Fender, IEEE Trans. Biomed. Eng. 28, 447, 1981).
"""

from __future__ import annotations

import math

import numpy as np

# The electrodes of the EEG Motor Movement/Imagery Dataset (Schalk et al., IEEE Trans. Biomed. Eng. 51, 1034, 2004).
MONTAGE = tuple(
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 "
    "F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 "
    "Iz".split()
)

# How many steps of 18 degrees each row of the 10-10 system lies in front of Cz.
_ROWS = dict(
    zip("Fp AF F FC FT C T CP TP P PO O I".split(), (4, 3, 2, 1, 1, 0, 0, -1, -1, -2, -3, -4, -5), strict=True)
)


def electrode_position(name: str) -> np.ndarray:
    """Place of an electrode of `MONTAGE` on the unit sphere: to the right, to the front, up.

    A row lies on the great circle from its electrode on the midline to the ring through Fpz, T7, Oz and T8, 72 degrees
    from Cz, and T9 and T10 beyond it (Oostenveld, Praamstra, Clin. Neurophysiol. 112, 713, 2001).
    """
    row = name.rstrip("z0123456789")
    number = name[len(row) :]
    midline = math.radians(18 * _ROWS[row])
    middle = np.array([0.0, math.sin(midline), math.cos(midline)])
    if number == "z":
        return middle
    azimuth, polar = math.radians(90 - 18 * _ROWS[row]), math.radians(72)
    side = -1 if int(number) % 2 else 1
    ring = np.array([side * math.sin(polar) * math.sin(azimuth), math.sin(polar) * math.cos(azimuth), math.cos(polar)])
    share = 1.0 if row in ("Fp", "O") else (int(number) + 1) // 2 / 4
    angle = math.acos(float(middle @ ring))
    place = (math.sin((1 - share) * angle) * middle + math.sin(share * angle) * ring) / math.sin(angle)
    return np.asarray(place)


POSITIONS = {name: electrode_position(name) for name in MONTAGE}

PLACES = np.array(list(POSITIONS.values()))
"""Places of the electrodes in the order of `MONTAGE`, `(64, 3)`."""

ROW_OF = {name: row for row, name in enumerate(MONTAGE)}
"""Name of an electrode to its row in `PLACES`."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors `(..., 3)` scaled to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def dipole_potentials(places: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Potential of dipoles at the electrodes, `(64, dipoles)`: on the surface of an isolated homogeneous sphere.

    Args:
        places: `(dipoles, 3)`, inside the unit sphere.
        directions: unit vectors `(dipoles, 3)`.
    """
    away = PLACES[:, None] - places
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    # The gradient of the Green's function of the sphere with an insulating surface, 2/d - ln(1 - r r' + d).
    floor = 1 - PLACES @ places.T + distance[..., 0]
    field = 2 * away / distance**3 + (PLACES[:, None] + away / distance) / floor[..., None]
    return np.asarray((field * directions).sum(-1))
