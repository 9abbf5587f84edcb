"""Numbers handed over from one grid to another: nothing is lost, and nothing moves."""

import numpy as np
import pytest

from multimed_hf.explanation.coordinates import spread


@pytest.mark.parametrize(("own", "places"), [(4, 12), (12, 4), (7, 5), (5, 7), (1, 3), (3, 1)])
def test_sums_stay(own, places):
    values = np.random.default_rng(0).normal(size=(2, own, 3))
    found = spread(values, 1, np.linspace(0, 1, own), np.linspace(0, 1, places))
    assert found.shape == (2, places, 3)
    np.testing.assert_allclose(found.sum(1), values.sum(1))


def test_each_number_goes_to_the_places_around_it():
    middles = np.array([0.5, 1.5])
    np.testing.assert_allclose(
        spread(np.array([2.0, 3.0]), 0, middles, np.array([0.25, 0.75, 1.25, 1.75])), [1, 1, 1.5, 1.5]
    )
    np.testing.assert_allclose(spread(np.array([1.0, 2, 3, 4]), 0, np.arange(4.0), np.array([0.4, 2.6])), [3, 7])
