"""The bones of a chest radiograph: spine, ribs, clavicles and scapulae, each a shell of cortical bone around marrow."""

from __future__ import annotations

import numpy as np

from .thorax import DIRECTION, Thorax


def draw_bones(chest: Thorax) -> None:
    """Adds the bones to `water`; their density falls with age."""
    random = chest.patient.random("chest", "bones")
    dense = random.uniform(0.8, 1.15) * (1 - 0.2 * max(0.0, (chest.patient.age - 60) / 40))
    _draw_spine(chest, random, dense)
    for sign in DIRECTION.values():
        _draw_ribs(chest, random, sign, dense)
        _draw_scapula(chest, sign, random.uniform(-8, 8), dense)


def _draw_spine(chest: Thorax, random: np.random.Generator, dense: float) -> None:
    height = random.uniform(21, 25)
    bend = chest.scoliosis * np.sin(chest.y1 / 70)[:, None] - chest.rotation * 0.6
    columns = slice(*np.searchsorted(chest.x1, (-45, 45)))
    x = chest.x[:, columns] - bend
    phase = ((chest.y1 + random.uniform(0, height)) / height)[:, None] % 1
    disc = np.clip(np.abs(phase - 0.5) * 14 - 5.6, 0, 1)
    half = 17 + chest.along([0, 250], [-2, 4]) - 1.5 * np.sin(np.pi * phase)
    square = (x / half) ** 2
    body = np.sqrt(np.clip(1 - square * square * square, 0, 1)) * (1 - 0.5 * disc)
    pedicles = np.exp(-(((np.abs(x) - 11) / 3.2) ** 2) - ((phase - 0.35) * height / 4.2) ** 2)
    process = np.exp(-((x / 3) ** 2) - ((phase - 0.75) * height / 5) ** 2)
    chest.water[:, columns] += dense * (13 * body + 7 * (pedicles + process))


def _draw_ribs(chest: Thorax, random: np.random.Generator, sign: int, dense: float) -> None:
    """Ten ribs and the clavicle of a side.

    Posterior ribs fall off to the wall, turn there and come back as anterior ribs, which end in cartilage.
    """
    first = int(np.searchsorted(chest.x1, 0))
    columns = slice(0, first) if sign < 0 else slice(first, chest.size)
    across = chest.x1[columns] * sign
    rib = np.arange(10, dtype=np.float32)[:, None]
    start = -14 + chest.height / 8.4 * rib + random.uniform(-4, 4)
    thin = random.uniform(0.9, 1.1, rib.shape).astype(np.float32)
    span = 1.02 * np.interp(start + 25, chest.y1, chest.width[:, 0]).astype(np.float32)
    u = np.clip((across - 14) / (span - 14), 0, 1)
    back = start - 9 * np.sin(np.pi * np.minimum(u * 1.25, 1)) + (12 + 4 * rib) * u**2.2
    rear = 1.05 * dense * ((across > 14) & (across < span))

    seen, edge = rib[1:8], span[1:8]
    v = np.clip((edge - across) / (edge - 0.34 * chest.half - 3 * seen), 0, 1)
    front = start[1:8] + 20 + 4 * seen + (44 + 3 * seen) * v**0.8
    fore = 0.6 * dense * np.clip((1 - v) / 0.12, 0, 1) * (across < edge)

    raised = random.uniform(-4, 6) - 8 * (chest.view == "AP")
    inner = across - 14 + sign * chest.rotation
    w = np.clip((inner - 2) / (chest.half * 0.95), 0, 1.2)
    clavicle = 24 + raised - 30 * w - 7 * np.sin(2 * np.pi * np.minimum(w, 1))
    collar = 1.8 * dense * np.clip(inner / 4, 0, 1) * (w < 1.15)
    _add_tubes(
        chest,
        columns,
        np.concatenate([back, front, clavicle[None]]),
        np.concatenate([rear, fore, collar[None]]),
        np.concatenate([4.9 * thin, 5.8 * thin[1:8], [[6.2]]]),
    )


def _add_tubes(chest: Thorax, columns: slice, curves: np.ndarray, weights: np.ndarray, radii: np.ndarray) -> None:
    """Adds tubes of bone around the curves y, in mm: only the pixels around them are computed.

    Args:
        chest: the thorax they are added to.
        columns: the columns of the image that the curves run through.
        curves: y of each tube in each column, `(tubes, columns)`.
        weights: how dense it is there, `(tubes, columns)`; nothing is drawn where it is 0.
        radii: mm, `(tubes, 1)`.
    """
    stretch = np.minimum(np.sqrt(1 + np.gradient(curves, chest.spacing, axis=1) ** 2), 2.2)
    tube, column = np.nonzero(weights > 0)
    y = (curves[tube, column] - chest.y1[0]) / chest.spacing
    reach = ((radii * stretch)[tube, column] / chest.spacing).astype(np.float32)
    strength = (radii * weights)[tube, column].astype(np.float32)
    most = int(reach.max()) + 1
    middle = np.rint(y)
    offsets = np.arange(-most, most + 1)
    q = (offsets.astype(np.float32)[:, None] + (middle - y).astype(np.float32)) / reach
    q *= q
    path = 3.2 * np.sqrt(np.maximum(1 - q, 0)) - 2.5 * np.sqrt(np.maximum(0.55 - q, 0))
    path *= strength
    width = columns.stop - columns.start
    # A row above and one below the image take what lies outside it.
    rows = np.clip(middle.astype(np.intp) + offsets[:, None], -1, chest.size) + 1
    sums = np.bincount((rows * width + column).ravel(), path.ravel(), (chest.size + 2) * width).reshape(-1, width)
    chest.water[:, columns] += sums[1:-1]


def _draw_scapula(chest: Thorax, sign: int, shift: float, dense: float) -> None:
    # Rolled forward, the shoulders take the shoulder blades off the lungs; in bed they stay on them.
    inner = (0.76 if chest.view == "AP" else 0.95) * chest.half + shift
    length = 0.62 * chest.height
    rows = slice(*np.searchsorted(chest.y1, (-4, length)))
    away = chest.x1 * sign > inner - 20
    columns = slice(int(away.argmax()), chest.size - int(away[::-1].argmax()))
    t = (chest.y[rows] + 4) / length
    border = inner + 0.22 * chest.half * t**1.5
    outer = chest.half + 46 - 0.32 * chest.half * t**2
    x = chest.x[rows, columns] * sign
    plate = chest.step(x - border, 2) * chest.step(outer - x, 2)
    rim = np.exp(-(((x - border) / 2.2) ** 2)) + 1.3 * np.exp(-(((x - outer) / 3) ** 2))
    chest.water[rows, columns] += dense * (5 * plate + 6 * rim * (t < 0.98))
    window, head = chest.ellipsoid(sign * (chest.half + 52), 4.0, 24.0, 24.0)
    chest.water[window] += 26 * dense * head
