"""Simulated histopathology: the same everywhere, told by its nuclei and not by trivial statistics."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation.images import is_marked
from multimed_hf.simulation.pathology.histology import KINDS, MITOSIS
from multimed_hf.simulation.pathology.pathology import LABELS, MAGNIFICATIONS, Generator, TileStatistics, draw_tile
from multimed_hf.simulation.patient import Patient, draw_patient
from multimed_hf.simulation.settings import Simulation

from ..shortcuts import excess, image_statistics, metadata

ROWS = 200
SIZE = 84


def patient(number: int, condition: str, difficulty: float = 0.3) -> Patient:
    drawn = draw_patient(Simulation(difficulty=difficulty), "pathology", number, Generator.conditions)
    return replace(drawn, condition=condition)


@cache
def tiles(difficulty: float) -> dict[str, list[tuple[np.ndarray, TileStatistics]]]:
    """Twelve small tiles of each class."""
    return {
        label: [draw_tile(patient(number, label, difficulty), number, SIZE) for number in range(12)] for label in LABELS
    }


@cache
def rows() -> list[dict]:
    generator = Generator(Simulation(difficulty=0.3, prevalence="balanced"))
    generator.size = SIZE
    return [generator.row(index) for index in range(ROWS)]


def pixels(row: dict) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(row["pathology"]["bytes"])))


def test_rows_are_complete_and_marked() -> None:
    complete = RowCompleter("pathology")
    for row in rows()[:24]:
        assert complete({**row, "source": "synthetic"})["magnification"] in MAGNIFICATIONS
        assert is_marked(row["pathology"]["bytes"]) and pixels(row).shape == (SIZE, SIZE, 3)
    assert Generator.size == 224


def test_every_patient_has_every_magnification_in_an_order_of_its_own() -> None:
    orders: dict[str, list[str]] = {}
    for row in rows():
        orders.setdefault(row["group"], []).append(row["magnification"])
    whole = [tuple(order) for order in orders.values() if len(order) == 4]
    assert all(sorted(order) == sorted(MAGNIFICATIONS) for order in whole)
    assert len(set(whole)) > 5


@pytest.mark.parametrize(("prevalence", "share"), [("balanced", 0.5), ("long_tailed", 0.69)])
def test_prevalence(prevalence: str, share: float) -> None:
    generator = Generator(Simulation(prevalence=prevalence))
    counts = Counter(generator.patient(number).condition for number in range(400))
    assert counts["malignant"] / 400 == pytest.approx(share, abs=0.07)


def test_label_noise_replaces_as_many_labels_as_asked() -> None:
    generator = Generator(Simulation(label_noise=0.25))
    people = [generator.patient(number) for number in range(400)]
    wrong = [generator.observed(person, person.condition, LABELS, 0) != person.condition for person in people]
    assert np.mean(wrong) == pytest.approx(0.25, abs=0.06)
    generator = Generator(Simulation(label_noise=1.0))
    generator.size = 56
    assert all(generator.row(index)["breast_cancer"] != generator.patient(index).condition for index in range(4))


def test_malignant_nuclei_are_larger_unlike_and_divide() -> None:
    areas, variations, mitoses = {}, {}, {}
    for label, drawn in tiles(0.2).items():
        found = [statistics.epithelial_areas for _, statistics in drawn if len(statistics.epithelial_areas) > 5]
        areas[label] = np.mean([np.mean(each) for each in found])
        variations[label] = np.mean([np.std(each) / np.mean(each) for each in found])
        mitoses[label] = np.mean([statistics.mitoses for _, statistics in drawn])
    assert 25 < areas["benign"] < 55 < areas["malignant"] < 140
    assert variations["malignant"] > 1.5 * variations["benign"]
    assert mitoses["benign"] < 0.2 and mitoses["malignant"] > 0.8


def test_difficulty_brings_the_classes_together() -> None:
    def apart(difficulty: float) -> float:
        mean = {
            label: np.mean(np.concatenate([statistics.epithelial_areas for _, statistics in drawn]))
            for label, drawn in tiles(difficulty).items()
        }
        return float(mean["malignant"] / mean["benign"])

    assert apart(0.1) > 1.25 * apart(0.9) > 1.25


def test_nuclei_are_where_the_statistics_say() -> None:
    for _, drawn in tiles(0.2).items():
        for image, statistics in drawn:
            red = image[..., 0].astype(float)
            row, column = statistics.positions.astype(int).T
            assert (statistics.positions >= 0).all() and (statistics.positions < SIZE).all()
            assert statistics.nuclei == len(row) and set(statistics.kinds) <= set(range(len(KINDS)))
            # Haematoxylin takes red light, eosin hardly any.
            assert red[row, column].mean() < red.mean() - 0.4 * red.std()


def test_mitoses_are_darker_than_other_nuclei() -> None:
    darker = []
    for image, statistics in (draw_tile(patient(number, "malignant"), 0) for number in range(16)):
        if MAGNIFICATIONS[statistics.magnification] < 0.5 and statistics.mitoses and len(statistics.epithelial_areas):
            red = image[..., 0].astype(float)
            row, column = statistics.positions.astype(int).T
            dividing = statistics.kinds == MITOSIS
            darker.append(red[row, column][~dividing].mean() - red[row, column][dividing].mean())
    assert len(darker) > 2 and np.mean(darker) > 15


@settings(max_examples=12, deadline=None)
@given(
    number=st.integers(0, 10_000), member=st.integers(0, 30), difficulty=st.floats(0, 1), label=st.sampled_from(LABELS)
)
def test_every_tile_shows_epithelium_and_counts_what_it_shows(
    number: int, member: int, difficulty: float, label: str
) -> None:
    image, statistics = draw_tile(patient(number, label, difficulty), member, 48)
    assert image.shape == (48, 48, 3) and image.dtype == np.uint8 and image.std() > 5
    assert statistics.label == label and statistics.nuclei >= statistics.mitoses >= 0
    assert (statistics.areas > 0).all() and len(statistics.areas) == len(statistics.kinds) == len(statistics.positions)


def test_the_field_of_view_does_not_depend_on_the_size() -> None:
    person = patient(5, "malignant")
    (_, small), (_, large) = draw_tile(person, 1, 64), draw_tile(person, 1, 128)
    assert small.nuclei == large.nuclei and small.microns_per_pixel == pytest.approx(2 * large.microns_per_pixel)


def test_another_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="'benign' or 'malignant'"):
        draw_tile(patient(0, "cyst"), 0)


def test_no_shortcut_from_metadata_and_image_statistics() -> None:
    labels = [row["breast_cancer"] for row in rows()]
    assert set(labels) == set(LABELS)
    features = [
        [*metadata(row), *image_statistics(row["pathology"]), float(row["magnification"][:-1])] for row in rows()
    ]
    assert excess(features, labels, [row["group"] for row in rows()]) < 3.5


def test_no_shortcut_from_mean_colour_stain_or_raw_pixels() -> None:
    images = np.stack([pixels(row) for row in rows()]) / 255.0
    labels = np.array([row["breast_cancer"] for row in rows()])
    for values in (*images.mean((1, 2)).T, -np.log(images[..., 0] + 0.02).mean((1, 2))):
        assert 0.3 < roc_auc_score(labels == "malignant", values) < 0.7
    blocks = images.reshape(ROWS, 14, SIZE // 14, 14, SIZE // 14, 3).mean((2, 4)).reshape(ROWS, -1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=300))
    groups = [row["group"] for row in rows()]
    guessed = cross_val_predict(model, blocks, labels, groups=groups, cv=GroupKFold(5))
    assert balanced_accuracy_score(labels, guessed) < 0.62


def test_notes_name_the_noise() -> None:
    assert any("25%" in note for note in Generator(Simulation(label_noise=0.25)).notes())
