"""Encoders of images and volumes: what a token sees, its place, and which scan it belongs to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from multimed_hf.models.encoders_multimed import build_encoder
from multimed_hf.models.image_encoders_multimed import (
    MultiMedImageEncoder,
    MultiMedImageStem,
    MultiMedPatchNorm,
    MultiMedScanEncoder,
    count_statistics,
    patch_statistics,
    waves,
)

pytestmark = pytest.mark.usefixtures("no_grad")


@pytest.fixture(scope="module")
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture
def encoders(tester):
    return tester.model(tester.config(["oct", "fundus", "ct", "mri"])).multimed.encoders


def packed(tester, name, values):
    arguments = tester.processor(**{name: values})["inputs"][name]
    return {key: value for key, value in arguments.items() if key != "samples"}


def test_which_encoder_reads_what(tester):
    config = tester.config()
    kinds = {"oct": 1, "xray": 1, "fundus": 3, "pathology": 3, "ct": 1, "mri": 1}
    for name, channels in kinds.items():
        encoder = build_encoder(name, config)
        assert type(encoder) is (MultiMedScanEncoder if name in ("ct", "mri") else MultiMedImageEncoder)
        assert encoder.slices.stem.channels == channels


def test_statistics_written_out():
    rng = np.random.default_rng(0)
    patch = rng.normal(size=(2, 4, 5)) * 1.5
    found = patch_statistics(torch.from_numpy(patch)[None])[0].view(2, -1)
    assert found.shape[1] == count_statistics(2)
    for values, row in zip(patch, found.tolist(), strict=True):
        histogram = [
            np.mean([max(0, 1 - abs(min(max(value, -2), 2) - middle) / 0.5) for value in values.ravel()])
            for middle in np.arange(-2, 2.5, 0.5)
        ]
        ways = [[], [], [], []]
        for i in range(3):
            for j in range(4):
                down, right = values[i + 1, j] - values[i, j], values[i, j + 1] - values[i, j]
                for way, difference in zip(ways, (down, right, down + right, down - right), strict=True):
                    way.append(abs(difference))
        rough = [math.log(np.mean(way) + 0.02) for way in ways]
        np.testing.assert_allclose(row, [values.mean(), values.std(), *histogram, *rough], atol=1e-5)
        assert sum(row[2:11]) == pytest.approx(1)


def test_statistics_of_volumes_and_of_even_patches():
    found = patch_statistics(torch.ones(3, 1, 2, 4, 4))
    assert found.shape == (3, count_statistics(3)) and torch.isfinite(found).all()
    assert found[0, :2].tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert patch_statistics(torch.ones(0, 1, 2, 4, 4)).shape == (0, count_statistics(3))


@pytest.mark.parametrize(("axes", "size"), [(2, 32), (3, 32), (3, 128)])
def test_waves_tell_places_apart(axes, size):
    places = torch.tensor(np.stack(np.meshgrid(*[np.arange(-3, 4) * 10.0] * axes), -1).reshape(-1, axes))
    found = waves(places, size, 60.0, 2000.0)
    assert found.shape == (7**axes, size)
    distance = torch.cdist(found, found) + 10 * torch.eye(len(found))
    assert distance.min() > 0.05
    # The first axis at its shortest wavelength, written out.
    np.testing.assert_allclose(found[:, 0], torch.sin(2 * np.pi * places[:, 0] / 60.0).float(), atol=1e-5)


def test_tokens_are_told_by_content_and_by_place(tester, encoders):
    image = np.zeros((16, 24), np.uint8)
    image[:8, :8] = 255
    tokens, lengths = encoders["oct"](**packed(tester, "oct", [image, image[:, ::-1].copy()]))
    assert lengths.tolist() == [6, 6] and tokens.shape == (12, 32)
    for one in range(6):
        for other in range(one):
            assert not torch.allclose(tokens[one], tokens[other], atol=1e-3)
    # The bright patch in the upper left of one and in the upper right of the other.
    assert not torch.allclose(tokens[0], tokens[6 + 2], atol=1e-3)


def test_stem_written_out(tester):
    """Against convolutions over whole images of two shapes, whose order in the batch is mixed."""
    torch.manual_seed(0)
    stem = MultiMedImageStem(3, 8)
    images = [torch.randn(3, 8 * rows, 8 * columns) for rows, columns in ((2, 3), (1, 2), (2, 3), (3, 2))]
    patches, grid, expected = [], [], []
    for image in images:
        rows, columns = image.shape[1] // 8, image.shape[2] // 8
        around = torch.stack(
            [image[:, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8] for i in range(rows) for j in range(columns)]
        )
        patches.append(around)
        grid.append(
            torch.tensor([(i - (rows - 1) / 2, j - (columns - 1) / 2) for i in range(rows) for j in range(columns)])
        )
        means = around.mean((2, 3)).T.reshape(1, 3, rows, columns)
        smooth = torch.nn.functional.interpolate(means, size=image.shape[1:], mode="bilinear")
        seen = stem.layers(torch.cat([image[None], 3 * (image[None] - smooth)], 1))[0]
        assert seen.shape[1:] == (rows, columns)
        expected.append(torch.cat([seen, seen]).flatten(1).T)
    lengths = torch.tensor([6, 0, 2, 6, 6])
    found = stem(torch.cat(patches), torch.cat(grid), lengths)
    torch.testing.assert_close(found, torch.cat(expected), atol=1e-5, rtol=1e-5)
    # Patches of an image in any order, and an image that is not whole.
    mixed = torch.cat([torch.randperm(6), 6 + torch.randperm(2), 8 + torch.randperm(6), 14 + torch.randperm(6)])
    again = stem(torch.cat(patches)[mixed], torch.cat(grid)[mixed], lengths)
    torch.testing.assert_close(again, torch.cat(expected)[mixed], atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match=r"patches of whole images, rows x columns of \[\[2, 3\]\], got \[5\]"):
        stem(patches[0][:5], grid[0][:5], torch.tensor([5]))
    assert stem(torch.zeros(0, 3, 8, 8), torch.zeros(0, 2), torch.tensor([0, 0])).shape == (0, stem.width)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_a_lesion_is_the_same_anywhere_in_a_patch(side):
    """What stands out of an image stands out wherever it is, up to the strides of 8 pixels, whatever patches it is cut to."""
    torch.manual_seed(0)
    stem = MultiMedImageStem(1, side)
    count = -(-80 // side)
    grid = torch.tensor([(i - (count - 1) / 2, j - (count - 1) / 2) for i in range(count) for j in range(count)])
    largest = []
    for place in (34, 42):
        image = torch.zeros(count * side, count * side)
        image[place : place + 2, place : place + 2] = 1.0
        patches = image.view(count, side, count, side).transpose(1, 2).reshape(count**2, 1, side, side)
        largest.append(stem(patches, grid, torch.tensor([count**2])).max(0).values[stem.width // 2 :])
    assert largest[0].max() > 0.5
    torch.testing.assert_close(*largest, atol=1e-3, rtol=1e-3)


def test_colours_count(tester, encoders):
    red, green = (np.full((16, 16, 3), colour, np.uint8) for colour in ((200, 50, 50), (50, 200, 50)))
    tokens, _ = encoders["fundus"](**packed(tester, "fundus", [red, green]))
    assert not torch.allclose(tokens[:4], tokens[4:], atol=1e-2)


def test_tokens_of_a_scan_do_not_depend_on_its_neighbours(tester, encoders):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (16, 20), dtype=np.uint8)
    scan = {"volume": rng.integers(-900, 900, (5, 9, 7)), "spacing": [3.0, 1.5, 2.0]}
    values = [scan, image, {**scan, "image": image}, image, scan]
    together, lengths = encoders["ct"](**packed(tester, "ct", values))
    alone = [encoders["ct"](**packed(tester, "ct", [value]))[0] for value in values]
    assert lengths.tolist() == [len(part) for part in alone]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
    # The slice first, then the volume.
    torch.testing.assert_close(alone[2], torch.cat([alone[1], alone[0]]), atol=1e-5, rtol=1e-5)


def test_a_moved_organ_has_another_place(tester, encoders):
    volume = np.full((4, 8, 8), -1000)
    volume[:2, :4, :4] = 500
    cut = packed(tester, "mri", [{"volume": each, "spacing": [4.0, 2.0, 2.0]} for each in (volume, volume[::-1])])
    tokens, lengths = encoders["mri"](**cut)
    assert lengths.tolist() == [8, 8]
    assert torch.equal(cut["voxels"][0], cut["voxels"][8 + 4])
    assert not torch.allclose(tokens[0], tokens[8 + 4], atol=1e-3)


def test_new_weights_keep_the_scale_of_the_input(tester):
    torch.manual_seed(0)
    config = tester.config(["oct", "ct"], hidden_size=128, image_size=64, image_patch_size=16, initializer_range=0.02)
    from multimed_hf.models import MultiMedForMultitask

    encoder = MultiMedForMultitask(config).multimed.encoders["ct"]
    grid = torch.tensor([(i - 3.5, j - 3.5) for i in range(8) for j in range(8)])
    assert 0.3 < encoder.slices(torch.randn(64, 16 * 16), grid, torch.tensor([64])).std() < 3
    assert 0.3 < encoder.volumes(torch.randn(64, 2 * 4 * 4), torch.randn(64, 3)).std() < 3


def test_what_images_have_in_common_is_taken_off_while_learning():
    norm = MultiMedPatchNorm(3).train()
    patches = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 2 + torch.tensor([5.0, 0.0, -9.0])
    expected = (patches - patches.mean(0)) / (patches.var(0, unbiased=False) + norm.eps).sqrt()
    torch.testing.assert_close(norm(patches), expected)
    for _ in range(100):
        norm(patches)
    norm.eval()
    # What was learnt stands for the batch: a patch alone is what it is among others.
    torch.testing.assert_close(norm(patches[:1]), norm(patches)[:1])
    torch.testing.assert_close(norm(patches), expected, atol=0.05, rtol=0.05)


def test_frozen_or_alone_a_patch_is_read_with_what_was_learnt():
    norm = MultiMedPatchNorm(3).train()
    patches = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + 4
    norm(patches)
    learnt, read = norm.running_mean.clone(), norm.eval()(patches)
    norm.train().requires_grad_(False)
    torch.testing.assert_close(norm(patches), read)
    norm.requires_grad_(True)
    torch.testing.assert_close(norm(patches[:1]), read[:1])
    torch.testing.assert_close(norm.running_mean, learnt)
    assert norm(patches[:0]).shape == (0, 3)
