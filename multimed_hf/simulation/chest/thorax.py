"""The thorax of a synthetic patient, as a map of how much each ray is weakened.

By the law of Beer and Lambert the logarithm of what reaches the detector is a sum of attenuations, and that sum is what a
radiograph shows. It is kept here as a map of the mm of water that attenuate as much: soft tissue counts once, inflated lung
about a quarter (Hounsfield, Br. J. Radiol. 46, 1016, 1973), cortical bone about twice. Air spaces are a second map, so that
fluid, collapse and free air change the image the way they change the chest. A heart wider than half of the thorax is
large (Danzer, Am. J. Med. Sci. 157, 513, 1919).

Lengths are in mm, with x to the patient's left from the midline (to the right of the image, as radiographs are read) and y
downwards from the apex of the lungs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..images import texture
from ..patient import Patient
from .findings import Finding
from .vessels import STRIDE, branches

TISSUE = 0.73
"""mm of water gained where 1 mm of inflated lung fills with fluid."""

AIR = 0.27
"""mm of water lost where 1 mm of inflated lung gives way to free air."""

DIRECTION = {"right": -1, "left": 1}
"""Where a side of the patient lies along x."""


def view_of(patient: Patient, member: int) -> str:
    """'PA' (upright, seven of ten) or 'AP' (in bed), whatever the patient has."""
    return "PA" if patient.random("chest", "view", member).random() < 0.7 else "AP"


@dataclass
class Thorax:
    """Anatomy of one patient in one position, and the maps that are drawn one structure at a time."""

    patient: Patient
    member: int
    findings: dict[str, Finding]
    size: int
    masks: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        body, shot = self.patient.random("chest", "anatomy"), self.patient.random("chest", "position", self.member)
        self.shot = shot
        self.view = view_of(self.patient, self.member)
        female = self.patient.sex == "female"
        self.visible = self.patient.simulation.harder(1.0, 0.42)
        emphysema, atelectasis = self.findings.get("Emphysema"), self.findings.get("Atelectasis")
        self.hyperinflation = self.extent(emphysema) if emphysema else 0.0

        self.half = body.uniform(124, 150) - 9 * female  # half of the inner width of the thorax
        self.habitus = body.uniform(0, 1)
        self.height = body.uniform(205, 250) - 12 * female + shot.uniform(-38, 16) - 6 * (self.view == "AP")
        self.height += 24 * self.hyperinflation
        self.wall = 16 + 26 * self.habitus
        self.breast = body.uniform(8, 42) if female else body.uniform(0, 6)
        self.rotation = shot.uniform(-11, 11)  # of the patient, as mm by which the mediastinum moves to the left
        self.inflation = shot.uniform(0.8, 1.12)  # air in the lungs: changes with breath and posture
        self.scoliosis = body.uniform(-5, 5)
        lower_left = body.uniform(3, 16)
        self.dome = {"right": self.height, "left": self.height + lower_left}
        for side in atelectasis.sides if atelectasis else ():
            self.dome[side] -= 20 * self.extent(atelectasis)
        self.sulcus = body.uniform(36, 52) * (1 - 0.65 * self.hyperinflation)

        ratio = body.uniform(0.37, 0.472) - 0.03 * self.hyperinflation
        if "Cardiomegaly" in self.findings:
            ratio = 0.515 + 0.12 * self.extent(self.findings["Cardiomegaly"])
        self.ratio = ratio * (1.04 if self.view == "AP" else 1.0)
        self.prominence = shot.uniform(0.55, 1.35)  # of the vessels: their filling changes with breath and posture
        self.heart_share = body.uniform(0.60, 0.73)

        aside = shot.uniform(40, 180)
        room = 2 * self.half + aside
        self.spacing = room / self.size
        # As far off the middle as leaves the lungs in the image, whatever the tilt.
        across, down = shot.uniform(-1, 1) * min(0.1 * room, aside / 2 - 14), shot.uniform(8, 75)
        self.x1 = (np.arange(self.size, dtype=np.float32) + 0.5) * self.spacing - room / 2 - across
        self.y1 = (np.arange(self.size, dtype=np.float32) + 0.5) * self.spacing - down
        self.y = self.y1[:, None]
        # A small tilt of the patient, as a shear: rows stay rows, which keeps every outline a function of y.
        self.tilt = shot.uniform(-0.11, 0.11)
        self.x = (self.x1[None, :] - self.tilt * (self.y - 120)).astype(np.float32)
        self.ax = np.abs(self.x)
        self.side = np.where(self.x < 0, -1, 1).astype(np.int8)
        self.width = self.half * self.along(
            [0, 0.03, 0.08, 0.18, 0.33, 0.55, 0.8, 1.2], [0.36, 0.52, 0.63, 0.77, 0.89, 0.97, 1.0, 1.0], self.height
        )
        self.hilum = {"right": (-38.0, 0.47 * self.height), "left": (40.0, 0.42 * self.height)}
        self.soft = max(1.5, self.spacing)
        self.water = np.zeros((self.size, self.size), np.float32)
        self._textures: dict[float, np.ndarray] = {}

    def extent(self, finding: Finding | None) -> float:
        """How far a finding goes, 0..1: grows with its severity, shrinks with difficulty, and is never nothing."""
        return 0.0 if finding is None else (0.3 + 0.7 * finding.severity) * self.patient.simulation.harder(1.0, 0.6)

    def grain(self, scale: float) -> np.ndarray:
        """Smooth noise with features of `scale` mm, the same for every sign of an image."""
        if scale not in self._textures:
            random = self.patient.random("chest", "texture", int(scale * 10))
            self._textures[scale] = texture(random, (self.size, self.size), max(1.3, round(scale / self.spacing, 1)))
        return self._textures[scale]

    def step(self, distance: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """0 to 1 where a distance in mm goes from negative to positive, over about a pixel or `soft` mm."""
        return np.clip(distance / (soft or self.soft) + 0.5, 0, 1)

    def along(self, y: Sequence[float], values: Sequence[float] | np.ndarray, unit: float = 1.0) -> np.ndarray:
        """What changes down the body, linear between `values` at `y`, in `unit` mm: float32 `(rows, 1)`."""
        return np.interp(self.y1 / unit, y, values).astype(np.float32)[:, None]

    def window(self, low: float, high: float, top: float, bottom: float) -> tuple[slice, slice]:
        """Rows and columns that hold all places with x from `low` to `high` and y from `top` to `bottom`, in mm."""
        shifts = self.tilt * (top - 120), self.tilt * (bottom - 120)
        columns = np.searchsorted(self.x1, (low + min(shifts), high + max(shifts)))
        rows = np.searchsorted(self.y1, (top, bottom))
        return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))

    def pixel(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of places in mm, not rounded and not confined to the image."""
        return (y - self.y1[0]) / self.spacing, (x + self.tilt * (y - 120) - self.x1[0]) / self.spacing

    def near(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Rows and columns that hold all places within `reach` mm of one."""
        return self.window(x - reach, x + reach, y - reach, y + reach)

    def ellipsoid(self, x: float, y: float, rx: float, ry: float) -> tuple[tuple[slice, slice], np.ndarray]:
        """Path through half an ellipsoid of depth 1 around a place, with half axes in mm, and the window it lies in."""
        rows, columns = self.window(x - rx, x + rx, y - ry, y + ry)
        inside = 1 - ((self.x[rows, columns] - x) / rx) ** 2 - ((self.y[rows] - y) / ry) ** 2
        return (rows, columns), np.sqrt(np.clip(inside, 0, 1))

    def draw_lungs(self) -> None:
        """Path through inflated lung: `air`, in mm, from the ribs to the mediastinum and from the apex to the domes."""
        profile = np.sqrt(np.clip(1 - (self.ax / self.width) ** 2, 0, 1))
        inner, neck = [0, 0.04, 0.12, 0.3, 0.6, 0.95], (0.36 * self.half, 0.24 * self.half)
        right = self.along(inner, [*neck, 23, 24, 21, 36], self.height) - self.rotation
        left = self.along(inner, [*neck, 20, 19, 18, 34], self.height) + self.rotation
        self.medial = np.where(self.x < 0, right, left)
        depth = (128 + 26 * self.hyperinflation) * self.along([0, 0.12, 0.4, 1.2], [0.3, 0.7, 1, 1], self.height)
        self.base = self._base()
        over = self.base - self.y
        lift = 0.22 * self.step(over) + 0.78 * np.sqrt(np.clip(over / 50, 0, 1))
        self.air = (depth * self.step(self.y)) * profile * lift * self.step(self.ax - self.medial, 7)
        self.lungs = self.air > 4
        self.inside = (self.ax < self.width) & (over > 0) & (self.y > 0) & (self.ax > self.medial)

    def _base(self) -> np.ndarray:
        """Height of the diaphragm in each column, `(columns,)`: two domes that fall off to the costophrenic angles."""
        base = np.empty(self.size, np.float32)
        for side, sign in DIRECTION.items():
            across = np.clip(self.x1 * sign, 0, None)
            top = 0.48 * self.half
            outward = np.clip((across - top) / (self.half - top), 0, 1.15)
            inward = np.clip((top - across) / top, 0, 1)
            dome = self.dome[side] + self.sulcus * outward**2.4 + 13 * inward**2
            here = self.x1 < 0 if sign < 0 else self.x1 >= 0
            base[here] = dome[here]
        return base

    def draw_heart(self) -> None:
        """Heart, great vessels and hila push the lung aside: their outline shows where lung meets them."""
        total = self.ratio * 2 * self.half
        left = total * self.heart_share
        right = total - left
        middle = self.dome["right"] - 36
        tall = 46 + 0.22 * total * 0.55
        across = (left + 14) / 2
        shift = self.rotation
        low, high = shift + min(-14, -right), shift + max(left, 60 - right)
        rows, columns = window = self.window(low, high, middle - tall, middle + tall)
        x, y = self.x[window] - shift, self.y[rows] - middle
        u, v = (x - (left - across)) / across, y / tall
        lean = 0.42
        ventricle = (u * u - (2 * lean * u - v) * v) / (1 - lean**2)
        atrium = ((x + right - 30) / 30) ** 2 + ((y + 4) / (tall * 0.92)) ** 2
        nearest = np.minimum(ventricle, atrium)
        self.heart = np.zeros(self.x.shape, bool)
        self.heart[window] = (nearest <= 1) & (y + middle < self.base[columns] + 12)
        thick = np.zeros_like(self.x)
        thick[window] = 170 * np.sqrt(np.clip(1 - nearest, 0, 1))
        aorta = min(max((self.patient.age - 40) / 50, 0.0), 1.0)
        for x0, y0, rx, ry, depth in (
            (20 + 5 * aorta + shift, 0.27 * self.height, 17 + 3 * aorta, 18 + 3 * aorta, 90),
            (19 + shift, 0.46 * self.height, 21, 30, 70),
            (self.hilum["right"][0] + 4, self.hilum["right"][1], 13, 24, 40 * self.prominence),
            (self.hilum["left"][0] - 5, self.hilum["left"][1], 13, 20, 40 * self.prominence),
        ):
            window, path = self.ellipsoid(x0, y0, rx, ry)
            thick[window] = np.maximum(thick[window], depth * path)
        self.air -= np.minimum(thick, 0.94 * self.air)
        if "Cardiomegaly" in self.findings:
            self.masks["Cardiomegaly"] = self.heart

    def draw_vessels(self) -> None:
        """Arteries and veins branch from the hila and taper outwards; the map of their paths fades at the pleura."""
        random = self.patient.random("chest", "vessels")
        roots = [self.hilum[side] for side in DIRECTION]
        x, y, radius = branches(random, roots, list(DIRECTION.values()), 9, self.half / 3.9, 3.9, 5)
        edema = self.extent(self.findings.get("Edema"))
        radius = radius * (1 - 0.3 * self.hyperinflation) * (1 + 0.25 * edema)
        # Most of the branches end outside of the lungs, where nothing is seen of them.
        rows, columns = (np.clip(place, 0, self.size - 1).astype(np.intp) for place in self.pixel(x, y))
        kept = self.air[rows, columns] > 2
        paths = self.splat(x[kept], y[kept], radius[kept], 1.2 * edema)
        self.vessels = paths * np.clip(self.air / 60, 0, 1)

    def splat(self, x: np.ndarray, y: np.ndarray, radius: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Path in mm through tubes that are given as points `STRIDE` apart, wide and narrow ones blurred by themselves."""
        from scipy.ndimage import gaussian_filter

        rows, columns = self.pixel(x, y)
        seen = (rows > 1) & (rows < self.size - 2) & (columns > 1) & (columns < self.size - 2)
        image = np.zeros((self.size, self.size), np.float32)
        edges = (0.0, 1.3, 2.4, np.inf)
        for low, high in pairwise(edges):
            chosen = seen & (radius >= low) & (radius < high)
            if not chosen.any():
                continue
            row, column = rows[chosen], columns[chosen]
            weight = (STRIDE * np.pi / self.spacing**2) * radius[chosen] ** 2
            sigma = float(np.sqrt(np.mean(radius[chosen] ** 2))) * 0.55 / self.spacing + blur
            keep = int(3 * sigma) + 2
            up, left = max(0, int(row.min()) - keep), max(0, int(column.min()) - keep)
            height = min(self.size, int(row.max()) + keep + 2) - up
            width = min(self.size, int(column.max()) + keep + 2) - left
            top, start = row.astype(np.intp), column.astype(np.intp)
            part, share = weight * (row - top), column - start
            place = (top - up) * width + (start - left)
            # Each point is shared among the four pixels around it.
            places = np.concatenate([place, place + 1, place + width, place + width + 1])
            lower, upper = part * share, (weight - part) * share
            shares = np.concatenate([weight - part - upper, upper, part - lower, lower])
            layer = np.bincount(places, shares, height * width).reshape(height, width).astype(np.float32)
            image[up : up + height, left : left + width] += gaussian_filter(layer, max(sigma, 0.3), truncate=2.5)
        return image

    def project(self) -> None:
        """Adds the body around the lungs, the vessels in them, trachea and stomach to `water`."""
        random = self.patient.random("chest", "tissue")
        neck = [62, 70, 120, self.half + 48, self.half + 62, self.half + 34, self.half + self.wall]
        outline = self.along([-60, -34, -18, 8, 40, 95, 150], neck)
        thickness = 190 + 60 * self.habitus + self.along([-40, 20, 150, 300], [-40, 0, 0, 30])
        body = thickness * np.sqrt(np.sqrt(np.clip(1 - (self.ax / outline) ** 2, 0, 1)))
        body += np.clip((self.y - self.base) * (16 / 30), 0, 16) * (self.ax < outline)
        for sign in DIRECTION.values():
            x, y = sign * (0.56 * self.half), 0.74 * self.height + self.breast * 0.5
            ry = 52 + self.breast * 0.5
            window, path = self.ellipsoid(x, y, 0.45 * self.half, ry)
            # The lower fold is a sharp edge, the upper part fades into the chest wall.
            body[window] += self.breast * np.clip(0.5 + (self.y[window[0]] - y) / (2 * ry), 0, 1) * path
        self.water += body
        self.water += TISSUE * (1.9 * self.prominence * self.vessels - self.inflation * self.air)
        self.water += self.grain(4.0) * (0.012 * self.air)
        self._draw_airways(random)
        if random.random() < 0.6:
            x, y = random.uniform(45, 75), self.dome["left"] + random.uniform(26, 38)
            window, bubble = self.ellipsoid(x, y, random.uniform(18, 34), random.uniform(9, 17))
            self.water[window] -= 40 * bubble

    def _draw_airways(self, random: np.random.Generator) -> None:
        """Trachea and main bronchi, which follow the mediastinum part of the way when the patient is rotated."""
        trachea, x, end = 8.5 + random.uniform(-1, 1), 0.7 * self.rotation, 0.3 * self.height
        window = self.window(x - trachea, x + trachea, float(self.y1[0]), end + 6)
        path = np.sqrt(np.clip(1 - ((self.x[window] - x) / trachea) ** 2, 0, 1))
        self.water[window] -= 2.6 * trachea * path * self.step(end - self.y[window[0]], 12)
        run = np.arange(0, 34, STRIDE)
        across = np.concatenate([sign * run for sign in DIRECTION.values()])
        slope = np.repeat([1.15, 0.8], len(run))
        y = 0.29 * self.height + slope * np.abs(across)
        self.water -= 0.9 * self.splat(x + across, y, np.full(len(across), 5.0), 0.6)

    def thorax(self, side: str) -> np.ndarray:
        """Where the pleural space of a side is, bool `(rows, columns)`: lung, and what has taken its place."""
        return self.inside & (self.side == DIRECTION[side])

    def third(self, zone: str) -> tuple[float, float]:
        """First and last y of a zone of the lungs, in mm."""
        start = {"upper": 0.08, "middle": 0.38, "lower": 0.66}[zone]
        return start * self.height, (start + 0.3) * self.height

    def spot(self, random: np.random.Generator, side: str, zone: str, margin: float) -> tuple[float, float]:
        """A place in well aerated lung, at least `margin` mm from its edges where there is room for that."""
        low, high = self.third(zone)
        for keep in (margin, margin / 2, 0.0):
            y = random.uniform(low, high)
            row = int(np.clip(np.searchsorted(self.y1, y), 0, self.size - 1))
            across = self.x[row] * DIRECTION[side]
            room = (self.air[row] > 45) & (across > 0)
            if (columns := np.flatnonzero(room)).size:
                first, last = across[columns].min() + keep, across[columns].max() - keep
                place = random.random()
                if last > first:
                    return DIRECTION[side] * float(first + place * (last - first)), y
        return DIRECTION[side] * 0.6 * self.half, (low + high) / 2

    def fill(self, weight: np.ndarray) -> None:
        """Replaces this share of the air by fluid or cells."""
        self.air *= 1 - weight
        self.vessels *= 1 - 0.8 * weight

    def seen(self, weight: np.ndarray, least: float) -> np.ndarray:
        """Where an opacity is at least `least` and lies in air, which alone makes it visible; else all of it."""
        where = weight > least
        visible = where & (self.air > 12)
        return visible if visible.any() else where

    def patch(self, x: float, y: float, rx: float, ry: float, rough: float, soft: float = 0.5) -> np.ndarray:
        """An ill-defined opacity, 0..1, with an irregular outline."""
        window = self.window(x - 2 * rx, x + 2 * rx, y - 2 * ry, y + 2 * ry)
        radius = np.sqrt(((self.x[window] - x) / rx) ** 2 + ((self.y[window[0]] - y) / ry) ** 2)
        weight = np.zeros_like(self.x)
        weight[window] = np.clip((1 - radius + rough * self.grain(18.0)[window]) / soft, 0, 1) * (radius < 2)
        return weight
