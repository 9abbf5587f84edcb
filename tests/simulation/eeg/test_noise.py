"""Noise with a given spectrum, and smooth steps."""

from __future__ import annotations

import numpy as np
import pytest

from multimed_hf.simulation.eeg.noise import (
    SAMPLING_RATE,
    even_noise,
    frequencies_of,
    noise_spectrum,
    normalised,
    smooth_step,
)


@pytest.mark.parametrize("samples", [80, 320, 641])
def test_a_second_more_than_needed_is_drawn(samples: int) -> None:
    frequencies, drawn = frequencies_of(samples)
    assert samples + SAMPLING_RATE - 1 <= drawn <= samples + SAMPLING_RATE and drawn % 2 == 0
    assert frequencies[0] == 0 and frequencies[-1] == SAMPLING_RATE / 2 and len(frequencies) == drawn // 2 + 1


def test_noise_has_variance_one_and_the_power_asked_for() -> None:
    random = np.random.default_rng(0)
    frequencies, drawn = frequencies_of(1600)
    amplitude = normalised(np.exp(-((frequencies[None] - 10) ** 2) / 8))
    spectrum = noise_spectrum(random, amplitude, 200)
    noise = np.fft.irfft(spectrum, drawn)
    assert noise.var() == pytest.approx(1, abs=0.03)
    power = np.square(np.abs(spectrum)).mean(axis=0)
    band = (frequencies > 6) & (frequencies < 14)
    assert np.corrcoef(power[band], amplitude[0, band] ** 2)[0, 1] > 0.95
    assert power[~band].sum() < 0.05 * power.sum()


def test_even_noise_is_centred_and_has_variance_one() -> None:
    noise = even_noise(np.random.default_rng(1), (50, 2000))
    assert noise.dtype == np.float32 and np.abs(noise).max() <= 3**0.5 + 1e-6
    assert noise.mean() == pytest.approx(0, abs=0.01) and noise.var() == pytest.approx(1, abs=0.01)


def test_steps_rise_from_zero_to_one_within_a_few_widths() -> None:
    step = smooth_step(np.array([-0.5, 0.0, 0.5]), 0.1)
    np.testing.assert_allclose(step, [0, 0.5, 1], atol=1e-4)
