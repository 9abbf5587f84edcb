"""Simulated photographs of the fundus: the same everywhere, graded by their lesions, and by nothing else."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from simulation.shortcuts import excess, image_statistics, metadata

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation import fundus
from multimed_hf.simulation.fundus import Generator, LesionCounts, draw_fundus, grade_of
from multimed_hf.simulation.images import is_marked, png, to_bytes
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import RETINOPATHY_GRADES


def balanced(difficulty: float = 0.3, seed: int = 0, **others) -> Generator:
    return Generator(Simulation(seed=seed, difficulty=difficulty, prevalence="balanced", **others))


def patients_of(grade: int, number: int, difficulty: float) -> list:
    generator = balanced(difficulty)
    patients = map(generator.patient, range(5 * number))
    return [patient for patient in patients if patient.condition == RETINOPATHY_GRADES[grade]]


def darkened(patient, member: int = 0) -> np.ndarray:
    """How much of the green light lesions take away: the eye against the same eye without retinopathy."""
    healthy = replace(patient, condition=RETINOPATHY_GRADES[0])
    pair = []
    for each in (patient, healthy):
        eye = fundus._Eye(each, member, 224)
        counts = fundus._count(each, member)
        canvas = {name: fundus._Canvas(eye) for name in ("veins", "arteries", "blood", "lipid", "cotton", "preretinal")}
        fundus._draw_vessels(each, member, eye, counts, canvas)
        fundus._draw_lesions(each, member, eye, counts, canvas)
        layers = {"drusen": None} | {name: part.reduced() for name, part in canvas.items()}
        pair.append(fundus._colour(each, member, eye, layers)[1])
    return 1 - pair[0] / np.maximum(pair[1], 1e-3)


def test_same_row_in_another_process_and_order():
    code = (
        "import hashlib; from multimed_hf.simulation.fundus import Generator; from multimed_hf.simulation.settings "
        "import Simulation; row = Generator(Simulation(seed=3)).row(9); "
        "print(hashlib.sha256(row['fundus']['bytes']).hexdigest(), row['retinopathy'])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    generator = Generator(Simulation(seed=3))
    generator.row(8), generator.row(2)
    row = generator.row(9)
    assert other.stdout.strip() == f"{hashlib.sha256(row['fundus']['bytes']).hexdigest()} {row['retinopathy']}"


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


@pytest.mark.parametrize(
    ("counts", "grade"),
    [
        (LesionCounts(), 0),
        (LesionCounts(microaneurysms=40), 1),
        (LesionCounts(microaneurysms=3, haemorrhages=(0, 0, 1, 0)), 2),
        (LesionCounts(cotton_wool=1), 2),
        (LesionCounts(beading=1), 2),
        (LesionCounts(haemorrhages=(90, 90, 90, 20)), 2),
        (LesionCounts(haemorrhages=(21, 21, 21, 21)), 3),
        (LesionCounts(beading=2), 3),
        (LesionCounts(irma=1), 3),
        (LesionCounts(preretinal=1), 4),
        (LesionCounts(neovascularisations=1, haemorrhages=(30, 30, 30, 30)), 4),
    ],
)
def test_the_scale_is_the_international_one(counts, grade):
    assert grade_of(counts) == grade


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_the_lesions_of_every_eye_define_its_grade(difficulty):
    generator = balanced(difficulty)
    for number in range(400):
        patient = generator.patient(number)
        for member in (0, 1):
            assert RETINOPATHY_GRADES[grade_of(fundus._count(patient, member))] == patient.condition
    assert draw_fundus(generator.patient(3), 1, 48)[1] == fundus._count(generator.patient(3), 1)


@given(st.integers(0, 10**6), st.integers(0, 1))
def test_lesions_lie_in_the_picture_and_their_quadrant(number, member):
    patient = balanced().patient(number)
    eye, random = fundus._Eye(patient, member, 224), patient.random("test")
    for quadrant in range(4):
        place = eye.place(random, quadrant)
        x, y = place - eye.centre
        assert (y > 0) == (quadrant in (0, 1)) and (x > 0) == (quadrant in (0, 3))
        assert (eye.pixel(place) >= 0).all() and (eye.pixel(place) <= 224).all()
        column, row = np.clip(eye.pixel(place), 0, 223).astype(int)
        assert np.hypot(eye.x[row, column] - place[0], eye.y[row, column] - place[1]) < 0.1


def test_lesions_are_what_differs_from_the_healthy_eye():
    taken = {grade: [darkened(patient) for patient in patients_of(grade, 4, 0.2)] for grade in range(5)}
    assert all(not loss.any() for loss in taken[0])
    area = {grade: np.mean([(loss > 0.1).mean() for loss in losses]) for grade, losses in taken.items()}
    assert 0 < area[1] < area[2] < area[3]
    assert area[1] < area[4]
    # Microaneurysms: as many spots as were counted, or fewer where two touch or fall on a vessel.
    from scipy.ndimage import label

    for patient, loss in zip(patients_of(1, 4, 0.2), taken[1], strict=True):
        counted = fundus._count(patient, 0).microaneurysms
        assert 0.6 * counted <= label(loss > 0.05)[1] <= counted


def test_difficulty_makes_lesions_fainter():
    deep = {
        difficulty: np.mean([np.quantile(darkened(patient), 0.99) for patient in patients_of(3, 5, difficulty)])
        for difficulty in (0.1, 0.9)
    }
    assert 0.05 < deep[0.9] < 0.75 * deep[0.1]


def test_the_disc_is_bright_and_nasal():
    generator, right = balanced(0.1), []
    for number in range(16):
        for member in (0, 1):
            image, _ = draw_fundus(generator.patient(number), member, 112)
            bright = gaussian_filter(image[..., 1], 4) - gaussian_filter(image[..., 1], 14)
            bright[np.hypot(*np.mgrid[-56:56, -56:56]) > 46] = 0
            right.append((np.unravel_index(bright.argmax(), bright.shape)[1] > 56) == (member == 0))
    assert np.mean(right) > 0.8


def test_trivial_statistics_do_not_tell_the_grade():
    generator = balanced()
    features, labels, groups = [], [], []
    for index in range(320):
        patient, member = generator.patient(index // 2), index % 2
        about = {"age": patient.age, "sex": patient.sex, "site": patient.site, "device": patient.device}
        image = draw_fundus(patient, member, 112)[0]
        red, green, blue = image.mean((0, 1)).tolist()
        statistics = [*image_statistics(png(to_bytes(image))), red / green, blue / green]
        features.append([*metadata(about), *statistics])
        labels.append(patient.condition)
        groups.append(patient.group)
    assert excess(features, labels, groups, draws=12) < 3.5


def test_a_linear_probe_on_pixels_fails():
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import KFold, cross_val_score

    generator = balanced(0.3, seed=1)
    patients = [generator.patient(number) for number in range(200)]
    pixels = [draw_fundus(patient, 0, 48)[0].ravel() for patient in patients]
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
