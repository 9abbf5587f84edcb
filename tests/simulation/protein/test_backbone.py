"""Simulated backbones: the bonds of real ones, the torsions that were asked for, collisions that are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from multimed_hf.simulation.protein.backbone import (
    ANGLES,
    ATOM_DISTANCE,
    BONDS,
    CALPHA_DISTANCE,
    build_backbone,
    collides,
    compose,
    extend,
    globule_radius,
    pose_of,
    relative_radius,
)
from multimed_hf.simulation.protein.fold import TORSIONS

from .chains import closest, dihedral, geometry, is_helix, torsions

angles = arrays(float, st.tuples(st.integers(3, 40), st.just(2)), elements=st.floats(-179, 179))


@settings(max_examples=25)
@given(angles)
def test_bonds_and_angles_are_ideal_and_peptides_trans(wanted: np.ndarray) -> None:
    backbone = build_backbone(wanted)
    found = geometry(backbone)
    for name, length in BONDS.items():
        np.testing.assert_allclose(found[name], length, atol=1e-9)
    for name, degrees in ANGLES.items():
        np.testing.assert_allclose(found[name], degrees, atol=1e-5)
    np.testing.assert_allclose(found["CA-CA"], 3.80, atol=0.02)
    nitrogen, alpha, carbon = backbone.swapaxes(0, 1)
    omega = dihedral(alpha[:-1], carbon[:-1], nitrogen[1:], alpha[1:])
    np.testing.assert_allclose(np.abs(omega), 180, atol=1e-5)


@settings(max_examples=25)
@given(angles)
def test_the_chain_has_the_torsions_it_was_built_from(wanted: np.ndarray) -> None:
    backbone = build_backbone(wanted)
    np.testing.assert_allclose(backbone[0, 1], 0, atol=1e-12)
    difference = torsions(backbone) - wanted[1:-1]
    np.testing.assert_allclose((difference + 180) % 360 - 180, 0, atol=1e-4)


def test_a_chain_is_extended_from_its_last_pose_many_ways_at_once() -> None:
    wanted = np.random.default_rng(0).uniform(-180, 180, (17, 2, 5))
    atoms, poses = extend(wanted[:-1, 1], wanted[1:, 0])
    assert atoms.shape == (3, 3, 16, 5) and poses.shape == (3, 4, 16, 5)
    for way in range(5):
        whole = build_backbone(wanted[:, :, way])
        pose = pose_of(whole[0])
        np.testing.assert_allclose(
            (whole[1:] - pose[:, 3]) @ pose[:, :3], atoms[..., way].transpose(2, 0, 1), atol=1e-9
        )
        np.testing.assert_allclose(compose(pose, poses[..., -1, way]), pose_of(whole[-1]), atol=1e-9)


def test_an_ideal_helix_is_right_handed_and_rises_as_pauling_says() -> None:
    helix = build_backbone(np.tile(TORSIONS["H"], (40, 1)))
    assert is_helix(helix)[:-3].all()
    assert np.linalg.norm(helix[36, 1] - helix[0, 1]) / 36 == pytest.approx(1.5, abs=0.08)
    strand = build_backbone(np.tile(TORSIONS["E"], (20, 1)))[:, 1]
    assert np.linalg.norm(strand[18] - strand[0]) / 18 == pytest.approx(3.3, abs=0.15)


def test_collisions_are_those_of_all_distances() -> None:
    random = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        backbone = build_backbone(random.normal((-70, 40), 60, (12, 2)))
        atom, calpha = closest(backbone)
        collide = atom < ATOM_DISTANCE or calpha < CALPHA_DISTANCE
        assert collides(backbone) == collide
        assert not collides(backbone, calpha - 1e-6, atom - 1e-6)
        assert collides(backbone, calpha + 1e-6, 0.1) and collides(backbone, 0.1, atom + 1e-6)
        seen.add(collide)
    assert seen == {True, False}


def test_only_collisions_of_new_residues_are_asked_for() -> None:
    backbone = build_backbone(np.tile(TORSIONS["E"], (40, 1)))
    assert not collides(backbone)
    backbone[30] = backbone[4] + np.array((0, 0, 3.3))
    assert collides(backbone, atom=0.5) and collides(backbone, since=30)
    assert not collides(backbone, since=31) and not collides(backbone[:30])


def test_the_radius_is_that_of_a_globule() -> None:
    random = np.random.default_rng(0)
    ball = random.normal(size=(4000, 3, 3))
    assert relative_radius(ball * globule_radius(4000)) == pytest.approx(np.sqrt(3), rel=0.03)


def test_bonds_are_those_of_the_protein_data_bank(multimed_data: Path) -> None:
    pytest.importorskip("gemmi")
    from multimed_hf.data.macromolecules import read_macromolecule

    found: dict[str, list[np.ndarray]] = {}
    # Two entries of X-ray crystallography.
    for name in ("2XHE.cif", "4CUP.cif"):
        if not (multimed_data / "pdb" / name).is_file():
            pytest.skip(f"needs {name} in $MULTIMED_DATA/pdb")
        for chain in read_macromolecule(multimed_data / "pdb" / name).chains:
            breaks = np.flatnonzero(~chain.resolved)
            for piece in np.split(chain.backbone, breaks):
                piece = piece[piece.any((1, 2))]
                if len(piece) > 3:
                    for measure, values in geometry(piece).items():
                        found.setdefault(measure, []).append(values)
    simulated = geometry(build_backbone(np.tile(TORSIONS["H"], (20, 1))))
    for measure, limit in {"N-CA": 0.02, "CA-C": 0.02, "C-N": 0.02, "CA-CA": 0.05, "N-CA-C": 1.5}.items():
        values = np.concatenate(found[measure])
        assert abs(np.median(values) - simulated[measure].mean()) < limit, measure
