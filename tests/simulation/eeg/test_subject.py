"""What stays the same over the trials of a simulated subject."""

from __future__ import annotations

import numpy as np

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.eeg.eeg import Generator
from multimed_hf.simulation.eeg.head import MONTAGE
from multimed_hf.simulation.eeg.subject import DIPOLES, subject_of

AT = MONTAGE.index


def test_sources_are_seen_against_the_reference_and_best_from_above() -> None:
    generator = Generator(Simulation())
    for number in range(10):
        mixing = subject_of(generator.patient(number), 320).mixing
        assert mixing.shape == (64, DIPOLES + 9) and mixing.dtype == np.float32
        np.testing.assert_allclose(mixing[[AT("T9"), AT("T10")]].mean(axis=0), 0, atol=1e-4)
        # Mu of the hands, of the feet: neighbours included, since heads differ.
        above = [MONTAGE[row] for row in np.abs(mixing[:, DIPOLES + 3 : DIPOLES + 6]).argmax(axis=0)]
        assert [name.rstrip("z0123456789") in ("FC", "C", "CP") for name in above] == [True] * 3
        assert [name[-1] in side for name, side in zip(above, ("135", "246", "z12"), strict=True)] == [True] * 3


def test_amplitudes_give_noise_of_variance_one() -> None:
    generator = Generator(Simulation())
    for samples in (80, 320, 641):
        subject = subject_of(generator.patient(1), samples)
        count = subject.background.shape[1]
        assert subject.background.shape == (1, count) and subject.rhythms.shape == (9, count)
        power = np.square(np.concatenate([subject.background, subject.rhythms])).sum(axis=1)
        np.testing.assert_allclose(power, (count - 1) ** 2, rtol=1e-5)


def test_a_site_has_one_mains_and_some_subjects_weak_rhythms() -> None:
    generator = Generator(Simulation(difficulty=1.0))
    patients = [generator.patient(number) for number in range(80)]
    subjects = [subject_of(patient, 320) for patient in patients]
    found = {(patient.site, subject.mains_frequency) for patient, subject in zip(patients, subjects, strict=True)}
    assert len(found) == len({patient.site for patient in patients})
    assert {frequency for _, frequency in found} == {50.0, 60.0}
    strength = np.array([np.abs(subject.mixing[:, DIPOLES + 3 : DIPOLES + 6]).max() for subject in subjects])
    weak = np.mean(strength < 0.6 * np.median(strength))
    assert 0.1 < weak < 0.4
