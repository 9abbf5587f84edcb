"""Simulated motor imagery: the same everywhere, physiological where it should be, and neither trivial nor hopeless."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation import Simulation, generator_of
from multimed_hf.simulation.eeg.eeg import CHANNELS, SECONDS, TRIALS_PER_SUBJECT, Generator, simulate_window
from multimed_hf.simulation.eeg.head import MONTAGE
from multimed_hf.simulation.eeg.noise import SAMPLING_RATE
from multimed_hf.simulation.eeg.rhythms import LABELS, imagine, lapses
from multimed_hf.sources import IMAGINED_MOVEMENTS

from ..shortcuts import excess, metadata, signal_statistics

SUBJECTS = 15
BANDS = ((4, 8), (8, 13), (13, 18), (18, 26), (26, 40))


@cache
def trials(difficulty: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signals `(trials, channels, time)`, labels by number, subjects."""
    generator = Generator(Simulation(difficulty=difficulty))
    pairs = [(subject, trial) for subject in range(SUBJECTS) for trial in range(TRIALS_PER_SUBJECT)]
    signals, labels = zip(
        *(simulate_window(generator.patient(subject), trial) for subject, trial in pairs), strict=True
    )
    return np.stack(signals), np.array([LABELS.index(label) for label in labels]), np.array([pair[0] for pair in pairs])


@cache
def whole_heads() -> np.ndarray:
    """Signals of 64 electrodes and 4 seconds, `(windows, 64, time)`."""
    generator = Generator(Simulation(difficulty=0.5))
    return np.stack(
        [simulate_window(generator.patient(index % 20), index // 20, MONTAGE, 4.0)[0] for index in range(160)]
    )


def spectrum(signals: np.ndarray, rate: float = SAMPLING_RATE) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and power by Welch's method, with segments of two seconds."""
    from scipy.signal import welch

    frequencies, power = welch(signals, rate, nperseg=int(2 * rate), axis=-1)
    return frequencies, power


def shape_of(frequencies: np.ndarray, power: np.ndarray) -> tuple[float, float]:
    """Slope of the logarithm of the power from 2 to 40 Hz without alpha, and the height of alpha above that line."""
    alpha = (frequencies >= 7) & (frequencies <= 14)
    rest = (frequencies >= 2) & (frequencies <= 40) & ~alpha
    slope, level = np.polyfit(np.log(frequencies[rest]), np.log(power[rest]), 1)
    return slope, float((np.log(power[alpha]) - level - slope * np.log(frequencies[alpha])).max())


def band_power(signals: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mean power from `low` to `high` Hz, `(trials, channels)`."""
    frequencies = np.fft.rfftfreq(signals.shape[-1], 1 / SAMPLING_RATE)
    power = np.abs(np.fft.rfft(signals * np.hanning(signals.shape[-1]))) ** 2
    return power[..., (frequencies >= low) & (frequencies < high)].mean(-1)


def held_out_accuracy(features: np.ndarray, difficulty: float = 0.3) -> float:
    _, labels, subjects = trials(difficulty)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    folds = GroupKFold(3)
    return cross_val_score(model, features, labels, groups=subjects, cv=folds, scoring="balanced_accuracy").mean()


def log_band_powers(difficulty: float) -> np.ndarray:
    signals = trials(difficulty)[0]
    return np.concatenate([np.log(band_power(signals, *band)) for band in BANDS], axis=1)


class TestRows:
    def test_rows_are_complete_and_name_the_montage(self) -> None:
        generator, complete = generator_of("eeg"), RowCompleter("eeg")
        for index in (0, 31, 1199):
            row = complete({**generator.row(index), "source": "synthetic"})
            assert row["eeg"].shape == (len(CHANNELS), SAMPLING_RATE * SECONDS) == (22, 320)
            assert row["eeg"].dtype == np.float32 and row["eeg_channels"] == list(CHANNELS)
            assert row["subject"] == f"subject-{index % 30:03d}" and row["site"] and row["device"]
            assert row["group"] == f"synthetic/eeg-{index % 30:06d}"
        assert IMAGINED_MOVEMENTS.labels == LABELS

    @settings(max_examples=15)
    @given(st.integers(0, 2**40), st.integers(0, 10_000), st.integers(0, 39))
    def test_a_trial_depends_on_seed_subject_and_trial_alone(self, seed: int, subject: int, trial: int) -> None:
        def window(seed: int, subject: int, trial: int) -> tuple[np.ndarray, str]:
            return simulate_window(Generator(Simulation(seed=seed)).patient(subject), trial)

        signal, label = window(seed, subject, trial)
        again, same = window(seed, subject, trial)
        np.testing.assert_array_equal(signal, again)
        assert label == same
        for other in ((seed + 1, subject, trial), (seed, subject + 1, trial), (seed, subject, trial + 1)):
            assert np.abs(signal - window(*other)[0]).max() > 1

    def test_as_many_labels_are_wrong_as_asked_for(self) -> None:
        clean, noisy = (Generator(Simulation(label_noise=noise)) for noise in (0.0, 0.3))
        patients = [noisy.patient(number) for number in range(30)]
        pairs = [
            (imagine(patient, trial).label, noisy.observed(patient, imagine(patient, trial).label, LABELS, trial))
            for patient in patients
            for trial in range(40)
        ]
        wrong = [observed for label, observed in pairs if observed != label]
        assert 0.25 < len(wrong) / len(pairs) < 0.35
        assert set(wrong) == set(LABELS)
        assert clean.row(5)["motor_imagery"] == imagine(clean.patient(5), 0).label

    def test_the_best_accuracy_is_told(self) -> None:
        simulation = Simulation(difficulty=0.5, label_noise=0.2)
        patient = Generator(simulation).patient
        idle = np.mean([imagine(patient(n), trial).attention == 0 for n in range(60) for trial in range(40)])
        assert abs(idle - lapses(simulation)) < 0.03
        expected = (1 - lapses(simulation)) * 0.8 + lapses(simulation) / 4
        assert f"{expected:.1%}" in Generator(simulation).notes()[-1]

    def test_what_cannot_be_simulated_is_refused(self) -> None:
        patient = Generator(Simulation()).patient(0)
        with pytest.raises(ValueError, match="Expected a trial of 0 or more, got -1"):
            simulate_window(patient, -1)
        with pytest.raises(ValueError, match=r"Expected channels among the 64 of MONTAGE, such as 'C3', got \['A1'\]"):
            simulate_window(patient, 0, ("C3", "A1"))
        with pytest.raises(ValueError, match="got none"):
            simulate_window(patient, 0, ())
        with pytest.raises(ValueError, match=r"Expected windows of at least 0\.5 seconds, got 0\.1"):
            simulate_window(patient, 0, seconds=0.1)


class TestHead:
    def test_fewer_electrodes_see_the_same_window(self) -> None:
        patient = Generator(Simulation()).patient(3)
        whole, _ = simulate_window(patient, 6, MONTAGE, 4.0)
        assert whole.shape == (64, 640) and whole.dtype == np.float32
        part, _ = simulate_window(patient, 6, ("O1", "C3", "Fp2"), 4.0)
        np.testing.assert_allclose(part, whole[[MONTAGE.index(name) for name in ("O1", "C3", "Fp2")]], atol=1e-3)

    def test_amplitudes_are_those_of_scalp_eeg(self) -> None:
        strength = trials()[0].std(axis=(1, 2))
        assert (strength > 4).all() and 8 < np.median(strength) < 20
        heads = whole_heads()
        assert np.isfinite(heads).all() and np.abs(heads.mean(axis=-1)).max() < 60
        # Blinks of a hundred microvolt or more, at the front only.
        peaks = np.abs(heads).max(axis=(0, 2))
        assert 100 < peaks[MONTAGE.index("Fp1")] < 350
        slow = np.abs(heads.mean(axis=0)).max(axis=-1)
        assert slow.max() < 60

    def test_the_power_falls_with_the_frequency_and_alpha_is_strongest_behind(self) -> None:
        frequencies, power = spectrum(whole_heads())
        slope, alpha = shape_of(frequencies, power.mean(axis=(0, 1)))
        assert -2 < slope < -0.8 and 0.3 < alpha < 3
        by_subject = [shape_of(frequencies, power[subject::20].mean(axis=(0, 1)))[0] for subject in range(20)]
        assert np.std(by_subject) > 0.1
        level = power[..., (frequencies >= 8.5) & (frequencies <= 12)].mean(axis=(0, 2))
        assert level[MONTAGE.index("Oz")] > 2 * level[MONTAGE.index("AFz")]

    def test_the_mains_have_the_frequency_of_the_site(self) -> None:
        generator = Generator(Simulation())
        ratios: dict[str, list[float]] = {}
        for number in range(30):
            patient = generator.patient(number)
            frequencies, power = spectrum(simulate_window(patient, 0, MONTAGE, 4.0)[0])
            at = power.mean(axis=0)
            ratios.setdefault(patient.site, []).append(np.log(at[frequencies == 50][0] / at[frequencies == 60][0]))
        assert {np.sign(np.mean(found)) for found in ratios.values()} == {-1, 1}
        # The background falls with the frequency: 0.3 more at 50 Hz.
        assert all(abs(np.median(found) - 0.3) > 0.3 for found in ratios.values())

    def test_neighbours_are_more_alike_than_distant_electrodes(self) -> None:
        correlation = np.mean([np.corrcoef(signal) for signal in trials()[0][:100]], axis=0)
        at = CHANNELS.index
        assert correlation[at("FC3"), at("FC1")] > correlation[at("FC3"), at("FC4")] + 0.3

    def test_the_spectrum_has_the_shape_of_a_real_one(self, multimed_data: Path) -> None:
        from multimed_hf.data.arff import read_arff

        path = multimed_data / "eeg_eye_state" / "EEG Eye State.arff"
        if not path.is_file():
            pytest.skip("needs EEG Eye State in $MULTIMED_DATA/eeg_eye_state")
        relation = read_arff(path)
        names = list(relation.numeric)
        real = np.stack([relation.numeric[name] for name in names])
        real -= np.median(real, axis=1, keepdims=True)
        limit = 15 * 1.4826 * np.median(np.abs(real), axis=1, keepdims=True)
        frequencies, power = spectrum(np.clip(real, -limit, limit), 128)
        slope, alpha = shape_of(frequencies, power.mean(axis=0))
        frequencies, power = spectrum(whole_heads()[:, [MONTAGE.index(name) for name in names]])
        simulated = [shape_of(frequencies, power[subject::20].mean(axis=(0, 1))) for subject in range(20)]
        slopes, alphas = np.array(simulated).T
        # The one person recorded is among the simulated ones, or close to them.
        assert slopes.min() - 0.3 < slope < slopes.max() + 0.3
        assert alphas.min() - 0.3 < alpha < alphas.max()


class TestLabels:
    @pytest.mark.parametrize("band", [(8, 13), (18, 26)])
    def test_rhythms_weaken_over_the_area_that_would_move(self, band: tuple[float, float]) -> None:
        signals, labels, _ = trials()
        power = np.log(band_power(signals, *band))
        area = {name: [power[labels == label, CHANNELS.index(name)].mean() for label in range(4)] for name in CHANNELS}
        left, right, fists, feet = range(4)
        assert area["C4"][left] < area["C3"][left] - 0.2 and area["C3"][right] < area["C4"][right] - 0.2
        for name in ("C3", "C4"):
            assert area[name][fists] < area[name][feet] - 0.2
        assert area["Cz"][feet] < min(area["Cz"][left], area["Cz"][right], area["Cz"][fists]) - 0.2

    def test_rhythms_weaken_after_the_cue_and_beta_rebounds_in_the_end(self) -> None:
        from scipy.signal import butter, sosfiltfilt

        generator = Generator(Simulation(difficulty=0.1))
        windows = []
        for number in range(20):
            for trial in range(8):
                signal, label = simulate_window(generator.patient(number), trial, ("C3",), 4.0)
                if label == "right_fist":
                    windows.append(signal[0])
        beta = sosfiltfilt(butter(4, (16, 26), "band", fs=SAMPLING_RATE, output="sos"), np.stack(windows)) ** 2
        course = beta.mean(axis=0).reshape(16, 40).mean(axis=1)
        before, during, after = course[0], course[4:9].mean(), course[13:15].mean()
        assert during < 0.5 * before and after > 1.3 * before

    def test_band_power_of_other_subjects_tells_the_label_in_part(self) -> None:
        assert 0.45 < held_out_accuracy(log_band_powers(0.3)) < 0.95

    def test_difficulty_makes_it_harder(self) -> None:
        easy, hard = (held_out_accuracy(log_band_powers(difficulty), difficulty) for difficulty in (0.1, 0.9))
        assert easy > hard + 0.15 and hard > 0.3

    def test_the_raw_signal_tells_a_linear_model_nothing(self) -> None:
        signals, _, _ = trials()
        # Every fifth sample keeps what is below 16 Hz, mu among it.
        assert held_out_accuracy(signals[..., ::5].reshape(len(signals), -1)) < 0.32

    def test_total_power_alone_says_next_to_nothing(self) -> None:
        signals, _, _ = trials()
        assert held_out_accuracy(np.log(signals.var(axis=(1, 2)))[:, None]) < 0.33

    def test_metadata_and_statistics_say_nothing(self) -> None:
        generator = Generator(Simulation(difficulty=0.3, prevalence="balanced"))
        rows = [generator.row(index) for index in range(360)]
        features = [[*metadata(row), *signal_statistics(row["eeg"]), np.log(row["eeg"].var())] for row in rows]
        labels, groups = [row["motor_imagery"] for row in rows], [row["group"] for row in rows]
        assert excess(features, labels, groups, draws=20) < 3.5
