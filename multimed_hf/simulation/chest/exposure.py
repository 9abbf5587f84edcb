"""From attenuation to the processed digital image: compressed range, sigmoid tone curve, automatic exposure, markers, wires."""

from __future__ import annotations

import math

import numpy as np

from ..images import add_look, splines
from ..patient import Patient
from .thorax import Thorax

_LETTERS = {
    "L": ("1000", "1000", "1000", "1000", "1000", "1000", "1111"),
    "R": ("1110", "1001", "1001", "1110", "1100", "1010", "1001"),
    "P": ("1110", "1001", "1001", "1110", "1000", "1000", "1000"),
    "A": ("0110", "1001", "1001", "1111", "1001", "1001", "1001"),
}


def develop(chest: Thorax, patient: Patient) -> np.ndarray:
    """From attenuation to grey: scatter, range compression, exposure, tone curve, markers, wires, collimation, grain."""
    shot = chest.shot
    _hang_wires(chest, shot)
    low = surroundings(chest.water)
    fine = shot.uniform(1.0, 1.3)
    image = fine * chest.water + (0.6 - fine) * low
    image += (9 / 150 * shot.standard_normal()) * chest.x + (9 / 150 * shot.standard_normal()) * (chest.y - 120)
    image = _expose(image, shot.uniform(0.34, 0.54), shot.uniform(0.21, 0.28))
    _mark_side(chest, shot, image)
    _collimate(shot, image)
    noise = patient.simulation.harder(0.012, 0.055)
    return add_look(image, patient, patient.random("chest", "look", chest.member), noise)


def surroundings(water: np.ndarray) -> np.ndarray:
    """The image without what is finer than a tenth of its side, `(size, size)`: what range compression takes down."""
    # Sparse products, whose last bits do not depend on the number of threads.
    smooth = splines(len(water), max(1, len(water) // 32) * 3.5)
    mean = smooth.multiply(1 / np.maximum(smooth.sum(0), 1e-6)).T.tocsr()
    return smooth @ (smooth @ (mean @ (mean @ water).T)).T


def _expose(density: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Sigmoid tone curve that gives the image this mean and standard deviation.

    Automatic exposure and windowing do so in the clinic: a large heart or an effusion makes no image brighter.
    """
    few = density[::4, ::4].ravel()
    centre, scale = float(few.mean()), 1.5 / float(few.std() + 1e-6)
    for _ in range(10):
        sample = 1 / (1 + np.exp(scale * (centre - few)))
        reached, power = float(sample.mean()), float(np.square(sample).mean())
        centre += (reached - mean) / (scale * (reached - power))
        scale *= min(max(deviation / math.sqrt(power - reached**2), 0.7), 1.4)
    return 1 / (1 + np.exp(scale * (centre - density)))


def _hang_wires(chest: Thorax, random: np.random.Generator) -> None:
    """Leads and electrodes of a monitor, on three of ten images."""
    count = int(random.integers(1, 4)) if random.random() < 0.3 else 0
    for _ in range(count):
        t = np.linspace(0, 1, 280)
        x0, x1, bow = random.uniform(-130, 130), random.uniform(-100, 100), random.uniform(-60, 60)
        y0, y1 = random.uniform(-30, 20), random.uniform(60, 240)
        x, y = x0 + (x1 - x0) * t + bow * np.sin(np.pi * t), y0 + (y1 - y0) * t
        chest.water += chest.splat(x, y, np.full(len(t), 1.3)) * 7
        rows, columns = chest.near(x1, y1, 8)
        apart = np.hypot(chest.x[rows, columns] - x1, chest.y[rows] - y1)
        chest.water[rows, columns] += 20 * chest.step(7 - apart) + 25 * chest.step(2.5 - apart)


def _mark_side(chest: Thorax, random: np.random.Generator, image: np.ndarray) -> None:
    """A lead letter in a corner: L or R on its side, sometimes with the projection below it."""
    letter = "L" if random.random() < 0.5 else "R"
    words = [letter] + ([chest.view] if random.random() < 0.4 else [])
    scale = max(1, round(chest.size / 112 * random.uniform(0.8, 1.4)))
    row = int(chest.size * random.uniform(0.03, 0.12))
    for word in words:
        lines = ["0".join(line) for line in zip(*(_LETTERS[letter] for letter in word), strict=True)]
        bits = np.array([[float(bit) for bit in line] for line in lines])
        glyph = bits.repeat(scale, axis=0).repeat(scale, axis=1)
        edge = int(chest.size * random.uniform(0.03, 0.08))
        column = chest.size - edge - glyph.shape[1] if letter == "L" else edge
        target = image[row : row + glyph.shape[0], column : column + glyph.shape[1]]
        np.maximum(target, 0.95 * glyph, out=target)
        row += glyph.shape[0] + 2 * scale


def _collimate(random: np.random.Generator, image: np.ndarray) -> None:
    """Black borders where the beam was closed, on half of the images."""
    if random.random() < 0.5:
        top, bottom, left, right = (int(share * len(image)) for share in random.uniform(0, 0.04, 4))
        image[:top] = 0
        image[len(image) - bottom :] = 0
        image[:, :left] = 0
        image[:, image.shape[1] - right :] = 0
