"""One patient, three modalities: the same lesion in each, alone ambiguous, together not."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import roc_auc_score

from multimed_hf.simulation.body import ct, mri
from multimed_hf.simulation.body.anatomy import ORGANS
from multimed_hf.simulation.body.lesions import (
    BRAIN_CONDITIONS,
    CONDITIONS,
    body_of,
    draw_lesion_views,
    region_columns,
)
from multimed_hf.simulation.images import is_marked
from multimed_hf.simulation.patient import Patient, draw_patient
from multimed_hf.simulation.settings import Simulation
from multimed_hf.sources import BRAIN_TUMOURS, LESIONS


def patient(number: int, condition: str, organ: str, difficulty: float = 0.2, severity: float | None = None) -> Patient:
    drawn = draw_patient(Simulation(difficulty=difficulty), "ct", number, {condition: 1.0}, (organ,))
    return drawn if severity is None else replace(drawn, severity=severity)


def pixels(column: dict) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(column["bytes"])))


def test_conditions_are_the_labels() -> None:
    assert tuple(CONDITIONS) == LESIONS.labels
    assert set(BRAIN_CONDITIONS) == set(BRAIN_TUMOURS.labels)


@pytest.mark.parametrize("organ", ORGANS)
def test_views_carry_images_masks_and_the_lesion(organ: str) -> None:
    drawn = draw_lesion_views(patient(1, "tumour", organ), 0, ("ct", "mri", "xray"), size=96, volumes=True)
    for view in ("ct", "mri", "xray"):
        assert drawn.columns[f"has_{view}"] is True and is_marked(drawn.columns[view]["bytes"])
        mask = drawn.masks[view]
        assert mask is not None and mask.shape == pixels(drawn.columns[view]).shape == (96, 96)
        assert mask.dtype == bool and 0 < mask.mean() < 0.15
    for view in ("ct", "mri"):
        volume = drawn.columns[f"{view}_volume"]
        assert volume.shape == (16, 64, 64) and volume.dtype == np.int16 and len(drawn.columns[f"{view}_spacing"]) == 3
    (lesion,) = drawn.lesions
    assert (lesion.kind, lesion.organ) == ("tumour", organ) and lesion.side in ("left", "right")
    assert drawn.plane == "axial" and drawn.weighting in ("T1", "T2")


def test_a_healthy_patient_has_no_lesion_and_no_regions() -> None:
    drawn = draw_lesion_views(patient(1, "normal", "liver"), 0, ("ct", "xray"), size=64)
    assert drawn.lesions == [] and drawn.masks == {"ct": None, "xray": None} and drawn.weighting == ""
    assert region_columns(drawn.masks["ct"], "normal") == {"box_labels": [], "boxes": [], "masks": []}


def test_views_do_not_depend_on_which_others_are_drawn() -> None:
    someone = patient(3, "cyst", "brain")
    alone = draw_lesion_views(someone, 1, ("mri",), size=64, weighting="T2")
    together = draw_lesion_views(someone, 1, ("ct", "mri"), size=64, weighting="T2")
    assert alone.columns["mri"] == together.columns["mri"]
    other = draw_lesion_views(someone, 0, ("mri",), size=64, weighting="T2")
    assert alone.columns["mri"] != other.columns["mri"] and alone.lesions == other.lesions


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["cyst", "tumour", "haemorrhage", "calcification"]),
    st.sampled_from(ORGANS),
    st.floats(0, 1),
)
def test_every_lesion_is_seen_at_its_size(number: int, condition: str, organ: str, severity: float) -> None:
    someone = patient(number, condition, organ, 0.9, severity)
    body = body_of(someone)
    _, mask = ct.hounsfield_slice(someone, body, 0, 128, noise=False)
    assert body.lesion is not None and mask.any()
    box = region_columns(mask, condition)["boxes"][0]
    extent = {"brain": 232.0, "bone": 178.0}.get(organ, 385.0) * someone.random("ct", 0).uniform(0.92, 1.1)
    assert 0.5 * body.lesion.diameter < max(box[2:]) * extent / 128 < 1.6 * body.lesion.diameter
    assert region_columns(mask, condition)["box_labels"] == [condition]


@pytest.mark.parametrize("condition", ["cyst", "calcification"])
def test_the_mask_is_as_large_as_the_diameter_says(condition: str) -> None:
    for number in range(6):
        someone = patient(number, condition, "liver", 0.0, 0.7)
        body = body_of(someone)
        _, mask = ct.hounsfield_slice(someone, body, 0, 224, noise=False)
        extent = 385.0 * someone.random("ct", 0).uniform(0.92, 1.1)
        area = mask.sum() * (extent / 224) ** 2
        assert body.lesion is not None
        expected = np.pi * body.lesion.radii[0] * body.lesion.radii[1]
        assert area == pytest.approx(expected, rel=0.2 if condition == "cyst" else 0.3)


def test_a_lesion_on_the_left_of_the_patient_is_on_the_right_of_the_image() -> None:
    sides = []
    for number in range(12):
        drawn = draw_lesion_views(patient(number, "cyst", "kidney"), 0, ("ct", "mri", "xray"), size=64)
        sides.append(drawn.lesions[0].side)
        for mask in drawn.masks.values():
            assert mask is not None
            assert (np.argwhere(mask)[:, 1].mean() > 32) == (sides[-1] == "left")
    assert set(sides) == {"left", "right"}


@cache
def inside() -> tuple[np.ndarray, np.ndarray]:
    """CT in HU and T2-weighted signal relative to the healthy organ, inside lesions, `(patients, 2)`; conditions."""
    values, labels = [], []
    for number in range(96):
        condition = ("cyst", "tumour", "haemorrhage", "calcification")[number % 4]
        someone = patient(number, condition, ("brain", "kidney")[number // 4 % 2], 0.2)
        body = body_of(someone)
        density, mask = ct.hounsfield_slice(someone, body, 0, 96)
        signal, seen = mri.signal_slice(someone, body, 0, 96, "axial", "T2")
        values.append((np.median(density[mask]), np.log(np.median(signal[seen]))))
        labels.append(condition)
    return np.array(values), np.array(labels)


def separation(first: str, second: str, columns: list[int]) -> float:
    """Area under the curve of two conditions by a linear classifier on one or both values."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values, labels = inside()
    chosen = np.isin(labels, [first, second])
    truth = labels[chosen] == first
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = cross_val_predict(model, values[chosen][:, columns], truth, cv=5, method="decision_function")
    return float(roc_auc_score(truth, scores))


def test_ct_and_mr_together_tell_what_each_alone_confuses() -> None:
    assert separation("tumour", "haemorrhage", [0]) < 0.93
    assert separation("haemorrhage", "calcification", [1]) < 0.93
    kinds = ("cyst", "tumour", "haemorrhage", "calcification")
    for place, first in enumerate(kinds):
        for second in kinds[place + 1 :]:
            assert separation(first, second, [0, 1]) > 0.97, (first, second)


def test_lesions_have_the_density_and_signal_of_what_they_are() -> None:
    values, labels = inside()
    density, signal = ({kind: np.median(values[labels == kind, axis]) for kind in set(labels)} for axis in (0, 1))
    assert density["cyst"] < 20 < density["tumour"] < density["haemorrhage"] < 100 < 200 < density["calcification"]
    assert signal["cyst"] > signal["tumour"] > max(signal["haemorrhage"], signal["calcification"])


def test_difficulty_makes_lesions_smaller_and_thinner() -> None:
    for condition in ("cyst", "glioma"):
        easy, hard = (body_of(patient(5, condition, "brain", difficulty, 0.8)).lesion for difficulty in (0.0, 1.0))
        assert easy is not None and hard is not None
        assert easy.diameter > 1.2 * hard.diameter and easy.visibility > 1.8 * hard.visibility > 0.8


def test_what_cannot_be_drawn_is_refused() -> None:
    someone = patient(1, "cyst", "liver")
    with pytest.raises(ValueError, match="Expected views among ct, mri, xray"):
        draw_lesion_views(someone, 0, ("pet",))
    with pytest.raises(ValueError, match="32 pixels or more"):
        draw_lesion_views(someone, 0, ("ct",), size=16)
    with pytest.raises(ValueError, match="organ among brain"):
        draw_lesion_views(replace(someone, organ="heart"), 0, ("ct",))
    with pytest.raises(ValueError, match="condition among normal"):
        draw_lesion_views(replace(someone, condition="fracture"), 0, ("ct",))
