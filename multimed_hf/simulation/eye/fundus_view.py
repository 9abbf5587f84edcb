"""Where fovea, disc and field of view lie in a photograph of the fundus, and drawing on it in millimetres.

Lengths are in millimetres on the retina, with the origin in the fovea, x to the right and y downwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..patient import Patient

FIELD = 13.0
"""Diameter of a field of 45 degrees in mm: at 224 pixels, about 60 micrometre a pixel."""

_OVERSAMPLING = 3

_TURNS = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_ROUND = np.stack((np.cos(_TURNS), np.sin(_TURNS)))
_WAVES = np.concatenate([(np.cos(k * _TURNS), np.sin(k * _TURNS)) for k in (2, 3, 4)])


class Eye:
    """Where fovea, disc and field lie, in mm, and how they get onto the picture.

    Args:
        patient: whose eye it is; the device has a field of its own.
        member: even for the right eye, odd for the left one.
        size: rows and columns of the picture.

    Attributes:
        side: 1 if the disc lies to the right of the fovea, as in the right eye, else -1.
        disc, disc_radii: centre, and half width and half height of the optic disc, `(2,)` each.
        cup: size of the cup as a share of the disc.
        field: diameter of the field of view.
        centre: of the field of view, `(2,)`.
        pixels: pixels per mm.
        x, y, from_centre: place of each pixel and its distance from `centre`, float32 `(size, size)` each.
    """

    def __init__(self, patient: Patient, member: int, size: int) -> None:
        random, anatomy, camera = (
            patient.random("view", member),
            patient.random("disc", member),
            patient.style("device"),
        )
        self.side = 1 if member % 2 == 0 else -1
        self.disc = np.array((self.side * anatomy.normal(4.5, 0.15), anatomy.normal(-0.35, 0.15)))
        self.disc_radii = np.array((0.88, 0.96)) * anatomy.normal(1, 0.07)
        self.cup = float(np.clip(anatomy.normal(0.42, 0.13), 0.15, 0.75))
        self.field = FIELD * camera.uniform(0.85, 1.05) * random.uniform(0.95, 1.05)
        self.centre = np.array((self.side * random.uniform(0.0, 2.6), random.uniform(-0.7, 0.5)))
        self.pixels = float(size * camera.uniform(0.92, 1.06) * random.uniform(0.97, 1.03) / self.field)
        self._shift = 0.5 * size + 0.02 * size * random.normal(0, 1, 2)
        turn = np.radians(random.normal(0, 4))
        self._turn = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
        across, down = ((np.arange(size) + 0.5 - self._shift[:, None]) / self.pixels).astype(np.float32)
        self.from_centre = np.sqrt(across**2 + down[:, None] ** 2)
        (a, b), (c, d) = self._turn.T.tolist()
        self.x = (a * across + float(self.centre[0])) + b * down[:, None]
        self.y = (c * across + float(self.centre[1])) + d * down[:, None]

    def pixel(self, points: np.ndarray) -> np.ndarray:
        """Column and row of points `(..., 2)` in mm."""
        return (points - self.centre) @ (self._turn.T * self.pixels) + self._shift

    def sees(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Whether points `(..., 2)` lie in the field of view or at most `margin` outside, bool `(...)`."""
        away = points - self.centre
        return np.hypot(away[..., 0], away[..., 1]) < 0.5 * self.field + margin

    def places(
        self, random: np.random.Generator, number: int, quadrant: int | None = None, margin: float = 0.0
    ) -> np.ndarray:
        """Random places in the field, off disc and fovea, `(number, 2)`.

        Args:
            random: where they come from.
            number: how many.
            quadrant: of the photograph, 0 to 3, clockwise from the lower right; None for all.
            margin: how far to stay away from disc, fovea and edge besides.
        """
        found = np.empty((0, 2))
        while len(found) < number:
            angle, radius = random.random((2, 2 * number + 2))
            angle = np.pi / 2 * (4 * angle if quadrant is None else quadrant + angle)
            distance = (0.44 * self.field - margin) * np.sqrt(0.01 + 0.99 * radius)
            tried = self.centre + np.stack((distance * np.cos(angle), distance * np.sin(angle)), -1)
            from_disc = np.hypot(*(tried - self.disc).T)
            free = (from_disc > 1.1 + margin) & (np.hypot(*tried.T) > 0.35 + margin)
            found = np.concatenate((found, tried[free]))
        return found[:number]


class Canvas:
    """A drawing in shades from 0 to 1, finer than the picture, that takes points in mm."""

    def __init__(self, eye: Eye) -> None:
        self.eye = eye
        self._finer = _OVERSAMPLING * eye.pixels
        self._image: Any = None
        self._pen: Any = None

    def lines(self, courses: np.ndarray, widths: np.ndarray, shades: np.ndarray, ends: np.ndarray, chunk: int) -> None:
        """Lines, as wide and dark as at the middle of each chunk. What is thinner than the drawing can show becomes paler.

        Args:
            courses: `(lines, points, 2)`.
            widths: `(lines, points)`.
            shades: `(lines, points)`, 0..1.
            ends: how many points of each line to draw, `(lines,)`.
            chunk: points that share width and shade.
        """
        pen = self._drawing()
        places = (_OVERSAMPLING * self.eye.pixel(courses)).reshape(len(courses), 2 * courses.shape[1]).tolist()
        middles = np.minimum(np.arange(0, courses.shape[1] - 1, chunk) + chunk // 2, ends[:, None] - 1)
        pixels = self._finer * np.take_along_axis(widths, middles, 1)
        fills = 255 * np.clip(np.take_along_axis(shades, middles, 1), 0, 1) * np.clip(pixels, 0, 1)
        fills, pixels = np.rint(fills).astype(int).tolist(), np.rint(np.maximum(pixels, 1)).astype(int).tolist()
        for place, fill, width, end in zip(places, fills, pixels, ends.tolist(), strict=True):
            for number, start in enumerate(range(0, end - 1, chunk)):
                pen.line(place[2 * start : 2 * min(start + chunk + 1, end)], fill[number], width[number])

    def shapes(self, outlines: np.ndarray, shades: np.ndarray) -> None:
        """Filled polygons `(polygons, points, 2)`, their shades `(polygons,)`."""
        places = (_OVERSAMPLING * self.eye.pixel(outlines)).reshape(len(outlines), 2 * outlines.shape[1])
        fills = np.rint(255 * np.minimum(1, shades)).astype(int)
        for place, fill in zip(places.tolist(), fills.tolist(), strict=True):
            self._drawing().polygon(place, fill)

    def blobs(
        self,
        random: np.random.Generator,
        places: np.ndarray,
        radii: np.ndarray,
        shades: np.ndarray,
        ragged: float = 0.1,
        stretch: np.ndarray | float = 1.0,
        angle: np.ndarray | float = 0.0,
    ) -> None:
        """Round, ragged or stretched spots.

        Args:
            random: what their outlines come from.
            places: `(spots, 2)`.
            radii: `(spots,)`.
            shades: `(spots,)`, 0..1.
            ragged: standard deviation of the waves of an outline, as a share of the radius.
            stretch: how much longer than wide, `(spots,)`.
            angle: of the long axis in radians, `(spots,)`.
        """
        waves = ragged * random.standard_normal((len(places), len(_WAVES))) @ _WAVES
        x, y = _ROUND[:, None] * (radii[:, None] * np.clip(1 + waves, 0.3, None))
        x = x * np.reshape(stretch, (-1, 1))
        cosine, sine = np.cos(angle).reshape(-1, 1), np.sin(angle).reshape(-1, 1)
        self.shapes(places[:, None] + np.stack((x * cosine - y * sine, x * sine + y * cosine), -1), shades)

    def reduced(self, margin: float = 0.0) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """The drawn part of the picture, `margin` pixels around it included, and its shades, float32 0..1; None if empty."""
        box = self._image and self._image.getbbox()
        if not box:
            return None
        size, wider = len(self.eye.x), int(np.ceil(margin))
        left, top = (max(0, edge // _OVERSAMPLING - wider) for edge in box[:2])
        right, bottom = (min(size, -(-edge // _OVERSAMPLING) + wider) for edge in box[2:])
        finer = tuple(_OVERSAMPLING * edge for edge in (left, top, right, bottom))
        shades = np.asarray(self._image.reduce(_OVERSAMPLING, finer), np.float32) / 255
        return (slice(top, bottom), slice(left, right)), shades

    def _drawing(self) -> Any:
        """The pen; the first call lays out the paper, which most eyes need for few of their drawings."""
        from PIL import Image, ImageDraw

        if self._pen is None:
            self._image = Image.new("L", (_OVERSAMPLING * len(self.eye.x),) * 2)
            self._pen = ImageDraw.Draw(self._image)
        return self._pen
