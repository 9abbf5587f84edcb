"""Simulated EEG of imagined movements: what a program can know about motor imagery, and no more.

Imagining a movement weakens the mu (8 to 12 Hz) and beta (18 to 26 Hz) rhythms over the part of the motor cortex that
would move: event-related desynchronisation (Pfurtscheller, Lopes da Silva, Clin. Neurophysiol. 110, 1842, 1999). The
hands lie below C3 and C4 on the opposite side, the feet below Cz. Everything else here is there to hide that: a 1/f
background, a stronger occipito-parietal alpha rhythm in the same band, rhythms that wax and wane by themselves,
subjects whose rhythms differ in strength and frequency, lapses of attention, blinks and muscle bursts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLING_RATE = 160.0
"""Samples per second, in Hz."""

SECONDS = 2.0
"""Length of a trial."""

TRIALS_PER_SUBJECT = 40

LABELS = ("left_fist", "right_fist", "both_fists", "both_feet")

# Columns and rows of the 10-10 grid: x to the right, y to the front, Cz in the middle, neighbours a unit apart. The
# electrodes are those of data set 2a of the fourth BCI competition (Tangermann et al., Front. Neurosci. 6, 55, 2012).
POSITIONS: dict[str, tuple[float, float]] = {
    "Fz": (0, 2),
    "FC3": (-2, 1),
    "FC1": (-1, 1),
    "FCz": (0, 1),
    "FC2": (1, 1),
    "FC4": (2, 1),
    "C5": (-3, 0),
    "C3": (-2, 0),
    "C1": (-1, 0),
    "Cz": (0, 0),
    "C2": (1, 0),
    "C4": (2, 0),
    "C6": (3, 0),
    "CP3": (-2, -1),
    "CP1": (-1, -1),
    "CPz": (0, -1),
    "CP2": (1, -1),
    "CP4": (2, -1),
    "P1": (-1, -2),
    "Pz": (0, -2),
    "P2": (1, -2),
    "POz": (0, -3),
}

CHANNELS = tuple(POSITIONS)

_GRID = np.array(list(POSITIONS.values()))
_AREAS = ("C3", "C4", "Cz")

# How much of the full desynchronisation each label causes in the area below C3, C4 and Cz.
_DESYNCHRONISATION = {
    "left_fist": (0.25, 1.0, 0.0),
    "right_fist": (1.0, 0.25, 0.0),
    "both_fists": (0.9, 0.9, 0.1),
    "both_feet": (0.0, 0.0, 1.0),
}

_BACKGROUND = 7.0  # microvolt, root mean square
_LAPSES = 0.1  # part of the trials in which the subject imagines nothing
_BLINKS = 0.15
_BURSTS = 0.15


@dataclass(frozen=True)
class _Subject:
    """What stays the same over the trials of a subject; strengths in microvolt, frequencies in Hz."""

    alpha_frequency: float
    alpha: float
    mu_frequency: float
    beta_frequency: float
    mu: np.ndarray
    beta: np.ndarray
    desynchronisation: float
    labels: np.ndarray


def simulate_trial(seed: int, subject: int, trial: int) -> tuple[np.ndarray, str]:
    """One trial of one simulated subject.

    The same three numbers give the same trial on every machine, whatever else is simulated. Every four trials of a
    subject, from the first, have each label once, in a random order.

    Args:
        seed: of the whole data set, 0 or more.
        subject: 0 or more.
        trial: 0 or more.

    Returns:
        The signal, float32 `(channels, time)` in microvolt, with the channels of `CHANNELS` at `SAMPLING_RATE`; and one
        of `LABELS`.

    Raises:
        ValueError: a negative number.
    """
    if min(seed, subject, trial) < 0:
        raise ValueError(f"Expected seed, subject and trial of 0 or more, got {seed}, {subject} and {trial}.")
    person = _subject(seed, subject, trial // len(LABELS))
    label = LABELS[person.labels[trial % len(LABELS)]]
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(subject, 1, trial))))
    samples = round(SAMPLING_RATE * SECONDS)

    signal = _background(random, samples)
    # The alpha rhythm has its place behind the grid and reaches the mu areas, in the same band.
    strength = person.alpha * random.lognormal(0, 0.35)
    signal += _spread((0, -4), 2.2)[:, None] * strength * _rhythm(random, samples, person.alpha_frequency, 1.5)

    attention = 0.0 if random.random() < _LAPSES else random.beta(5, 2)
    depth = person.desynchronisation * attention * np.array(_DESYNCHRONISATION[label])
    for frequency, width, full in ((person.mu_frequency, 1.5, person.mu), (person.beta_frequency, 4.0, person.beta)):
        for area, amplitude in zip(_AREAS, full * (1 - depth) * random.lognormal(0, 0.3, len(_AREAS)), strict=True):
            pattern = _spread(POSITIONS[area], 1.1)
            signal += pattern[:, None] * amplitude * _rhythm(random, samples, frequency, width)

    if random.random() < _BLINKS:
        signal += _blink(random, samples)
    if random.random() < _BURSTS:
        signal += _muscle_burst(random, samples)
    return signal.astype(np.float32), label


def _subject(seed: int, subject: int, block: int) -> _Subject:
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(subject, 0))))
    order = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(subject, 2, block))))
    mu_frequency = random.uniform(9, 12)
    return _Subject(
        alpha_frequency=random.uniform(8.5, 11.5),
        alpha=random.uniform(4, 10),
        mu_frequency=mu_frequency,
        beta_frequency=2 * mu_frequency + random.uniform(-1, 1),
        mu=random.uniform(5, 9) * random.uniform(0.8, 1.2, len(_AREAS)),
        beta=random.uniform(2, 4) * random.uniform(0.8, 1.2, len(_AREAS)),
        desynchronisation=random.uniform(0.4, 0.9),
        labels=order.permutation(len(LABELS)),
    )


def _spread(place: tuple[float, float], width: float) -> np.ndarray:
    """How strongly a source below `place` reaches each channel, `(channels,)`: 1 at the place, less farther away."""
    return np.exp(-((_GRID - place) ** 2).sum(1) / (2 * width**2))


def _background(random: np.random.Generator, samples: int) -> np.ndarray:
    """Noise with a power of 1/f, alike in neighbouring channels, `(channels, time)`."""
    spectrum = random.normal(size=(2, len(CHANNELS), samples // 2 + 1))
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLING_RATE)
    # Below 1 Hz the power stays level, as after the high-pass filter of an amplifier.
    amplitude = 1 / np.sqrt(np.maximum(frequencies, 1.0))
    amplitude[0] = 0
    noise = np.fft.irfft((spectrum[0] + 1j * spectrum[1]) * amplitude, samples)
    mixing = np.stack([_spread(place, 1.2) for place in POSITIONS.values()])
    noise = mixing @ noise / np.linalg.norm(mixing, axis=1, keepdims=True)
    return _BACKGROUND * noise / noise.std()


def _rhythm(random: np.random.Generator, samples: int, frequency: float, width: float) -> np.ndarray:
    """Noise around `frequency`, `width` Hz wide, with a root mean square of 1, `(time,)`: it waxes and wanes."""
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLING_RATE)
    amplitude = np.exp(-((frequencies - frequency) ** 2) / (2 * (width / 2) ** 2))
    phases = random.normal(size=(2, len(frequencies)))
    noise = np.fft.irfft((phases[0] + 1j * phases[1]) * amplitude, samples)
    return noise / noise.std()


def _blink(random: np.random.Generator, samples: int) -> np.ndarray:
    """A slow wave that falls off from the front to the back, `(channels, time)`."""
    time = np.arange(samples) / SAMPLING_RATE
    shape = np.exp(-((time - random.uniform(0.2, SECONDS - 0.2)) ** 2) / (2 * 0.06**2))
    return random.uniform(30, 80) * np.exp((_GRID[:, 1:] - 2) / 1.5) * shape


def _muscle_burst(random: np.random.Generator, samples: int) -> np.ndarray:
    """Fast activity near one electrode for a part of a second, `(channels, time)`."""
    time = np.arange(samples) / SAMPLING_RATE
    start, length = random.uniform(0, SECONDS - 0.3), random.uniform(0.2, 0.8)
    gate = ((time >= start) & (time < start + length)).astype(float)
    place = POSITIONS[CHANNELS[random.integers(len(CHANNELS))]]
    fast = _rhythm(random, samples, random.uniform(30, 60), 20)
    return random.uniform(5, 20) * _spread(place, 1.0)[:, None] * gate * fast
