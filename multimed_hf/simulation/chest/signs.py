"""What each finding changes in a thorax, after Hansell et al., Fleischner Society glossary (Radiology 246, 697, 2008)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .findings import Finding
from .thorax import AIR, DIRECTION, Thorax
from .vessels import STRIDE, branches


def _nodules(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Sharp round opacities; masses are larger and lobulated."""
    mask = np.zeros_like(chest.lungs)
    mass = finding.name == "Mass"
    for number in range(finding.count):
        radius = finding.size / 2 * (1.0 if number == 0 else random.uniform(0.7, 1.0))
        x, y = chest.spot(random, finding.side, finding.zone, radius * (0.8 if mass else 1.3))
        window = chest.near(x, y, radius * 1.4)
        dx, dy = chest.x[window] - x, chest.y[window[0]] - y
        turn = np.arctan2(dy, dx)
        lobes = 0.09 * np.cos(3 * turn + random.uniform(0, 6)) + 0.05 * np.cos(5 * turn + random.uniform(0, 6))
        inside = 1 - (dx * dx + dy * dy) / (radius * (1 + lobes * mass)) ** 2
        path = 2 * radius * np.sqrt(np.clip(inside, 0, 1))
        # Small ones are mostly granulomas: denser than water, or nobody would see them between the ribs.
        gain = (1.0 if mass else 1.9) * (0.65 + 0.5 * finding.severity) * (0.25 + 0.75 * chest.visible)
        chest.water[window] += gain * path
        mask[window] |= inside > 0
    return mask


def _effusion(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Fluid fills the costophrenic angle, with a surface that rises towards the chest wall: the meniscus."""
    mask = np.zeros_like(chest.lungs)
    wall = chest.width - chest.ax
    for side in finding.sides:
        angle = chest.dome[side] + chest.sulcus
        depth = 24 + 105 * (chest.extent(finding) - 0.18) * random.uniform(0.75, 1.1)
        surface = angle - depth - 30 * np.exp(-wall / 16)
        weight = chest.step(chest.y - surface, 5) * chest.thorax(side)
        chest.fill(0.96 * weight)
        # What lies behind the dome makes the shadow denser than the abdomen above it.
        chest.water += 5 * chest.visible * weight
        mask |= weight > 0.5
    return mask


def _pneumothorax(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Free air between the wall and the line of the visceral pleura, beyond which there are no vessels."""
    gap = (10 + 40 * chest.extent(finding)) * random.uniform(0.85, 1.15)
    across = chest.along([0, 0.1, 0.3, 0.7, 1.0], [1.15, 1.0, 0.75, 0.5, 0.3], chest.height)
    # Distance to the line: from the side, and from above at the apex.
    aside, above = chest.width - chest.ax - gap * across, 0.8 * (chest.y - 0.9 * gap)
    distance = -16 * np.logaddexp(-aside / 16, -above / 16)
    space = chest.thorax(finding.side) & (distance < 0)
    beyond = chest.step(-distance) * chest.thorax(finding.side)
    chest.vessels *= 1 - beyond
    chest.water -= (AIR + 0.1 * chest.visible) * chest.air * beyond
    lung = chest.thorax(finding.side) & (distance >= 0)
    chest.fill(0.12 * chest.visible * lung)
    line = np.exp(-((distance / max(1.1, 0.7 * chest.spacing)) ** 2)) * chest.thorax(finding.side)
    chest.water += (5 + 8 * chest.visible) * line
    return space


def _consolidation(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Air spaces filled, vessels gone, bronchi still open: air bronchograms."""
    mask = np.zeros_like(chest.lungs)
    for side in finding.sides:
        reach = 26 + 30 * chest.extent(finding)
        x, y = chest.spot(random, side, finding.zone, 0.6 * reach)
        rx, ry = reach * random.uniform(0.8, 1.1), reach * random.uniform(0.85, 1.25)
        weight = chest.patch(x, y, rx, ry, 0.22) * chest.thorax(side)
        hilum = chest.hilum[side]
        start = (x + 0.6 * (hilum[0] - x) * min(1, reach / 90), y + 0.5 * (hilum[1] - y) * min(1, reach / 90))
        heading = np.arctan2(y - start[1], DIRECTION[side] * (x - start[0]))
        bx, by, radius = branches(random, [(0.0, 0.0)], [1], 3, reach * 0.42, 2.6, 3, 0.6)
        ahead, aside = bx * np.cos(heading) - by * np.sin(heading), bx * np.sin(heading) + by * np.cos(heading)
        bronchi = chest.splat(start[0] + DIRECTION[side] * ahead, start[1] + aside, radius)
        mask |= chest.seen(weight, 0.4)
        chest.fill((0.3 + 0.55 * chest.visible * (0.5 + 0.5 * finding.severity)) * weight)
        chest.water -= 1.9 * bronchi * weight * (0.4 + 0.6 * chest.visible)
    return mask


def _pneumonia(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """One lobe, inhomogeneous, with a straight border where a fissure stops it."""
    side = finding.side
    low, high = chest.third(finding.zone)
    rise = random.uniform(-0.15, 0.15)
    middle = 0.55 * chest.half
    fissure = (high if finding.zone != "lower" else low - 12) + rise * (chest.ax - middle)
    distance = (fissure - chest.y) if finding.zone != "lower" else (chest.y - fissure)
    reach = 55 + 45 * chest.extent(finding)
    x = DIRECTION[side] * (middle + random.uniform(-15, 20))
    y = float(high if finding.zone != "lower" else low) + (-0.45 if finding.zone != "lower" else 0.5) * reach
    body = chest.patch(x, y, 0.8 * reach, reach, 0.35, 0.7)
    spots = 0.7 + 0.3 * np.clip(chest.grain(9.0), -1.5, 1.5)
    weight = body * chest.step(distance, 4) * chest.thorax(side)
    mask = chest.seen(weight, 0.4)
    chest.fill(np.clip((0.18 + 0.4 * chest.visible * (0.5 + 0.5 * finding.severity)) * weight * spots, 0, 0.9))
    return mask


def _infiltration(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """A few faint, ill-defined patches."""
    mask = np.zeros_like(chest.lungs)
    for number in range(finding.count + (finding.side == "both")):
        side = finding.sides[number % len(finding.sides)]
        reach = random.uniform(14, 22) + 12 * chest.extent(finding)
        x, y = chest.spot(random, side, finding.zone, 0.7 * reach)
        weight = chest.patch(x, y, reach, reach * random.uniform(0.7, 1.2), 0.45, 0.8) * chest.thorax(side)
        mottled = np.clip(0.75 + 0.45 * chest.grain(6.0), 0.1, 1.5)
        mask |= chest.seen(weight, 0.35)
        chest.fill(np.clip((0.1 + 0.26 * chest.visible * (0.5 + 0.5 * finding.severity)) * weight * mottled, 0, 0.8))
    return mask


def _atelectasis(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Bands of collapsed lung above a dome that is drawn upwards."""
    mask = np.zeros_like(chest.lungs)
    for side in finding.sides:
        length = 38 + 45 * chest.extent(finding)
        x, y = chest.spot(random, side, finding.zone, 0.45 * length)
        for number in range(1 + (finding.severity > 0.5)):
            turn = random.uniform(-0.5, 0.25)
            sine, cosine = DIRECTION[side] * math.sin(turn), math.cos(turn)
            thick = random.uniform(2.2, 3.4) + 2.5 * chest.extent(finding)
            dx, dy = chest.x - x, chest.y - y - 14 * number
            along = cosine * dx + sine * dy
            apart = cosine * dy - sine * dx + 0.004 * along**2
            band = np.exp(-((apart / thick) ** 2)) * np.clip(1.4 - np.abs(along) / (0.36 * length), 0, 1)
            band = band * chest.thorax(side)
            chest.water += (7 + 20 * chest.visible * (0.5 + 0.5 * finding.severity)) * band * (chest.air > 8)
            mask |= chest.seen(band, 0.35)
    return mask


def _edema(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Haze around the hila like the wings of a bat, and septa that thicken at the lateral bases: Kerley B lines."""
    mask = np.zeros_like(chest.lungs)
    for side, sign in DIRECTION.items():
        x, y = chest.hilum[side]
        radius = np.hypot((chest.x - x - sign * 8) / (40 + 26 * chest.extent(finding)), (chest.y - y - 12) / 68)
        wings = np.exp(-(radius**2)) * chest.thorax(side)
        weight = wings * np.clip(0.8 + 0.3 * chest.grain(14.0) + 0.15 * chest.grain(6.0), 0.1, 1.4)
        chest.fill(np.clip((0.1 + 0.42 * chest.visible * (0.45 + 0.55 * finding.severity)) * weight, 0, 0.85))
        mask |= (wings > 0.35) & chest.lungs
        base = chest.dome[side] + 0.55 * chest.sulcus
        lines = [base - 8.5 * number - random.uniform(0, 4) for number in range(8)]
        edge = np.interp(lines, chest.y1, chest.width[:, 0]) - 1
        run = [np.arange(0, random.uniform(11, 19), STRIDE) for _ in lines]
        kx = np.concatenate([sign * (end - t) for end, t in zip(edge, run, strict=True)])
        ky = np.concatenate([start + 0.12 * t for start, t in zip(lines, run, strict=True)])
        chest.water += 2.2 * (0.3 + 0.7 * chest.visible) * chest.splat(kx, ky, np.full(len(kx), 1.25)) * chest.lungs
    return mask


def _emphysema(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """Too much air: dark lungs with few vessels above flat domes, with bullae in the upper zones."""
    gain = chest.extent(finding)
    for _ in range(2 + 2 * (finding.severity > 0.5)):
        x, y = chest.spot(random, ("right", "left")[int(random.integers(2))], "upper", 16)
        radius = random.uniform(9, 18)
        window = chest.near(x, y, radius * 1.2)
        from_edge = radius - np.hypot(chest.x[window] - x, chest.y[window[0]] - y)
        hollow = chest.step(from_edge) * (chest.air[window] > 20)
        chest.vessels[window] *= 1 - 0.9 * hollow
        chest.water[window] -= 12 * gain * hollow - 4 * gain * np.exp(-((from_edge / 1.3) ** 2))
    chest.water -= 0.12 * gain * chest.air
    return chest.lungs.copy()


def _fibrosis(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """A net of coarse lines in the periphery, with small cysts between them: reticulation."""
    mask = np.zeros_like(chest.lungs)
    low, high = chest.third(finding.zone)
    net = np.exp(-((chest.grain(5.5) / 0.3) ** 2)) + 0.8 * np.exp(-((chest.grain(7.5) / 0.22) ** 2))
    for side in finding.sides:
        reach = 0.42 + 0.35 * chest.extent(finding)
        inwards = np.clip(1.4 - (chest.width - chest.ax) / (reach * chest.half), 0, 1)
        along = np.exp(-(((chest.y - (low + high) / 2) / (0.55 * (high - low))) ** 2))
        if finding.zone == "lower":
            along = chest.step(chest.y - low + 15, 50)
        weight = inwards * along * (chest.thorax(side) & chest.lungs)
        gain = (0.3 + 0.7 * chest.visible) * (0.5 + 0.5 * finding.severity)
        chest.water += gain * weight * (16 * net - 6)
        chest.vessels *= 1 - 0.5 * weight
        mask |= weight > 0.4
    return mask


def _thickening(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """A rim of soft tissue along the wall, uneven, with a sharp inner border; in the upper zone a cap on the apex."""
    mask = np.zeros_like(chest.lungs)
    low, high = chest.third(finding.zone)
    for side in finding.sides:
        thick = (5 + 9 * chest.extent(finding)) * random.uniform(0.85, 1.15)
        wavy = thick * (1 + 0.3 * np.clip(chest.grain(14.0), -2, 2))
        depth = chest.width - chest.ax
        if finding.zone == "upper":
            depth, low = np.minimum(depth, 0.75 * chest.y), -30.0
        ends = chest.step(chest.y - low + 8, 22) * chest.step(high + 8 - chest.y, 22)
        weight = chest.step(wavy * ends - depth) * chest.thorax(side) * (ends > 0.05)
        chest.fill((0.45 + 0.5 * chest.visible) * weight)
        chest.water += (6 + 20 * chest.visible * (0.5 + 0.5 * finding.severity)) * weight
        mask |= weight > 0.5
    return mask


def _hernia(chest: Thorax, finding: Finding, random: np.random.Generator) -> np.ndarray:
    """A stomach behind the heart: a round shadow above the diaphragm with air over a level of fluid."""
    rx, ry = finding.size / 2, finding.size / 2 * random.uniform(0.75, 0.95)
    x, y = random.uniform(-4, 24), chest.dome["right"] + 10 - ry
    window = chest.near(x, y, max(rx, ry) * 1.15)
    dx, dy = (chest.x[window] - x) / rx, (chest.y[window[0]] - y) / ry
    inside = 1 - dx * dx - dy * dy
    path = np.sqrt(np.clip(inside, 0, 1))
    gain = (0.3 + 0.7 * chest.visible) * (0.6 + 0.4 * finding.severity)
    level = y + ry * random.uniform(-0.25, 0.15)
    lumen = np.sqrt(np.clip(1 - (dx * dx + dy * dy) / 0.82**2, 0, 1)) * chest.step(level - chest.y[window[0]])
    chest.air[window] *= 1 - 0.5 * gain * path
    chest.water[window] += gain * (34 * path - 66 * lumen)
    mask = np.zeros_like(chest.lungs)
    mask[window] = inside > 0
    return mask


_Sign = Callable[[Thorax, Finding, np.random.Generator], np.ndarray]

# A large heart is anatomy, see `draw_heart`. Order of drawing is the order of the findings.
SIGNS: dict[str, _Sign] = {
    "Atelectasis": _atelectasis,
    "Consolidation": _consolidation,
    "Edema": _edema,
    "Effusion": _effusion,
    "Emphysema": _emphysema,
    "Fibrosis": _fibrosis,
    "Hernia": _hernia,
    "Infiltration": _infiltration,
    "Mass": _nodules,
    "Nodule": _nodules,
    "Pleural_Thickening": _thickening,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
}
