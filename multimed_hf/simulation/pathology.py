"""Simulated tiles of breast tissue stained with haematoxylin and eosin, benign or malignant.

Light passes two stains: transmission follows Beer and Lambert with the absorption vectors of Ruifrok and Johnston (Anal.
Quant. Cytol. Histol. 23, 291, 2001), which differ a little from site to site. What tells the class is what pathologists
grade (Elston and Ellis, Histopathology 19, 403, 1991): whether cells line tubules, how large and unlike the nuclei are,
and how many divide. Benign: round lumens, two layers of cells, small nuclei alike. Malignant: nests, cords and ragged
glands of one kind of cell, large nuclei of unlike size and outline, coarse chromatin, nucleoli, mitoses. Number of nuclei,
amount of each stain and brightness are drawn whatever the class. Mitoses are more frequent than in tissue, so that they
can be counted in one tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .generator import SubsetGenerator
from .images import add_look, png, texture, to_bytes
from .patient import Patient

LABELS = ("benign", "malignant")

MAGNIFICATIONS = {"40X": 2.2, "100X": 0.88, "200X": 0.44, "400X": 0.22}
"""Micrometres per pixel of a tile of 224 pixels, before the variation of device and image."""

EPITHELIAL, BASAL, FIBROBLAST, LYMPHOCYTE, MITOSIS, PYKNOTIC = range(6)
KINDS = ("epithelial", "myoepithelial", "fibroblast", "lymphocyte", "mitosis", "pyknotic")
"""Kinds of nuclei, by number."""


@dataclass(frozen=True)
class TileStatistics:
    """What a tile shows: the nuclei whose middle lies in it.

    Attributes:
        label: one of `LABELS`, without label noise.
        magnification: one of `MAGNIFICATIONS`.
        microns_per_pixel: of this tile.
        positions: row and column of each nucleus in pixels, `(nuclei, 2)`.
        kinds: index into `KINDS`, `(nuclei,)`.
        areas: square micrometres, `(nuclei,)`.
        lumens: number of lumens that reach into the tile.
    """

    label: str
    magnification: str
    microns_per_pixel: float
    positions: np.ndarray
    kinds: np.ndarray
    areas: np.ndarray
    lumens: int

    @property
    def nuclei(self) -> int:
        """Number of nuclei of all kinds."""
        return len(self.kinds)

    @property
    def mitoses(self) -> int:
        """Number of dividing cells."""
        return int((self.kinds == MITOSIS).sum())

    @property
    def epithelial_areas(self) -> np.ndarray:
        """Areas of the nuclei of luminal or tumour cells that do not divide, in square micrometres."""
        return self.areas[self.kinds == EPITHELIAL]


class Generator(SubsetGenerator):
    """Rows of `pathology`: four tiles of each patient, one of each magnification."""

    subset = "pathology"
    conditions = {"benign": 0.31, "malignant": 0.69}
    rows = 1200
    cohort = 10
    members = len(MAGNIFICATIONS)
    size = 224
    """Rows and columns of an image."""

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        image, statistics = draw_tile(patient, member, self.size)
        return {
            "has_pathology": True,
            "pathology": png(image),
            "breast_cancer": self.observed(patient, patient.condition, LABELS, member),
            "magnification": statistics.magnification,
            "age": patient.age,
            "sex": "female",
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        return [
            *super().notes(),
            "Every malignant tile differs from benign ones in its nuclei or its architecture, so that no bound below 100% is "
            "known before label noise; from 400X alone, which shows a few cells, the class is hardest to tell.",
        ]


def draw_tile(patient: Patient, member: int, size: int = 224) -> tuple[np.ndarray, TileStatistics]:
    """One tile of a patient whose condition is 'benign' or 'malignant'.

    Args:
        patient: whose tissue it is.
        member: number of the tile; four in a row have each magnification once, in an order of the patient's own.
        size: rows and columns; the field of view does not depend on it.

    Returns:
        uint8 `(size, size, 3)`, and what it shows.

    Raises:
        ValueError: another condition.
    """
    if patient.condition not in LABELS:
        raise ValueError(f"Expected a condition of 'benign' or 'malignant', got {patient.condition!r}.")
    order = patient.random("magnifications", member // len(MAGNIFICATIONS)).permutation(len(MAGNIFICATIONS))
    magnification = list(MAGNIFICATIONS)[order[member % len(MAGNIFICATIONS)]]
    random = patient.random("tile", member)
    pixel = MAGNIFICATIONS[magnification] * 224 / size
    pixel *= patient.style("device").uniform(0.93, 1.07) * random.uniform(0.92, 1.08)
    tissue = _grown(patient, random, pixel * size)
    image = _stained(patient, random, tissue, pixel, size)
    return to_bytes(image), _statistics(patient, magnification, tissue, pixel, size)


def _statistics(patient: Patient, magnification: str, tissue: _Tissue, pixel: float, size: int) -> TileStatistics:
    nuclei = tissue.nuclei()
    inside = ((nuclei[:, :2] >= 0) & (nuclei[:, :2] < pixel * size)).all(1)
    nuclei = nuclei[inside]
    reach = [max(abs(x - pixel * size / 2), abs(y - pixel * size / 2)) - radius for x, y, radius, _ in tissue.lumens]
    return TileStatistics(
        label=patient.condition,
        magnification=magnification,
        microns_per_pixel=pixel,
        positions=nuclei[:, 1::-1] / pixel,
        kinds=nuclei[:, 5].astype(int),
        areas=np.pi * nuclei[:, 2] * nuclei[:, 3],
        lumens=sum(distance < pixel * size / 2 for distance in reach),
    )


@dataclass
class _Tissue:
    """What grows in a field of view, in micrometres from its upper left corner.

    Attributes:
        side: of the field.
        grain: direction of the fibres of the stroma, in radians from x.
        atypia: 0, nuclei of a healthy gland, to 1, of an anaplastic tumour.
        diameter: mean diameter of the nuclei of its epithelium.
        variation: coefficient of variation of their diameters.
        halo: width of the gap that the epithelium leaves where it shrank, 0 to 5.
        cells: arrays `(cells, 6)`: x, y, long and short half axis, direction of the long one, kind.
        lumens: x, y, radius and outline of each lumen.
        bodies: x, y and radius of what is already taken.
        fat: x, y and radius of fat cells.
    """

    side: float
    grain: float
    atypia: float
    diameter: float
    variation: float
    halo: float
    cells: list[np.ndarray] = field(default_factory=list)
    lumens: list[tuple[float, float, float, Any]] = field(default_factory=list)
    bodies: list[tuple[float, float, float]] = field(default_factory=list)
    fat: list[tuple[float, float, float]] = field(default_factory=list)

    def nuclei(self) -> np.ndarray:
        """All cells, `(cells, 6)`."""
        return np.concatenate([np.zeros((0, 6)), *self.cells])

    def is_free(self, x: float, y: float, radius: float) -> bool:
        """Whether a disc touches nothing that is there."""
        return all(math.hypot(x - a, y - b) > radius + r for a, b, r in self.bodies)

    def seen(self) -> int:
        """Number of nuclei in the field."""
        return sum(int(((part[:, :2] >= 0) & (part[:, :2] < self.side)).all(1).sum()) for part in self.cells)

    def add_epithelium(
        self, random: np.random.Generator, places: np.ndarray, angles: np.ndarray, long: float = 1.2
    ) -> None:
        """Add nuclei of luminal or tumour cells at `places` `(cells, 2)`."""
        inside = ((places > -12) & (places < self.side + 12)).all(1)
        places, count = places[inside], int(inside.sum())
        half = self.diameter / 2 * np.exp(random.normal(0, self.variation, count) - self.variation**2 / 2)
        stretch = np.sqrt(long * np.exp(random.normal(0, 0.06 + 0.2 * self.atypia, count)))
        kinds = np.full(count, float(EPITHELIAL))
        cells = np.column_stack([places, half * stretch, half / stretch, angles[inside], kinds])
        # Of two that would lie in each other, the later one goes.
        apart = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) / (half[:, None] + half + 1e-9)
        self.cells.append(cells[~(np.tril(apart < 0.86, -1)).any(1)])


def _grown(patient: Patient, random: np.random.Generator, side: float) -> _Tissue:
    """Tissue of a patient in a field of `side` micrometres."""
    simulation, person = patient.simulation, patient.random("tissue")
    malignant = patient.condition == "malignant"
    if malignant:
        atypia = simulation.harder(1.0, 0.4) * (0.6 + 0.4 * patient.severity)
    else:
        atypia = simulation.harder(0.04, 0.3) * person.random()
    tissue = _Tissue(
        side=side,
        grain=random.uniform(0, math.pi),
        atypia=atypia,
        diameter=person.normal(6.8, 0.35) + 4.6 * atypia,
        variation=0.07 + 0.05 * person.random() + 0.2 * atypia,
        halo=random.uniform(2, 5) if random.random() < (0.6 if malignant else 0.15) else 0.0,
    )
    mimics = simulation.harder(0.08, 0.45)
    share = random.uniform(0.25, 0.8) * side**2
    filled = 0.0
    for _ in range(60):
        radius = _size_of_body(random, malignant, side)
        kind = _kind_of_body(random, malignant, random.random() < mimics)
        if tissue.bodies:
            x, y = random.uniform(-0.5 * radius, side + 0.5 * radius, 2)
        else:
            # Cells of the first one lie near the middle, so that every tile shows some.
            direction, away = random.uniform(0, 2 * math.pi), 0.0 if kind == "cord" else radius - 1.2 * tissue.diameter
            x, y = random.uniform(0.35, 0.65, 2) * side
            x, y = x + away * math.cos(direction), y + away * math.sin(direction)
        if filled > share:
            break
        if tissue.is_free(x, y, radius + 3):
            _add_body(tissue, random, kind, x, y, radius)
            if not filled and random.random() < 0.35:
                _add_fat(tissue, random)
            filled += math.pi * min(radius, 0.6 * side) ** 2
    _add_stroma_cells(tissue, random)
    _add_mitoses(tissue, random, malignant)
    return tissue


def _size_of_body(random: np.random.Generator, malignant: bool, side: float) -> float:
    """Radius of a gland, nest or cord, in micrometres."""
    return float(np.clip(random.lognormal(math.log(42 if malignant else 34), 0.45), 19, 0.35 * side + 35))


def _kind_of_body(random: np.random.Generator, malignant: bool, mimic: bool) -> str:
    """What to add; a mimic is built like the other class and told by its nuclei, and by its myoepithelium."""
    if malignant:
        return "ragged gland" if mimic else "cord" if random.random() < 0.35 else "nest"
    return "filled duct" if mimic else "gland"


def _add_body(tissue: _Tissue, random: np.random.Generator, kind: str, x: float, y: float, radius: float) -> None:
    """Add a piece of epithelium."""
    tissue.bodies.append((x, y, radius))
    if kind == "cord":
        _add_cord(tissue, random, x, y, radius)
    elif kind == "nest":
        _add_nest(tissue, random, x, y, radius, 0.22, basal=False)
    elif kind == "filled duct":
        _add_nest(tissue, random, x, y, radius, 0.05, basal=True)
    else:
        benign = kind == "gland"
        _add_gland(tissue, random, x, y, radius, 0.05 if benign else 0.13, basal=benign)


def _outline(random: np.random.Generator, ragged: float) -> Any:
    """A function from angle to radius around 1."""
    orders, steps = np.arange(2, 6), 360
    waves = random.normal(0, 1, (2, 4)) * ragged / np.sqrt(orders - 1)
    turns = np.arange(steps + 1)[:, None] * (2 * math.pi / steps) * orders
    table = np.clip(1 + np.cos(turns) @ waves[0] + np.sin(turns) @ waves[1], 0.5, 1.5).astype(np.float32)

    def radius(angle: np.ndarray) -> np.ndarray:
        return table[(np.mod(angle, 2 * math.pi) * (steps / (2 * math.pi))).astype(np.intp)]

    return radius


def _add_gland(
    tissue: _Tissue, random: np.random.Generator, x: float, y: float, radius: float, ragged: float, basal: bool
) -> None:
    """Cells around a lumen: one even layer on myoepithelium, or, of a tumour, ragged layers on nothing."""
    outline = _outline(random, ragged)
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
        away = middle * outline(angles) + random.normal(0, 0.04 if basal else 0.14, count) * height
        places = np.column_stack([x + away * np.cos(angles), y + away * np.sin(angles)])
        turned = angles + random.normal(0, 0.15 if basal else 0.9, count)
        tissue.add_epithelium(random, places, turned, 1.35 if basal else 1.2)
    if inner > 3:
        tissue.lumens.append((x, y, inner, outline))
    if basal:
        _add_basal(tissue, random, x, y, radius, outline)


def _add_basal(tissue: _Tissue, random: np.random.Generator, x: float, y: float, radius: float, outline: Any) -> None:
    """The flat nuclei of myoepithelium around a duct."""
    count = round(2 * math.pi * radius / random.uniform(12, 16))
    angles = 2 * math.pi * (np.arange(count) + random.uniform(-0.3, 0.3, count)) / count
    away = (radius - 0.5) * outline(angles)
    places = np.column_stack([x + away * np.cos(angles), y + away * np.sin(angles)])
    half = np.column_stack([random.uniform(3.6, 4.8, count), random.uniform(1.3, 1.8, count)])
    tissue.cells.append(np.column_stack([places, half, angles + math.pi / 2, np.full(count, BASAL)]))


def _add_nest(
    tissue: _Tissue, random: np.random.Generator, x: float, y: float, radius: float, ragged: float, basal: bool
) -> None:
    """A body filled with cells."""
    outline = _outline(random, ragged)
    step = tissue.diameter * random.uniform(1.12, 1.4)
    line = np.arange(-radius * 1.5, radius * 1.5, step)
    grid = np.stack(np.meshgrid(line, line * 0.87), -1)
    grid[1::2, :, 0] += step / 2
    grid = grid.reshape(-1, 2) + random.normal(0, 0.13 * step, (grid.size // 2, 2))
    kept = np.hypot(*grid.T) < (radius - 0.6 * step) * outline(np.arctan2(grid[:, 1], grid[:, 0]))
    grid = grid[kept]
    tissue.add_epithelium(random, grid + np.array([x, y]), random.uniform(0, math.pi, len(grid)))
    if basal:
        _add_basal(tissue, random, x, y, radius, outline)


def _add_cord(tissue: _Tissue, random: np.random.Generator, x: float, y: float, radius: float) -> None:
    """Files of one or two cells that wander through the stroma."""
    step = tissue.diameter * random.uniform(1.12, 1.45)
    direction = random.uniform(0, 2 * math.pi)
    for row in range(int(random.integers(2, 5))):
        count = max(3, round(2 * radius / step))
        turns = direction + np.cumsum(random.normal(0, 0.28, count)) + random.normal(0, 0.3)
        path = step * np.cumsum(np.column_stack([np.cos(turns), np.sin(turns)]), 0)
        path -= path.mean(0)
        side = (row - 1.2) * tissue.diameter * random.uniform(1.6, 2.4)
        path += np.array([x - side * math.sin(direction), y + side * math.cos(direction)])
        tissue.add_epithelium(random, path + random.normal(0, 0.1 * step, path.shape), turns)


def _add_fat(tissue: _Tissue, random: np.random.Generator) -> None:
    """Fat cells, close together, at one side of the field."""
    side = tissue.side
    angle = random.uniform(0, 2 * math.pi)
    edge = random.uniform(0.1, 0.45) * side
    usual = random.uniform(20, 30)
    line = np.arange(-usual, side + usual, 1.94 * usual)
    grid = np.stack(np.meshgrid(line, line * 0.88), -1)
    grid[1::2, :, 0] += usual
    places = grid.reshape(-1, 2) + random.normal(0, 0.1 * usual, (grid.size // 2, 2))
    beyond = (places - side / 2) @ (math.cos(angle), math.sin(angle)) + random.normal(0, 0.5 * usual, len(places))
    fat = [
        (float(x), float(y), usual * random.uniform(0.85, 1.02))
        for x, y in places[beyond > edge]
        if tissue.is_free(x, y, usual)
    ]
    tissue.fat += fat
    tissue.bodies += [(x, y, 0.9 * radius) for x, y, radius in fat]


def _add_stroma_cells(tissue: _Tissue, random: np.random.Generator) -> None:
    """Fibroblasts and lymphocytes, as many as it takes to a number of nuclei that does not depend on the class."""
    side = tissue.side
    wanted = max(4, round(side**2 * 1e-6 * random.lognormal(math.log(4600 * (200 / side) ** 0.3), 0.45)))
    missing = int(np.clip(wanted - tissue.seen(), 2 + side**2 * 4e-4, side**2 * 6e-3))
    fibroblasts = int(random.binomial(missing, random.beta(1.2, 1.2)))
    bodies = np.array([*tissue.bodies, (-1e3, -1e3, 1.0)])
    spots = _free(random.uniform(0, side, (2 * fibroblasts, 2)), bodies)[:fibroblasts]
    half = np.column_stack([random.uniform(4.0, 7.5, len(spots)), random.uniform(1.0, 1.8, len(spots))])
    rest = np.column_stack([random.normal(tissue.grain, 0.4, len(spots)), np.full(len(spots), FIBROBLAST)])
    tissue.cells.append(np.column_stack([spots, half, rest]))

    # Lymphocytes also enter the epithelium; at low magnification that is too small to see, and slow to draw.
    crowd = bodies
    if side < 250:
        empty = [(x, y, radius) for x, y, radius, _ in tissue.lumens] + tissue.fat
        nuclei = tissue.nuclei()[:, :3] + np.array([0, 0, 2.5])
        crowd = np.concatenate([nuclei, np.reshape(empty, (-1, 3)), bodies[-1:]])
    lymphocytes = missing - len(spots)
    centres = random.uniform(0, side, (1 + int(side / 120), 2))
    spots = centres[random.integers(len(centres), size=4 * lymphocytes)]
    spots = spots + random.normal(0, 16 + side / 12, spots.shape)
    spots = _free(spots[((spots > 0) & (spots < side)).all(1)], crowd)[:lymphocytes]
    half = random.uniform(2.5, 3.1, (len(spots), 1)) * random.uniform(0.95, 1.05, (len(spots), 2))
    rest = np.column_stack([random.uniform(0, 3, len(spots)), np.full(len(spots), LYMPHOCYTE)])
    tissue.cells.append(np.column_stack([spots, half, rest]))


def _free(places: np.ndarray, discs: np.ndarray) -> np.ndarray:
    """Those of `places` that lie in none of `discs` (x, y, radius)."""
    away = np.hypot(places[:, :1] - discs[:, 0], places[:, 1:] - discs[:, 1]) - discs[:, 2]
    return places[away.min(1) > 0]


def _add_mitoses(tissue: _Tissue, random: np.random.Generator, malignant: bool) -> None:
    """Turn some epithelial cells into dividing ones, with room around them, and some into shrunken dead ones."""
    cells = tissue.nuclei()
    inner = ((cells[:, :2] > 8) & (cells[:, :2] < tissue.side - 8)).all(1) & (cells[:, 5] == EPITHELIAL)
    wanted = min(int(random.poisson(1.1 + 0.8 * tissue.atypia)), 6) if malignant else int(random.random() < 0.05)
    taken = random.permutation(np.flatnonzero(inner))
    gone = np.zeros(len(cells), bool)
    for cell in taken[:wanted]:
        if not gone[cell] and cells[cell, 5] == EPITHELIAL:
            near = np.hypot(*(cells[:, :2] - cells[cell, :2]).T) < 7.5
            gone |= near & (cells[:, 5] != MITOSIS)
            gone[cell] = False
            cells[cell, 2:4] = random.uniform(4.2, 5.6), random.uniform(1.3, 1.9)
            cells[cell, 5] = MITOSIS
    dead = taken[wanted : wanted + int(random.poisson(0.7))]
    cells[dead, 2:4], cells[dead, 5] = random.uniform(1.2, 1.9, (len(dead), 1)), PYKNOTIC
    tissue.cells = [cells[~gone]]


# Absorption of red, green and blue by haematoxylin and by eosin (Ruifrok and Johnston 2001).
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]], np.float32)
_HALVES = (3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200)  # half sides of the patches that cells are drawn in, in pixels


def _patches(
    cells: np.ndarray, reach: np.ndarray, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Cells of about the same size together: which ones, x and y from their middles, and the pixels they are drawn on.

    Args:
        cells: column and row of each on the canvas, `(cells, 2)`; patches must not leave the canvas.
        reach: half side of each, in pixels.
        width: columns of the canvas.
    """
    bucket = np.searchsorted(_HALVES, reach)
    for number in np.unique(bucket):
        which = np.flatnonzero(bucket == number)
        line = np.arange(-_HALVES[number], _HALVES[number] + 1)
        middle = np.floor(cells[which]).astype(int)
        rest = (cells[which] - middle).astype(np.float32)
        across = (line - rest[:, :1]).astype(np.float32)[:, None, :]
        down = (line - rest[:, 1:]).astype(np.float32)[:, :, None]
        pixels = (middle[:, 1, None] + line)[:, :, None] * width + (middle[:, 0, None] + line)[:, None, :]
        yield which, across, down, pixels


def _stained(patient: Patient, random: np.random.Generator, tissue: _Tissue, pixel: float, size: int) -> np.ndarray:
    """The tile `(size, size, 3)`, float 0..1."""
    nuclei = tissue.nuclei()
    nuclei = nuclei[((nuclei[:, :2] > -12) & (nuclei[:, :2] < tissue.side + 12)).all(1)]
    mottle = texture(random, (size, size), max(2.0, 3.5 / pixel))
    depth = _cytoplasm(tissue, nuclei, pixel, size) + 1.3 * mottle[::-1]
    cytoplasm = np.clip(depth / max(pixel, 2.5) + 0.5, 0, 1)
    white, walls = _openings(random, tissue, pixel, size, cytoplasm)
    if tissue.halo:
        width = tissue.halo * np.clip(0.5 + 0.9 * texture(random, (size, size), min(30 / pixel, size / 3)), 0, 1.6)
        shrunk = np.clip((depth + width) / max(pixel, 1.0), 0, 1) * np.clip(-depth / max(pixel, 1.0), 0, 1)
        white = np.maximum(white, 0.95 * shrunk)
    chromatin, cover = _chromatin(random, tissue, nuclei, pixel, size)
    stroma = _fibres(random, tissue.grain, pixel, size)

    tint = random.uniform(0.1, 0.3)
    haematoxylin = (0.05 + tint * cytoplasm * (1 + 0.2 * mottle)) * (1 - white)
    haematoxylin = np.maximum(haematoxylin * (1 - cover), chromatin)
    eosin = stroma * (1 - cytoplasm) + cytoplasm * random.uniform(0.3, 0.55) * (1 + 0.12 * mottle)
    eosin = np.maximum(eosin * (1 - white), walls) * (1 - 0.55 * cover)
    # As much stain in all as drawn, whatever there is to stain.
    haematoxylin *= np.clip(random.lognormal(math.log(0.36), 0.2) / haematoxylin.mean(), 0.6, 1.7)
    eosin *= np.clip(random.lognormal(math.log(0.36), 0.2) / eosin.mean(), 0.6, 1.7)
    style = patient.style("site")
    stains = _STAINS * np.exp(style.normal(0, 0.1, (2, 3))).astype(np.float32) + style.uniform(0, 0.05, (2, 3))
    stains = stains * np.exp(style.normal(0, 0.1, (2, 1)) + random.normal(0, 0.06, (2, 1)))
    light = 1 - style.uniform(0.0, 0.06, 3)
    amounts = np.stack([haematoxylin, eosin], -1).astype(np.float32)
    image = light.astype(np.float32) * np.exp(-1.15 * amounts @ stains.astype(np.float32))
    # Contrast is drawn as well, not left to how much is white.
    contrast = np.clip(random.uniform(0.13, 0.2) / image.std(), 0.7, 1.35)
    image = image.mean() + contrast * (image - image.mean())
    noise = patient.simulation.harder(0.008, 0.045) * random.uniform(0.5, 1.7)
    return add_look(image, patient, random, noise)


def _cytoplasm(tissue: _Tissue, nuclei: np.ndarray, pixel: float, size: int) -> np.ndarray:
    """How deep each pixel lies in the epithelium, in micrometres; negative in the stroma, there exact to -8."""
    own = nuclei[np.isin(nuclei[:, 5], (EPITHELIAL, MITOSIS, PYKNOTIC, BASAL))]
    radius = np.sqrt(own[:, 2] * own[:, 3]) + tissue.diameter * (0.68 - 0.25 * tissue.atypia)
    radius = np.where(own[:, 5] == BASAL, 3.5, np.maximum(radius, 0.9 * tissue.diameter)) / pixel
    pad = math.ceil(12 / pixel) + 1 + _HALVES[int(np.searchsorted(_HALVES, radius.max(initial=1) + 2 + 8 / pixel))]
    width = size + 2 * pad
    canvas = np.full(width**2, -12 / pixel, np.float32)
    for which, across, down, pixels in _patches(own[:, :2] / pixel + pad, radius + 2 + 8 / pixel, width):
        inside = radius[which, None, None].astype(np.float32) - np.sqrt(across**2 + down**2)
        np.maximum.at(canvas, pixels.ravel(), inside.ravel())
    return canvas.reshape(width, width)[pad : pad + size, pad : pad + size] * pixel


def _openings(
    random: np.random.Generator, tissue: _Tissue, pixel: float, size: int, cytoplasm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What holds no stain, lumens and fat, 0..1; and the eosin of the walls of fat cells and of secretion."""
    white, walls = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    soft = max(1.0, 0.8 / pixel)
    for x, y, radius, outline in tissue.lumens:
        secretion = random.uniform(0.12, 0.4) if random.random() < (0.55 if tissue.halo == 0 else 0.2) else 0.02
        found = _disc(x / pixel, y / pixel, 1.6 * radius / pixel, size)
        if found:
            box, away, angle = found
            inside = radius / pixel * outline(angle) - away
            core = np.clip(inside / soft + 0.5, 0, 1)
            wide = np.clip((inside + 0.6 * tissue.diameter / pixel) / soft, 0, 1) * (1 - cytoplasm[box])
            opened = np.maximum(core, wide)
            white[box] = np.maximum(white[box], opened)
            walls[box] = np.maximum(walls[box], secretion * opened)
    for x, y, radius in tissue.fat:
        outline = _outline(random, 0.04)
        found = _disc(x / pixel, y / pixel, 1.3 * radius / pixel, size)
        if found:
            box, away, angle = found
            inside = radius / pixel * outline(angle) - away
            white[box] = np.maximum(white[box], np.clip(inside / soft + 0.5, 0, 1))
            walls[box] = np.maximum(walls[box], 0.45 * np.exp(-((inside / max(0.8, 0.9 / pixel)) ** 2)))
    return white, walls


def _disc(x: float, y: float, reach: float, size: int) -> tuple[Any, np.ndarray, np.ndarray] | None:
    """The pixels within `reach` of a place, their distance from it and direction; None if there are none."""
    box = (
        slice(max(0, int(y - reach)), min(size, int(y + reach) + 2)),
        slice(max(0, int(x - reach)), min(size, int(x + reach) + 2)),
    )
    if box[0].start >= box[0].stop or box[1].start >= box[1].stop:
        return None
    across = np.arange(box[1].start, box[1].stop, dtype=np.float32) - x
    down = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] - y
    return box, np.hypot(across, down), np.arctan2(down, across)


def _chromatin(
    random: np.random.Generator, tissue: _Tissue, nuclei: np.ndarray, pixel: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Haematoxylin of the nuclei, and how far each pixel belongs to one, 0..1."""
    count, kinds = len(nuclei), nuclei[:, 5].astype(int)
    atypia = np.where(kinds == EPITHELIAL, tissue.atypia, 0.0)
    dark = np.array([1.0, 1.25, 1.2, 1.55, 2.1, 2.0])[kinds] * np.exp(random.normal(0, 0.1 + 0.1 * atypia))
    wave = np.array([0.035, 0.05, 0.08, 0.03, 0.1, 0.05])[kinds] + 0.055 * atypia
    waves = (random.normal(0, 1, (count, 4)) * wave[:, None]).astype(np.float32)
    rim = (np.where(kinds == EPITHELIAL, 0.3, 0.1) + 0.35 * atypia).astype(np.float32)
    coarse = (np.where(kinds == MITOSIS, 0.1, 0.12) + 0.13 * atypia).astype(np.float32)
    nucleolus = random.uniform(-0.45, 0.45, (count, 2)).astype(np.float32)
    spot = (np.where(kinds == EPITHELIAL, 0.15, 0.0) + 1.1 * atypia * (random.random(count) < 0.75)).astype(np.float32)
    wide = (random.uniform(0.55, 0.8, count) + 0.6 * atypia) / pixel
    axes = np.maximum(nuclei[:, 2:4] / pixel, 0.7).astype(np.float32)
    reach = axes.max(1, initial=0) * (1.15 + 2 * wave) + 1.5
    pad = math.ceil(12 / pixel) + 1 + _HALVES[int(np.searchsorted(_HALVES, reach.max(initial=1)))]
    width = size + 2 * pad
    clumps = texture(random, (width, width), max(1.3, 0.9 / pixel)).ravel()
    canvas, cover = np.zeros(width**2, np.float32), np.zeros(width**2, np.float32)
    soft = max(0.9, 0.3 / pixel)
    for which, across, down, pixels in _patches(nuclei[:, :2] / pixel + pad, reach, width):

        def of(values: np.ndarray, which: np.ndarray = which) -> np.ndarray:
            return values[which, None, None].astype(np.float32)

        cosine, sine = of(np.cos(nuclei[:, 4])), of(np.sin(nuclei[:, 4]))
        first = (across * cosine + down * sine) / of(axes[:, 0])
        second = (down * cosine - across * sine) / of(axes[:, 1])
        radius = np.sqrt(first**2 + second**2) + 1e-4
        one, two = first / radius, second / radius
        double, twofold = 2 * one * one - 1, 2 * one * two
        outline = (
            1 + of(waves[:, 0]) * (one * double - two * twofold) + of(waves[:, 1]) * (two * double + one * twofold)
        )
        outline += of(waves[:, 2]) * (2 * double * double - 1) + of(waves[:, 3]) * one
        small = of(np.sqrt(axes[:, 0] * axes[:, 1]))
        depth = (outline - radius) * np.minimum(small, of(axes[:, 1]) * 1.3)
        inside = np.clip(depth / soft + 0.5, 0, 1)
        amount = 0.82 + of(coarse) * clumps[pixels] + of(rim) * np.exp(-np.maximum(depth, 0) * (pixel / 0.55))
        apart = ((first - of(nucleolus[:, 0])) ** 2 + (second - of(nucleolus[:, 1])) ** 2) * small**2
        amount += of(spot) * np.exp(-apart / (2 * of(wide) ** 2 + 0.3))
        amount = np.clip(amount, 0.5, 2.2) * of(dark) * inside
        np.maximum.at(canvas, pixels.ravel(), amount.ravel())
        np.maximum.at(cover, pixels.ravel(), inside.ravel())
    inner = slice(pad, pad + size)
    return canvas.reshape(width, width)[inner, inner], cover.reshape(width, width)[inner, inner]


def _fibres(random: np.random.Generator, angle: float, pixel: float, size: int) -> np.ndarray:
    """Eosin of the stroma: bundles of collagen that run in waves, with clefts between them."""
    column, row = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    slow = texture(random, (size, size), min(90 / pixel, size / 2.5))
    bend = min(random.uniform(15, 40) / pixel, size / 6)
    across = row * math.cos(angle) - column * math.sin(angle) + bend * slow
    along = column * math.cos(angle) + row * math.sin(angle) + 0.5 * bend * slow
    across, along = across - across.min(), (along - along.min()) / 7
    shape = (int(across.max()) + 2, int(along.max()) + 2)
    place = across.astype(np.intp) * shape[1] + along.astype(np.intp)
    bundles = texture(random, shape, max(2.0, random.uniform(5, 10) / pixel)).ravel()[place]
    fibrils = texture(random, shape, max(1.6, 1.7 / pixel)).ravel()[place]
    density = random.uniform(0.36, 0.6)
    clefts = np.clip((bundles + random.uniform(1.0, 2.2)) / 0.35, 0.25, 1)
    return density * np.clip(1 + 0.22 * bundles + 0.16 * fibrils, 0.2, 2) * clefts
