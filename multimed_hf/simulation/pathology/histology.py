"""Architecture of breast tissue in a field of view: glands, nests, cords, fat, and which cells lie where.

Benign: round lumens lined by one even layer of cells on myoepithelium, now and then a duct filled with cells. Malignant:
nests, cords and ragged glands of one kind of cell, without myoepithelium, their nuclei as atypical as the tumour is.
Fibroblasts and lymphocytes fill up the number of nuclei, so that it does not depend on the class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..patient import Patient

EPITHELIAL, BASAL, FIBROBLAST, LYMPHOCYTE, MITOSIS, PYKNOTIC = range(6)
KINDS = ("epithelial", "myoepithelial", "fibroblast", "lymphocyte", "mitosis", "pyknotic")
"""Kinds of nuclei, by number."""

_TRIES = 60  # bodies that are tried before a field counts as full


class Hollow(NamedTuple):
    """A lumen or a fat cell.

    Attributes:
        x, y: its middle, in micrometres.
        radius: its usual one, in micrometres.
        outline: radius in each direction over the usual one, see `draw_outline`.
    """

    x: float
    y: float
    radius: float
    outline: np.ndarray


@dataclass
class Tissue:
    """What grows in a field of view, in micrometres from its upper left corner.

    Attributes:
        side: of the field.
        grain: direction of the fibres of the stroma, in radians from x.
        atypia: 0, nuclei of a healthy gland, to 1, of an anaplastic tumour.
        diameter: mean diameter of the nuclei of its epithelium.
        variation: coefficient of variation of their diameters.
        halo: width of the gap that the epithelium leaves where it shrank, 0 to 5.
        cells: arrays `(cells, 6)`: x, y, long and short half axis, direction of the long one, kind.
        lumens, fat: what holds no cells.
        bodies: x, y and radius of what is already taken.
    """

    side: float
    grain: float
    atypia: float
    diameter: float
    variation: float
    halo: float
    cells: list[np.ndarray] = field(default_factory=list)
    lumens: list[Hollow] = field(default_factory=list)
    fat: list[Hollow] = field(default_factory=list)
    bodies: list[tuple[float, float, float]] = field(default_factory=list)

    def nuclei(self) -> np.ndarray:
        """All cells, `(cells, 6)`."""
        return np.concatenate([np.zeros((0, 6)), *self.cells])

    def within(self, places: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Which of `places` `(places, 2)` lie in the field or at most `margin` micrometres outside."""
        x, y = places.T
        return (x > -margin) & (y > -margin) & (x < self.side + margin) & (y < self.side + margin)

    def is_free(self, x: float, y: float, radius: float) -> bool:
        """Whether a disc touches no body."""
        return all((x - a) ** 2 + (y - b) ** 2 > (radius + taken) ** 2 for a, b, taken in self.bodies)

    def add_cells(
        self, kind: int, places: np.ndarray, long: np.ndarray, short: np.ndarray, turns: np.ndarray | float
    ) -> None:
        """Add nuclei of one kind at `places` `(cells, 2)`, with these half axes and directions, `(cells,)`."""
        cells = np.empty((len(places), 6))
        cells[:, :2], cells[:, 2], cells[:, 3], cells[:, 4], cells[:, 5] = places, long, short, turns, kind
        self.cells.append(cells)

    def add_epithelium(
        self, random: np.random.Generator, places: np.ndarray, turns: np.ndarray, long: float = 1.2
    ) -> None:
        """Add nuclei of luminal or tumour cells at those of `places` `(cells, 2)` that are seen and free."""
        from scipy.spatial import cKDTree

        inside = self.within(places, 12)
        places, turns, count = places[inside], turns[inside], int(inside.sum())
        half = self.diameter / 2 * np.exp(random.normal(0, self.variation, count) - self.variation**2 / 2)
        stretch = np.sqrt(long * np.exp(random.normal(0, 0.06 + 0.2 * self.atypia, count)))
        # Of two that would lie in each other, the later one goes; the first of a pair has the lower number.
        pairs = cKDTree(places).query_pairs(1.72 * half.max(initial=0), output_type="ndarray")
        first, second = pairs.T
        near = np.hypot(*(places[first] - places[second]).T) < 0.86 * (half[first] + half[second])
        kept = np.ones(count, bool)
        kept[second[near]] = False
        self.add_cells(EPITHELIAL, places[kept], (half * stretch)[kept], (half / stretch)[kept], turns[kept])


_DIRECTIONS = 360
_WAVES = np.arange(_DIRECTIONS)[:, None] * (2 * math.pi / _DIRECTIONS) * np.arange(2, 6)
_WAVES = np.concatenate([np.cos(_WAVES), np.sin(_WAVES)], 1) / np.tile(np.sqrt(np.arange(1, 5)), 2)


def draw_outline(random: np.random.Generator, ragged: float) -> np.ndarray:
    """A closed outline: radius over the usual one, 0.5 to 1.5, in each of 360 directions; float64 `(360,)`.

    Args:
        random: for its waves.
        ragged: standard deviation of the longest wave.
    """
    return np.clip(1 + _WAVES @ (ragged * random.standard_normal(8)), 0.5, 1.5)


def direction_of(angles: np.ndarray) -> np.ndarray:
    """Index into an outline of each angle in radians from x."""
    return np.rint(angles * (_DIRECTIONS / (2 * math.pi))).astype(np.intp) % _DIRECTIONS


def _around(x: float, y: float, away: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Places `(angles, 2)` at these distances and directions from a place."""
    return np.stack([x + away * np.cos(angles), y + away * np.sin(angles)], 1)


def grow(patient: Patient, random: np.random.Generator, side: float) -> Tissue:
    """Tissue of a patient whose condition is 'benign' or 'malignant'.

    Args:
        patient: whose it is; atypia and size of the nuclei are the same in all of a patient's fields.
        random: for this field.
        side: of the field, in micrometres.
    """
    simulation, person = patient.simulation, patient.random("tissue")
    malignant = patient.condition == "malignant"
    if malignant:
        atypia = simulation.harder(1.0, 0.4) * (0.6 + 0.4 * patient.severity)
    else:
        atypia = simulation.harder(0.04, 0.3) * person.random()
    tissue = Tissue(
        side=side,
        grain=random.uniform(0, math.pi),
        atypia=atypia,
        diameter=person.normal(6.8, 0.35) + 4.6 * atypia,
        variation=0.07 + 0.05 * person.random() + 0.2 * atypia,
        halo=random.uniform(2, 5) if random.random() < (0.6 if malignant else 0.15) else 0.0,
    )
    _add_bodies(tissue, random, malignant, simulation.harder(0.08, 0.45))
    _add_stroma_cells(tissue, random)
    _add_mitoses(tissue, random, malignant)
    return tissue


def _add_bodies(tissue: Tissue, random: np.random.Generator, malignant: bool, mimics: float) -> None:
    """Glands, nests and cords on a share of the field that does not depend on the class, beside fat or not.

    Args:
        tissue: where they grow.
        random: for all of it.
        malignant: what it is.
        mimics: share of bodies built like those of the other class, told by their nuclei and their myoepithelium.
    """
    side = tissue.side
    share, filled = random.uniform(0.25, 0.8) * side**2, 0.0
    radii = np.clip(random.lognormal(math.log(42 if malignant else 34), 0.45, _TRIES), 19, 0.35 * side + 35).tolist()
    places, fates = random.random((_TRIES, 2)).tolist(), random.random((_TRIES, 2)).tolist()
    for radius, (across, down), (mimic, cord) in zip(radii, places, fates, strict=True):
        if filled > share:
            break
        if malignant:
            kind = "ragged gland" if mimic < mimics else "cord" if cord < 0.35 else "nest"
        else:
            kind = "filled duct" if mimic < mimics else "gland"
        if filled:
            x, y = (part * (side + radius) - 0.5 * radius for part in (across, down))
        else:
            # Cells of the first one lie near the middle, so that every tile shows some.
            direction, away = random.uniform(0, 2 * math.pi), 0.0 if kind == "cord" else radius - 1.2 * tissue.diameter
            x = (0.35 + 0.3 * across) * side + away * math.cos(direction)
            y = (0.35 + 0.3 * down) * side + away * math.sin(direction)
        if tissue.is_free(x, y, radius + 3):
            tissue.bodies.append((x, y, radius))
            _add_body(tissue, random, kind, x, y, radius)
            if not filled and random.random() < 0.35:
                _add_fat(tissue, random)
            filled += math.pi * min(radius, 0.6 * side) ** 2


def _add_body(tissue: Tissue, random: np.random.Generator, kind: str, x: float, y: float, radius: float) -> None:
    """A piece of epithelium."""
    if kind == "cord":
        _add_cord(tissue, random, x, y, radius)
    elif kind == "nest":
        _add_nest(tissue, random, x, y, radius, 0.22, basal=False)
    elif kind == "filled duct":
        _add_nest(tissue, random, x, y, radius, 0.05, basal=True)
    else:
        benign = kind == "gland"
        _add_gland(tissue, random, x, y, radius, 0.05 if benign else 0.13, basal=benign)


def _add_gland(
    tissue: Tissue, random: np.random.Generator, x: float, y: float, radius: float, ragged: float, basal: bool
) -> None:
    """Cells around a lumen: one even layer on myoepithelium, or, of a tumour, ragged layers on nothing."""
    outline = draw_outline(random, ragged)
    step = tissue.diameter * random.uniform(1.1, 1.3)
    height = tissue.diameter * random.uniform(1.7, 2.1)
    layers = 1 if basal else int(random.integers(1, 4))
    inner = radius - height - (layers - 1) * 0.9 * step
    for layer in range(layers):
        middle = radius - 0.62 * height - layer * 0.9 * step
        if middle < 0.6 * step:
            break
        count = max(4, round(2 * math.pi * middle / step))
        angles = 2 * math.pi * (np.arange(count) + random.uniform(-0.12, 0.12, count)) / count + random.uniform(0, 6)
        away = middle * outline[direction_of(angles)] + random.normal(0, 0.04 if basal else 0.14, count) * height
        turns = angles + random.normal(0, 0.15 if basal else 0.9, count)
        tissue.add_epithelium(random, _around(x, y, away, angles), turns, 1.35 if basal else 1.2)
    if inner > 3:
        tissue.lumens.append(Hollow(x, y, inner, outline))
    if basal:
        _add_basal(tissue, random, x, y, radius, outline)


def _add_basal(
    tissue: Tissue, random: np.random.Generator, x: float, y: float, radius: float, outline: np.ndarray
) -> None:
    """The flat nuclei of myoepithelium around a duct."""
    count = round(2 * math.pi * radius / random.uniform(12, 16))
    angles = 2 * math.pi * (np.arange(count) + random.uniform(-0.3, 0.3, count)) / count
    places = _around(x, y, (radius - 0.5) * outline[direction_of(angles)], angles)
    long, short = random.uniform(3.6, 4.8, count), random.uniform(1.3, 1.8, count)
    tissue.add_cells(BASAL, places, long, short, angles + math.pi / 2)


def _add_nest(
    tissue: Tissue, random: np.random.Generator, x: float, y: float, radius: float, ragged: float, basal: bool
) -> None:
    """A body filled with cells."""
    outline = draw_outline(random, ragged)
    step = tissue.diameter * random.uniform(1.12, 1.4)
    line = np.arange(-radius * 1.5, radius * 1.5, step)
    places = _honeycomb(line, 0.87, step / 2) + random.normal(0, 0.13 * step, (len(line) ** 2, 2))
    across, down = places.T
    kept = np.hypot(across, down) < (radius - 0.6 * step) * outline[direction_of(np.arctan2(down, across))]
    places = places[kept] + (x, y)
    tissue.add_epithelium(random, places, random.uniform(0, math.pi, len(places)))
    if basal:
        _add_basal(tissue, random, x, y, radius, outline)


def _honeycomb(line: np.ndarray, squeeze: float, shift: float) -> np.ndarray:
    """Places `(len(line)**2, 2)` on rows of which every other one is shifted."""
    grid = np.empty((len(line), len(line), 2))
    grid[..., 0], grid[..., 1] = line, squeeze * line[:, None]
    grid[1::2, :, 0] += shift
    return grid.reshape(-1, 2)


def _add_cord(tissue: Tissue, random: np.random.Generator, x: float, y: float, radius: float) -> None:
    """Files of one or two cells that wander through the stroma."""
    step = tissue.diameter * random.uniform(1.12, 1.45)
    direction = random.uniform(0, 2 * math.pi)
    for row in range(int(random.integers(2, 5))):
        count = max(3, round(2 * radius / step))
        turns = direction + np.cumsum(random.normal(0, 0.28, count)) + random.normal(0, 0.3)
        path = step * np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1), 0)
        side = (row - 1.2) * tissue.diameter * random.uniform(1.6, 2.4)
        path += (x - side * math.sin(direction), y + side * math.cos(direction)) - path.mean(0)
        tissue.add_epithelium(random, path + random.normal(0, 0.1 * step, path.shape), turns)


def _add_fat(tissue: Tissue, random: np.random.Generator) -> None:
    """Fat cells, close together, at one side of the field."""
    side = tissue.side
    angle = random.uniform(0, 2 * math.pi)
    edge = random.uniform(0.1, 0.45) * side
    usual = random.uniform(20, 30)
    line = np.arange(-usual, side + usual, 1.94 * usual)
    places = _honeycomb(line, 0.88, usual) + random.normal(0, 0.1 * usual, (len(line) ** 2, 2))
    beyond = (places - side / 2) @ (math.cos(angle), math.sin(angle)) + random.normal(0, 0.5 * usual, len(places))
    tissue.fat = [
        Hollow(x, y, usual * random.uniform(0.85, 1.02), draw_outline(random, 0.04))
        for x, y in places[beyond > edge].tolist()
        if tissue.is_free(x, y, usual)
    ]
    tissue.bodies += [(cell.x, cell.y, 0.9 * cell.radius) for cell in tissue.fat]


def _add_stroma_cells(tissue: Tissue, random: np.random.Generator) -> None:
    """Fibroblasts and lymphocytes, as many as it takes to a number of nuclei that does not depend on the class."""
    side = tissue.side
    wanted = max(4, round(side**2 * 1e-6 * random.lognormal(math.log(4600 * (200 / side) ** 0.3), 0.45)))
    seen = sum(int(tissue.within(part[:, :2]).sum()) for part in tissue.cells)
    missing = min(max(wanted - seen, int(2 + side**2 * 4e-4)), int(side**2 * 6e-3))
    fibroblasts = int(random.binomial(missing, random.beta(1.2, 1.2)))
    bodies = np.array([*tissue.bodies, (-1e3, -1e3, 1.0)])
    spots = _free(random.uniform(0, side, (2 * fibroblasts, 2)), bodies)[:fibroblasts]
    count = len(spots)
    long, short = random.uniform(4.0, 7.5, count), random.uniform(1.0, 1.8, count)
    tissue.add_cells(FIBROBLAST, spots, long, short, random.normal(tissue.grain, 0.4, count))

    # Lymphocytes also enter the epithelium; at low magnification that is too small to see, and slow to draw.
    crowd = bodies
    if side < 250:
        hollows = [hollow[:3] for hollow in (*tissue.lumens, *tissue.fat)]
        crowd = np.concatenate([tissue.nuclei()[:, :3] + (0, 0, 2.5), np.reshape(hollows, (-1, 3)), bodies[-1:]])
    lymphocytes = missing - count
    centres = random.uniform(0, side, (1 + int(side / 120), 2))
    spots = centres[random.integers(len(centres), size=4 * lymphocytes)]
    spots = spots + random.normal(0, 16 + side / 12, spots.shape)
    spots = _free(spots[tissue.within(spots)], crowd)[:lymphocytes]
    half, count = random.uniform(2.5, 3.1, len(spots)), len(spots)
    long, short = half * random.uniform(0.95, 1.05, (2, count))
    tissue.add_cells(LYMPHOCYTE, spots, long, short, random.uniform(0, 3, count))


def _free(places: np.ndarray, discs: np.ndarray) -> np.ndarray:
    """Those of `places` that lie in none of `discs` (x, y, radius)."""
    away = (places[:, :1] - discs[:, 0]) ** 2 + (places[:, 1:] - discs[:, 1]) ** 2
    return places[(away > discs[:, 2] ** 2).all(1)]


def _add_mitoses(tissue: Tissue, random: np.random.Generator, malignant: bool) -> None:
    """Turn some epithelial cells into dividing ones, with room around them, and some into shrunken dead ones."""
    cells = tissue.nuclei()
    inner = tissue.within(cells[:, :2], -8) & (cells[:, 5] == EPITHELIAL)
    wanted = min(int(random.poisson(1.1 + 0.8 * tissue.atypia)), 6) if malignant else int(random.random() < 0.05)
    taken = random.permutation(np.flatnonzero(inner))
    gone = np.zeros(len(cells), bool)
    for cell in taken[:wanted]:
        if not gone[cell]:
            near = np.hypot(*(cells[:, :2] - cells[cell, :2]).T) < 7.5
            gone |= near & (cells[:, 5] != MITOSIS)
            gone[cell] = False
            cells[cell, 2:4] = random.uniform(4.2, 5.6), random.uniform(1.3, 1.9)
            cells[cell, 5] = MITOSIS
    dead = taken[wanted : wanted + int(random.poisson(0.7))]
    cells[dead, 2:4], cells[dead, 5] = random.uniform(1.2, 1.9, (len(dead), 1)), PYKNOTIC
    tissue.cells = [cells[~gone]]
