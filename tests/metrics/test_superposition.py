"""Rotations against the singular value decomposition and scipy, and what no superposition may do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from multimed_hf.metrics.superposition import _close_residues, best_superpositions, rotations, superpose

ENTRIES = st.lists(st.floats(-10, 10), min_size=9, max_size=9)


def best_trace(covariance):
    """The largest trace(R^T C) over proper rotations: the singular values, the smallest with the sign of the
    determinant."""
    s = np.linalg.svd(covariance, compute_uv=False)
    return s[0] + s[1] + np.sign(np.linalg.det(covariance)) * s[2]


def assert_best_proper_rotation(covariance):
    rotation = rotations(covariance[None])[0]
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-8)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.trace(rotation.T @ covariance) == pytest.approx(best_trace(covariance), abs=1e-6, rel=1e-9)


@given(ENTRIES)
def test_any_covariance(entries):
    assert_best_proper_rotation(np.array(entries).reshape(3, 3))


@given(st.integers(0, 10_000), st.integers(0, 3), st.floats(-8, 0), st.booleans())
def test_points_near_a_line_or_plane_or_mirrored(seed, small, exponent, mirrored):
    generator = np.random.default_rng(seed)
    u, v = Rotation.random(2, rng=generator).as_matrix()
    values = np.where(np.arange(3) >= 3 - small, 10.0**exponent, 1.0) * generator.uniform(0.5, 1.0, 3)
    assert_best_proper_rotation(u @ np.diag(values * [1, 1, -1 if mirrored else 1]) @ v * 100)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_scale_of_the_covariance_does_not_matter(scale):
    rotation = Rotation.random(rng=np.random.default_rng(0)).as_matrix()
    assert rotations(scale * rotation[None])[0] == pytest.approx(rotation)


@given(st.integers(0, 10_000), st.integers(3, 20))
def test_least_rmsd_is_that_of_scipy(seed, n):
    generator = np.random.default_rng(seed)
    mobile, target = generator.normal(size=(2, n, 3)) * 10
    _, expected = Rotation.align_vectors(target - target.mean(axis=0), mobile - mobile.mean(axis=0))
    assert np.sqrt(((superpose(mobile, target) - target) ** 2).sum()) == pytest.approx(expected)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_a_moved_copy_fits_exactly(seed, n):
    generator = np.random.default_rng(seed)
    chain = generator.normal(size=(n, 3)) * 10
    moved = chain @ Rotation.random(rng=generator).as_matrix() + 100
    best_sum, counts = best_superpositions(moved, chain, 0.5, (0.5, 8.0))
    assert best_sum == pytest.approx(n)
    assert best_sum <= n
    assert counts.tolist() == [n, n]


@pytest.mark.parametrize(
    ("distances", "close"),
    [
        ([1.0, 2.0, 5.4, 5.5, 9.0], [1, 1, 1, 0, 0]),
        ([9.2, 1.0, 7.2, 8.1, 20.0], [0, 1, 1, 1, 0]),
        ([8.0, 8.0, 8.0, 8.4, 8.6], [1, 1, 1, 1, 0]),
        ([1.0, 2.0, 6.2, 6.7, 9.0], [1, 1, 1, 0, 0]),
        ([1.0, 9.0, 9.0], [1, 0, 0]),
    ],
)
def test_too_few_close_residues_widen_the_cutoff_by_halves_of_an_angstrom(distances, close):
    packed = _close_residues(np.array([distances, distances]) ** 2, 5.5)
    assert np.unpackbits(packed, axis=1, count=len(close)).tolist() == [close, close]
