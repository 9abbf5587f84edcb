"""Simulated EEG of imagined movements: sources in a spherical head, the electrodes above them, and what disturbs both.

Imagining a movement weakens the mu (8 to 12 Hz) and beta (16 to 26 Hz) rhythms over the part of the motor cortex that
would move, strengthens them a little beside it, and lets beta rebound afterwards (Pfurtscheller, Lopes da Silva, Clin.
Neurophysiol. 110, 1842, 1999). The hands lie below C3 and C4 on the opposite side, the feet below Cz. Everything else
hides that: a background that falls with the frequency to the power of 1 to 2 (He, Trends Cogn. Sci. 18, 480, 2014), a
stronger occipital alpha rhythm in the same band, rhythms that wax and wane by themselves, subjects with weak rhythms
(Blankertz et al., NeuroImage 51, 1303, 2010), lapses of attention, blinks, eye movements, muscle bursts, line noise,
drift and electrode pops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..generator import SubsetGenerator
from ..patient import Patient
from .artefacts import artefacts_of, recording_of
from .head import MONTAGE, POSITIONS, ROW_OF
from .noise import SAMPLING_RATE, even_noise
from .rhythms import LABELS, background, imagine, lapses, rhythms
from .subject import subject_of

SECONDS = 2.0
"""Length of a window; it starts at the cue."""

TRIALS_PER_SUBJECT = 40

# The electrodes of data set 2a of the fourth BCI competition (Tangermann et al., Front. Neurosci. 6, 55, 2012).
CHANNELS = tuple("Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz".split())


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
    rows = [ROW_OF[name] for name in channels]
    samples = round(seconds * SAMPLING_RATE)
    subject = subject_of(patient, samples)
    random = patient.random("window", trial)
    time = (np.arange(samples) / SAMPLING_RATE).astype(np.float32)

    vigilance = random.lognormal(0, 0.18)
    sources = [background(random, subject, samples), rhythms(random, patient, subject, imagery, time)]
    artefacts, courses = artefacts_of(random, patient, time)
    recording, more_courses = recording_of(random, subject, time)
    mixing = np.concatenate([subject.mixing * vigilance, artefacts, recording], axis=1)[rows] * subject.gain[rows, None]
    signal = mixing.astype(np.float32) @ np.concatenate([*sources, courses, more_courses], dtype=np.float32)
    signal += subject.white[rows, None] * even_noise(random, (len(MONTAGE), samples))[rows]
    return signal, imagery.label


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
