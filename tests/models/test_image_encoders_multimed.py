"""Encoders of images and volumes: what a token sees, its place, and which scan it belongs to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from multimed_hf.models.encoders_multimed import build_encoder
from multimed_hf.models.image_encoders_multimed import (
    MultiMedImageEncoder,
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
        assert encoder.slices.channels == channels


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
    # A dark patch at one place of both.
    torch.testing.assert_close(tokens[4], tokens[6 + 4], atol=1e-5, rtol=1e-5)


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
    for part, sides, axes in ((encoder.slices, (16, 16), 2), (encoder.volumes, (2, 4, 4), 3)):
        tokens = part(torch.randn(64, math.prod(sides)), torch.randn(64, axes))
        assert 0.3 < tokens.std() < 3
