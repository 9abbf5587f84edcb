"""Trees of vessels and bronchi in the lungs, as points along their branches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STRIDE = 1.5
"""mm between points along a tube: less than a pixel of a usual image."""


def branches(
    random: np.random.Generator,
    starts: Sequence[tuple[float, float]],
    signs: Sequence[int],
    stems: int,
    length: float,
    radius: float,
    generations: int,
    fan: float = 1.9,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points `STRIDE` apart along trees of vessels or bronchi.

    Radii follow Murray's law (PNAS 12, 207, 1926): a branch of radius r parts into two of about 0.79 r.

    Args:
        random: where bends, angles and radii come from.
        starts: x and y of the root of each tree, mm.
        signs: of each tree, 1 where it grows along x, -1 where it grows against it.
        stems: how many branches leave each root.
        length: mean length of the stems, mm.
        radius: mean radius of the stems, mm.
        generations: how often branches part, the stems counted.
        fan: angle between the middle stem and the outer ones, radian.

    Returns:
        x, y and radius of the points, float32 `(points,)`, mm.
    """
    x, y = np.repeat(np.array(starts, np.float32).T, stems, axis=1)[..., None]
    sign = np.repeat(np.array(signs, np.float32), stems)[:, None]
    angle = np.tile(np.linspace(-fan, fan, stems) * 0.85, len(signs))[:, None]
    angle = (angle + random.normal(0, 0.12, angle.shape)).astype(np.float32)
    thick = radius * random.uniform(0.75, 1.15, angle.shape).astype(np.float32)
    points = []
    for generation in range(generations):
        run = max(4, round(length / STRIDE * (0.86**generation) * random.uniform(0.9, 1.1)))
        bend = random.normal(0, 0.012 * STRIDE, angle.shape).astype(np.float32)
        heading = angle + bend * np.arange(run, dtype=np.float32)
        px = x + sign * np.float32(STRIDE) * np.cumsum(np.cos(heading), axis=1)
        py = y + np.float32(STRIDE) * np.cumsum(np.sin(heading), axis=1)
        taper = thick * np.linspace(1, 0.88, run, dtype=np.float32)
        points.append(np.stack([px, py, taper]).reshape(3, -1))
        ends = px[:, -1:], py[:, -1:], sign, heading[:, -1:], taper[:, -1:]
        x, y, sign, angle, thick = (np.concatenate([end, end]) for end in ends)
        spread = random.uniform(0.2, 0.55, angle.shape).astype(np.float32)
        angle = angle + np.where(np.arange(len(angle))[:, None] < len(angle) // 2, -spread, spread)
        thick = thick * random.uniform(0.66, 0.86, thick.shape).astype(np.float32)
    x, y, thick = np.concatenate(points, axis=1)
    return x, y, thick
