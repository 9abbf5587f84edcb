"""Look of stained tissue: white where nothing is, blue where nuclei are, as much stain whatever the tissue."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from multimed_hf.simulation.pathology.histology import EPITHELIAL, Hollow, Tissue, draw_outline
from multimed_hf.simulation.pathology.staining import stain
from multimed_hf.simulation.patient import draw_patient
from multimed_hf.simulation.settings import Simulation

ROUND = np.ones(360)
PATIENT = draw_patient(Simulation(difficulty=0.0), "pathology", 3, {"benign": 1.0})


def tissue(side: float = 100.0, **grown: Any) -> Tissue:
    return Tissue(side=side, grain=0.5, atypia=0.2, diameter=8, variation=0.1, halo=0.0, **grown)


def look(of: Tissue, seed: int = 0, size: int = 100) -> np.ndarray:
    return stain(PATIENT, np.random.default_rng(seed), of, of.side / size, size)


def disc(size: int, row: float, column: float, radius: float) -> np.ndarray:
    down, across = np.ogrid[:size, :size]
    return np.hypot(down - row, across - column) < radius


def test_an_image_of_colours() -> None:
    image = look(tissue())
    assert image.shape == (100, 100, 3) and image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
    # Eosin takes green light, and little red or blue.
    red, green, blue = image.mean((0, 1))
    assert green < red - 0.1 and green < blue - 0.1
    assert (look(tissue()) == image).all() and (look(tissue(), seed=1) != image).any()


@pytest.mark.parametrize("side", [25.0, 50.0, 100.0, 250.0])
def test_fat_and_lumens_are_white_where_they_are(side: float) -> None:
    x, y, radius = 0.3 * side, 0.6 * side, 0.2 * side
    for place in ("fat", "lumens"):
        images = [look(tissue(side, **{place: [Hollow(x, y, radius, ROUND)]}), seed) for seed in range(6)]
        inner, outer = disc(100, 60, 30, 15), ~disc(100, 60, 30, 25 + 100 * 6 / side)
        green = np.array([[image[part, 1].mean() for part in (inner, outer)] for image in images])
        assert (green[:, 0] > green[:, 1]).mean() > 0.8 and (green[:, 0] - green[:, 1]).mean() > 0.1


def test_nuclei_take_red_light_and_cytoplasm_lies_around_them() -> None:
    grown = tissue(60.0)
    grown.add_cells(EPITHELIAL, np.array([[30.0, 30.0]]), np.array([4.5]), np.array([4.0]), 0.0)
    # Pixels of 0.3 micrometres: the cytoplasm is worked out on a coarser grid.
    images = np.stack([look(grown, seed, 200) for seed in range(12)])
    nucleus, cell, far = (
        disc(200, 100, 100, 10),
        disc(200, 100, 100, 27) & ~disc(200, 100, 100, 18),
        ~disc(200, 100, 100, 60),
    )
    red = [images[:, part, 0].mean() for part in (nucleus, cell, far)]
    assert red[0] < red[1] - 0.15 and red[1] < red[2] - 0.02


def test_amount_of_stain_does_not_follow_the_tissue() -> None:
    full, empty = tissue(), tissue()
    places = np.stack(np.meshgrid(np.arange(5, 100, 11.0), np.arange(5, 100, 11.0)), -1).reshape(-1, 2)
    full.add_cells(EPITHELIAL, places, np.full(81, 4.0), np.full(81, 4.0), 0.0)
    empty.add_cells(EPITHELIAL, places[:15], np.full(15, 4.0), np.full(15, 4.0), 0.0)
    means = [[look(grown, seed, 64).mean() for seed in range(20)] for grown in (full, empty)]
    assert abs(np.mean(means[0]) - np.mean(means[1])) < 1.5 * np.std(means)


def test_shrunk_epithelium_leaves_a_gap() -> None:
    shrunk, whole = tissue(60.0), tissue(60.0)
    shrunk.halo = 5.0
    for grown in (shrunk, whole):
        places = np.array([[30.0 + 9 * math.cos(turn), 30.0 + 9 * math.sin(turn)] for turn in range(7)])
        grown.add_cells(EPITHELIAL, places, np.full(7, 4.0), np.full(7, 4.0), 0.0)
    ring = disc(120, 60, 60, 39) & ~disc(120, 60, 60, 33)
    light = [np.mean([look(grown, seed, 120)[ring, 1].mean() for seed in range(8)]) for grown in (shrunk, whole)]
    assert light[0] > light[1] + 0.08


def test_noise_grows_with_difficulty() -> None:
    grown = tissue(lumens=[Hollow(50, 50, 45, draw_outline(np.random.default_rng(0), 0.02))])

    def noise(difficulty: float) -> float:
        person = replace(PATIENT, simulation=Simulation(difficulty=difficulty))
        images = [stain(person, np.random.default_rng(seed), grown, 1.0, 100) for seed in range(6)]
        return float(np.mean([np.diff(image[disc(100, 50, 50, 25)], axis=0).std() for image in images]))

    assert noise(1.0) > 2 * noise(0.0)
