"""The body phantom: head, chest, abdomen and thigh as ellipsoids of tissues.

Every modality is drawn from this one phantom, so that CT, MR and radiograph of a patient show the same anatomy. Tissues
have the values that CT and MR depend on. HU: Kalender, Computed Tomography (Publicis, 2011). T1 and T2 at 1.5 T: Stanisz
et al., Magn. Reson. Med. 54, 507 (2005); de Bazelaire et al., Radiology 230, 652 (2004); of the brain: Kwan, Evans, Pike,
IEEE Trans. Med. Imaging 18, 1085 (1999).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .patient import Patient
from .projection import Shape

ORGANS = ("brain", "lung", "liver", "kidney", "bone")
"""Where a lesion may sit; the shift 'organ' holds out the last. 'bone' is the thigh bone above the knee."""


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

_HOSTS = {
    # Organ to the ellipsoids a lesion may lie in, (centre, radii) in mm, and the smallest and largest radius of a lesion.
    "brain": ([((-32, 0, 22), (28, 62, 33)), ((32, 0, 22), (28, 62, 33))], (7, 22)),
    "lung": ([((-78, 8, 0), (42, 60, 85)), ((84, 12, 10), (38, 56, 80))], (9, 30)),
    "liver": ([((-66, 0, 45), (64, 56, 44))], (9, 30)),
    "kidney": ([((-64, 45, -20), (27, 29, 40)), ((64, 45, -10), (27, 29, 40))], (8, 17)),
    "bone": ([((0, 0, -45), (33, 25, 36))], (7, 15)),
}


def shapes_of(patient: Patient) -> tuple[Shape, ...]:
    """The healthy body part of a patient, around the origin, in the order of painting.

    Raises:
        ValueError: the patient's organ is not one of `ORGANS`.
    """
    if patient.organ not in ORGANS:
        raise ValueError(f"Expected a patient with an organ among {', '.join(ORGANS)}, got {patient.organ!r}.")
    random = patient.random("anatomy")
    parts = _Parts(random, scale_of(patient))
    {"brain": _head, "lung": _chest, "bone": _thigh}.get(patient.organ, _abdomen)(parts, patient)
    return tuple(parts.shapes)


def scale_of(patient: Patient) -> float:
    """The size of a patient's body relative to the average."""
    return float(patient.random("scale").uniform(0.93, 1.07)) * (1.02 if patient.sex == "male" else 0.98)


def place_in(organ: str, radius: float, random: np.random.Generator) -> tuple[float, float, float]:
    """A random place in an organ of average size, where a lesion of `radius` mm lies inside, in mm."""
    hosts, _ = _HOSTS[organ]
    centre, radii = hosts[int(random.integers(len(hosts)))]
    direction = random.standard_normal(3)
    direction *= random.random() ** (1 / 3) / np.linalg.norm(direction)
    room = np.maximum(np.asarray(radii) - radius, 2.0)
    x, y, z = np.asarray(centre) + direction * room
    return float(x), float(y), float(z)


def radius_in(organ: str, share: float) -> float:
    """The radius in mm of a lesion of an organ: the smallest at 0, the largest at 1."""
    smallest, largest = _HOSTS[organ][1]
    return smallest + (largest - smallest) * share


class _Parts:
    """Collects shapes; every one differs a little from patient to patient."""

    def __init__(self, random: np.random.Generator, scale: float) -> None:
        self.random = random
        self.scale = scale
        self.shapes: list[Shape] = []

    def add(
        self,
        tissue: str,
        centre: Sequence[float],
        radii: Sequence[float],
        inside: str = "muscle",
        turn: float = 0.0,
        vary: float = 0.05,
        both: bool = False,
        soft: bool = True,
        folds: float = 0.0,
        merges: bool = False,
    ) -> Shape:
        """Adds a shape, and with `both` its mirror image first."""
        if both:
            self.add(
                tissue, (-centre[0], *centre[1:]), radii, inside, -turn, vary, soft=soft, folds=folds, merges=merges
            )
        factors = 1 + vary * self.random.uniform(-1, 1, 3)
        shift = vary * min(radii) * self.random.uniform(-1, 1, 3)
        x, y, z = self.scale * (np.asarray(centre) + shift)
        a, b, c = self.scale * np.asarray(radii) * factors
        place, size = (float(x), float(y), float(z)), (float(a), float(b), float(c))
        shape = Shape(tissue, place, size, inside, turn, soft=soft, folds=folds, merges=merges)
        self.shapes.append(shape)
        return shape

    def bones(self, *parts: tuple[Sequence[float], Sequence[float], float, str], merges: bool = False) -> None:
        """A bone that is the union of ellipsoids: centre, radii, thickness of the wall in mm and tissue inside of each."""
        shells = [
            self.add("bone", centre, radii, vary=0.04, soft=False, merges=merges) for centre, radii, _, _ in parts
        ]
        for shell, (_, _, wall, core) in zip(shells, parts, strict=True):
            a, b, c = (radius - wall for radius in shell.radii)
            self.shapes.append(replace(shell, tissue=core, radii=(a, b, c), inside="bone"))


def _head(parts: _Parts, patient: Patient) -> None:
    def hard(tissue: str, centre: Sequence[float], radii: Sequence[float], inside: str) -> None:
        parts.add(tissue, centre, radii, inside, vary=0.0, soft=False, merges=inside == "air")

    wall = parts.random.uniform(0.85, 1.25)
    fluid = float(np.interp(patient.age, [20, 90], [0.75, 1.45])) * parts.random.uniform(0.85, 1.15)
    # The face and the neck first: the skull lies over them.
    hard("fat", (0, -50, -80), (64, 53, 68), "air")
    hard("fat", (0, 36, -110), (62, 42, 80), "air")
    hard("muscle", (0, -48, -80), (60, 52, 64), "fat")
    hard("muscle", (0, 34, -110), (57, 40, 80), "fat")
    hard("skin", (0, 0, 0), (79.5, 98.5, 95), "air")
    hard("fat", (0, 0, 0), (77.3, 96.3, 93), "skin")
    hard("bone", (0, 0, 0), (74, 93, 90), "fat")
    hard("spongy bone", (0, 0, 0), (74 - 1.7 * wall, 93 - 1.7 * wall, 90 - 1.7 * wall), "bone")
    hard("bone", (0, 0, 0), (74 - 5 * wall, 93 - 5 * wall, 90 - 5 * wall), "spongy bone")
    inner = [radius - 7 * wall for radius in (74, 93, 90)]
    hard("water", (0, 0, 0), inner, "bone")
    parts.add("white matter", (0, 0, 0), [radius - 1.2 * fluid for radius in inner], "water", vary=0.0, folds=24.0)
    _brain(parts, fluid)
    _skull_base(parts)


def _brain(parts: _Parts, fluid: float) -> None:
    def inside(
        tissue: str, centre: Sequence[float], radii: Sequence[float], turn: float = 0.0, both: bool = True
    ) -> None:
        parts.add(tissue, centre, radii, "white matter", turn, 0.08, both)

    def single(tissue: str, centre: Sequence[float], radii: Sequence[float]) -> None:
        inside(tissue, centre, radii, both=False)

    parts.add("white matter", (0, 0, 37), (4.2, 77, 46), "white matter", folds=24.0)
    single("water", (0, 0, 37), (0.6 * fluid, 77, 45))
    single("white matter", (0, -2, 14), (21, 44, 20))
    inside("white matter", (22, 0, 12), (18, 48, 22))
    # Sylvian fissure with the insula.
    inside("grey matter", (43, -8, 0), (8, 21, 13), 8)
    inside("water", (47, -9, 0), (2.4 * fluid, 19, 10), 8)
    inside("water", (54, -9, 0), (7, 1.6 * fluid, 9))
    # Basal ganglia, thalamus and ventricles.
    inside("grey matter", (27, -4, 3), (5.5, 15, 10), 14)
    inside("grey matter", (15, -21, 8), (5.5, 10, 9), 16)
    inside("grey matter", (11.5, 11, 5), (8.5, 14, 9), 22)
    inside("water", (9.5, -25, 9), (3.6 * fluid, 14, 7.5), -14)
    inside("water", (8, -2, 21), (4.4 * fluid, 28, 5.2), 4)
    inside("water", (23, 34, 10), (4.2 * fluid, 15, 7.5), 16)
    single("water", (0, 4, 1), (1.9 * fluid, 13, 9))
    # Temporal horns, and the space between brain and skull base.
    inside("water", (31, 2, -24), (3 * fluid, 12, 3))
    single("water", (0, -8, -30), (13, 12, 8))
    single("water", (0, 24, -20), (14, 6, 6))
    # Tentorium, cerebellum, brainstem.
    single("water", (0, 49, -50), (53, 37, 31))
    parts.add("white matter", (0, 49, -50), (51, 35, 29), "water", vary=0.0, folds=13.0)
    single("grey matter", (0, 60, -50), (3, 24, 24))
    single("water", (0, 6, -52), (19, 16, 20))
    single("white matter", (0, 10, -24), (15, 10, 11))
    single("water", (0, 17, -26), (1.2, 1.2, 10))
    single("white matter", (0, 8, -44), (16, 13, 14))
    single("water", (0, 24, -46), (6, 5, 9))
    single("white matter", (0, 16, -74), (8, 8, 26))


def _skull_base(parts: _Parts) -> None:
    def hard(
        tissue: str,
        centre: Sequence[float],
        radii: Sequence[float],
        inside: str = "bone",
        both: bool = True,
        turn: float = 0,
    ) -> None:
        parts.add(tissue, centre, radii, inside, turn, 0.06, both, soft=False)

    hard("bone", (34, 14, -52), (30, 8, 8), "white matter", turn=-35)
    hard("air", (58, 26, -56), (6, 8, 11))
    hard("bone", (0, -30, -50), (20, 22, 12), "white matter", both=False)
    hard("bone", (0, -2, -56), (11, 6, 20), "white matter", both=False)
    hard("bone", (0, -58, -38), (44, 28, 4), "white matter", both=False)
    hard("spongy bone", (0, -62, -70), (40, 26, 20), "muscle", both=False)
    hard("bone", (31, -64, -49), (20.5, 28, 19), "muscle")
    hard("fat", (31, -66, -49), (18, 28, 16))
    hard("water", (31, -74, -50), (12, 12, 12), "fat")
    hard("muscle", (31, -50, -50), (3, 18, 3), "fat")
    hard("air", (5, -60, -60), (4, 24, 22))
    hard("air", (13, -58, -50), (3.5, 18, 11))
    hard("air", (6, -26, -49), (5.5, 12, 8))
    hard("air", (9, -82, -28), (8, 5, 9))
    hard("air", (30, -58, -82), (14, 17, 15), "muscle")
    hard("air", (0, -50, -80), (9, 28, 16), "muscle", both=False)
    hard("gland", (0, -10, -40), (6.5, 5.5, 4), "water", both=False)
    hard("blood", (13, -9, -40), (3.2, 7, 3.2), "water")
    hard("blood", (0, 79, 20), (3, 4, 28), "water", both=False)
    # Teeth, lower jaw, neck.
    hard("bone", (0, -74, -108), (26, 18, 9), "muscle", both=False)
    hard("bone", (46, -38, -108), (6, 20, 30), "muscle", turn=20)
    hard("bone", (0, 24, -125), (18, 14, 25), "muscle", both=False)


def _spine(parts: _Parts, y: float, size: float, low: float, high: float, pitch: float) -> None:
    for z in np.arange(low, high, pitch):
        parts.add("bone", (0, y + 21 * size, z), (15 * size, 11 * size, pitch * 0.38), soft=False)
        parts.add("bone", (24 * size, y + 22 * size, z), (14 * size, 4 * size, 5), both=True, soft=False)
        parts.add("bone", (0, y + 36 * size, z - 4), (3, 12 * size, pitch * 0.3), soft=False)
    parts.add("water", (0, y + 21 * size, (low + high) / 2), (8.5 * size, 7 * size, (high - low)), "bone", soft=False)
    parts.add("cartilage", (0, y, (low + high) / 2), (15 * size, 12 * size, (high - low)), soft=False)
    for z in np.arange(low, high, pitch):
        parts.bones(((0, y, z), (19.5 * size, 15.5 * size, pitch * 0.53), 2.0, "spongy bone"))


def _ribs(parts: _Parts, tops: Sequence[float], across: float, depth: float, drop: float, last: float = 148) -> None:
    """Ribs that leave the spine at the heights `tops` and fall by `drop` mm to the front."""
    angles = np.radians(np.linspace(14, last, 10))
    sides = np.array([-1, 1])[:, None]
    rise = 7 * np.sin(angles) - drop * (1 - np.cos(angles)) / 2
    for top in tops:
        start = top + parts.random.uniform(-3, 3, (2, 1))
        points = np.stack(
            np.broadcast_arrays(sides * across * np.sin(angles), depth * np.cos(angles), start + rise), axis=-1
        )
        spans, middles = np.diff(points, axis=1).reshape(-1, 3), ((points[:, 1:] + points[:, :-1]) / 2).reshape(-1, 3)
        lengths = np.linalg.norm(spans, axis=1)
        axes = _frames(spans, middles * (1 / across**2, 1 / depth**2, 0))
        for middle, length, frame in zip((parts.scale * middles).tolist(), lengths, axes, strict=True):
            radii = (0.72 * float(length) * parts.scale, 3.4, 6.0)
            parts.shapes.append(Shape("bone", tuple(middle), radii, "muscle", axes=frame, soft=False))


def _vessels(
    parts: _Parts, root: Sequence[float], hull: Sequence[float], count: int, thick: float, inside: str, side: float
) -> None:
    """Vessels that spread from `root` into an ellipsoid of radii `hull` on one side, and thin out."""
    directions = parts.random.standard_normal((count, 3))
    directions[:, 0] = side * np.abs(directions[:, 0]) * 1.2
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    starts = np.broadcast_to(np.asarray(root, float), (count, 3))
    for width, share in ((thick, 0.42), (0.62 * thick, 0.33), (0.4 * thick, 0.3)):
        spans = directions * hull * share * parts.random.uniform(0.75, 1.0, (count, 1))
        axes = _frames(spans, parts.random.standard_normal((count, 3)))
        middles = parts.scale * (starts + spans / 2)
        for middle, length, frame in zip(middles.tolist(), np.linalg.norm(spans, axis=1), axes, strict=True):
            radii = (0.6 * float(length) * parts.scale, width, width)
            parts.shapes.append(Shape("blood", tuple(middle), radii, inside, axes=frame))
        starts = starts + spans
        directions = directions + 0.5 * parts.random.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)


def _frames(along: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Orthonormal axes `(n, 3, 3)` as columns: `along`, the part of `outward` across it, and the third; both `(n, 3)`."""
    first = along / np.linalg.norm(along, axis=1, keepdims=True)
    second = outward - first * (outward * first).sum(1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _chest(parts: _Parts, patient: Patient) -> None:
    random = parts.random
    fat = random.uniform(0.6, 1.6) * 13
    parts.add("fat", (0, 0, 0), (154 + fat, 106 + fat, 420), "air", vary=0, soft=False)
    parts.add("muscle", (0, 0, 0), (154, 106, 420), "fat", vary=0, soft=False)
    parts.add("fat", (0, -12, 10), (46, 72, 120), vary=0.03)
    parts.add("lung", (-71, 2, 5), (63, 85, 138), vary=0.03, soft=False, merges=True)
    parts.add("lung", (73, 2, 5), (61, 84, 138), vary=0.03, soft=False, merges=True)
    # Diaphragm: liver on the right, spleen and stomach on the left.
    parts.add("liver", (-66, 4, -150), (74, 82, 74), soft=False)
    parts.add("spleen", (72, 10, -158), (66, 76, 66), soft=False)
    parts.add("air", (62, -30, -132), (26, 24, 18), "muscle", soft=False)
    # Mediastinum.
    parts.add("muscle", (3, 20, 10), (24, 46, 120), soft=False)
    parts.add("fat", (0, -48, 60), (26, 28, 60), vary=0.1)
    heart = random.uniform(0.9, 1.12)
    parts.add("muscle", (26, -26, -62), (60 * heart, 46 * heart, 46 * heart), turn=-28)
    parts.add("blood", (42, -34, -64), (24 * heart, 17 * heart, 24), turn=-32)
    parts.add("blood", (2, -36, -56), (22 * heart, 22 * heart, 24))
    parts.add("blood", (6, 4, -46), (26 * heart, 14 * heart, 20))
    parts.add("blood", (-10, -26, 15), (15, 15, 55))
    parts.add("blood", (12, 4, 62), (14, 42, 14), turn=-14)
    parts.add("blood", (22, 42, -40), (12, 12, 110))
    parts.add("blood", (14, -22, 14), (13, 22, 14), turn=35)
    parts.add("blood", (-26, -18, 50), (8, 9, 70))
    parts.add("blood", (30, 4, 4), (26, 9, 9), both=True, turn=10)
    parts.add("air", (0, 8, 110), (8.5, 9, 78), "muscle")
    parts.add("air", (18, 14, 26), (20, 6, 6), "muscle", both=True)
    for side in (-1.0, 1.0):
        _vessels(parts, (side * 32, 6, 2), (92, 78, 118), 14, random.uniform(2.4, 3.4), "lung", side)
    _spine(parts, 58, 0.9, -230, 230, 26)
    parts.add("bone", (0, -90, 20), (16, 5, 78), soft=False)
    parts.add("bone", (76, -46, 152), (72, 6, 6), both=True, turn=14, soft=False)
    parts.add("bone", (104, 84, 80), (30, 4, 58), both=True, turn=-26, soft=False)
    _ribs(parts, [150 - 27 * place for place in range(10)], 137, 93, 92)


def _abdomen(parts: _Parts, patient: Patient) -> None:
    random = parts.random
    fat = random.uniform(0.5, 1.9) * 14
    parts.add("fat", (0, 0, 0), (150 + fat, 100 + fat, 460), "air", vary=0, soft=False)
    parts.add("muscle", (0, 0, 0), (150, 100, 460), "fat", vary=0, soft=False)
    parts.add("fat", (0, -10, 0), (139, 82, 300), "muscle", vary=0.02)
    # Bowel, some of it filled with gas.
    for side in (-1.0, 1.0):
        parts.add("bowel", (side * 110, 8, -70), (20, 21, 110), "fat")
        parts.add("bowel", (side * 110, 8, -70), (16, 17, 105), "bowel", vary=0.1)
        for place in range(3):
            height = -130 + 55 * place + random.uniform(-20, 20)
            parts.add("air", (side * 110, 0, height), (13, 9, random.uniform(10, 24)), "bowel", vary=0.15)
    for _ in range(48):
        angle = random.uniform(-2.9, -0.25) if random.random() < 0.75 else random.uniform(-3.3, 0.2)
        far = random.uniform(0.3, 0.85)
        middle = (118 * far * np.cos(angle), -4 + 74 * far * np.sin(angle), random.uniform(-190, 90))
        width = random.uniform(12, 22)
        parts.add("bowel", middle, (width, width * 0.9, width * 1.3), "fat", random.uniform(-60, 60))
        if random.random() < 0.45:
            parts.add("air", (middle[0], middle[1] - 3, middle[2]), (width * 0.78, width * 0.6, width), "bowel")
    parts.add("bowel", (40, 4, 8), (55, 11, 13), "fat", turn=-12)
    parts.add("muscle", (38, 62, -70), (19, 19, 100), "fat", both=True, soft=False)
    # Stomach with fluid and gas.
    parts.add("bowel", (62, -38, 62), (44, 32, 40), "fat", turn=20)
    parts.add("water", (62, -36, 62), (39, 27, 35), "bowel", turn=20)
    parts.add("air", (58, -50, 66), (28, 13, 24), "bowel", turn=10)
    parts.add("spleen", (106, 34, 52), (26, 42, 48), "fat", turn=20)
    parts.add("liver", (-66, 0, 45), (76, 74, 66), "fat", vary=0.03)
    parts.add("liver", (10, -44, 58), (62, 30, 40), "fat", turn=8)
    for side in (-1.0, 1.0):
        _vessels(parts, (-40, -4, 50), (66, 60, 44), 7, random.uniform(2.2, 3.4), "liver", side)
    parts.add("fat", (-34, -8, 28), (12, 10, 10), "liver")
    parts.add("water", (-52, -62, 4), (12, 17, 22), "liver")
    for centre in ((-64.0, 45.0, -20.0), (64.0, 45.0, -10.0)):
        parts.add("kidney", centre, (29, 31, 54), "fat", vary=0.03, turn=20 * np.sign(centre[0]))
        x, y, z = centre
        for corner in np.arange(0, 2 * np.pi, np.pi / 4).tolist():
            for rise, narrow in ((-26, 0.8), (0, 1.0), (26, 0.8)):
                spot = (x + 17 * narrow * np.cos(corner), y + 18 * narrow * np.sin(corner), z + narrow * rise)
                parts.add("medulla", spot, (5.5, 5.5, 7), "kidney", vary=0.2)
        inward = -np.sign(x)
        parts.add("fat", (x + 8 * inward, y - 2, z), (15, 11, 24), "kidney")
        parts.add("water", (x + 7 * inward, y - 2, z), (6, 5, 12), "fat", vary=0.2)
        parts.add("blood", (x + 30 * inward, y - 6, z + 4), (26, 4, 4), "fat", turn=8)
    _spine(parts, 58, 1.1, -230, 230, 35)
    parts.add("blood", (10, 32, 0), (10.5, 10.5, 300), "fat", soft=False)
    parts.add("blood", (-18, 30, 0), (13, 10, 300), "fat", soft=False)
    _ribs(parts, [150, 124, 98, 72], 140, 92, 76, last=104)
    parts.add("spongy bone", (96, 34, -190), (10, 46, 70), both=True, turn=35, soft=False)
    parts.add("spongy bone", (0, 66, -205), (48, 20, 50), soft=False)


def _thigh(parts: _Parts, patient: Patient) -> None:
    random = parts.random
    fat = random.uniform(0.5, 1.8) * 9
    side = 1.0 if patient.random("leg").random() < 0.5 else -1.0
    parts.add("fat", (0, 4, 40), (66 + fat, 68 + fat, 330), "air", vary=0, soft=False)
    parts.add("muscle", (0, 4, 40), (64, 66, 330), "fat", vary=0, soft=False)
    parts.add("fat", (0, 4, 0), (61, 63, 280), "muscle", vary=0)
    # Quadriceps in front, hamstrings behind, sartorius on the inner side.
    for x, y, a, b, turn in (
        (0, -40, 24, 16, 0),
        (38, -24, 21, 28, 20),
        (-40, -22, 19, 27, -18),
        (30, 40, 19, 17, -20),
        (-30, 42, 20, 16, 22),
        (-48, 22, 11, 16, 10),
        (46, 16, 11, 14, 0),
        (0, 52, 12, 9, 0),
    ):
        parts.add("muscle", (side * x, y, 40), (a, b, 190 + 60 * random.random()), "fat", turn=side * turn, vary=0.08)
    parts.add("blood", (side * 4, 36, 0), (4.5, 4.5, 280), "fat")
    parts.add("blood", (side * -5, 40, 0), (5.5, 5, 280), "fat")
    parts.add("cartilage", (0, 2, -116), (42, 32, 16))
    spongy = "spongy bone"
    parts.bones(((0, 2, -168), (39, 28, 50), 2.0, spongy), ((0, 2, -260), (16, 15, 110), 4.0, "marrow"), merges=True)
    parts.bones(((side * 44, 18, -195), (9, 9, 42), 2.0, spongy), merges=True)
    parts.bones(((0, -38, -84), (19, 9, 21), 2.0, spongy))
    # The shaft widens to the metaphysis and the two condyles.
    parts.bones(
        ((0, -4, 190), (16, 16, 190), 5.5, "marrow"),
        ((0, -3, 24), (23, 19, 64), 3.5, "marrow"),
        ((0, 0, -48), (35, 27, 58), 1.8, spongy),
        ((-21, 10, -88), (20, 28, 26), 1.8, spongy),
        ((21, 10, -88), (20, 28, 26), 1.8, spongy),
        merges=True,
    )
