"""What disturbs simulated EEG."""

from __future__ import annotations

import numpy as np

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.eeg.artefacts import artefacts_of, recording_of
from multimed_hf.simulation.eeg.eeg import Generator
from multimed_hf.simulation.eeg.head import MONTAGE
from multimed_hf.simulation.eeg.noise import SAMPLING_RATE
from multimed_hf.simulation.eeg.subject import subject_of

TIME = (np.arange(640) / SAMPLING_RATE).astype(np.float32)
AT = MONTAGE.index


def all_artefacts(difficulty: float) -> tuple[np.ndarray, np.ndarray]:
    """Patterns `(64, n)` and courses `(n, time)` of 150 windows, without the empty one that each begins with."""
    patient = Generator(Simulation(difficulty=difficulty)).patient(0)
    made = [artefacts_of(np.random.default_rng(seed), patient, TIME) for seed in range(150)]
    return np.concatenate([one[0][:, 1:] for one in made], axis=1), np.concatenate([one[1][1:] for one in made])


def test_eyes_muscles_and_electrodes_disturb_where_they_lie() -> None:
    patterns, courses = all_artefacts(1.0)
    assert patterns.shape[1] == len(courses) > 200 and np.isfinite(patterns).all() and np.isfinite(courses).all()
    strongest = [MONTAGE[row] for row in np.abs(patterns).argmax(axis=0)]
    single = (patterns != 0).sum(axis=0) == 1
    assert 0.05 < single.mean() < 0.3  # pops of one electrode
    near = {"Fp1", "Fpz", "Fp2", "F7", "F8", "AF7", "AF8", "FT7", "FT8", "T7", "T8", "T9", "T10"}
    assert {name for name, alone in zip(strongest, single, strict=True) if not alone} <= near
    # Both eyes blink alike, and look to one side with opposite signs.
    front = patterns[:, [name in ("Fp1", "Fpz", "Fp2") for name in strongest] & ~single]
    assert (front[AT("Fp1")] * front[AT("Fp2")] > 0).all() and front[AT("Fp1")].min() > 80
    glances = (patterns[AT("F7")] * patterns[AT("F8")] < 0) & ~single
    assert glances.mean() > 0.1


def test_difficulty_brings_more_of_them() -> None:
    assert all_artefacts(0.9)[0].shape[1] > 2 * all_artefacts(0.0)[0].shape[1]


def test_the_mains_reach_all_electrodes_with_one_frequency() -> None:
    subject = subject_of(Generator(Simulation()).patient(2), len(TIME))
    patterns, courses = recording_of(np.random.default_rng(0), subject, TIME)
    assert patterns.shape == (64, 5) and courses.shape == (5, len(TIME))
    frequencies = np.fft.rfftfreq(len(TIME), 1 / SAMPLING_RATE)
    assert {frequencies[np.abs(np.fft.rfft(course)).argmax()] for course in courses[3:]} == {subject.mains_frequency}
