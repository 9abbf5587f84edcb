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

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .findings import Finding
from .images import texture
from .patient import Patient

TISSUE = 0.73
"""mm of water gained where 1 mm of inflated lung fills with fluid."""

AIR = 0.27
"""mm of water lost where 1 mm of inflated lung gives way to free air."""

DIRECTION = {"right": -1, "left": 1}
"""Where a side of the patient lies along x."""

STRIDE = 1.5
"""mm between the points of tubes: less than a pixel of a usual image."""


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
        self.height = body.uniform(205, 250) - 12 * female + shot.uniform(-28, 14) - 6 * (self.view == "AP")
        self.height += 24 * self.hyperinflation
        self.wall = 16 + 26 * self.habitus
        self.breast = body.uniform(8, 42) if female else body.uniform(0, 6)
        self.rotation = shot.uniform(-6, 6)
        self.scoliosis = body.uniform(-5, 5)
        lower_left = body.uniform(3, 16)
        self.dome = {"right": self.height, "left": self.height + lower_left}
        for side in atelectasis.sides if atelectasis else ():
            self.dome[side] -= 20 * self.extent(atelectasis)
        self.sulcus = body.uniform(36, 52) * (1 - 0.65 * self.hyperinflation)

        ratio = body.uniform(0.37, 0.472) - 0.03 * self.hyperinflation
        if "Cardiomegaly" in self.findings:
            ratio = 0.51 + 0.14 * self.extent(self.findings["Cardiomegaly"])
        self.ratio = ratio * (1.04 if self.view == "AP" else 1.0)
        self.prominence = shot.uniform(0.55, 1.35)  # of the vessels: their filling changes with breath and posture
        self.heart_share = body.uniform(0.62, 0.70)

        self.spacing = (2 * self.half + shot.uniform(55, 150)) / self.size
        room = self.size * self.spacing
        across, down = shot.uniform(-0.06, 0.06) * room, shot.uniform(18, 62)
        self.x1 = (np.arange(self.size, dtype=np.float32) + 0.5) * self.spacing - self.size * self.spacing / 2 - across
        self.y1 = (np.arange(self.size, dtype=np.float32) + 0.5) * self.spacing - down
        self.y = self.y1[:, None]
        # A small tilt of the patient, as a shear: rows stay rows, which keeps every outline a function of y.
        self.tilt = shot.uniform(-0.09, 0.09)
        self.x = (self.x1[None, :] - self.tilt * (self.y - 120)).astype(np.float32)
        self.ax = np.abs(self.x)
        self.side = np.where(self.x < 0, -1, 1).astype(np.int8)
        self.down = self.y1 / self.height  # 0 at the apex, 1 at the right dome
        self.width = np.interp(
            self.down,
            [0, 0.03, 0.08, 0.18, 0.33, 0.55, 0.8, 1.2],
            np.array([0.36, 0.52, 0.63, 0.77, 0.89, 0.97, 1.0, 1.0]) * self.half,
        ).astype(np.float32)[:, None]
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

    def near(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Rows and columns within `reach` mm of a place."""
        shift = self.tilt * (y - 120)
        columns = np.searchsorted(self.x1, (x + shift - reach * 1.1, x + shift + reach * 1.1))
        rows = np.searchsorted(self.y1, (y - reach, y + reach))
        return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))

    def draw_lungs(self) -> None:
        """Path through inflated lung: `air`, in mm, from the ribs to the mediastinum and from the apex to the domes."""
        profile = np.sqrt(np.clip(1 - (self.ax / self.width) ** 2, 0, 1))
        inner = [0, 0.04, 0.12, 0.3, 0.6, 0.95], np.array([0.36 * self.half, 0.24 * self.half, 0, 0, 0, 0])
        right = np.interp(self.down, inner[0], inner[1] + [0, 0, 23, 24, 21, 36])[:, None] - self.rotation
        left = np.interp(self.down, inner[0], inner[1] + [0, 0, 20, 19, 18, 34])[:, None] + self.rotation
        self.medial = np.where(self.x < 0, right, left).astype(np.float32)
        depth = 128 + 26 * self.hyperinflation
        self.depth = (depth * np.interp(self.down, [0, 0.12, 0.4, 1.2], [0.3, 0.7, 1, 1])).astype(np.float32)[:, None]
        self.base = self._base()
        over = self.base[None, :] - self.y
        lift = 0.22 * self.step(over) + 0.78 * np.sqrt(np.clip(over / 50, 0, 1))
        edge = self.step(self.ax - self.medial, 7) * self.step(self.y + 0 * self.x)
        self.air = (self.depth * profile * lift * edge).astype(np.float32)
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
        middle = self.dome["right"] - 36
        tall = 46 + 0.22 * total * 0.55
        across = (left + 14) / 2
        u = (self.x - (left - across)) / across
        v = (self.y - middle) / tall
        lean = 0.42
        ventricle = (u * u - 2 * lean * u * v + v * v) / (1 - lean**2)
        right = total - left
        atrium = ((self.x + right - 30) / 30) ** 2 + ((self.y - middle + 4) / (tall * 0.92)) ** 2
        nearest = np.minimum(ventricle, atrium)
        self.heart = (nearest <= 1) & (self.y < self.base[None, :] + 12)
        thick = 170 * np.sqrt(np.clip(1 - nearest, 0, 1))
        shift = self.rotation
        aorta = np.clip((self.patient.age - 40) / 50, 0, 1)
        for x, y, rx, ry, depth in (
            (20 + 5 * aorta + shift, 0.27 * self.height, 17 + 3 * aorta, 18 + 3 * aorta, 90),
            (19 + shift, 0.46 * self.height, 21, 30, 70),
            (self.hilum["right"][0] + 4, self.hilum["right"][1], 13, 24, 40 * self.prominence),
            (self.hilum["left"][0] - 5, self.hilum["left"][1], 13, 20, 40 * self.prominence),
        ):
            rows, columns = self.near(x, y, max(rx, ry))
            inside = 1 - ((self.x[rows, columns] - x) / rx) ** 2 - ((self.y[rows] - y) / ry) ** 2
            thick[rows, columns] = np.maximum(thick[rows, columns], depth * np.sqrt(np.clip(inside, 0, 1)))
        self.air -= np.minimum(thick, 0.94 * self.air)
        if "Cardiomegaly" in self.findings:
            self.masks["Cardiomegaly"] = self.heart

    def draw_vessels(self) -> None:
        """Arteries and veins branch from the hila and taper outwards; the map of their paths fades at the pleura."""
        random = self.patient.random("chest", "vessels")
        trees = [
            branches(random, self.hilum[side], sign, 9, self.half / 3.9, 3.9, 5) for side, sign in DIRECTION.items()
        ]
        edema = self.extent(self.findings.get("Edema"))
        x, y, radius = (np.concatenate(parts) for parts in zip(*trees, strict=True))
        radius = radius * (1 - 0.3 * self.hyperinflation) * (1 + 0.25 * edema)
        self.vessels = self.splat(x, y, radius, 1.2 * edema) * np.clip(self.air / 60, 0, 1)

    def splat(self, x: np.ndarray, y: np.ndarray, radius: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Path in mm through tubes that are given as points `STRIDE` apart, wide and narrow ones blurred by themselves."""
        from scipy.ndimage import gaussian_filter

        columns = (x + self.tilt * (y - 120) - self.x1[0]) / self.spacing
        rows = (y - self.y1[0]) / self.spacing
        seen = (rows > 1) & (rows < self.size - 2) & (columns > 1) & (columns < self.size - 2)
        image = np.zeros((self.size, self.size), np.float32)
        edges = (0.0, 1.3, 2.4, np.inf)
        for low, high in pairwise(edges):
            chosen = seen & (radius >= low) & (radius < high)
            if not chosen.any():
                continue
            row, column = rows[chosen], columns[chosen]
            weight = STRIDE * np.pi * radius[chosen] ** 2 / self.spacing**2
            sigma = float(np.sqrt(np.mean(radius[chosen] ** 2))) * 0.55 / self.spacing + blur
            keep = int(3 * sigma) + 2
            up, left = max(0, int(row.min()) - keep), max(0, int(column.min()) - keep)
            height, width = (
                min(self.size, int(row.max()) + keep + 2) - up,
                min(self.size, int(column.max()) + keep + 2) - left,
            )
            row, column = row - up, column - left
            top, start = row.astype(int), column.astype(int)
            part, share = row - top, column - start
            place = top * width + start
            layer = np.bincount(place, weight * (1 - part) * (1 - share), height * width)
            layer += np.bincount(place + 1, weight * (1 - part) * share, height * width)
            layer += np.bincount(place + width, weight * part * (1 - share), height * width)
            layer += np.bincount(place + width + 1, weight * part * share, height * width)
            layer = layer.reshape(height, width).astype(np.float32)
            image[up : up + height, left : left + width] += gaussian_filter(layer, max(sigma, 0.3), truncate=2.5)
        return image

    def project(self) -> None:
        """Adds the body around the lungs, the vessels in them, trachea and stomach to `water`."""
        random = self.patient.random("chest", "tissue")
        neck = np.array([62, 70, 120, self.half + 48, self.half + 62, self.half + 34, self.half + self.wall])
        outline = np.interp(self.y1, [-60, -34, -18, 8, 40, 95, 150], neck)[:, None].astype(np.float32)
        thickness = 190 + 60 * self.habitus + np.interp(self.y1, [-40, 20, 150, 300], [-40, 0, 0, 30])[:, None]
        below = 16 * np.clip((self.y - self.base[None, :]) / 30, 0, 1)
        thickness = thickness.astype(np.float32)
        body = thickness * np.sqrt(np.sqrt(np.clip(1 - (self.ax / outline) ** 2, 0, 1))) + below * (self.ax < outline)
        self.outside = self.ax > outline
        for sign in (-1, 1):
            x, y = sign * (0.56 * self.half), 0.74 * self.height + self.breast * 0.5
            rx, ry = 0.45 * self.half, 52 + self.breast * 0.5
            rows, columns = self.near(x, y, max(rx, ry))
            radius = ((self.x[rows, columns] - x) / rx) ** 2 + ((self.y[rows] - y) / ry) ** 2
            # The lower fold is a sharp edge, the upper part fades into the chest wall.
            fold = np.clip(0.5 + (self.y[rows] - y) / (2 * ry), 0, 1)
            body[rows, columns] += self.breast * fold * np.sqrt(np.clip(1 - radius, 0, 1))
        self.water += body - TISSUE * self.air + 1.9 * self.prominence * TISSUE * self.vessels
        self.water += self.grain(4.0) * (0.012 * self.air)

        trachea = 8.5 + random.uniform(-1, 1)
        path = (self.x - 0.7 * self.rotation) / trachea
        self.water -= 2.6 * trachea * np.sqrt(np.clip(1 - path**2, 0, 1)) * self.step(0.3 * self.height - self.y, 12)
        for side, sign in DIRECTION.items():
            t = np.arange(0, 34, STRIDE)
            slope = 1.15 if side == "right" else 0.8
            bronchus = self.splat(
                0.7 * self.rotation + sign * t, 0.29 * self.height + slope * t, np.full(len(t), 5.0), 0.6
            )
            self.water -= 0.9 * bronchus
        if random.random() < 0.6:
            x, y = random.uniform(45, 75), self.dome["left"] + random.uniform(26, 38)
            rx, ry = random.uniform(18, 34), random.uniform(9, 17)
            rows, columns = self.near(x, y, rx)
            inside = 1 - ((self.x[rows, columns] - x) / rx) ** 2 - ((self.y[rows] - y) / ry) ** 2
            self.water[rows, columns] -= 40 * np.sqrt(np.clip(inside, 0, 1))

    def draw_bones(self) -> None:
        """Spine, ribs, clavicles and scapulae, each a shell of cortical bone around marrow."""
        random = self.patient.random("chest", "bones")
        dense = random.uniform(0.8, 1.15) * (1 - 0.2 * max(0.0, (self.patient.age - 60) / 40))
        self._spine(random, dense)
        for side, sign in DIRECTION.items():
            self._ribs(random, side, dense)
            self._scapula(sign, random.uniform(-8, 8), dense)

    def _ribs(self, random: np.random.Generator, side: str, dense: float) -> None:
        """Posterior ribs fall off to the wall, turn there and come back as anterior ribs, which end in cartilage."""
        sign = DIRECTION[side]
        first = int(np.searchsorted(self.x1, 0))
        columns = slice(0, first) if sign < 0 else slice(first, self.size)
        across = self.x1[columns] * sign
        gap = self.height / 8.4
        lift = random.uniform(-4, 4)
        curves, weights, radii = [], [], []
        for rib in range(10):
            thin, start = random.uniform(0.9, 1.1), -14 + gap * rib + lift
            span = float(np.interp(start + 25, self.y1, self.width[:, 0])) * 1.02
            u = np.clip((across - 14) / (span - 14), 0, 1)
            arc = start - 9 * np.sin(np.pi * np.minimum(u * 1.25, 1)) + (12 + 4.0 * rib) * u**2.2
            curves.append(arc)
            radii.append(4.9 * thin)
            weights.append(1.05 * dense * ((across > 14) & (across < span)))
            if 0 < rib < 8:
                end = 0.34 * self.half + 3 * rib
                v = np.clip((span - across) / (span - end), 0, 1)
                curves.append(float(start + 20 + 4.0 * rib) + (44 + 3 * rib) * v**0.8)
                radii.append(5.8 * thin)
                weights.append(0.6 * dense * np.clip((1 - v) / 0.12, 0, 1) * (across < span))
        raised = random.uniform(-4, 6) - 8 * (self.view == "AP")
        u = np.clip((across - 16 + sign * self.rotation) / (self.half * 0.95), 0, 1.2)
        curves.append(24 + raised - 30 * u - 7 * np.sin(2 * np.pi * np.minimum(u, 1)))
        radii.append(6.2)
        weights.append(1.8 * dense * np.clip((across - 14 + sign * self.rotation) / 4, 0, 1) * (u < 1.15))
        self._tubes(columns, np.stack(curves), np.stack(weights), np.array(radii)[:, None])

    def _tubes(self, columns: slice, curves: np.ndarray, weights: np.ndarray, radii: np.ndarray) -> None:
        """Tubes of bone around the curves y, `(tubes, columns)`, all at once: only the rows around them are computed."""
        slope = np.gradient(curves, self.spacing, axis=1)
        reach = radii * np.minimum(np.sqrt(1 + slope**2), 2.2)
        middle = np.round((curves - self.y1[0]) / self.spacing).astype(int)
        offsets = np.arange(-(most := int(reach.max() / self.spacing) + 1), most + 1)
        rows = middle[..., None] + offsets
        q = ((rows * self.spacing + self.y1[0] - curves[..., None]) / reach[..., None]).astype(np.float32)
        q *= q
        outer = np.sqrt(np.clip(1 - q, 0, 1))
        marrow = np.sqrt(np.clip(0.55 - q, 0, 1))
        path = (3.2 * outer - 2.5 * marrow) * (radii * weights).astype(np.float32)[..., None]
        width = columns.stop - columns.start
        places = np.clip(rows, -1, self.size) + 1
        places = places * width + np.arange(width)[:, None]
        sums = np.bincount(places.ravel(), path.ravel(), (self.size + 2) * width).reshape(-1, width)
        self.water[:, columns] += sums[1:-1].astype(np.float32)

    def _spine(self, random: np.random.Generator, dense: float) -> None:
        height = random.uniform(21, 25)
        bend = self.scoliosis * np.sin(self.y1 / 70)[:, None] - self.rotation * 0.6
        columns = slice(*np.searchsorted(self.x1, (-45, 45)))
        x = self.x[:, columns] - bend
        phase = ((self.y1 + random.uniform(0, height)) / height) % 1
        disc = np.clip(np.abs(phase - 0.5) * 14 - 5.6, 0, 1)[:, None]
        half = 17 + np.interp(self.y1, [0, 250], [-2, 4])[:, None] - 1.5 * np.sin(np.pi * phase)[:, None]
        square = (x / half) ** 2
        body = np.sqrt(np.clip(1 - square * square * square, 0, 1)) * (1 - 0.5 * disc)
        pedicles = np.exp(-(((np.abs(x) - 11) / 3.2) ** 2) - (((phase[:, None] - 0.35) * height / 4.2) ** 2))
        process = np.exp(-((x / 3) ** 2) - (((phase[:, None] - 0.75) * height / 5) ** 2))
        self.water[:, columns] += dense * (13 * body + 7 * pedicles + 7 * process)

    def _scapula(self, sign: int, shift: float, dense: float) -> None:
        # Rolled forward, the shoulders take the shoulder blades off the lungs; in bed they stay on them.
        inner = (0.76 if self.view == "AP" else 0.95) * self.half
        rows = slice(*np.searchsorted(self.y1, (-4, 0.62 * self.height)))
        t = (self.y[rows] + 4) / (0.62 * self.height)
        border = inner + shift + 0.22 * self.half * t**1.5
        outer = self.half + 46 - 0.32 * self.half * t**2
        x = self.x[rows] * sign
        plate = self.step(x - border, 2) * self.step(outer - x, 2)
        rim = np.exp(-(((x - border) / 2.2) ** 2)) + 1.3 * np.exp(-(((x - outer) / 3) ** 2))
        self.water[rows] += dense * (5 * plate + 6 * rim * (t < 0.98))
        x0, y0 = sign * (self.half + 52), 4.0
        rows, columns = self.near(x0, y0, 24)
        inside = 1 - ((self.x[rows, columns] - x0) / 24) ** 2 - ((self.y[rows] - y0) / 24) ** 2
        self.water[rows, columns] += 26 * dense * np.sqrt(np.clip(inside, 0, 1))

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
        radius = np.sqrt(((self.x - x) / rx) ** 2 + ((self.y - y) / ry) ** 2)
        return np.clip((1 - radius + rough * self.grain(18.0)) / soft, 0, 1) * (radius < 2)


def branches(
    random: np.random.Generator,
    start: tuple[float, float],
    sign: int,
    stems: int,
    length: float,
    radius: float,
    generations: int,
    fan: float = 1.9,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points `STRIDE` apart along a tree of vessels or bronchi: x, y and radius in mm.

    Radii follow Murray's law (PNAS 12, 207, 1926): a branch of radius r parts into two of about 0.79 r.
    """
    x, y = np.full(stems, start[0]), np.full(stems, start[1])
    angle = np.linspace(-fan, fan, stems) * 0.85 + random.normal(0, 0.12, stems)
    thick = radius * random.uniform(0.75, 1.15, stems)
    xs, ys, radii = [], [], []
    for generation in range(generations):
        run = max(4, round(length / STRIDE * (0.86**generation) * random.uniform(0.9, 1.1)))
        bend = random.normal(0, 0.012 * STRIDE, len(x))[:, None]
        heading = angle[:, None] + bend * np.arange(run)
        px = x[:, None] + sign * STRIDE * np.cumsum(np.cos(heading), axis=1)
        py = y[:, None] + STRIDE * np.cumsum(np.sin(heading), axis=1)
        taper = thick[:, None] * np.linspace(1, 0.88, run)
        xs.append(px.ravel())
        ys.append(py.ravel())
        radii.append(taper.ravel())
        spread = random.uniform(0.2, 0.55, (2, len(x))) * np.array([[-1], [1]])
        angle = (heading[:, -1] + spread).ravel()
        x, y = np.tile(px[:, -1], 2), np.tile(py[:, -1], 2)
        thick = (taper[:, -1] * random.uniform(0.66, 0.86, (2, len(taper)))).ravel()
    return np.concatenate(xs), np.concatenate(ys), np.concatenate(radii)
