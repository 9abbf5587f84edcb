"""The head of simulated EEG: electrodes where their names say, potentials that obey the physics of a sphere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import multimed_hf
from multimed_hf.simulation.eeg.eeg import CHANNELS
from multimed_hf.simulation.eeg.head import MONTAGE, PLACES, POSITIONS, dipole_potentials, unit


def test_electrodes_lie_on_the_unit_sphere_where_their_names_say() -> None:
    assert len(MONTAGE) == len(set(MONTAGE)) == 64 and set(CHANNELS) <= set(MONTAGE)
    np.testing.assert_allclose([place @ place for place in POSITIONS.values()], 1)
    for name, place in POSITIONS.items():
        digits = name.lstrip("FCPATOIpz")
        assert np.sign(round(place[0], 9)) == (0 if not digits else 1 if int(digits) % 2 == 0 else -1)
        if digits:
            mirrored = name[: -len(digits)] + str(int(digits) + (1 if int(digits) % 2 else -1))
            np.testing.assert_allclose(POSITIONS[mirrored], place * (-1, 1, 1), atol=1e-9)
    np.testing.assert_allclose(POSITIONS["Cz"], (0, 0, 1), atol=1e-9)
    np.testing.assert_allclose(POSITIONS["Iz"], (0, -1, 0), atol=1e-9)
    np.testing.assert_allclose(POSITIONS["T10"], (1, 0, 0), atol=1e-9)
    places = np.array(list(POSITIONS.values()))
    apart = np.degrees(np.arccos(np.clip(places @ places.T, -1, 1)) + np.eye(64) * 9)
    assert apart.min() > 9


def test_models_place_electrodes_alike() -> None:
    # The file alone: the package around it takes ten seconds to import.
    path = Path(multimed_hf.__file__).parent / "models" / "electrodes_multimed.py"
    spec = importlib.util.spec_from_file_location("electrodes", path)
    assert spec and spec.loader
    electrodes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(electrodes)
    for name, place in POSITIONS.items():
        np.testing.assert_allclose(place, electrodes.position(name), atol=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_potentials_are_those_of_the_series_of_legendre_polynomials(seed: int) -> None:
    """Of a radial dipole in a homogeneous sphere: the sum over n of (2n + 1) b^(n - 1) P_n(cos angle), b its depth."""
    random = np.random.default_rng(seed)
    depth, direction = random.uniform(0.3, 0.7), unit(random.normal(size=3))
    potential = dipole_potentials(depth * direction[None], direction[None])[:, 0]
    terms = np.arange(1, 200)
    weights = np.concatenate([[0.0], (2 * terms + 1) * depth ** (terms - 1.0)])
    expected = np.polynomial.legendre.legval(PLACES @ direction, weights)
    np.testing.assert_allclose(potential, expected, rtol=1e-6, atol=1e-9)
