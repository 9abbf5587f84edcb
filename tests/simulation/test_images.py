"""What synthetic images share: textures, looks, boxes, and the mark that says what they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from multimed_hf.simulation import Simulation
from multimed_hf.simulation.images import MARK, add_look, blurred, box_of, is_marked, png, texture, to_bytes
from multimed_hf.simulation.patient import draw_patient, random_of


@pytest.mark.parametrize("scale", [2, 5, 20, 80])
def test_texture_has_features_of_the_scale(scale):
    noise = texture(random_of(0, "texture"), (200, 180), scale)
    assert noise.shape == (200, 180) and noise.dtype == np.float32
    assert abs(noise.mean()) < 1e-3 and noise.std() == pytest.approx(1, abs=1e-3)
    near = np.corrcoef(noise[:, : -max(scale // 4, 1)].ravel(), noise[:, max(scale // 4, 1) :].ravel())[0, 1]
    far = np.corrcoef(noise[: -3 * scale or None].ravel(), noise[3 * scale :].ravel())[0, 1] if scale < 60 else 0
    assert near > 0.4 and abs(far) < 0.35


def test_texture_may_be_finer_along_one_axis():
    noise = texture(random_of(0, "noise"), (120, 90), (12, 4))
    assert noise.shape == (120, 90) and noise.dtype == np.float32
    assert noise.std() == pytest.approx(1, abs=0.01) and noise.mean() == pytest.approx(0, abs=0.01)
    assert np.abs(np.diff(noise, axis=0)).mean() < 0.5 * np.abs(np.diff(noise, axis=1)).mean() < 0.5


@pytest.mark.parametrize("sigma", [0.3, 0.8, 2.0])
@pytest.mark.parametrize("shape", [(40, 30), (9, 50)])
def test_a_blur_is_gaussian(sigma, shape):
    plane = random_of(0, "plane").random(shape, dtype=np.float32)
    result = blurred(plane, sigma)
    assert result.dtype == np.float32 and np.allclose(result, gaussian_filter(plane, sigma), atol=5e-4)


def test_a_png_of_grain_is_as_small_as_one_of_pillow():
    grain = to_bytes(0.5 + 0.05 * random_of(0, "grain").standard_normal((96, 96, 3)))
    stream = io.BytesIO()
    Image.fromarray(grain).save(stream, "PNG", compress_level=1)
    assert len(png(grain)["bytes"]) < 1.05 * len(stream.getvalue())


def test_png_is_marked_and_whole():
    image = (np.arange(600).reshape(20, 30) % 256).astype(np.uint8)
    column = png(image)
    assert column["path"] is None and is_marked(column["bytes"])
    read = Image.open(io.BytesIO(column["bytes"]))
    assert read.info["Comment"] == MARK and np.array_equal(np.asarray(read), image)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(image > 100)["bytes"]))), (image > 100) * 255)
    colour = np.moveaxis(np.stack([image, image // 2, 255 - image]), 0, 2)  # in another order of memory
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(colour)["bytes"]))), colour)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    assert not is_marked(stream.getvalue())
    with pytest.raises(ValueError, match="Expected an image of uint8 or bool, got float64"):
        png(image / 255)
    with pytest.raises(ValueError, match="or \\(rows, columns, 3\\), got \\(20, 30, 4\\)"):
        png(np.stack([image] * 4, 2))


def test_looks_differ_between_sites_and_within():
    image = np.clip(0.5 + 0.2 * texture(random_of(0, "content"), (96, 96), 20), 0, 1)
    patients = [draw_patient(Simulation(), "ct", number, {"": 1}) for number in range(40)]
    taken = [add_look(image, patient, patient.random("look"), 0.05) for patient in patients]
    assert all(one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1 for one in taken)
    means = np.array([one.mean() for one in taken])
    assert 0.03 < means.std() < 0.2
    again = add_look(image, patients[3], patients[3].random("look"), 0.05)
    assert np.array_equal(again, taken[3])
    soft = add_look(image, patients[3], patients[3].random("look"), 0.0, 2.0)
    sharp = add_look(image, patients[3], patients[3].random("look"), 0.0)
    assert np.abs(np.diff(soft)).mean() < 0.98 * np.abs(np.diff(sharp)).mean()
    colour = add_look(np.stack([image] * 3, 2), patients[0], patients[0].random("look"), 0.05)
    assert colour.shape == (96, 96, 3)


@given(st.integers(0, 15), st.integers(0, 11), st.integers(1, 9), st.integers(1, 9))
def test_a_box_holds_its_mask(y, x, height, width):
    mask = np.zeros((24, 20), bool)
    mask[y : y + height, x : x + width] = True
    assert box_of(mask) == [x, y, mask.any(0).sum(), mask.any(1).sum()]


def test_an_empty_mask_has_no_box():
    with pytest.raises(ValueError, match="at least one pixel"):
        box_of(np.zeros((4, 4), bool))


def test_bytes_are_rounded_and_clipped():
    assert to_bytes(np.array([-1, 0, 0.5, 1, 2])).tolist() == [0, 0, 128, 255, 255]
