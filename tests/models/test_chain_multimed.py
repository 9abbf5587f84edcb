"""Chains: peptide geometry for any output of the network, and the symmetries of both errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.models.chain_multimed import (
    build_chain,
    frame_aligned_error,
    frames,
    orientation_error,
    rotations,
    unit_orientations,
)

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(1, 40)
few = settings(max_examples=40)


def network_output(seed, length, scale=1.0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(length, 6)) * scale)


def chain(seed, length):
    """A backbone with the geometry of peptides."""
    return build_chain(network_output(seed, length))


def rigid_motion(seed):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn[:, 0] *= np.linalg.det(turn)
    return torch.from_numpy(turn).float(), torch.from_numpy(rng.normal(size=3) * 50).float()


def angle(a, b, c):
    one, other = a - b, c - b
    cosine = (one * other).sum(-1) / (one.norm(dim=-1) * other.norm(dim=-1))
    return torch.rad2deg(torch.arccos(cosine))


@few
@given(seeds, lengths, st.sampled_from([1e-3, 1.0, 1e3]))
def test_rotations_are_rotations(seed, length, scale):
    matrices = rotations(network_output(seed, length, scale)).double()
    torch.testing.assert_close(matrices.mT @ matrices, torch.eye(3).double().expand(length, 3, 3), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(length).double(), atol=1e-4, rtol=0)


@few
@given(seeds, lengths, st.sampled_from([1e-3, 1.0, 1e3]))
def test_bonds_for_any_output_of_the_network(seed, length, scale):
    """Bond lengths and angles of Engh and Huber (1991), angstrom and degrees."""
    backbone = build_chain(network_output(seed, length, scale)).double()
    assert backbone.shape == (length, 3, 3) and not backbone[0, 1].any()
    nitrogen, alpha, carbon = backbone.unbind(1)
    near = {"atol": 5e-3, "rtol": 0.0}
    torch.testing.assert_close((alpha - nitrogen).norm(dim=-1), torch.full((length,), 1.458).double(), **near)
    torch.testing.assert_close((carbon - alpha).norm(dim=-1), torch.full((length,), 1.525).double(), **near)
    steps = torch.ones(length - 1).double()
    torch.testing.assert_close((nitrogen[1:] - carbon[:-1]).norm(dim=-1), 1.329 * steps, **near)
    torch.testing.assert_close((alpha[1:] - alpha[:-1]).norm(dim=-1), 3.80 * steps, **near)
    wide = {"atol": 1.0, "rtol": 0.0}
    torch.testing.assert_close(angle(alpha[:-1], carbon[:-1], nitrogen[1:]), 116.2 * steps, **wide)
    torch.testing.assert_close(angle(carbon[:-1], nitrogen[1:], alpha[1:]), 121.7 * steps, **wide)
    # Planar and trans: C and N on opposite sides of the line from one C-alpha to the next, in one plane with it.
    line = alpha[1:] - alpha[:-1]
    normal_c = torch.linalg.cross(line, carbon[:-1] - alpha[:-1])
    normal_n = torch.linalg.cross(line, nitrogen[1:] - alpha[:-1])
    torch.testing.assert_close(torch.nn.functional.cosine_similarity(normal_c, normal_n), -steps, atol=1e-3, rtol=0)


def test_first_residue_has_the_angle_of_peptides():
    nitrogen, alpha, carbon = chain(0, 1)[0]
    assert float(angle(nitrogen, alpha, carbon)) == pytest.approx(111.0, abs=0.5)


@few
@given(seeds, st.integers(1, 12))
def test_frames_turn_with_the_chain(seed, length):
    backbone = chain(seed, length)
    turn, shift = rigid_motion(seed)
    torch.testing.assert_close(frames(backbone @ turn.T + shift), turn @ frames(backbone), atol=1e-3, rtol=0)


def error_by_loops(prediction, reference, resolved, limit):
    """Frame-aligned point error written out in numpy."""

    def axes(nitrogen, alpha, carbon):
        x = (carbon - alpha) / np.linalg.norm(carbon - alpha)
        y = nitrogen - alpha - np.dot(nitrogen - alpha, x) * x
        y /= np.linalg.norm(y)
        return np.stack([x, y, np.cross(x, y)])

    found = []
    for eye in np.flatnonzero(resolved):
        seen = [(axes(*side[eye]), side[eye][1]) for side in (prediction, reference)]
        for point in np.flatnonzero(resolved):
            for atom in range(3):
                local = [
                    turn @ (side[point][atom] - origin)
                    for side, (turn, origin) in zip((prediction, reference), seen, strict=True)
                ]
                distance = np.linalg.norm(local[0] - local[1])
                found.append(distance * limit / (distance + limit))
    return np.mean(found) / 10


@few
@given(seeds, st.integers(2, 9), st.sampled_from([5.0, 30.0]))
def test_error_against_loops(seed, length, limit):
    prediction, reference = chain(seed, length), chain(seed + 1, length)
    resolved = torch.from_numpy(np.random.default_rng(seed).random(length) < 0.7)
    resolved[0] = True
    reference[~resolved] = 1e6  # what was not resolved may hold anything
    error = frame_aligned_error(prediction, reference, resolved, limit=limit)
    expected = error_by_loops(prediction.numpy(), reference.numpy(), resolved.numpy(), limit)
    assert float(error) == pytest.approx(expected, abs=2e-3)


errors = pytest.mark.parametrize("error", [frame_aligned_error, orientation_error])


@errors
@few
@given(seeds, seeds, st.integers(4, 30))
def test_rigid_motion_of_either_side_changes_nothing(error, seed, motion, length):
    prediction, reference = chain(seed, length), chain(seed + 1, length)
    resolved = torch.ones(length, dtype=torch.bool)
    still = error(prediction, reference, resolved)
    turn, shift = rigid_motion(motion)
    moved = error(prediction @ turn.T + shift, reference, resolved)
    torch.testing.assert_close(moved, still, atol=1e-4, rtol=1e-3)
    moved = error(prediction, reference @ turn.T + shift, resolved)
    torch.testing.assert_close(moved, still, atol=1e-4, rtol=1e-3)


@few
@given(seeds, seeds, st.integers(4, 30))
def test_mirror_images_differ_and_moved_copies_do_not(seed, motion, length):
    backbone = chain(seed, length)
    resolved = torch.ones(length, dtype=torch.bool)
    turn, shift = rigid_motion(motion)
    # The distance is smoothed by 0.01 angstrom, so that its gradient at zero is finite.
    assert float(frame_aligned_error(backbone @ turn.T + shift, backbone, resolved)) < 2e-3
    assert float(orientation_error(backbone @ turn.T + shift, backbone, resolved)) < 1e-5
    mirrored = backbone * torch.tensor([1.0, 1.0, -1.0])
    assert float(frame_aligned_error(mirrored, backbone, resolved)) > 0.03
    assert float(orientation_error(mirrored, backbone, resolved)) > 0.01


@errors
def test_gradient_is_finite_where_prediction_and_reference_agree(error):
    backbone = chain(3, 8).requires_grad_()
    error(backbone, backbone.detach(), torch.ones(8, dtype=torch.bool)).backward()
    assert torch.isfinite(backbone.grad).all()


@few
@given(seeds, lengths)
def test_orientations_of_units_are_what_the_chain_was_built_from(seed, length):
    six = network_output(seed, length)
    torch.testing.assert_close(unit_orientations(build_chain(six)), rotations(six)[:-1], atol=1e-3, rtol=0)


@few
@given(seeds, st.integers(4, 30))
def test_orientation_error_is_that_of_the_best_turn(seed, length):
    """Against scipy, which finds the turn on its own, over the bonded pairs of resolved residues."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(seed)
    prediction, reference = chain(seed, length), chain(seed + 1, length)
    reference[length // 2 :] += 50.0  # a gap that no residue number shows
    resolved = torch.from_numpy(rng.random(length) < 0.9)
    units = [i for i in range(length - 1) if resolved[i] and resolved[i + 1] and i + 1 != length // 2]
    if not units:
        assert float(orientation_error(prediction, reference, resolved)) == 0
        return
    one, other = (unit_orientations(side)[units].double().numpy() for side in (prediction, reference))
    turn, _ = Rotation.align_vectors(one.swapaxes(1, 2).reshape(-1, 3), other.swapaxes(1, 2).reshape(-1, 3))
    angles = [Rotation.from_matrix(a.T @ turn.as_matrix() @ b).magnitude() for a, b in zip(one, other, strict=True)]
    error = float(orientation_error(prediction, reference, resolved))
    assert error == pytest.approx(np.mean(1 - np.cos(angles)), abs=1e-3)


def test_long_chains_are_seen_from_evenly_spread_frames():
    prediction, reference = chain(0, 60), chain(1, 60)
    resolved = torch.ones(60, dtype=torch.bool)
    every = frame_aligned_error(prediction, reference, resolved)
    assert float(frame_aligned_error(prediction, reference, resolved, max_frames=60)) == float(every)
    some = frame_aligned_error(prediction, reference, resolved, max_frames=20)
    assert float(some) != float(every) and float(some) == pytest.approx(float(every), rel=0.15)
