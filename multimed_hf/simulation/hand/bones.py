"""The bones of a hand: their sizes, and how each is drawn at its stage of maturity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .maturity import Stage

SHAPES: dict[str, tuple[float, float, float, float]] = {
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
"""Length, and half the width at the base, at the waist and at the head, of an adult's bone of a finger, in mm."""

RAYS = {
    1: (25.0, 24.0, 33.0, -4.0),
    2: (13.5, 33.0, 5.0, 2.0),
    3: (3.0, 35.5, -1.5, 0.5),
    4: (-6.5, 34.0, -9.0, -1.0),
    5: (-13.5, 30.5, -17.0, -2.0),
}
"""Where metacarpals begin, in mm from the joint of wrist and radius (x towards the thumb, y towards the fingers), and
their angle from y in degrees; then how much more each finger leans."""

CARPALS: dict[str, tuple[float, float, float, float, float, float, float]] = {
    "capitate": (2.0, 21.5, 6.6, 10.8, 4, 14, 2.6),
    "hamate": (-8.8, 21.5, 6.2, 8.4, 14, 13, 2.5),
    "triquetrum": (-12.6, 10.8, 6.4, 5.2, 35, 11, 2.3),
    "lunate": (-1.2, 6.4, 6.8, 5.8, -8, 13, 2.3),
    "trapezium": (21.0, 18.0, 7.4, 5.6, 65, 12, 2.6),
    "trapezoid": (13.4, 24.6, 5.0, 6.0, 10, 12, 2.8),
    "scaphoid": (11.8, 10.0, 9.4, 5.2, 42, 12, 2.3),
    "pisiform": (-14.2, 8.6, 4.2, 4.6, 0, 9, 2.1),
}
"""Middle (x, y), half axes, angle of the first axis from x in degrees, depth in mm, and squareness, in the same frame."""


@dataclass(frozen=True)
class ForearmBone:
    """An adult's bone of the forearm, in mm and radian.

    Attributes:
        x, y: of the middle of its distal end, in the same frame.
        tilt: of its axis from y.
        end, waist: half its width at the end and at the shaft.
        high: height of the full epiphysis.
        depth: in units of its width.
        oblique: slope of its distal end.
    """

    x: float
    y: float
    tilt: float
    end: float
    waist: float
    high: float
    depth: float
    oblique: float


FOREARM = {
    "radius": ForearmBone(9.5, -1.5, 0.05, 15.0, 8.2, 9.0, 0.62, -0.2),
    "ulna": ForearmBone(-15.5, -5.0, -0.03, 7.6, 5.6, 6.0, 0.8, 0.12),
}


def draw_growing(
    canvas: Canvas, name: str, x: float, y: float, angle: float, shape: tuple[float, float, float, float],
    stage: Stage, years: float, build: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Draw a metacarpal or phalanx with its growth plate.

    Args:
        canvas: the hand.
        name: one of `SHAPES`.
        x, y: where it begins, in mm.
        angle: of its axis from y, in radian.
        shape: as in `SHAPES`, of this child.
        stage: of the bone.
        years: bone age of the fingers.
        build: where this child deviates.

    Returns:
        Column and row of the middle of the growth plate, or of where it was.
    """
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
                1.5 * wide, _squareness(stage), weight=1 - stage.closed,
            )  # fmt: skip
    if stage.closed > 0:
        canvas.tube(x, y, angle, (0.0, length), shape, caps, cortex, stage.closed)
    place = length - high - gap / 2 if distal else high + gap / 2
    middle = (x + place * math.sin(angle), y + place * math.cos(angle))
    if stage.scar > 0:
        canvas.blob(*middle, angle, (0.9 * end, 0.9), 3.5 * stage.scar, 3)
    return canvas.pixel(*middle)


def draw_sesamoid(canvas: Canvas, x: float, y: float, angle: float, growth: float) -> tuple[float, float]:
    """Draw the sesamoid of the adductor of the thumb, beside the head of the first metacarpal, on the side of the palm.

    Args:
        canvas: the hand.
        x, y: where the proximal phalanx of the thumb begins, in mm.
        angle: of that phalanx from y, in radian.
        growth: of the sesamoid, 0 to 1.

    Returns:
        Column and row of its middle.
    """
    x, y = x - 6.5 * math.cos(angle) - 3.5 * math.sin(angle), y + 6.5 * math.sin(angle) - 3.5 * math.cos(angle)
    radius = 1.3 + 1.2 * growth
    canvas.blob(x, y, angle, (radius, 1.2 * radius), 6, 2)
    return canvas.pixel(x, y)


def draw_carpal(canvas: Canvas, name: str, growth: float, build: np.random.Generator) -> tuple[float, float] | None:
    """Draw a bone of the wrist, if it has appeared.

    Args:
        canvas: the hand.
        name: one of `CARPALS`.
        growth: 0 to 1; negative: not there yet.
        build: where this child deviates; as much is drawn from it whatever has appeared.

    Returns:
        Column and row of its middle, or None.
    """
    x, y, first, second, angle, depth, square = CARPALS[name]
    x, y, size = x + build.normal(0, 0.5), y + build.normal(0, 0.5), build.normal(1, 0.05)
    bumps = build.normal(0, 0.035, 4)
    if growth < 0:
        return None
    part = size * (0.24 + 0.76 * growth**0.6)
    # A centre begins round and takes its shape as it fills the cartilage.
    circle = math.sqrt(first * second)
    axes = part * (circle + (first - circle) * growth), part * (circle + (second - circle) * growth)
    one, two, three, four = (float(bump) * (0.5 + growth) for bump in bumps)
    turn = -math.radians(angle)
    canvas.blob(x, y, turn, axes, depth * part, 2 + (square - 2) * growth, (one, two, three, four))
    return canvas.pixel(x, y)


def draw_forearm_bone(canvas: Canvas, name: str, stage: Stage, build: np.random.Generator) -> tuple[float, float]:
    """Draw 'radius' or 'ulna', which reach beyond the image; returns column and row of the growth plate."""
    bone = FOREARM[name]
    x, y, end = bone.x + build.normal(0, 0.6), bone.y + build.normal(0, 1.0), bone.end * build.normal(1, 0.05)
    gap, wide, tall = _epiphysis(stage, end, bone.high, build)
    cortex = bone.waist * 0.36 * build.uniform(0.85, 1.15)
    below = math.pi + bone.tilt
    if stage.closed < 1:
        young, ends = (75.0, 0.93 * end, bone.waist, bone.waist), (bone.high + gap, 110.0)
        canvas.tube(x, y, below, ends, young, (1.6, 2.0), cortex, 1 - stage.closed, bone.depth)
        if stage.growth >= 0:
            lean = 0.8 * bone.oblique * stage.growth
            canvas.blob(
                x, y - bone.high / 2, lean, (wide, tall), 1.35 * bone.depth * wide, _squareness(stage),
                weight=1 - stage.closed,
            )  # fmt: skip
    if stage.closed > 0:
        shape = (75.0, end, bone.waist, bone.waist)
        canvas.tube(x, y, below, (0.0, 110.0), shape, (3.2, 2.0), cortex, stage.closed, bone.depth, bone.oblique)
    middle = (x, y - bone.high - gap / 2)
    if stage.scar > 0:
        canvas.blob(*middle, 0.0, (0.92 * end, 1.0), 4.5 * stage.scar, 3)
    return canvas.pixel(*middle)


def _epiphysis(stage: Stage, end: float, high: float, build: np.random.Generator) -> tuple[float, float, float]:
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


def _squareness(stage: Stage) -> float:
    """Exponent of the outline of an epiphysis: round at first, as wide and flat as the metaphysis in the end."""
    return 2.2 + 0.5 * stage.growth + 0.5 * stage.capping
