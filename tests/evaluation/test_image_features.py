import numpy as np
import pytest
from PIL import Image

from multimed_hf.evaluation.features import PlainFeatures, plain_samples
from multimed_hf.evaluation.image_features import (
    BINS,
    CELLS,
    ORIENTATIONS,
    SIDE,
    ScanFeatures,
    image_features,
    scan_features,
    volume_features,
)

PLACES = CELLS * CELLS


def pictures(rng, count):
    return [Image.fromarray(rng.integers(0, 256, (30, 40), dtype=np.uint8)) for _ in range(count)]


def test_brightness_of_a_cell_stands_at_its_place():
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    step = SIDE // CELLS
    pixels[2 * step : 3 * step, 5 * step : 6 * step] = 255
    found = image_features(Image.fromarray(pixels), grey=True)
    assert len(found) == 2 * PLACES + BINS + PLACES * ORIENTATIONS
    assert np.flatnonzero(found[:PLACES]).tolist() == [2 * CELLS + 5]
    assert (found[PLACES : 2 * PLACES] == 0).all()
    histogram = found[2 * PLACES : 2 * PLACES + BINS]
    assert histogram[[0, -1]].tolist() == pytest.approx([63 / 64, 1 / 64]) and histogram.sum() == pytest.approx(1)


def test_colours_are_kept_where_asked():
    image = Image.new("RGB", (40, 20), (255, 0, 51))
    found = image_features(image, grey=False)
    width = 2 * PLACES + BINS
    assert len(found) == 3 * width + PLACES * ORIENTATIONS
    assert [found[channel * width] for channel in range(3)] == pytest.approx([1.0, 0.0, 0.2])
    assert len(image_features(image, grey=True)) == width + PLACES * ORIENTATIONS


@pytest.mark.parametrize(("angle", "bin_of_edges"), [(0, 0), (90, 4)])
def test_edges_are_told_by_their_direction(angle, bin_of_edges):
    stripes = np.tile((np.sin(np.arange(SIDE) / 3) * 100 + 120).astype(np.uint8), (SIDE, 1))
    found = image_features(Image.fromarray(np.rot90(stripes) if angle else stripes), grey=True)
    cells = found[2 * PLACES + BINS :].reshape(PLACES, ORIENTATIONS)
    assert (cells.argmax(1) == bin_of_edges).all() and cells.max() <= 1
    np.testing.assert_allclose((cells**2).sum(1), 1, atol=0.01)


def test_blocks_of_a_volume():
    volume = np.full((8, 8, 8), -1000.0)
    volume[6:, :2, 2:4] = 1000
    found = volume_features(volume, -1000, 1000)
    assert len(found) == 2 * 64 + BINS
    assert np.flatnonzero(found[:64]).tolist() == [3 * 16 + 0 * 4 + 1] and found[:64].max() == 1
    assert np.isfinite(volume_features(np.ones((1, 2, 9)), 0, 1)).all()


def test_parts_that_a_row_lacks_have_the_mean():
    rng = np.random.default_rng(0)
    one, other = pictures(rng, 2)
    scan = {"volume": rng.normal(size=(4, 5, 6)), "spacing": [1, 1, 1]}
    values = [
        scan_features("ct", one),
        scan_features("ct", {**scan, "image": other}),
        scan_features("ct", {**scan, "image": None}),
    ]
    assert [sorted(value) for value in values] == [["image"], ["image", "volume"], ["volume"]]
    rows = ScanFeatures().fit(values).transform(values)
    width = len(values[0]["image"])
    np.testing.assert_allclose(rows[2, :width], (values[0]["image"] + values[1]["image"]) / 2, atol=1e-6)
    np.testing.assert_allclose(rows[0, width:], values[1]["volume"], atol=1e-6)


def test_units_of_mr_do_not_count():
    volume = np.random.default_rng(0).gamma(2, 100, (4, 5, 6))
    one, other = (scan_features("mri", {"volume": volume * unit, "spacing": [1, 1, 1]}) for unit in (1, 7))
    np.testing.assert_allclose(one["volume"], other["volume"], atol=1e-5)


def test_images_are_reduced_when_they_are_read_and_stand_among_the_features():
    samples = [{"inputs": {"oct": image}, "labels": {}} for image in pictures(np.random.default_rng(1), 5)]

    class Rows:
        def __len__(self):
            return len(samples)

        def __getitems__(self, indices):
            return [samples[index] for index in indices]

    read = plain_samples(Rows(), progress=False)
    assert all(isinstance(sample["inputs"]["oct"]["image"], np.ndarray) for sample in read)
    found = PlainFeatures().fit(read).transform(read)
    assert found.shape == (5, 2 * PLACES + BINS + PLACES * ORIENTATIONS)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
