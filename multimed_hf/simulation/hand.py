"""Simulated radiographs of left hands of children, seen from the back, whose bones mature with bone age and sex.

What is seen of a bone follows its own age, see `maturity`.

Grey values follow the attenuation of a tube of dense cortex around porous marrow, seen from the side: the cortex is
longest in the beam near the outline, so that outlines are bright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .generator import SubsetGenerator
from .images import add_look, png, texture, to_bytes
from .maturity import FREQUENCIES, FUSION, GROUPS, LABELS, MILESTONES, SCAR, best_possible, bone_ages, months_of
from .patient import Patient


class Generator(SubsetGenerator):
    """Rows of `bone_age`."""

    subset = "bone_age"
    conditions = FREQUENCIES
    rows = 1000
    members = 1
    size = 224
    """Rows and columns of an image."""

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, _ = draw_hand(patient, member, self.size)
        months = months_of(patient)
        label = self.observed(patient, patient.condition, LABELS, member)
        # Children grow with their skeleton, more or less early.
        early = patient.random("chronological age").normal(0, min(1.0, 0.25 + months / 120))
        return {
            "has_xray": True,
            "xray": png(image),
            "bone_age": label,
            "bone_age_months": float(12 * int(label) + months % 12),
            "sex": patient.sex,
            "age": round(max(0.1, (months + 0.5) / 12 + early), 1),
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        months, near = best_possible(self.simulation.difficulty, self.simulation.prevalence)
        return [
            *super().notes(),
            f"Bones of one child disagree: a reader who saw the age of every bone exactly and knew the sex would be off "
            f"by {months:.1f} months on average, within 12 months of {near:.0%} of the children (before label noise); "
            f"chronological age, which deviates from bone age by about a year, is not an input.",
        ]


# Length, and half the width at the base, at the waist and at the head, of an adult's bone, in mm.
_SHAPES: dict[str, tuple[float, float, float, float]] = {
    "mc1": (46, 7.0, 4.6, 7.0),
    "mc2": (68, 7.8, 4.2, 7.2),
    "mc3": (65, 7.2, 4.2, 7.0),
    "mc4": (58, 6.0, 3.7, 6.3),
    "mc5": (54, 6.2, 3.7, 6.0),
    "pp1": (32, 6.8, 4.6, 5.6),
    "pp2": (41, 7.0, 4.6, 5.4),
    "pp3": (45, 7.2, 4.8, 5.6),
    "pp4": (42, 6.8, 4.5, 5.2),
    "pp5": (33, 6.0, 3.9, 4.4),
    "mp2": (24, 6.0, 3.9, 4.8),
    "mp3": (28, 6.2, 4.1, 5.0),
    "mp4": (27, 6.0, 3.9, 4.7),
    "mp5": (19, 5.0, 3.3, 4.0),
    "dp1": (22, 6.4, 3.6, 4.6),
    "dp2": (17, 5.0, 2.5, 3.8),
    "dp3": (18, 5.2, 2.6, 4.0),
    "dp4": (18, 5.0, 2.6, 3.9),
    "dp5": (16, 4.3, 2.2, 3.2),
}
# Where metacarpals begin, in mm from the joint of wrist and radius (x towards the thumb, y towards the fingers), and
# their angle from y in degrees; then how much more each finger leans.
_RAYS = {
    1: (25.0, 24.0, 33.0, -4.0),
    2: (13.5, 33.0, 5.0, 2.0),
    3: (3.0, 35.5, -1.5, 0.5),
    4: (-6.5, 34.0, -9.0, -1.0),
    5: (-13.5, 30.5, -17.0, -2.0),
}
# Middle (x, y), half axes, angle of the first axis from x in degrees, depth in mm, and squareness, in the same frame.
_CARPALS: dict[str, tuple[float, float, float, float, float, float, float]] = {
    "capitate": (2.0, 21.5, 6.6, 10.8, 4, 14, 2.6),
    "hamate": (-8.8, 21.5, 6.2, 8.4, 14, 13, 2.5),
    "triquetrum": (-12.6, 10.8, 6.4, 5.2, 35, 11, 2.3),
    "lunate": (-1.2, 6.4, 6.8, 5.8, -8, 13, 2.3),
    "trapezium": (21.0, 18.0, 7.4, 5.6, 65, 12, 2.6),
    "trapezoid": (13.4, 24.6, 5.0, 6.0, 10, 12, 2.8),
    "scaphoid": (11.8, 10.0, 9.4, 5.2, 42, 12, 2.3),
    "pisiform": (-14.2, 8.6, 4.2, 4.6, 0, 9, 2.1),
}
_CORTEX, _MARROW, _TISSUE = 1.0, 0.24, 0.15  # attenuation per mm, of arbitrary unit
_STEPS = 160


@dataclass
class _Canvas:
    """Attenuation of a hand as it is drawn, and how millimetres of the hand become pixels."""

    density: np.ndarray
    scale: float
    turn: float
    origin: tuple[float, float]

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row of a point of the hand in mm."""
        sine, cosine = math.sin(self.turn), math.cos(self.turn)
        return (
            self.origin[0] + self.scale * (cosine * x + sine * y),
            self.origin[1] + self.scale * (sine * x - cosine * y),
        )

    def window(self, x: float, y: float, angle: float, reach: float) -> tuple[Any, np.ndarray, np.ndarray]:
        """The pixels within `reach` mm of a point, and their place in mm across and along an axis `angle` from y."""
        column, row = self.pixel(x, y)
        extent = reach * self.scale + 1
        rows, columns = self.density.shape
        box = (
            slice(max(0, int(row - extent)), max(0, min(rows, int(row + extent) + 2))),
            slice(max(0, int(column - extent)), max(0, min(columns, int(column + extent) + 2))),
        )
        across = (np.arange(box[1].start, box[1].stop, dtype=np.float32) - column) / self.scale
        down = ((np.arange(box[0].start, box[0].stop, dtype=np.float32) - row) / self.scale)[:, None]
        sine, cosine = math.sin(angle + self.turn), math.cos(angle + self.turn)
        return box, cosine * across + sine * down, sine * across - cosine * down

    def tube(
        self, x: float, y: float, angle: float, ends: tuple[float, float], shape: tuple[float, float, float, float],
        rounding: tuple[float, float], cortex: float, weight: float = 1.0, depth: float = 1.0, lean: float = 0.0,
    ) -> None:  # fmt: skip
        """Add a tubular bone from `ends[0]` to `ends[1]` mm along the axis that begins at (x, y).

        Its half widths follow `shape` over its whole length; `rounding` is how far from each end it starts to narrow,
        `lean` how oblique its ends are.
        """
        middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
        sine, cosine = math.sin(angle), math.cos(angle)
        box, across, along = self.window(x + middle * sine, y + middle * cosine, angle, half + 3)
        place = along + middle + lean * across
        step = np.clip((place - ends[0]) * (_STEPS / (ends[1] - ends[0])), 0, _STEPS).astype(np.intp)
        outer, inner, marrow = (profile.take(step) for profile in _profiles(ends, shape, rounding, cortex))
        square = across * across
        outer = np.sqrt(np.maximum(outer - square, 0))
        inner = np.sqrt(np.maximum(inner - square, 0))
        path = (outer - inner) * _CORTEX + inner * marrow
        self.density[box] += 2 * weight * depth * path

    def blob(
        self, x: float, y: float, angle: float, axes: tuple[float, float], depth: float, square: float,
        bumps: tuple[float, float, float, float] = (0, 0, 0, 0), weight: float = 1.0,
    ) -> None:  # fmt: skip
        """Add a compact bone, `depth` mm deep, with half `axes` in mm across and along `angle`."""
        box, across, along = self.window(x, y, angle, 1.25 * max(axes))
        first, second = np.abs(across) / axes[0], np.abs(along) / axes[1]
        radius = (first**square + second**square) ** (1 / square)
        if any(bumps):
            length = np.sqrt(across**2 + along**2) + 1e-6
            cosine, sine = across / length, along / length
            double, twofold = 2 * cosine**2 - 1, 2 * cosine * sine
            radius = radius / (
                1
                + bumps[0] * double
                + bumps[1] * twofold
                + bumps[2] * (cosine * double - sine * twofold)
                + bumps[3] * (sine * double + cosine * twofold)
            )
        outer = np.sqrt(np.maximum(1 - radius**2, 0))
        shell = min(0.5, 0.8 / min(axes))
        inner = (1 - shell) * np.sqrt(np.maximum(1 - (radius / (1 - shell)) ** 2, 0))
        self.density[box] += weight * depth * ((outer - inner) * _CORTEX + inner * 1.15 * _MARROW)


def _profiles(
    ends: tuple[float, float], shape: tuple[float, float, float, float], rounding: tuple[float, float], cortex: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Along a tubular bone: squares of its outer and inner radius in mm, and attenuation of its marrow; from end to end."""
    length, base, waist, head = shape
    place = np.linspace(ends[0], ends[1], _STEPS + 1, dtype=np.float32)
    part = np.clip(place / length, 0, 1)
    wide = waist + (base - waist) * np.maximum(1 - part / 0.45, 0) ** 2
    wide += (head - waist) * np.maximum(1 - (1 - part) / 0.38, 0) ** 2
    thick = cortex * (1.12 - 0.9 * (2 * part - 1) ** 2)
    first, last = place - ends[0], ends[1] - place
    for end, radius in ((first, rounding[0]), (last, rounding[1])):
        wide = wide * np.sqrt(1 - np.clip(1 - end / radius, 0, 1) ** 3)
    # Where the plate grows, new bone is dense.
    marrow = _MARROW + 0.35 * np.exp(-np.minimum(first, last) / 0.8)
    return wide**2, np.maximum(wide - thick, 0) ** 2, marrow


@dataclass(frozen=True)
class _Stage:
    """How far a bone is.

    Attributes:
        growth: of its centre; negative: not there yet, 1: full.
        capping: 0 to 1 while the full epiphysis bends around the metaphysis and the plate becomes thin.
        closed: share of the growth plate that is bridged, 0 to 1.
        scar: density of the line that stays for a while.
    """

    growth: float
    capping: float
    closed: float
    scar: float


def _stage(name: str, age: float, sex: int) -> _Stage:
    stages = MILESTONES[name]
    appears, full, fuses = stages.appears[sex], stages.full[sex], stages.fuses[sex]
    closed = (age - fuses) / FUSION
    return _Stage(
        growth=min((age - appears) / (full - appears), 1.0),
        capping=float(np.clip((age - full) / max(fuses - full, 1e-6), 0, 1)),
        closed=float(np.clip(closed, 0, 1)),
        scar=min(1.0, 2 * max(closed, 0.0)) * float(np.clip(1 - (age - fuses - FUSION) / SCAR, 0, 1)),
    )


def draw_hand(patient: Patient, member: int, size: int = 224) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """A radiograph of the left hand of a patient whose condition is one of `LABELS`.

    Args:
        patient: whose hand it is.
        member: number of the image of this patient.
        size: rows and columns.

    Returns:
        uint8 `(size, size)`; and row and column of the middle of each growth plate (closed or not) and of each carpal
        that has appeared, by name of the bone.

    Raises:
        ValueError: the condition is not a year of `LABELS`.
    """
    if patient.condition not in LABELS:
        raise ValueError(f"Expected a condition from '0' to '19', years of bone age, got {patient.condition!r}.")
    random, build = patient.random("pose", member), patient.random("build")
    sex, ages = int(patient.sex == "male"), bone_ages(patient)
    years = sum(ages[name] for name in GROUPS["fingers"]) / len(GROUPS["fingers"])
    # Small children look as large as big ones: the image is scaled to the hand.
    stretch = random.uniform(0.8, 1.0)
    turn = math.radians(float(np.clip(random.normal(0, 8), -20, 20)))
    arm = random.uniform(22, 50)
    scale = size * stretch / (206 + arm)
    origin = (
        size * (0.5 + random.uniform(-0.07, 0.07)) - scale * (6 + 80 * math.sin(turn)),
        size * (1 - 0.5 * (1 - stretch) + random.uniform(-0.03, 0.03)) - scale * arm,
    )
    canvas = _Canvas(np.zeros((size, size), np.float32), scale, turn, origin)
    places: dict[str, tuple[float, float]] = {}
    flesh: list[tuple[float, float, float, float]] = []
    _draw_rays(canvas, random, build, sex, ages, years, places, flesh)
    _draw_wrist(canvas, build, sex, ages, years, places, flesh)
    image = _exposed(canvas, _tissue(canvas, flesh), patient, member)
    return image, {name: (row, column) for name, (column, row) in places.items()}


def _draw_rays(
    canvas: _Canvas, random: np.random.Generator, build: np.random.Generator, sex: int, ages: dict[str, float],
    years: float, places: dict[str, tuple[float, float]], flesh: list[tuple[float, float, float, float]],
) -> None:  # fmt: skip
    """Draw metacarpals and phalanges; note their plates, and capsules of soft tissue (x, y, radius, new finger or 0)."""
    plump = build.uniform(0.9, 1.12) * (1.22 - 0.22 * min(years / 8, 1))
    stout = build.uniform(0.92, 1.08)
    spread = random.uniform(0.2, 1.5)
    for ray, (x, y, lean, more) in _RAYS.items():
        angle = math.radians(lean + random.normal(0, 1.2) + (spread - 0.8) * more * 0.6)
        for part in ("mc", "pp", "mp", "dp"):
            name = f"{part}{ray}"
            if name not in _SHAPES:
                continue
            length, base, waist, head = _SHAPES[name]
            length *= build.normal(1, 0.03)
            shape = (length, base * stout, waist * stout * (0.92 + 0.08 * min(years / 14, 1)), head * stout)
            places[name] = _draw_growing(canvas, name, x, y, angle, shape, _stage(name, ages[name], sex), years, build)
            flesh.append((x, y, _fleshy(part, ray) * plump, float(part == "mc")))
            gap = 1.6 if part != "mc" else 2.0
            x, y = x + (length + gap) * math.sin(angle), y + (length + gap) * math.cos(angle)
            if part == "mc":
                angle += math.radians(more * spread + random.normal(0, 1.5) + (-9 if ray == 1 else 0))
                if ray == 1:
                    _draw_sesamoid(canvas, x, y, angle, _stage("sesamoid", ages["sesamoid"], sex).growth, places)
            else:
                angle += math.radians(random.normal(0, 2.0))
        flesh.append((x + 2 * math.sin(angle), y + 2 * math.cos(angle), (6.3 if ray != 5 else 5.5) * plump, 0.0))


def _fleshy(part: str, ray: int) -> float:
    """Radius of the soft tissue around the base of a bone, in mm."""
    radius = {"mc": 13.0, "pp": 11.0, "mp": 8.8, "dp": 7.8}[part]
    return radius * {1: 1.06, 5: 0.86}.get(ray, 1.0)


def _draw_sesamoid(
    canvas: _Canvas, x: float, y: float, angle: float, growth: float, places: dict[str, tuple[float, float]]
) -> None:
    """The sesamoid of the adductor of the thumb, beside the head of the first metacarpal, on the side of the palm."""
    if growth < 0:
        return
    x, y = x - 6.5 * math.cos(angle) - 3.5 * math.sin(angle), y + 6.5 * math.sin(angle) - 3.5 * math.cos(angle)
    radius = 1.3 + 1.2 * growth
    canvas.blob(x, y, angle, (radius, 1.2 * radius), 6, 2)
    places["sesamoid"] = canvas.pixel(x, y)


def _draw_growing(
    canvas: _Canvas, name: str, x: float, y: float, angle: float, shape: tuple[float, float, float, float],
    stage: _Stage, years: float, build: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Draw a bone of a finger with its growth plate; returns column and row of the plate."""
    length, base, waist, head = shape
    distal = name in ("mc2", "mc3", "mc4", "mc5")
    end = head if distal else base
    high = {"mc": 0.95 if distal else 0.66, "pp": 0.64, "mp": 0.64, "dp": 0.62}[name[:2]] * end
    cortex = waist * (0.36 + 0.14 * min(max(years - 3, 0) / 13, 1)) * build.uniform(0.85, 1.15)
    gap, wide, tall = _epiphysis(stage, end, high, build)
    caps = (2.2, 0.75 * head) if distal else (2.2, 2.5 if name[:2] == "dp" else 3.5)
    if stage.closed < 1:
        ends = (0.0, length - high - gap) if distal else (high + gap, length)
        # The metaphysis is narrower than the end of the adult bone.
        young = (length, base, waist, 0.9 * head) if distal else (length, 0.9 * base, waist, head)
        canvas.tube(
            x, y, angle, ends, young, (caps[0], 1.2) if distal else (1.2, caps[1]), cortex, 1 - stage.closed
        )  # fmt: skip
        if stage.growth >= 0:
            place = length - high / 2 if distal else high / 2
            canvas.blob(
                x + place * math.sin(angle), y + place * math.cos(angle), angle, (wide, tall),
                1.5 * wide, 2.2 + 0.5 * stage.growth + 0.5 * stage.capping, weight=1 - stage.closed,
            )  # fmt: skip
    if stage.closed > 0:
        canvas.tube(x, y, angle, (0.0, length), shape, caps, cortex, stage.closed)
    place = length - high - gap / 2 if distal else high + gap / 2
    middle = (x + place * math.sin(angle), y + place * math.cos(angle))
    if stage.scar > 0:
        canvas.blob(*middle, angle, (0.9 * end, 0.9), 3.5 * stage.scar, 3)
    return canvas.pixel(*middle)


def _epiphysis(stage: _Stage, end: float, high: float, build: np.random.Generator) -> tuple[float, float, float]:
    """Width of the plate, and half width and half height of the epiphysis, in mm.

    Args:
        stage: of the bone.
        end: half width of this end of the adult bone.
        high: height of the full epiphysis.
        build: of the child.
    """
    growth = max(stage.growth, 0.0)
    wide = end * build.uniform(0.95, 1.05) * (0.19 + 0.76 * growth**0.75 + 0.1 * stage.capping)
    tall = min(high / 2 * (0.45 + 0.5 * growth**0.6 + 0.1 * stage.capping), 1.15 * wide)
    return 1.9 - 0.7 * stage.capping + 1.8 * (1 - growth), wide, tall


def _draw_wrist(
    canvas: _Canvas, build: np.random.Generator, sex: int, ages: dict[str, float], years: float,
    places: dict[str, tuple[float, float]], flesh: list[tuple[float, float, float, float]],
) -> None:  # fmt: skip
    """Draw the carpals that have appeared, radius and ulna."""
    for name, (x, y, first, second, angle, depth, square) in _CARPALS.items():
        growth = _stage(name, ages[name], sex).growth
        x, y, size = x + build.normal(0, 0.5), y + build.normal(0, 0.5), build.normal(1, 0.05)
        bumps = build.normal(0, 0.035, 4)
        if growth < 0:
            continue
        part = size * (0.24 + 0.76 * growth**0.6)
        # A centre begins round and takes its shape as it fills the cartilage.
        round_axis = math.sqrt(first * second)
        axes = (
            part * (round_axis + (first - round_axis) * growth),
            part * (round_axis + (second - round_axis) * growth),
        )
        one, two, three, four = (float(bump) * (0.5 + growth) for bump in bumps)
        turn = -math.radians(angle)
        canvas.blob(x, y, turn, axes, depth * part, 2 + (square - 2) * growth, (one, two, three, four))
        places[name] = canvas.pixel(x, y)
    for name, x, y, tilt, end, waist, high in (
        ("radius", 9.5, -1.5, 0.05, 15.0, 8.2, 9.0),
        ("ulna", -15.5, -5.0, -0.03, 7.6, 5.6, 6.0),
    ):
        x, y, end = x + build.normal(0, 0.6), y + build.normal(0, 1.0), end * build.normal(1, 0.05)
        stage = _stage(name, ages[name], sex)
        gap, wide, tall = _epiphysis(stage, end, high, build)
        cortex = waist * 0.36 * build.uniform(0.85, 1.15)
        below = math.pi + tilt
        depth, oblique = (0.62, -0.2) if name == "radius" else (0.8, 0.12)
        if stage.closed < 1:
            young = (75.0, 0.93 * end, waist, waist)
            canvas.tube(x, y, below, (high + gap, 110.0), young, (1.6, 2.0), cortex, 1 - stage.closed, depth)
            if stage.growth >= 0:
                square, weight = 2.2 + 0.5 * stage.growth + 0.5 * stage.capping, 1 - stage.closed
                lean = 0.8 * oblique * stage.growth
                canvas.blob(x, y - high / 2, lean, (wide, tall), 1.35 * depth * wide, square, weight=weight)
        if stage.closed > 0:
            shape = (75.0, end, waist, waist)
            canvas.tube(x, y, below, (0.0, 110.0), shape, (3.2, 2.0), cortex, stage.closed, depth, oblique)
        middle = (x, y - high - gap / 2)
        if stage.scar > 0:
            canvas.blob(*middle, 0.0, (0.92 * end, 1.0), 4.5 * stage.scar, 3)
        places[name] = canvas.pixel(*middle)
    plump = build.uniform(0.95, 1.1) * (1.12 - 0.12 * min(years / 8, 1))
    for points in (
        ((13, 22), (10, -12), (12, -120)),
        ((-6, 26), (-13, -10), (-14, -120)),
        ((1, 30), (-1, -12), (-1, -120)),
    ):
        for number, (across, along) in enumerate(points):
            flesh.append((across, along, (17.0, 16.0, 19.0)[number] * plump, float(number == 0)))
    # The webs: between thumb and palm, and across the heads of the metacarpals.
    for chain in (((22, 32), (24, 58), (24, 76)), ((14, 45), (17, 92)), ((-6, 45), (-15, 82)), ((4, 45), (3, 94))):
        for number, (across, along) in enumerate(chain):
            flesh.append((across, along, 14.0 if chain[0][0] != 22 else (14.0, 12.0, 5.0)[number], float(number == 0)))


def _tissue(canvas: _Canvas, flesh: list[tuple[float, float, float, float]]) -> np.ndarray:
    """Depth of the soft tissue in mm, `(rows, columns)`: round at the edges, from chains of capsules."""
    from scipy.ndimage import gaussian_filter

    size, coarse = len(canvas.density), 4
    points = np.array([(*canvas.pixel(x, y), radius * canvas.scale, new) for x, y, radius, new in flesh], np.float32)
    first, second = points[:-1][points[1:, 3] == 0], points[1:][points[1:, 3] == 0]
    count = size // coarse + 2
    axis = np.arange(count, dtype=np.float32) * (size - 1) / (count - 1)
    start, step = first[:, :2], second[:, :2] - first[:, :2]
    span = (step**2).sum(1) + 1e-6
    across = axis[None, :] - start[:, :1]
    down = axis[None, :] - start[:, 1:2]
    along = (across * (step[:, :1] / span[:, None]))[:, None, :] + (down * (step[:, 1:] / span[:, None]))[:, :, None]
    np.clip(along, 0, 1, out=along)
    away = np.sqrt(
        (across[:, None, :] - along * step[:, :1, None]) ** 2 + (down[:, :, None] - along * step[:, 1:, None]) ** 2
    )
    inside = (first[:, 2, None, None] + along * (second[:, 2] - first[:, 2])[:, None, None] - away).max(0)
    inside = _enlarged(gaussian_filter(inside, 0.6), size) / canvas.scale
    full = 13.0
    return 1.5 * np.sqrt(np.maximum(1 - (1 - np.clip(inside / full, 0, 1)) ** 2, 0)) * full


def _enlarged(coarse: np.ndarray, size: int) -> np.ndarray:
    """A square image at `size` rows and columns, corners on corners, linear in between."""
    place = np.linspace(0, len(coarse) - 1, size)
    first = np.minimum(place.astype(int), len(coarse) - 2)
    part = (place - first).astype(np.float32)
    rows = coarse[first] * (1 - part)[:, None] + coarse[first + 1] * part[:, None]
    return rows[:, first] * (1 - part) + rows[:, first + 1] * part


def _exposed(canvas: _Canvas, tissue: np.ndarray, patient: Patient, member: int) -> np.ndarray:
    """The radiograph of what was drawn: noise, collimation, side marker, and an exposure that tells nothing of age."""
    random, harder = patient.random("exposure", member), patient.simulation.harder
    size = len(canvas.density)
    grain = 1 + 0.1 * texture(random, (size, size), 1.6) + 0.06 * texture(random, (size, size), 6)
    bones = canvas.density * grain * random.uniform(0.85, 1.15) * harder(1.0, 0.62)
    path = bones + _TISSUE * tissue * (1 + 0.05 * texture(random, (size, size), 9))
    image = 1 - np.exp(-path / random.uniform(7.5, 11))
    image += 0.05 * random.random() * texture(random, (size, size), size / 2)
    # Mean and contrast are drawn, not left to how much bone there is.
    target, contrast = random.uniform(0.26, 0.44), random.uniform(0.17, 0.23)
    image = target + (image - image.mean()) * (contrast / image.std())
    if random.random() < 0.6:
        _add_marker(image, random)
    if random.random() < 0.5:
        _collimate(image, random)
    return to_bytes(add_look(image, patient, random, harder(0.012, 0.05) * random.uniform(0.6, 1.6)))


def _add_marker(image: np.ndarray, random: np.random.Generator) -> None:
    """A lead letter L near an edge."""
    size = len(image)
    height, stroke = round(size * random.uniform(0.045, 0.07)), max(1, round(size * 0.011))
    row, column = int(random.uniform(0.04, 0.8) * size), int((0.03 if random.random() < 0.5 else 0.88) * size)
    image[row : row + height, column : column + stroke] = 0.95
    image[row + height - stroke : row + height, column : column + round(0.6 * height)] = 0.95


def _collimate(image: np.ndarray, random: np.random.Generator) -> None:
    """Shutters: dark or bright margins."""
    size, tone = len(image), random.choice([0.02, 0.02, 0.85])
    top, bottom, left, right = (random.uniform(0, 0.035, 4) * size).astype(int)
    image[:top], image[size - bottom :] = tone, tone
    image[:, :left], image[:, size - right :] = tone, tone
