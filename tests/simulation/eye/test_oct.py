"""Simulated OCT of the macula: the same everywhere, complete, and telling the disease by its signs alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation.eye import oct
from multimed_hf.simulation.eye.oct import Generator, draw_bscan
from multimed_hf.simulation.eye.oct_scan import DEPTH, SIZE
from multimed_hf.simulation.images import is_marked, png, to_bytes
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import MACULAR_DISEASES

from ..shortcuts import excess, image_statistics, metadata

SIGNS = {
    "NORMAL": set(),
    "DRUSEN": {"drusen"},
    "CNV": {"neovascular", "fluid", "cysts"},
    "DME": {"fluid", "cysts", "exudates"},
}


def balanced(difficulty: float = 0.3, seed: int = 0, **others) -> Generator:
    return Generator(Simulation(seed=seed, difficulty=difficulty, prevalence="balanced", **others))


def patients_with(condition: str, number: int, difficulty: float) -> list:
    generator = balanced(difficulty)
    patients = map(generator.patient, range(4 * number))
    return [patient for patient in patients if patient.condition == condition]


def contrast(image: np.ndarray, mask: np.ndarray) -> float:
    """How much brighter the mask is than what surrounds it."""
    ring = binary_dilation(mask, iterations=4) & ~binary_dilation(mask, iterations=1)
    return float(image[mask].mean() - image[ring].mean())


def test_rows_are_complete_marked_and_differ():
    complete, generator = RowCompleter("oct"), balanced()
    rows = [complete({"source": "synthetic", **generator.row(index)}) for index in range(16)]
    assert {row["disease"] for row in rows} == set(range(4))
    assert all(is_marked(row["oct"]["bytes"]) for row in rows)
    assert len({row["oct"]["bytes"] for row in rows}) == 16
    assert all(first["disease"] == second["disease"] for first, second in zip(rows[::2], rows[1::2], strict=True))


def test_conditions_are_as_common_as_asked():
    tailed, even = Generator(Simulation()), balanced()
    counts = Counter(tailed.patient(number).condition for number in range(2000))
    for name, weight in Generator.conditions.items():
        assert counts[name] / 2000 == pytest.approx(weight, abs=0.04)
    assert set(Counter(even.patient(number).condition for number in range(80)).values()) == {20}


def test_label_noise_replaces_its_share(monkeypatch):
    monkeypatch.setattr(oct, "draw_bscan", lambda patient, member: (np.zeros((8, 8)), {}))
    generator = balanced(label_noise=0.3)
    rows = [(generator.patient(index // 2).condition, generator.row(index)["disease"]) for index in range(1500)]
    assert np.mean([truth != label for truth, label in rows]) == pytest.approx(0.3, abs=0.04)
    assert {label for truth, label in rows if truth == "CNV"} == set(MACULAR_DISEASES.labels)
    assert "70%" in generator.notes()[-1]
    clean = balanced()
    assert all(clean.patient(i // 2).condition == clean.row(i)["disease"] for i in range(40))


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
@pytest.mark.parametrize("condition", MACULAR_DISEASES.labels)
def test_each_disease_shows_its_own_signs_and_no_other(condition, difficulty):
    for patient in patients_with(condition, 12, difficulty):
        _, masks = draw_bscan(patient, 0)
        assert set(masks) <= SIGNS[condition]
        assert condition == "NORMAL" or sum(mask.sum() for mask in masks.values()) >= 15
        if condition == "CNV":
            assert "neovascular" in masks
        if condition == "DME":
            assert "cysts" in masks


def test_signs_lie_where_the_masks_say():
    found: dict[str, list[float]] = {"fluid": [], "cysts": [], "exudates": []}
    for condition in ("CNV", "DME"):
        for patient in patients_with(condition, 16, 0.1):
            image, masks = draw_bscan(patient, 1)
            for name, values in found.items():
                if name in masks:
                    values.append(contrast(image, masks[name]))
    assert np.mean(np.array(found["fluid"]) < -0.05) > 0.9
    assert np.mean(np.array(found["cysts"]) < -0.03) > 0.9
    assert np.mean(np.array(found["exudates"]) > 0.05) > 0.9


def test_lesions_have_the_height_of_the_disease():
    def column_heights(condition: str, sign: str) -> float:
        heights = [draw_bscan(patient, 0)[1][sign].sum(0).max() for patient in patients_with(condition, 12, 0.2)]
        return float(np.mean(heights)) * DEPTH / SIZE

    assert 30 < column_heights("DRUSEN", "drusen") < 90
    assert 60 < column_heights("CNV", "neovascular") < 260


def test_difficulty_makes_signs_smaller_and_fainter():
    def seen(difficulty: float) -> tuple[float, float]:
        signs = [draw_bscan(patient, 0) for patient in patients_with("DME", 16, difficulty)]
        area = np.mean([masks["cysts"].sum() for _, masks in signs])
        return float(area), float(np.mean([contrast(image, masks["cysts"]) for image, masks in signs]))

    (large, dark), (small, faint) = seen(0.1), seen(0.9)
    assert small < 0.6 * large
    assert dark < 1.5 * faint < 0


@pytest.fixture(scope="module")
def sample() -> tuple[list, np.ndarray]:
    """360 patients and an image of each, uint8 `(360, 112, 112)`."""
    patients = [balanced(seed=1).patient(number) for number in range(360)]
    images = [to_bytes(draw_bscan(patient, patient.number % 2, 112)[0]) for patient in patients]
    return patients, np.stack(images)


def test_trivial_statistics_do_not_tell_the_disease(sample):
    features, (patients, images) = [], sample
    for patient, image in zip(patients, images, strict=True):
        about = {"age": patient.age, "sex": patient.sex, "site": patient.site, "device": patient.device}
        features.append([*metadata(about), *image_statistics(png(image))])
    labels, groups = zip(*((patient.condition, patient.group) for patient in patients), strict=True)
    assert excess(features, labels, groups) < 3.5


def test_a_linear_probe_on_pixels_fails(sample):
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import KFold, cross_val_score

    patients, images = sample
    pixels = images.astype(np.float32).reshape(360, 56, 2, 56, 2, -1).mean((2, 4)).reshape(360, -1) / 255
    scores = cross_val_score(RidgeClassifier(100.0), pixels, [patient.condition for patient in patients], cv=KFold(5))
    assert scores.mean() < 0.5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.floats(0, 1), st.sampled_from([48, 96, 224]))
def test_every_bscan_is_an_image_with_masks_of_its_size(number, member, difficulty, size):
    image, masks = draw_bscan(balanced(difficulty).patient(number), member, size)
    assert image.shape == (size, size) and image.dtype == np.float32
    assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1 and image.std() > 0.05
    assert all(mask.shape == image.shape and mask.dtype == bool and mask.any() for mask in masks.values())
    # Vitreous above is darker than the tissue in the middle.
    assert image[: size // 16].mean() < image[size // 3 : 3 * size // 4].mean()
    assert png(to_bytes(image))["bytes"]


def test_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="Expected a condition of"):
        draw_bscan(replace(balanced().patient(0), condition="glaucoma"), 0)
