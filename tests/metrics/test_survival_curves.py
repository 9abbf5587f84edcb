"""Kaplan-Meier curves against scikit-survival and published figures."""

import numpy as np
import pytest

from multimed_hf.metrics.survival_curves import CensoringCurve, censoring_survival, kaplan_meier


def outcomes(n, seed):
    generator = np.random.default_rng(seed)
    return np.ceil(generator.exponential(8, n)), generator.random(n) < 0.5


def test_survival_of_the_leukemia_trial():
    """The 21 patients on 6-mercaptopurine (Freireich et al. 1963), as textbooks print it."""
    weeks = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35], dtype=np.float64)
    relapsed = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]) == 1
    at = np.array([5.9, 6, 7, 10, 13, 16, 22, 23, 35, 35.1])
    (survival,) = kaplan_meier(weeks, relapsed, np.ones((1, 21)), at)
    published = [1.0, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448, 0.448, np.nan]
    np.testing.assert_array_equal(survival.round(3), published)


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_scikit_survival_also_under_weights(seed):
    estimate = pytest.importorskip("sksurv.nonparametric").kaplan_meier_estimator
    time, event = outcomes(40, seed)
    weights = np.random.default_rng(seed).integers(0, 3, (3, 40)).astype(np.float64)
    for index, repeats in enumerate(weights.astype(int)):
        repeated = np.repeat(event, repeats), np.repeat(time, repeats)
        for function, reverse in ((kaplan_meier, False), (censoring_survival, True)):
            steps, expected = estimate(*repeated, reverse=reverse)
            np.testing.assert_allclose(function(time, event, weights, steps)[index], expected, rtol=1e-12)


def test_a_curve_keeps_its_values_up_to_its_end():
    time, event = outcomes(30, 0)
    curve = CensoringCurve.of(time, event)
    at = np.array([0.5, 1, 2.5, 7, time.max()])
    np.testing.assert_array_equal(curve(at), censoring_survival(time, event, np.ones((1, 30)), at)[0])
    assert np.isnan(curve(np.array([time.max() + 0.1]))).all()
    assert curve == CensoringCurve.of(time[::-1], event[::-1]) != CensoringCurve.of(time, ~event)


def test_nobody_followed_and_nobody_left():
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    weights = np.array([[1.0, 1, 1], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(kaplan_meier(time, event, weights, np.array([9.0]))[:, 0], [0, np.nan, np.nan])
    np.testing.assert_array_equal(censoring_survival(time, event, weights, np.array([9.0]))[:, 0], [0.5, 0, 1])
