"""Simulated motor imagery: the same everywhere, physiological where it should be, and neither trivial nor hopeless."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.motor_imagery import (
    CHANNELS,
    LABELS,
    POSITIONS,
    SAMPLING_RATE,
    SECONDS,
    TRIALS_PER_SUBJECT,
    simulate_trial,
)
from multimed_hf.sources import IMAGINED_MOVEMENTS

SUBJECTS = 20


@cache
def trials() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signals `(trials, channels, time)`, labels by number, subjects."""
    pairs = [(subject, trial) for subject in range(SUBJECTS) for trial in range(TRIALS_PER_SUBJECT)]
    signals, labels = zip(*(simulate_trial(0, *pair) for pair in pairs), strict=True)
    return np.stack(signals), np.array([LABELS.index(label) for label in labels]), np.array([pair[0] for pair in pairs])


def band_power(signals: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mean power from `low` to `high` Hz, `(trials, channels)`."""
    frequencies = np.fft.rfftfreq(signals.shape[-1], 1 / SAMPLING_RATE)
    power = np.abs(np.fft.rfft(signals * np.hanning(signals.shape[-1]))) ** 2
    return power[..., (frequencies >= low) & (frequencies < high)].mean(-1)


def held_out_accuracy(features: np.ndarray) -> float:
    _, labels, subjects = trials()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    folds = GroupKFold(5)
    return cross_val_score(model, features, labels, groups=subjects, cv=folds, scoring="balanced_accuracy").mean()


def test_shape_unit_and_names() -> None:
    signals, labels, _ = trials()
    assert signals.shape[1:] == (len(CHANNELS), SAMPLING_RATE * SECONDS) == (22, 320)
    assert signals.dtype == np.float32 and np.isfinite(signals).all()
    # Scalp EEG has a root mean square of about ten microvolt, and artefacts of a hundred.
    assert 5 < signals.std() < 20 and 50 < np.abs(signals).max() < 300
    assert IMAGINED_MOVEMENTS.labels == LABELS
    assert (np.bincount(labels) == len(labels) / 4).all()


@settings(max_examples=20)
@given(st.integers(0, 2**40), st.integers(0, 10_000), st.integers(0, 39))
def test_a_trial_depends_on_its_three_numbers_alone(seed: int, subject: int, trial: int) -> None:
    signal, label = simulate_trial(seed, subject, trial)
    again, same = simulate_trial(seed, subject, trial)
    np.testing.assert_array_equal(signal, again)
    assert label == same
    for other in ((seed + 1, subject, trial), (seed, subject + 1, trial), (seed, subject, trial + 1)):
        assert np.abs(signal - simulate_trial(*other)[0]).max() > 1


def test_the_release_does_not_change_unnoticed() -> None:
    signal, label = simulate_trial(0, 3, 7)
    assert label == "both_feet"
    np.testing.assert_allclose(signal[[0, 7, 21], [0, 100, 319]], [0.29158476, -6.080163, 14.236341], rtol=1e-4)


def test_four_trials_in_a_row_have_each_label_once_in_varying_order() -> None:
    _, labels, _ = trials()
    blocks = labels.reshape(-1, 4)
    assert (np.sort(blocks, axis=1) == np.arange(4)).all()
    assert len({tuple(block) for block in blocks.tolist()}) > 12


@pytest.mark.parametrize("band", [(8, 13), (18, 26)])
def test_rhythms_weaken_over_the_area_that_would_move(band: tuple[float, float]) -> None:
    signals, labels, _ = trials()
    power = np.log(band_power(signals, *band))
    area = {name: [power[labels == label, CHANNELS.index(name)].mean() for label in range(4)] for name in POSITIONS}
    left, right, fists, feet = range(4)
    assert area["C4"][left] < area["C3"][left] - 0.2 and area["C3"][right] < area["C4"][right] - 0.2
    for name in ("C3", "C4"):
        assert area[name][fists] < area[name][feet] - 0.2
    assert area["Cz"][feet] < min(area["Cz"][left], area["Cz"][right], area["Cz"][fists]) - 0.2


def test_the_background_falls_with_the_frequency_and_alpha_is_strongest_behind() -> None:
    signals, _, _ = trials()
    power = [band_power(signals, *band).mean(0) for band in ((2, 4), (14, 16), (40, 44), (70, 76))]
    assert (np.diff(np.log(power), axis=0) < 0).all()
    alpha = band_power(signals, 8, 13).mean(0)
    front, back = (alpha[CHANNELS.index(name)] for name in ("Fz", "POz"))
    assert back > 3 * front


def test_neighbours_are_more_alike_than_distant_electrodes() -> None:
    signals, _, _ = trials()
    correlation = np.mean([np.corrcoef(signal) for signal in signals[:100]], axis=0)
    at = CHANNELS.index
    assert correlation[at("FC3"), at("FC1")] > correlation[at("FC3"), at("FC4")] + 0.3


def test_band_power_of_other_subjects_tells_the_label_in_part() -> None:
    signals, _, _ = trials()
    bands = ((4, 8), (8, 13), (13, 18), (18, 26), (26, 40))
    accuracy = held_out_accuracy(np.concatenate([np.log(band_power(signals, *band)) for band in bands], axis=1))
    assert 0.4 < accuracy < 0.95


def test_total_variance_alone_says_next_to_nothing() -> None:
    signals, _, _ = trials()
    assert held_out_accuracy(np.log(signals.var(axis=(1, 2)))[:, None]) < 0.35


@pytest.mark.parametrize("numbers", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_negative_numbers_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="Expected seed, subject and trial of 0 or more"):
        simulate_trial(*numbers)
