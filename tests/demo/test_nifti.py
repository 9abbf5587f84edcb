import gzip
import itertools

import numpy as np
import pytest

from multimed_hf.demo import nifti as module
from multimed_hf.demo.limits import Refused, unpack
from multimed_hf.demo.nifti import read_volume

from .conftest import nifti

RIGHT, FRONT, HEAD = np.eye(3)


def _world(affine, volume):
    """Voxels as (value, place in mm): what a reader may not change, but for the origin."""
    return {int(volume[index]): affine @ index for index in itertools.product(*map(range, volume.shape))}


@pytest.mark.parametrize("axes", [*itertools.permutations(range(3))])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_every_voxel_keeps_its_place_in_the_body(tmp_path, axes, signs):
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    affine = (np.eye(3)[:, list(axes)] * signs) * [1.5, 2.0, 5.0]
    (tmp_path / "x.nii").write_bytes(nifti(volume, affine))
    found = read_volume(tmp_path / "x.nii")
    # Slices to the head, rows to the back, columns to the left.
    turned = np.stack([HEAD, -FRONT, -RIGHT], 1) * found["spacing"]
    before, after = _world(affine, volume), _world(turned, found["volume"])
    shifts = np.stack([after[value] - before[value] for value in before])
    np.testing.assert_allclose(shifts, np.broadcast_to(shifts[0], shifts.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("order", "code", "scale"), [("<", 4, (0, 0)), (">", 4, (2, -3)), ("<", 16, (0.5, 1)), (">", 2, (1, 0))]
)
def test_numbers(tmp_path, order, code, scale):
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    # A quarter of the file's own axes: no flips, so that values stand in the order of the file.
    affine = np.stack([-RIGHT, -FRONT, HEAD], 1)
    (tmp_path / "x.nii").write_bytes(nifti(volume, affine, order, code, scale))
    wanted = volume * (scale[0] or 1) + scale[1]
    np.testing.assert_allclose(read_volume(tmp_path / "x.nii")["volume"], wanted.transpose(2, 1, 0))


def test_a_packed_file_is_the_same(tmp_path):
    content = nifti(np.arange(24).reshape(2, 3, 4))
    (tmp_path / "x.nii").write_bytes(content)
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(content))
    plain, packed = read_volume(tmp_path / "x.nii"), read_volume(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(plain["volume"], packed["volume"])


def _with(content, at, value):
    return content[:at] + value + content[at + len(value) :]


GOOD = nifti(np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD[:-1], "breaks off"),
        (GOOD[:200], "no NIfTI"),
        (b"no", "no NIfTI"),
        (_with(GOOD, 344, b"ni1\0"), "no NIfTI"),
        (_with(GOOD, 40, (4).to_bytes(2, "little")), "breaks off|one volume"),
        (_with(GOOD, 42, (-2).to_bytes(2, "little", signed=True)), "three axes"),
        (_with(GOOD, 42, b"\xff\x7f" * 3), "MB in memory"),
        (_with(GOOD, 70, (128).to_bytes(2, "little")), "whole or real"),
        (_with(GOOD, 80, np.float32([0, np.nan, 1]).tobytes()), "above 0 mm"),
        (_with(GOOD, 108, np.float32([1e30]).tobytes()), "breaks off"),
        (nifti(np.full((2, 2, 2), np.nan), code=16), "finite"),
    ],
)
def test_headers_that_lie(tmp_path, content, words):
    if content[40:42] == b"\x04\x00":
        content = _with(content, 48, (7).to_bytes(2, "little"))
    (tmp_path / "x.nii").write_bytes(content)
    with pytest.raises(Refused, match=words):
        read_volume(tmp_path / "x.nii")


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "unpack", lambda path: unpack(path, 1000))
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(GOOD + bytes(10_000)))
    with pytest.raises(Refused, match="unpacks to more"):
        read_volume(tmp_path / "x.nii.gz")
