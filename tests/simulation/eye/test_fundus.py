"""Simulated photographs of the fundus: the same everywhere, graded by their lesions, and by nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation.eye import fundus
from multimed_hf.simulation.eye.fundus import Generator, draw_fundus
from multimed_hf.simulation.eye.retinopathy import LesionCounts, count_lesions
from multimed_hf.simulation.images import is_marked, png, to_bytes
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import RETINOPATHY_GRADES

from ..shortcuts import excess, image_statistics, metadata


def balanced(difficulty: float = 0.3, seed: int = 0, **others) -> Generator:
    return Generator(Simulation(seed=seed, difficulty=difficulty, prevalence="balanced", **others))


def test_rows_are_complete_marked_and_two_eyes_share_the_grade():
    complete, generator = RowCompleter("fundus"), balanced()
    rows = [complete({"source": "synthetic", **generator.row(index)}) for index in range(20)]
    assert {row["retinopathy"] for row in rows} == set(range(5))
    assert all(is_marked(row["fundus"]["bytes"]) for row in rows)
    assert len({row["fundus"]["bytes"] for row in rows}) == 20
    for right, left in zip(rows[::2], rows[1::2], strict=True):
        assert right["retinopathy"] == left["retinopathy"] and right["group"] == left["group"]


def test_grades_are_as_common_as_asked():
    tailed, even = Generator(Simulation()), balanced()
    counts = Counter(tailed.patient(number).condition for number in range(2000))
    for name, weight in Generator.conditions.items():
        assert counts[name] / 2000 == pytest.approx(weight / 0.99, abs=0.04)
    assert set(Counter(even.patient(number).condition for number in range(100)).values()) == {20}


def test_label_noise_replaces_its_share(monkeypatch):
    monkeypatch.setattr(fundus, "draw_fundus", lambda patient, member: (np.zeros((8, 8, 3)), LesionCounts()))
    generator = balanced(label_noise=0.25)
    rows = [(generator.patient(index // 2).condition, generator.row(index)["retinopathy"]) for index in range(1500)]
    assert np.mean([truth != label for truth, label in rows]) == pytest.approx(0.25, abs=0.04)
    assert {label for truth, label in rows if truth == "mild"} == set(RETINOPATHY_GRADES)
    assert "75%" in generator.notes()[-1]
    clean = balanced()
    assert all(clean.patient(i // 2).condition == clean.row(i)["retinopathy"] for i in range(40))


def test_the_lesions_that_were_counted_are_drawn():
    patient = balanced().patient(3)
    assert draw_fundus(patient, 1, 48)[1] == count_lesions(patient, 1)


def test_the_disc_is_bright_and_nasal():
    generator, right = balanced(0.1), []
    for number in range(16):
        for member in (0, 1):
            image, _ = draw_fundus(generator.patient(number), member, 112)
            bright = gaussian_filter(image[..., 1], 4) - gaussian_filter(image[..., 1], 14)
            bright[np.hypot(*np.mgrid[-56:56, -56:56]) > 46] = 0
            right.append((np.unravel_index(bright.argmax(), bright.shape)[1] > 56) == (member == 0))
    assert np.mean(right) > 0.8


@pytest.fixture(scope="module")
def sample() -> tuple[list, np.ndarray]:
    """360 patients and an image of each, uint8 `(360, 112, 112, 3)`."""
    patients = [balanced(seed=1).patient(number) for number in range(360)]
    images = [to_bytes(draw_fundus(patient, patient.number % 2, 112)[0]) for patient in patients]
    return patients, np.stack(images)


def test_trivial_statistics_do_not_tell_the_grade(sample):
    features, (patients, images) = [], sample
    for patient, image in zip(patients, images, strict=True):
        about = {"age": patient.age, "sex": patient.sex, "site": patient.site, "device": patient.device}
        red, green, blue = image.mean((0, 1)).tolist()
        features.append([*metadata(about), *image_statistics(png(image)), red / green, blue / green])
    labels, groups = zip(*((patient.condition, patient.group) for patient in patients), strict=True)
    assert excess(features, labels, groups) < 3.5


def test_a_linear_probe_on_pixels_fails(sample):
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import KFold, cross_val_score

    patients, images = sample
    pixels = images.astype(np.float32).reshape(360, 56, 2, 56, 2, -1).mean((2, 4)).reshape(360, -1) / 255
    scores = cross_val_score(RidgeClassifier(100.0), pixels, [patient.condition for patient in patients], cv=KFold(5))
    assert scores.mean() < 0.35


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.floats(0, 1), st.sampled_from([48, 96, 224]))
def test_every_photograph_is_a_red_field_in_the_dark(number, member, difficulty, size):
    image, _ = draw_fundus(balanced(difficulty).patient(number), member, size)
    assert image.shape == (size, size, 3) and image.dtype == np.float32
    assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
    middle = image[size // 4 : -size // 4, size // 4 : -size // 4]
    assert middle[..., 0].mean() > middle[..., 1].mean() > middle[..., 2].mean()
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() < 0.1 < middle.mean()


def test_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="Expected a condition of"):
        draw_fundus(replace(balanced().patient(0), condition="grade 2"), 0)
