"""Bones of a hand: where they are said to be, with growth plates that close."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.hand.bones import CARPALS
from multimed_hf.simulation.hand.hand import draw_hand

from .hands import around, child


@pytest.mark.parametrize("sex", ["female", "male"])
def test_growth_plates_close(sex: str) -> None:
    # Across an open plate there is a dark gap between two dense bones; across a closed one there is none.
    gaps: dict[int, list[float]] = {7: [], 19: []}
    for year, found in gaps.items():
        for number in range(5):
            image, places = draw_hand(child(number, year, sex), 0, 336)
            for name in ("pp2", "pp3", "pp4"):
                # From the plate of the phalanx along the finger, towards the metacarpal and away from it.
                first, second = np.array(places[name]), np.array(places["mc" + name[-1]])
                step = (first - second) / np.linalg.norm(first - second)
                if (first > 12).all() and (first < 324).all():
                    profile = [around(image, tuple(first + step * away), 1) for away in np.arange(-3, 4)]
                    found.append(min(profile[0], profile[-1]) - min(profile[1:-1]))
    assert np.mean(gaps[7]) > 12 and np.mean(gaps[19]) < 6


def test_carpals_are_where_they_are_said_to_be() -> None:
    for year, some in ((1, 2), (5, 4), (13, 8)):
        image, places = draw_hand(child(3, year), 0, 320)
        carpals = set(CARPALS) & set(places)
        assert len(carpals) >= some
        # Between the centres of wrist and forearm lies cartilage in small children.
        if year == 1:
            gap = (np.array(places["capitate"]) + np.array(places["radius"])) / 2
            assert all(around(image, places[name]) > around(image, tuple(gap)) + 10 for name in carpals)
        if year == 13:
            assert np.mean([around(image, places[name], 2) for name in carpals]) > image.mean() + image.std()
