"""What disturbs simulated EEG: eyes, muscles and electrodes, the reference, drift and the mains."""

from __future__ import annotations

import math

import numpy as np

from ..patient import Patient
from .head import MONTAGE, PLACES, POSITIONS, ROW_OF
from .noise import SAMPLING_RATE, even_noise, frequencies_of, noise_spectrum, normalised, smooth_step
from .subject import Subject

_EYES = np.array([(-0.33, 0.95, -0.35), (0.33, 0.95, -0.35)])


def artefacts_of(random: np.random.Generator, patient: Patient, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What eyes, muscles and electrodes add: patterns `(64, n)` in microvolt, and courses `(n, time)` of about 1."""
    harder = patient.simulation.harder
    seconds = len(time) / SAMPLING_RATE
    rates = np.array([harder(0.04, 0.2), harder(0.04, 0.2), harder(0.03, 0.2), harder(0.01, 0.08)])
    blinks, glances, bursts, pops = random.poisson(rates * seconds)
    patterns = [np.zeros(len(MONTAGE))]
    courses = [np.zeros_like(time)]
    for _ in range(blinks):
        # The lid closes faster than it opens.
        away = time - random.uniform(-0.1, seconds + 0.1)
        width = np.where(away < 0, random.uniform(0.04, 0.06), random.uniform(0.08, 0.12))
        patterns.append(random.uniform(100, 200) * _BLINK)
        courses.append(np.exp(-((away / width) ** 2) / 2))
    for _ in range(glances):
        # The eyes stay aside; the high-pass filter lets the potential fade.
        away = time - random.uniform(-0.5, seconds)
        fade = np.exp(-np.maximum(away, 0) / random.uniform(0.5, 1.5))
        patterns.append(random.choice((-1, 1)) * random.uniform(25, 80) * _GLANCE)
        courses.append(smooth_step(away, 0.015) * fade)
    for _ in range(bursts):
        place = POSITIONS[("T7", "T8", "FT7", "FT8", "F7", "F8", "T9", "T10")[int(random.integers(8))]]
        start, length = random.uniform(-0.2, seconds), random.uniform(0.3, 1.2)
        gate = np.sin(np.pi * np.clip((time - start) / length, 0, 1)) ** 2
        frequencies, drawn = frequencies_of(len(time))
        amplitude = np.exp(-((frequencies - random.uniform(30, 55)) ** 2) / (2 * 14.0**2)) * (frequencies > 20)
        patterns.append(random.uniform(8, 30) * np.exp((PLACES @ place - 1) / 0.12))
        courses.append(
            gate * np.fft.irfft(noise_spectrum(random, normalised(amplitude[None]), 1)[0], drawn)[: len(time)]
        )
    for _ in range(pops):
        pattern = np.zeros(len(MONTAGE))
        pattern[int(random.integers(len(MONTAGE)))] = random.choice((-1, 1)) * random.uniform(40, 150)
        away = time - random.uniform(0, seconds)
        patterns.append(pattern)
        courses.append((away >= 0) * np.exp(-np.maximum(away, 0) / random.uniform(0.1, 0.6)))
    return np.stack(patterns, axis=1), np.stack(courses)


def recording_of(random: np.random.Generator, subject: Subject, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What reference, drift and mains add: patterns `(64, 5)` in microvolt, and courses `(5, time)`."""
    angle = 2 * math.pi * subject.mains_frequency * time + random.uniform(0, 2 * math.pi)
    turns = math.pi * SAMPLING_RATE / len(time) * time
    courses = [even_noise(random, (1, len(time)))[0], np.cos(turns), np.sin(2 * turns), np.cos(angle), np.sin(angle)]
    # The potential of each electrode changes slowly by itself, and each cable catches the field of the mains differently.
    mains = subject.mains * random.lognormal(0, 0.3)
    patterns = random.normal(size=(len(MONTAGE), 5)) * (0, 2.0, 1.0, 0.3 * mains, 0.3 * mains)
    return patterns + np.array((subject.reference, 0, 0, mains, 0)), np.stack(courses)


def _eyes(direction: tuple[float, float, float]) -> np.ndarray:
    """Pattern `(64,)` of the corneo-retinal dipoles turned this way, 1 at most among Fp1, Fp2, F7 and F8."""
    away = PLACES[:, None] - _EYES
    pattern = ((away @ np.array(direction)) / np.linalg.norm(away, axis=-1) ** 3).sum(-1)
    return np.asarray(pattern / np.abs(pattern[[ROW_OF[name] for name in ("Fp1", "Fp2", "F7", "F8")]]).max())


_BLINK = _eyes((0.0, 0.0, 1.0))
_GLANCE = _eyes((1.0, 0.0, 0.0))
