"""Patches of images and volumes: where they lie, what they hold, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from multimed_hf.models import MultiMedImageProcessor


@pytest.fixture(scope="module")
def plain():
    """Small patches, intensities 0..1 as they are."""
    names = ("oct", "fundus", "ct")
    return MultiMedImageProcessor(
        16,
        4,
        max_patches=64,
        voxel_size=(2.0, 1.0, 1.0),
        volume_patch_size=(2, 4, 4),
        image_mean={name: [0.0] for name in names},
        image_std={name: [1.0] for name in names},
    )


def ramp(rows, columns):
    """An image whose red grows from row to row and whose green grows from column to column."""
    image = np.zeros((rows, columns, 3), np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:rows, :columns] * 255 // max(rows, columns)
    return image


def test_patches_cover_the_image_in_order(plain):
    image = ramp(16, 24)
    cut = plain([image, image[:, :16]], "fundus")
    assert cut["lengths"].tolist() == [24, 16] and cut["pixels"].shape == (40, 3 * 16)
    put_back = cut["pixels"][:24].reshape(4, 6, 3, 4, 4).transpose(0, 3, 1, 4, 2).reshape(16, 24, 3)
    np.testing.assert_allclose(put_back * 255, image, atol=1e-4)
    assert cut["grid"][0].tolist() == [-1.5, -2.5] and cut["grid"][23].tolist() == [1.5, 2.5]
    # Rows of the grid are rows of the image.
    assert cut["grid"][1].tolist() == [-1.5, -1.5] and cut["grid"][24].tolist() == [-1.5, -1.5]


@settings(max_examples=50, deadline=None)
@example(1, 400)
@example(400, 1)
@given(st.integers(1, 400), st.integers(1, 400))
def test_any_shape_is_covered_within_the_limit(height, width):
    processor = MultiMedImageProcessor(16, 4, max_patches=30)
    rows, columns = processor._patches_of(height, width)
    assert 1 <= rows * columns <= 30 and rows >= 1 and columns >= 1
    # The aspect ratio is kept to within a patch; a strip keeps at least one row of them.
    if min(rows, columns) > 1:
        assert (rows - 1) / (columns + 1) <= height / width <= (rows + 1) / (columns - 1)
    cut = processor([np.zeros((height, width), np.uint8)], "oct")
    assert cut["lengths"].tolist() == [rows * columns]


def test_a_large_image_is_made_smaller_not_cropped():
    processor = MultiMedImageProcessor(64, 4, max_patches=64)
    cut = processor([ramp(200, 200)], "fundus")
    assert cut["lengths"].tolist() == [64]
    red = cut["pixels"].reshape(8, 8, 3, 16)[:, :, 0].mean(-1)
    assert (np.diff(red, axis=0) > 0).all() and red[-1, 0] - red[0, 0] > 3 * (red[1, 0] - red[0, 0])


def test_one_image_in_many_forms(plain):
    grey = ramp(20, 30)[..., 1]
    expected = plain([grey], "oct")["pixels"]
    forms = [
        Image.fromarray(grey),
        Image.fromarray(grey).convert("RGB"),
        Image.fromarray(grey).convert("P"),
        grey[..., None],
        grey / 255,
        grey.astype(np.float32) / 255,
    ]
    for form in forms:
        np.testing.assert_allclose(plain([form], "oct")["pixels"], expected, atol=0.005)
    coloured = plain([grey], "fundus")["pixels"].reshape(-1, 3, 16)
    np.testing.assert_array_equal(coloured[:, 0], coloured[:, 2])
    # More than 8 bit: the range that is used is shown in full, where a plain conversion would cut it off.
    deep = plain([Image.fromarray(grey.astype(np.int32) * 16 + 1000)], "oct")["pixels"]
    np.testing.assert_allclose(deep, (expected - expected.min()) / np.ptp(expected), atol=0.03)


def test_intensities_are_normalised_by_modality():
    processor = MultiMedImageProcessor(8, 8)
    for name, colour in {"oct": 51, "xray": 51}.items():
        mean, std = processor.image_mean[name][0], processor.image_std[name][0]
        cut = processor([np.full((8, 8), colour, np.uint8)], name)["pixels"]
        np.testing.assert_allclose(cut, (0.2 - mean) / std, atol=1e-6)
    coloured = processor([np.full((8, 8, 3), 255, np.uint8)], "fundus")["pixels"].reshape(3, 64)
    mean, std = (np.array(part["fundus"]) for part in (processor.image_mean, processor.image_std))
    np.testing.assert_allclose(coloured, np.tile(((1 - mean) / std)[:, None], 64), atol=1e-5)


def test_voxels_of_the_right_size_are_only_cut(plain):
    volume = np.arange(4 * 8 * 12, dtype=np.int16).reshape(4, 8, 12) - 500
    cut = plain([{"volume": volume, "spacing": [2.0, 1.0, 1.0]}], "ct")
    assert cut["volume_lengths"].tolist() == [12] and cut["lengths"].tolist() == [0]
    put_back = cut["voxels"].reshape(2, 2, 3, 2, 4, 4).transpose(0, 3, 1, 4, 2, 5).reshape(volume.shape)
    np.testing.assert_allclose(put_back * 1000, volume, atol=1e-3)
    assert cut["places"][0].tolist() == [-2.0, -2.0, -4.0] and cut["places"][-1].tolist() == [2.0, 2.0, 4.0]


def body(counts, spacing):
    """A smooth body about the origin, sampled: HU."""
    axes = [(np.arange(count) - (count - 1) / 2) * step for count, step in zip(counts, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return 400 * np.exp(-((z / 12) ** 2) - (y / 9) ** 2 - ((x - 4) / 7) ** 2) + 5 * y


def test_the_same_body_at_another_spacing_looks_the_same(plain):
    ways = [((16, 32, 32), (2.0, 1.0, 1.0)), ((32, 64, 32), (1.0, 0.5, 1.0)), ((13, 40, 25), (32 / 13, 0.8, 1.28))]
    one, *others = [plain([{"volume": body(*way), "spacing": way[1]}], "ct") for way in ways]
    for other in others:
        np.testing.assert_array_equal(other["places"], one["places"])
        # A hundredth of the window, where the body itself takes a fifth of it.
        np.testing.assert_allclose(other["voxels"], one["voxels"], atol=0.02)


def test_nothing_is_skipped_where_voxels_become_larger(plain):
    noise = np.random.default_rng(0).choice([-800, 800], (16, 32, 32))
    voxels = plain([{"volume": noise, "spacing": [0.5, 0.25, 0.25]}], "ct")["voxels"]
    # Between the eight nearest it would be 0.28; a triangle of four voxels to either side takes in some two hundred.
    assert voxels.std() < 0.1


def test_what_does_not_fill_a_patch_is_filled_up_with_air_on_both_sides(plain):
    cut = plain([{"volume": np.full((1, 7, 4), 200.0), "spacing": [2.0, 1.0, 1.0]}], "ct")
    assert cut["volume_lengths"].tolist() == [2]
    voxels = cut["voxels"].reshape(2, 2, 4, 4).transpose(1, 0, 2, 3).reshape(2, 8, 4)
    np.testing.assert_allclose(voxels[0, :7], 0.2, atol=1e-6)
    assert (voxels[1] == -1).all() and (voxels[0, 7] == -1).all()
    # Middles are told from the middle of the volume, which lies in the first slice and in the fourth row.
    assert cut["places"].tolist() == [[1.0, -1.5, 0.0], [1.0, 2.5, 0.0]]


def test_a_large_volume_gets_larger_voxels():
    processor = MultiMedImageProcessor(voxel_size=(1.0, 1.0, 1.0), volume_patch_size=(4, 4, 4), max_volume_patches=30)
    volume = body((40, 40, 40), (1.0, 1.0, 1.0))
    cut = processor([{"volume": volume, "spacing": [1.0, 1.0, 1.0]}], "ct")
    assert 8 <= len(cut["voxels"]) <= 30
    # Still the same body, in mm.
    assert np.abs(cut["places"]).max() <= 20
    brightest = cut["places"][cut["voxels"].mean(1).argmax()]
    assert np.abs(brightest - [0, 0, 4]).max() < 8


def test_windows_of_ct_and_percentiles_of_mri(plain):
    spacing = [2.0, 1.0, 1.0]
    low, high = (
        plain([{"volume": np.full((2, 4, 4), hu), "spacing": spacing}], "ct")["voxels"] for hu in (-2000, 3000)
    )
    assert (low == -1).all() and (high == 1).all()
    volume = np.random.default_rng(0).gamma(2, 100, (2, 4, 4))
    one, other = (plain([{"volume": volume * unit, "spacing": spacing}], "mri")["voxels"] for unit in (1, 7.5))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert one.min() == -1 and one.max() == pytest.approx(1)
    assert (plain([{"volume": np.ones((2, 4, 4)), "spacing": spacing}], "mri")["voxels"] == -1).all()


def test_what_cannot_be_right_is_refused(plain):
    volume = np.zeros((2, 4, 4))
    scan = {"volume": volume, "spacing": [1.0, 1.0, 1.0]}
    refused = [
        ("oct", np.zeros(8, np.uint8), r"\(rows, columns, 3\), got \(8,\)"),
        ("fundus", np.zeros((8, 8, 2), np.uint8), r"got \(8, 8, 2\)"),
        ("fundus", np.zeros((3, 8, 8), np.uint8), r"got \(3, 8, 8\)"),
        ("oct", np.zeros((0, 8), np.uint8), r"got \(0, 8\)"),
        ("oct", np.full((8, 8), np.nan), "finite intensities from 0 to 1 .* got nan"),
        ("oct", np.full((8, 8), 200.0), "got 200.0 to 200.0"),
        ("oct", np.zeros((8, 8), np.int16), "uint8 or of floats 0 to 1, got int16"),
        ("oct", Image.fromarray(np.full((8, 8), np.inf, np.float32)), "image of mode F, got NaN or infinity"),
        ("oct", scan, "an image for 'oct', got a dict with volume, spacing"),
        ("ct", {"volume": volume}, "volume and spacing, got one with volume"),
        ("ct", {}, "volume and spacing, got one with nothing"),
        ("ct", {**scan, "volume": volume[0]}, r"\(slices, rows, columns\), each at least 1, got \(4, 4\)"),
        ("ct", {**scan, "volume": volume[:0]}, r"each at least 1, got \(0, 4, 4\)"),
        ("mri", {**scan, "volume": volume * np.nan}, "finite values in a volume, got NaN"),
        ("mri", {**scan, "spacing": [1.0, 0.0, 1.0]}, r"three numbers above 0 in mm .* got \[1.0, 0.0, 1.0\]"),
        ("mri", {**scan, "spacing": [1.0, -1.0, 1.0]}, "above 0 in mm"),
        ("mri", {**scan, "spacing": [1.0, np.nan, 1.0]}, "above 0 in mm"),
        ("mri", {**scan, "spacing": [1.0, 1.0]}, r"got \[1.0, 1.0\]"),
        ("eeg", np.zeros((8, 8), np.uint8), "a modality among .* got 'eeg'"),
    ]
    for modality, value, message in refused:
        with pytest.raises(ValueError, match=message):
            plain([value], modality)
