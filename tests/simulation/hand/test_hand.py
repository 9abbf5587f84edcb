"""Rows of simulated radiographs of hands: complete, drawn in any size, and told by maturity alone."""

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
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from multimed_hf.data.schema import RowCompleter
from multimed_hf.simulation.hand.hand import Generator, draw_hand
from multimed_hf.simulation.hand.maturity import LABELS
from multimed_hf.simulation.images import is_marked
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import BONE_AGE_YEARS

from ..shortcuts import excess, image_statistics, metadata
from .hands import around, child

ROWS = 200
SIZE = 80


@cache
def rows() -> list[dict]:
    generator = Generator(Simulation(difficulty=0.3, prevalence="balanced"))
    generator.size = SIZE
    return [generator.row(index) for index in range(ROWS)]


def pixels(row: dict) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(row["xray"]["bytes"])))


def band(row: dict) -> str:
    """One of three thirds of childhood."""
    return ("small", "middle", "large")[min(int(row["bone_age"]) // 7, 2)]


def test_rows_are_complete_and_marked() -> None:
    complete = RowCompleter("bone_age")
    for row in rows()[:40]:
        whole = complete({**row, "source": "synthetic"})
        assert whole["bone_age"] == int(row["bone_age"]) == row["bone_age_months"] // 12
        assert is_marked(row["xray"]["bytes"]) and pixels(row).shape == (SIZE, SIZE)
        assert row["age"] > 0 and row["sex"] in ("female", "male")
    assert {row["bone_age"] for row in rows()} == set(LABELS) == set(BONE_AGE_YEARS.labels)
    assert Generator.size == 224


def test_chronological_age_is_bone_age_give_or_take_a_year() -> None:
    early = np.array([row["age"] - row["bone_age_months"] / 12 for row in rows() if int(row["bone_age"]) >= 8])
    assert abs(early.mean()) < 0.4 and 0.7 < early.std() < 1.3


@pytest.mark.parametrize("prevalence", ["balanced", "long_tailed"])
def test_prevalence(prevalence: str) -> None:
    generator = Generator(Simulation(prevalence=prevalence))
    years = Counter(int(generator.patient(number).condition) for number in range(600))
    if prevalence == "balanced":
        assert set(years.values()) == {30}
    else:
        assert 10 < sum(year * count for year, count in years.items()) / 600 + 0.5 < 11.2
        assert set(range(1, 19)) <= set(years) and years[10] > 5 * years[2]


def test_label_noise_replaces_labels_and_months_follow() -> None:
    generator = Generator(Simulation(label_noise=0.25))
    people = [generator.patient(number) for number in range(400)]
    wrong = [generator.observed(person, person.condition, LABELS, 0) != person.condition for person in people]
    assert np.mean(wrong) == pytest.approx(0.25, abs=0.06)
    generator = Generator(Simulation(label_noise=1.0))
    generator.size = 48
    for index in range(4):
        row = generator.row(index)
        assert row["bone_age"] != generator.patient(index).condition
        assert row["bone_age_months"] // 12 == int(row["bone_age"])


@settings(max_examples=10, deadline=None)
@given(number=st.integers(0, 10_000), year=st.integers(0, 19), difficulty=st.floats(0, 1), size=st.integers(40, 130))
def test_any_child_can_be_drawn_in_any_size(number: int, year: int, difficulty: float, size: int) -> None:
    image, places = draw_hand(child(number, year, "male", difficulty), 0, size)
    assert image.shape == (size, size) and image.dtype == np.uint8 and image.std() > 8
    assert {"radius", "ulna", "pp3"} <= set(places)


def test_difficulty_lowers_contrast_of_bone() -> None:
    def contrast(difficulty: float) -> float:
        values = []
        for number in range(8):
            image, places = draw_hand(child(number, 12, "female", difficulty), 0, 224)
            bone = np.mean([around(image, places[name], 2) for name in ("capitate", "hamate", "lunate")])
            values.append((bone - image.mean()) / _grain(image))
        return float(np.mean(values))

    assert contrast(0.1) > 1.5 * contrast(0.9)


def _grain(image: np.ndarray) -> float:
    """Standard deviation of noise, from differences between neighbours in the flattest half of the image."""
    values = image.astype(float)
    away = np.abs(values[:, 1:] - values[:, :-1]).ravel()
    return float(np.median(away)) / 0.954 + 0.5


def test_another_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="'0' to '19'"):
        draw_hand(replace(child(0, 3), condition="old"), 0)


def test_no_shortcut_from_site_device_and_image_statistics() -> None:
    # Chronological age is left out: it goes with bone age in children.
    features = [[*metadata(row)[1:], *image_statistics(row["xray"])] for row in rows()]
    groups = [row["group"] for row in rows()]
    assert excess(features, [band(row) for row in rows()], groups, draws=20) < 3.5
    years = [int(row["bone_age"]) for row in rows()]
    assert all(abs(np.corrcoef(column, years)[0, 1]) < 0.25 for column in np.array(features).T)


def test_no_shortcut_from_raw_pixels() -> None:
    blocks = np.stack([pixels(row) for row in rows()]) / 255.0
    blocks = blocks.reshape(ROWS, 16, SIZE // 16, 16, SIZE // 16).mean((2, 4)).reshape(ROWS, -1)
    labels = np.array([band(row) for row in rows()])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=300))
    guessed = cross_val_predict(model, blocks, labels, groups=[row["group"] for row in rows()], cv=GroupKFold(5))
    assert balanced_accuracy_score(labels, guessed) < 0.55
