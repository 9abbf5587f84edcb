"""What the brain does in a trial of simulated EEG: the imagined movement, the rhythms that it weakens, the background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..patient import Patient
from ..settings import Simulation
from .noise import frequencies_of, noise_spectrum, smooth_step
from .subject import DIPOLES, Subject

LABELS = ("left_fist", "right_fist", "both_fists", "both_feet")

# How much of the full desynchronisation each label causes in the area below C3, C4 and Cz; below zero it strengthens.
# What beside the moved limb becomes stronger makes up for what is lost, so that the total power says little.
_DESYNCHRONISATION = {
    "left_fist": (0.25, 1.0, -0.3),
    "right_fist": (1.0, 0.25, -0.3),
    "both_fists": (0.9, 0.9, -0.5),
    "both_feet": (-0.2, -0.2, 1.0),
}


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


def background(random: np.random.Generator, subject: Subject, samples: int) -> np.ndarray:
    """Noise of each dipole of the background, with variance 1, `(dipoles, time)`."""
    from scipy import fft

    _, drawn = frequencies_of(samples)
    return np.asarray(fft.irfft(noise_spectrum(random, subject.background, DIPOLES), drawn)[:, :samples])


def rhythms(
    random: np.random.Generator, patient: Patient, subject: Subject, imagery: Imagery, time: np.ndarray
) -> np.ndarray:
    """Alpha of three places, mu and beta of three areas, `(9, time)`; mean square about 1 at rest.

    Noise of a narrow band waxes and wanes by itself.
    """
    from scipy import fft

    frequencies, drawn = frequencies_of(len(time))
    spectrum = np.zeros((9, drawn), np.complex64)
    spectrum[:, : len(frequencies)] = noise_spectrum(random, subject.rhythms, 9)
    analytic = 2 * fft.ifft(spectrum)[:, : len(time)]
    # The two hemispheres share their alpha in part.
    analytic[:2] = 0.8 * analytic[:2] + 0.6 * analytic[2]
    waves = analytic.real.copy()
    # Mu is arch-shaped: pointed on one side and flat on the other, by a harmonic that is locked to it.
    mu = analytic[3:6]
    waves[3:6] = 0.95 * waves[3:6] + 0.3 * (mu**2).real / (np.abs(mu) + 1e-6)

    spread = patient.simulation.harder(0.15, 0.35)
    strengths = random.lognormal(0, np.array([0.35] * 3 + [spread] * 6))
    depth = subject.desynchronisation * imagery.attention * np.array(_DESYNCHRONISATION[imagery.label])[:, None]
    during = smooth_step(time - imagery.onset, 0.12) * smooth_step(imagery.end - time, 0.2)
    rebound = np.exp(-((time - imagery.end - 0.6) ** 2) / (2 * 0.25**2))
    envelopes = np.ones_like(waves)
    envelopes[3:6] = 1 - depth * during
    envelopes[6:9] = 1 - depth * during + 0.8 * np.maximum(depth, 0) * rebound
    return waves * envelopes * strengths[:, None].astype(np.float32)
