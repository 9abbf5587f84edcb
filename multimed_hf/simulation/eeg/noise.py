"""Courses in time that simulated EEG is made of: noise with a given spectrum, and smooth steps."""

from __future__ import annotations

import math

import numpy as np

SAMPLING_RATE = 160.0
"""Samples per second, in Hz."""


def frequencies_of(samples: int) -> tuple[np.ndarray, int]:
    """Frequencies in Hz at which noise is drawn, and how many samples that makes.

    Noise that is drawn by its spectrum meets its own beginning at the end; a second more than needed is made and cut.
    """
    drawn = 2 * ((samples + round(SAMPLING_RATE)) // 2)
    return np.fft.rfftfreq(drawn, 1 / SAMPLING_RATE), drawn


def normalised(amplitude: np.ndarray) -> np.ndarray:
    """Scaled so that noise with these amplitudes `(rows, frequencies)` has variance 1 in time."""
    scale = (amplitude.shape[1] - 1) / np.sqrt(np.square(amplitude).sum(1, keepdims=True))
    return np.asarray(amplitude * scale, np.float32)


def even_noise(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Even noise with variance 1: made faster than normal noise, which it becomes where much of it is added up."""
    noise = random.random(shape, dtype=np.float32)
    noise -= np.float32(0.5)
    noise *= np.float32(math.sqrt(12))
    return noise


def noise_spectrum(random: np.random.Generator, amplitude: np.ndarray, rows: int) -> np.ndarray:
    """Complex spectra `(rows, frequencies)` of noise with these amplitudes, `(1 or rows, frequencies)`."""
    drawn = even_noise(random, (rows, 2 * amplitude.shape[1])).view(np.complex64)
    drawn *= amplitude
    return drawn


def smooth_step(time: np.ndarray, width: float) -> np.ndarray:
    """From 0 to 1 within a few `width` seconds around time 0."""
    return np.asarray(0.5 + 0.5 * np.tanh(time / width))
