"""The body phantom: head, chest, abdomen and thigh as ellipsoids of tissues.

Every modality is drawn from this one phantom, so that CT, MR and radiograph of a patient show the same anatomy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..patient import Patient
from .head import add_head
from .parts import Parts
from .projection import Shape

ORGANS = ("brain", "lung", "liver", "kidney", "bone")
"""Where a lesion may sit; the shift 'organ' holds out the last. 'bone' is the thigh bone above the knee."""

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
    parts = Parts(random, scale_of(patient))
    {"brain": add_head, "lung": _chest, "bone": _thigh}.get(patient.organ, _abdomen)(parts, patient)
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


def _spine(parts: Parts, y: float, size: float, low: float, high: float, pitch: float) -> None:
    for z in np.arange(low, high, pitch):
        parts.add("bone", (0, y + 21 * size, z), (15 * size, 11 * size, pitch * 0.38), soft=False)
        parts.add("bone", (24 * size, y + 22 * size, z), (14 * size, 4 * size, 5), both=True, soft=False)
        parts.add("bone", (0, y + 36 * size, z - 4), (3, 12 * size, pitch * 0.3), soft=False)
    parts.add("water", (0, y + 21 * size, (low + high) / 2), (8.5 * size, 7 * size, (high - low)), "bone", soft=False)
    parts.add("cartilage", (0, y, (low + high) / 2), (15 * size, 12 * size, (high - low)), soft=False)
    for z in np.arange(low, high, pitch):
        parts.bones(((0, y, z), (19.5 * size, 15.5 * size, pitch * 0.53), 2.0, "spongy bone"))


def _ribs(parts: Parts, tops: Sequence[float], across: float, depth: float, drop: float, last: float = 148) -> None:
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
    parts: Parts, root: Sequence[float], hull: Sequence[float], count: int, thick: float, inside: str, side: float
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


def _chest(parts: Parts, patient: Patient) -> None:
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


def _abdomen(parts: Parts, patient: Patient) -> None:
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


def _thigh(parts: Parts, patient: Patient) -> None:
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
