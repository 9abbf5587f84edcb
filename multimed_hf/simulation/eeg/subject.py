"""A subject of simulated EEG: where the rhythms and the background lie, how strong they are, and how they are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..patient import Patient
from .head import MONTAGE, PLACES, POSITIONS, ROW_OF, dipole_potentials, unit
from .noise import frequencies_of, normalised

DIPOLES = 48
"""Sources of the background."""

_AREAS = ("C3", "C4", "Cz")
_DEPTH = 0.6  # distance of the dipole of a rhythm from the centre of the head
_ALPHA_PLACES = ((-0.45, -0.8, 0.4), (0.45, -0.8, 0.4), (0.0, -0.75, 0.65))


@dataclass(frozen=True, eq=False)
class Subject:
    """What stays the same over the trials of a subject.

    Attributes:
        mixing: microvolt that each source of strength 1 causes at each electrode of `MONTAGE`, `(64, sources)`: those of
            the background, three of alpha, then mu and beta of each area.
        background: amplitude of the background at each frequency, `(1, frequencies)`.
        rhythms: amplitude of alpha, mu and beta at each frequency, three rows each, `(9, frequencies)`.
        desynchronisation: by how much of its amplitude full imagery weakens a rhythm.
        gain: of the amplifier at each electrode, `(64,)`.
        white: noise of each electrode and of the muscles under it, microvolt, `(64,)`.
        reference, mains: noise of the reference and of the mains, microvolt.
        mains_frequency: 50 or 60 Hz.
    """

    mixing: np.ndarray
    background: np.ndarray
    rhythms: np.ndarray
    desynchronisation: float
    gain: np.ndarray
    white: np.ndarray
    reference: float
    mains: float
    mains_frequency: float


@lru_cache(maxsize=128)
def subject_of(patient: Patient, samples: int) -> Subject:
    """The subject that a patient is, for windows of this many samples."""
    random = patient.random("head")
    harder = patient.simulation.harder
    mu = random.uniform(9, 12)
    places = random.normal(size=(DIPOLES, 3))
    places[:, 2] = np.abs(places[:, 2]) - 0.4
    places = unit(places) * random.uniform(0.5, 0.7, (DIPOLES, 1))
    background = dipole_potentials(places, unit(unit(places) + 0.6 * random.normal(size=places.shape)))
    background *= random.uniform(6, 10) / np.sqrt(np.square(background).sum(1).mean())

    # Electrodes see an area best from right above; there a rhythm has the strength that is drawn for it.
    strength = np.clip(random.lognormal(1.35, 0.6), 1, 12) * harder(0.8, 1.1)
    alpha = _rhythm_patterns(random, np.array(_ALPHA_PLACES)) * strength
    areas = np.array([POSITIONS[area] for area in _AREAS])
    # Some subjects have next to no mu rhythm, and nothing to weaken.
    strength = (0.75 + 0.5 * patient.severity) * (0.35 if random.random() < harder(0.0, 0.25) else 1.0)
    mus = _rhythm_patterns(random, areas + np.array((0, -0.08, 0))) * random.uniform(0.85, 1.15, 3)
    # Beta comes from the precentral side.
    betas = _rhythm_patterns(random, areas + np.array((0, 0.1, 0))) * random.uniform(0.85, 1.15, 3)
    rhythms = [mus * strength * harder(15, 6.5), betas * strength * harder(6, 2.8)]
    mixing = np.concatenate([background, alpha, *rhythms], axis=1)
    mixing -= mixing[[ROW_OF["T9"], ROW_OF["T10"]]].mean(0)
    device = patient.style("device")
    gain = device.uniform(0.85, 1.15) * device.normal(1, 0.03, len(MONTAGE)) * random.normal(1, 0.03, len(MONTAGE))
    site = patient.style("site")
    white, reference, mains = site.uniform((0.4, 0.3, 0.5), (1.2, 1.5, 2.0))
    # Muscles of temples, brow and neck are never quite at rest; each electrode sees those right under it.
    muscles = np.clip(random.lognormal(0.6, 0.7), 0.4, 7) * np.exp(-np.maximum(PLACES[:, 2], 0) / 0.5)
    frequencies, _ = frequencies_of(samples)
    # Below 1 Hz the power of the background stays level and then falls, as after the high-pass filter of an amplifier.
    amplitude = np.maximum(frequencies, 1.0) ** (-random.uniform(1, 2) / 2) * np.minimum(1, frequencies / 0.5)
    amplitude /= np.sqrt(1 + (frequencies / 65) ** 8)
    centres = np.repeat((random.uniform(8.5, 11.5), mu, 2 * mu + random.uniform(-2, 2)), 3)[:, None]
    widths = np.repeat((0.7, 0.8, 2.0), 3)[:, None]
    return Subject(
        mixing=mixing.astype(np.float32),
        background=normalised(amplitude[None]),
        rhythms=normalised(np.exp(-((frequencies - centres) ** 2) / (2 * widths**2))),
        desynchronisation=harder(0.95, 0.55) * random.uniform(0.8, 1.0),
        gain=gain,
        white=np.hypot(white, muscles).astype(np.float32),
        reference=reference,
        mains=mains,
        mains_frequency=50.0 if site.random() < 0.5 else 60.0,
    )


def _rhythm_patterns(random: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """Patterns `(64, places)` of nearly radial dipoles about below these places, 1 where they are strongest."""
    above = unit(places + 0.05 * random.normal(size=places.shape))
    patterns = dipole_potentials(_DEPTH * above, unit(above + 0.25 * random.normal(size=places.shape)))
    return patterns / np.abs(patterns).max(0)
