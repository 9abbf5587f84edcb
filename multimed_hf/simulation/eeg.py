"""Simulated EEG of imagined movements: sources in a spherical head, the electrodes above them, and what disturbs both.

Imagining a movement weakens the mu (8 to 12 Hz) and beta (16 to 26 Hz) rhythms over the part of the motor cortex that
would move, strengthens them a little beside it, and lets beta rebound afterwards (Pfurtscheller, Lopes da Silva, Clin.
Neurophysiol. 110, 1842, 1999). The hands lie below C3 and C4 on the opposite side, the feet below Cz. Everything else
hides that: a background that falls with the frequency to the power of 1 to 2 (He, Trends Cogn. Sci. 18, 480, 2014), a
stronger occipital alpha rhythm in the same band, rhythms that wax and wane by themselves, subjects with weak rhythms
(Blankertz et al., NeuroImage 51, 1303, 2010), lapses of attention, blinks, eye movements, muscle bursts, line noise,
drift and electrode pops.

Every source is a current dipole in a homogeneous sphere (Frank, J. Appl. Phys. 23, 1225, 1952), as deep as blurs it like
the skull would (Ary, Klein, Fender, IEEE Trans. Biomed. Eng. 28, 447, 1981).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .generator import SubsetGenerator
from .patient import Patient
from .settings import Simulation

SAMPLING_RATE = 160.0
"""Samples per second, in Hz."""

SECONDS = 2.0
"""Length of a window; it starts at the cue."""

TRIALS_PER_SUBJECT = 40

LABELS = ("left_fist", "right_fist", "both_fists", "both_feet")

# The electrodes of data set 2a of the fourth BCI competition (Tangermann et al., Front. Neurosci. 6, 55, 2012).
CHANNELS = tuple("Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz".split())

# The electrodes of the EEG Motor Movement/Imagery Dataset (Schalk et al., IEEE Trans. Biomed. Eng. 51, 1034, 2004).
MONTAGE = tuple(
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 "
    "F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 "
    "Iz".split()
)

# How many steps of 18 degrees each row of the 10-10 system lies in front of Cz.
_ROWS = dict(
    zip("Fp AF F FC FT C T CP TP P PO O I".split(), (4, 3, 2, 1, 1, 0, 0, -1, -1, -2, -3, -4, -5), strict=True)
)
_AREAS = ("C3", "C4", "Cz")

# How much of the full desynchronisation each label causes in the area below C3, C4 and Cz; below zero it strengthens.
# What beside the moved limb becomes stronger makes up for what is lost, so that the total power says little.
_DESYNCHRONISATION = {
    "left_fist": (0.25, 1.0, -0.3),
    "right_fist": (1.0, 0.25, -0.3),
    "both_fists": (0.9, 0.9, -0.5),
    "both_feet": (-0.2, -0.2, 1.0),
}

_DIPOLES = 48  # of the background
_DEPTH = 0.6  # distance of a dipole from the centre of the head
_ALPHA_PLACES = ((-0.45, -0.8, 0.4), (0.45, -0.8, 0.4), (0.0, -0.75, 0.65))
_EYES = np.array([(-0.33, 0.95, -0.35), (0.33, 0.95, -0.35)])


def electrode_position(name: str) -> np.ndarray:
    """Place of an electrode of `MONTAGE` on the unit sphere: to the right, to the front, up.

    A row lies on the great circle from its electrode on the midline to the ring through Fpz, T7, Oz and T8, 72 degrees
    from Cz, and T9 and T10 beyond it (Oostenveld, Praamstra, Clin. Neurophysiol. 112, 713, 2001).
    """
    row = name.rstrip("z0123456789")
    number = name[len(row) :]
    midline = math.radians(18 * _ROWS[row])
    middle = np.array([0.0, math.sin(midline), math.cos(midline)])
    if number == "z":
        return middle
    azimuth, polar = math.radians(90 - 18 * _ROWS[row]), math.radians(72)
    side = -1 if int(number) % 2 else 1
    ring = np.array([side * math.sin(polar) * math.sin(azimuth), math.sin(polar) * math.cos(azimuth), math.cos(polar)])
    share = 1.0 if row in ("Fp", "O") else (int(number) + 1) // 2 / 4
    angle = math.acos(float(middle @ ring))
    place = (math.sin((1 - share) * angle) * middle + math.sin(share * angle) * ring) / math.sin(angle)
    return np.asarray(place)


POSITIONS = {name: electrode_position(name) for name in MONTAGE}
_PLACES = np.array(list(POSITIONS.values()))
_ROW_OF = {name: row for row, name in enumerate(MONTAGE)}


@dataclass(frozen=True)
class Imagery:
    """What happens in a subject's head in one trial.

    Attributes:
        label: one of `LABELS`, asked for by the cue at time 0.
        attention: how far the subject does it, 0 (a lapse) to 1.
        onset, end: of the imagined movement, seconds after the cue.
    """

    label: str
    attention: float
    onset: float
    end: float


def lapses(simulation: Simulation) -> float:
    """The share of trials in which a subject imagines nothing."""
    return simulation.harder(0.02, 0.25)


def imagine(patient: Patient, trial: int) -> Imagery:
    """What a subject imagines in a trial. Every four trials, from the first, have each label once, in random order.

    Raises:
        ValueError: a negative trial.
    """
    if trial < 0:
        raise ValueError(f"Expected a trial of 0 or more, got {trial}.")
    block, place = divmod(trial, len(LABELS))
    label = LABELS[int(patient.random("labels", block).permutation(len(LABELS))[place])]
    random = patient.random("imagery", trial)
    lapse, onset, end = random.random(3)
    attention = 0.0 if lapse < lapses(patient.simulation) else float(random.beta(patient.simulation.harder(16, 5), 2))
    return Imagery(label, attention, 0.2 + 0.3 * float(onset), 2.4 + 0.8 * float(end))


def simulate_window(
    patient: Patient, trial: int, channels: Sequence[str] = CHANNELS, seconds: float = SECONDS
) -> tuple[np.ndarray, str]:
    """One trial of a simulated subject, from the cue on.

    Fewer channels give the same window, seen by fewer electrodes. Imagery ends 2.4 to 3.2 seconds after the cue, so that
    only windows of 4 seconds show the rebound of beta.

    Args:
        patient: the subject, of the subset `eeg`.
        trial: 0 or more.
        channels: names among `MONTAGE`.
        seconds: length, at least half a second.

    Returns:
        The signal, float32 `(channels, time)` in microvolt at `SAMPLING_RATE`, against the mean of T9 and T10; and one of
        `LABELS`.

    Raises:
        ValueError: a negative trial, a window shorter than half a second, or a channel that is not in `MONTAGE`.
    """
    unknown = [name for name in channels if name not in POSITIONS]
    if unknown or not channels:
        raise ValueError(f"Expected channels among the 64 of MONTAGE, such as 'C3', got {unknown or 'none'}.")
    if not seconds >= 0.5:
        raise ValueError(f"Expected windows of at least 0.5 seconds, got {seconds}.")
    imagery = imagine(patient, trial)
    rows = [_ROW_OF[name] for name in channels]
    samples = round(seconds * SAMPLING_RATE)
    head = _head(patient, samples)
    random = patient.random("window", trial)
    time = (np.arange(samples) / SAMPLING_RATE).astype(np.float32)

    vigilance = random.lognormal(0, 0.18)
    sources = [_background(random, head, samples), _rhythms(random, patient, head, imagery, time)]
    artefacts, courses = _artefacts(random, patient, time)
    recording, more_courses = _recording(random, head, time)
    mixing = np.concatenate([head.mixing * vigilance, artefacts, recording], axis=1)[rows] * head.gain[rows, None]
    signal = mixing.astype(np.float32) @ np.concatenate([*sources, courses, more_courses], dtype=np.float32)
    signal += head.white[rows, None] * _flat(random, (len(MONTAGE), samples))[rows]
    return signal, imagery.label


@dataclass(frozen=True, eq=False)
class _Head:
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
def _head(patient: Patient, samples: int) -> _Head:
    random = patient.random("head")
    harder = patient.simulation.harder
    mu = random.uniform(9, 12)
    places = random.normal(size=(_DIPOLES, 3))
    places[:, 2] = np.abs(places[:, 2]) - 0.4
    places = _unit(places) * random.uniform(0.5, 0.7, (_DIPOLES, 1))
    background = _dipoles(places, _unit(_unit(places) + 0.6 * random.normal(size=places.shape)))
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
    mixing -= mixing[[_ROW_OF["T9"], _ROW_OF["T10"]]].mean(0)
    device = patient.style("device")
    gain = device.uniform(0.85, 1.15) * device.normal(1, 0.03, len(MONTAGE)) * random.normal(1, 0.03, len(MONTAGE))
    site = patient.style("site")
    white, reference, mains = site.uniform((0.4, 0.3, 0.5), (1.2, 1.5, 2.0))
    # Muscles of temples, brow and neck are never quite at rest; each electrode sees those right under it.
    muscles = np.clip(random.lognormal(0.6, 0.7), 0.4, 7) * np.exp(-np.maximum(_PLACES[:, 2], 0) / 0.5)
    frequencies, _ = _frequencies(samples)
    # Below 1 Hz the power of the background stays level and then falls, as after the high-pass filter of an amplifier.
    amplitude = np.maximum(frequencies, 1.0) ** (-random.uniform(1, 2) / 2) * np.minimum(1, frequencies / 0.5)
    amplitude /= np.sqrt(1 + (frequencies / 65) ** 8)
    centres = np.repeat((random.uniform(8.5, 11.5), mu, 2 * mu + random.uniform(-2, 2)), 3)[:, None]
    widths = np.repeat((0.7, 0.8, 2.0), 3)[:, None]
    return _Head(
        mixing=mixing.astype(np.float32),
        background=_normalised(amplitude[None]),
        rhythms=_normalised(np.exp(-((frequencies - centres) ** 2) / (2 * widths**2))),
        desynchronisation=harder(0.95, 0.55) * random.uniform(0.8, 1.0),
        gain=gain,
        white=np.hypot(white, muscles).astype(np.float32),
        reference=reference,
        mains=mains,
        mains_frequency=50.0 if site.random() < 0.5 else 60.0,
    )


def _normalised(amplitude: np.ndarray) -> np.ndarray:
    """Scaled so that noise with these amplitudes `(rows, frequencies)` has variance 1 in time."""
    scale = (amplitude.shape[1] - 1) / np.sqrt(np.square(amplitude).sum(1, keepdims=True))
    return np.asarray(amplitude * scale, np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _dipoles(places: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Potential of dipoles at the electrodes, `(64, dipoles)`: on the surface of an isolated homogeneous sphere."""
    away = _PLACES[:, None] - places
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    # The gradient of the Green's function of the sphere with an insulating surface, 2/d - ln(1 - r r' + d).
    floor = 1 - _PLACES @ places.T + distance[..., 0]
    field = 2 * away / distance**3 + (_PLACES[:, None] + away / distance) / floor[..., None]
    return np.asarray((field * directions).sum(-1))


def _rhythm_patterns(random: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """Patterns `(64, places)` of nearly radial dipoles about below these places, 1 where they are strongest."""
    above = _unit(places + 0.05 * random.normal(size=places.shape))
    patterns = _dipoles(_DEPTH * above, _unit(above + 0.25 * random.normal(size=places.shape)))
    return patterns / np.abs(patterns).max(0)


def _flat(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Even noise with variance 1: made faster than normal noise, which it becomes where much of it is added up."""
    noise = random.random(shape, dtype=np.float32)
    noise -= np.float32(0.5)
    noise *= np.float32(math.sqrt(12))
    return noise


def _noise(random: np.random.Generator, amplitude: np.ndarray, rows: int) -> np.ndarray:
    """Complex spectra `(rows, frequencies)` of noise with these amplitudes, `(1 or rows, frequencies)`."""
    drawn = _flat(random, (rows, 2 * amplitude.shape[1])).view(np.complex64)
    drawn *= amplitude
    return drawn


def _frequencies(samples: int) -> tuple[np.ndarray, int]:
    """Frequencies in Hz at which noise is drawn, and how many samples that makes.

    Noise that is drawn by its spectrum meets its own beginning at the end; a second more than needed is made and cut.
    """
    drawn = 2 * ((samples + round(SAMPLING_RATE)) // 2)
    return np.fft.rfftfreq(drawn, 1 / SAMPLING_RATE), drawn


def _background(random: np.random.Generator, head: _Head, samples: int) -> np.ndarray:
    """Noise of each dipole of the background, with variance 1, `(dipoles, time)`."""
    from scipy import fft

    _, drawn = _frequencies(samples)
    return np.asarray(fft.irfft(_noise(random, head.background, _DIPOLES), drawn)[:, :samples])


def _rhythms(
    random: np.random.Generator, patient: Patient, head: _Head, imagery: Imagery, time: np.ndarray
) -> np.ndarray:
    """Alpha of three places, mu and beta of three areas, `(9, time)`; mean square about 1 at rest.

    Noise of a narrow band waxes and wanes by itself.
    """
    from scipy import fft

    frequencies, drawn = _frequencies(len(time))
    spectrum = np.zeros((9, drawn), np.complex64)
    spectrum[:, : len(frequencies)] = _noise(random, head.rhythms, 9)
    analytic = 2 * fft.ifft(spectrum)[:, : len(time)]
    # The two hemispheres share their alpha in part.
    analytic[:2] = 0.8 * analytic[:2] + 0.6 * analytic[2]
    waves = analytic.real.copy()
    # Mu is arch-shaped: pointed on one side and flat on the other, by a harmonic that is locked to it.
    mu = analytic[3:6]
    waves[3:6] = 0.95 * waves[3:6] + 0.3 * (mu**2).real / (np.abs(mu) + 1e-6)

    spread = patient.simulation.harder(0.15, 0.35)
    strengths = random.lognormal(0, np.array([0.35] * 3 + [spread] * 6))
    depth = head.desynchronisation * imagery.attention * np.array(_DESYNCHRONISATION[imagery.label])[:, None]
    during = _rise(time - imagery.onset, 0.12) * _rise(imagery.end - time, 0.2)
    rebound = np.exp(-((time - imagery.end - 0.6) ** 2) / (2 * 0.25**2))
    envelopes = np.ones_like(waves)
    envelopes[3:6] = 1 - depth * during
    envelopes[6:9] = 1 - depth * during + 0.8 * np.maximum(depth, 0) * rebound
    return waves * envelopes * strengths[:, None].astype(np.float32)


def _rise(time: np.ndarray, width: float) -> np.ndarray:
    """From 0 to 1 within a few `width` seconds around time 0."""
    return np.asarray(0.5 + 0.5 * np.tanh(time / width))


def _artefacts(random: np.random.Generator, patient: Patient, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
        courses.append(_rise(away, 0.015) * fade)
    for _ in range(bursts):
        place = POSITIONS[("T7", "T8", "FT7", "FT8", "F7", "F8", "T9", "T10")[int(random.integers(8))]]
        start, length = random.uniform(-0.2, seconds), random.uniform(0.3, 1.2)
        gate = np.sin(np.pi * np.clip((time - start) / length, 0, 1)) ** 2
        frequencies, drawn = _frequencies(len(time))
        amplitude = np.exp(-((frequencies - random.uniform(30, 55)) ** 2) / (2 * 14.0**2)) * (frequencies > 20)
        patterns.append(random.uniform(8, 30) * np.exp((_PLACES @ place - 1) / 0.12))
        courses.append(gate * np.fft.irfft(_noise(random, _normalised(amplitude[None]), 1)[0], drawn)[: len(time)])
    for _ in range(pops):
        pattern = np.zeros(len(MONTAGE))
        pattern[int(random.integers(len(MONTAGE)))] = random.choice((-1, 1)) * random.uniform(40, 150)
        away = time - random.uniform(0, seconds)
        patterns.append(pattern)
        courses.append((away >= 0) * np.exp(-np.maximum(away, 0) / random.uniform(0.1, 0.6)))
    return np.stack(patterns, axis=1), np.stack(courses)


def _recording(random: np.random.Generator, head: _Head, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What reference, drift and mains add: patterns `(64, 5)` in microvolt, and courses `(5, time)`."""
    angle = 2 * math.pi * head.mains_frequency * time + random.uniform(0, 2 * math.pi)
    turns = math.pi * SAMPLING_RATE / len(time) * time
    courses = [_flat(random, (1, len(time)))[0], np.cos(turns), np.sin(2 * turns), np.cos(angle), np.sin(angle)]
    # The potential of each electrode changes slowly by itself, and each cable catches the field of the mains differently.
    mains = head.mains * random.lognormal(0, 0.3)
    patterns = random.normal(size=(len(MONTAGE), 5)) * (0, 2.0, 1.0, 0.3 * mains, 0.3 * mains)
    return patterns + np.array((head.reference, 0, 0, mains, 0)), np.stack(courses)


def _eyes(direction: tuple[float, float, float]) -> np.ndarray:
    """Pattern `(64,)` of the corneo-retinal dipoles turned this way, 1 at most among Fp1, Fp2, F7 and F8."""
    away = _PLACES[:, None] - _EYES
    pattern = ((away @ np.array(direction)) / np.linalg.norm(away, axis=-1) ** 3).sum(-1)
    return np.asarray(pattern / np.abs(pattern[[_ROW_OF[name] for name in ("Fp1", "Fp2", "F7", "F8")]]).max())


_BLINK = _eyes((0.0, 0.0, 1.0))
_GLANCE = _eyes((1.0, 0.0, 0.0))


class Generator(SubsetGenerator):
    """Rows of `eeg`: trials of subjects, every label as often as every other whatever the prevalence.

    Clinics do not imagine movements: there is nothing for a long tail to be like, and the cue decides the label.
    """

    subset = "eeg"
    rows = 1200
    cohort = 30
    members = TRIALS_PER_SUBJECT

    def draw(self, patient: Patient, member: int) -> dict[str, Any]:
        signal, label = simulate_window(patient, member)
        return {
            "has_eeg": True,
            "eeg": signal,
            "eeg_channels": list(CHANNELS),
            "eeg_sampling_rate": SAMPLING_RATE,
            "motor_imagery": self.observed(patient, label, LABELS, member),
            "subject": f"subject-{patient.number:03d}",
            "session": "session-0",
            "site": patient.site,
            "device": patient.device,
        }

    def notes(self) -> list[str]:
        lapse = lapses(self.simulation)
        bound = (1 - lapse) * max(1 - self.simulation.label_noise, 0.25) + lapse / len(LABELS)
        return [
            *super().notes(),
            f"In {lapse:.0%} of the trials the subject imagines nothing, which leaves a guess among {len(LABELS)}: decoding "
            f"each trial by itself, none can be right more often than {bound:.1%}.",
        ]
