"""Drawing of nuclei: size, darkness and chromatin by kind and atypia."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from multimed_hf.simulation.pathology.histology import EPITHELIAL, LYMPHOCYTE, MITOSIS, PYKNOTIC
from multimed_hf.simulation.pathology.nuclei import draw_nuclei


def cells(kind: int, count: int = 25, long: float = 4.0, short: float = 4.0) -> np.ndarray:
    """A square of nuclei, 20 micrometres apart."""
    edge = round(count**0.5)
    row, column = np.divmod(np.arange(count), edge)
    one = np.ones(count)
    return np.column_stack([10 + 20 * column, 10 + 20 * row, long * one, short * one, 0.3 * one, kind * one])


def draw(kind: int, atypia: float = 0.0, seed: int = 0, **shape: Any) -> tuple[np.ndarray, np.ndarray]:
    return draw_nuclei(np.random.default_rng(seed), cells(kind, **shape), atypia, 0.4, 250, 2.0)


@pytest.mark.parametrize("axes", [(4.0, 4.0), (6.0, 1.5), (8.0, 5.0)])
def test_a_nucleus_covers_its_area(axes: tuple[float, float]) -> None:
    haematoxylin, cover = draw(EPITHELIAL, long=axes[0], short=axes[1])
    assert cover.sum() * 0.4**2 == pytest.approx(25 * np.pi * axes[0] * axes[1], rel=0.08)
    assert cover.min() == 0 and cover.max() == 1 and haematoxylin[cover == 0].max() == 0
    assert haematoxylin.dtype == cover.dtype == np.float32 and haematoxylin.shape == (250, 250)


def test_dividing_and_dead_nuclei_are_darkest() -> None:
    dark = {}
    for kind in (EPITHELIAL, LYMPHOCYTE, MITOSIS, PYKNOTIC):
        haematoxylin, cover = draw(kind)
        dark[kind] = haematoxylin[cover == 1].mean()
    assert 1.3 * dark[EPITHELIAL] < dark[LYMPHOCYTE] < 0.9 * min(dark[MITOSIS], dark[PYKNOTIC])


def test_atypia_makes_chromatin_coarse_and_outlines_unlike() -> None:
    def unlike(atypia: float) -> tuple[float, float]:
        haematoxylin, cover = draw(EPITHELIAL, atypia)
        # Squares of 50 pixels hold one nucleus each.
        split = [part.reshape(5, 50, 5, 50).swapaxes(1, 2).reshape(25, -1) for part in (haematoxylin, cover)]
        inner = [amount[inside == 1] for amount, inside in zip(*split, strict=True)]
        second = [np.var(np.divmod(np.flatnonzero(inside > 0.5), 50), axis=1) for inside in split[1]]
        return (
            float(np.mean([values.std() / values.mean() for values in inner])),
            float(np.std([np.log(down / across) for down, across in second])),
        )

    coarse, uneven = zip(unlike(0.0), unlike(1.0), strict=True)
    assert coarse[1] > 1.5 * coarse[0] and uneven[1] > 1.3 * uneven[0]


def test_nuclei_outside_the_image_or_none_leave_it_empty() -> None:
    outside = cells(EPITHELIAL) + np.array([1000, 0, 0, 0, 0, 0])
    for given in (outside, outside[:0]):
        haematoxylin, cover = draw_nuclei(np.random.default_rng(0), given, 0.5, 0.4, 64, 2.0)
        assert not haematoxylin.any() and not cover.any()


def test_a_nucleus_is_cut_at_the_edge_and_keeps_its_place() -> None:
    one = cells(EPITHELIAL, count=1) - np.array([10, 0, 0, 0, 0, 0])
    _, cover = draw_nuclei(np.random.default_rng(0), one, 0.0, 0.4, 64, 2.0)
    row, column = np.nonzero(cover > 0.5)
    assert column.min() == 0 and row.mean() * 0.4 == pytest.approx(10, abs=0.5)
    assert cover.sum() * 0.4**2 == pytest.approx(np.pi * 16 / 2, rel=0.2)
