"""Grounding of similarity maps against definitions in exact fractions, scikit-learn and an example by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.metrics.grounding import GROUNDING, grounding
from multimed_hf.metrics.rows import Accumulator

PER_MAP = ("cnr", "pointing_game", "mean_iou", "mean_dice")


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def maps(n=6, seed=0, decimals=1):
    """Maps of many shapes, with ties, and regions that leave some of the image out."""
    generator = np.random.default_rng(seed)
    predictions, references = [], []
    for index in range(n):
        shape = generator.integers(2, 6, 2 + index % 2)
        predictions.append(generator.uniform(-1, 1, shape).round(decimals))
        region = generator.random(shape) < 0.4
        region.flat[0], region.flat[1] = True, False
        references.append(region)
    return predictions, references


def exact_cnr(similarity, region):
    """From fractions of the very floats, rounded once at the end."""
    sides = []
    for side in (region, ~region):
        values = [Fraction(float(value)) for value in similarity[side]]
        center = sum(values) / len(values)
        sides.append((center, sum((value - center) ** 2 for value in values) / len(values)))
    (inside, noise_inside), (outside, noise_outside) = sides
    return math.sqrt((inside - outside) ** 2 / (noise_inside + noise_outside))


def written_out(predictions, references, thresholds):
    contrasts, hits = [], []
    overlaps = {(name, t): [] for name in ("iou", "dice") for t in thresholds}
    for similarity, region in zip(predictions, references, strict=True):
        contrasts.append(exact_cnr(similarity, region))
        largest = max(similarity.ravel().tolist())
        at_maximum = [bool(r) for s, r in zip(similarity.ravel(), region.ravel(), strict=True) if s == largest]
        hits.append(sum(at_maximum) / len(at_maximum))
        for t in thresholds:
            found = similarity.ravel() >= t
            overlaps["iou", t].append(sk.jaccard_score(region.ravel(), found, zero_division=0))
            overlaps["dice", t].append(sk.f1_score(region.ravel(), found, zero_division=0))
    scores = {f"{name}_at_{t}": np.mean(values) for (name, t), values in overlaps.items()}
    for name in ("iou", "dice"):
        scores[f"mean_{name}"] = np.mean([overlaps[name, t] for t in thresholds])
    return {**scores, "cnr": np.mean(contrasts), "cnr_skipped": 0, "pointing_game": np.mean(hits)}


@pytest.mark.parametrize("seed", range(6))
def test_equal_to_the_definitions(seed):
    predictions, references = maps(seed=seed, decimals=1 + seed)
    assert grounding(predictions, references) == close(written_out(predictions, references, (0.1, 0.2, 0.3, 0.4, 0.5)))
    thresholds = (-0.5, 0.25)
    scores = grounding(predictions, references, thresholds)
    assert scores == close(written_out(predictions, references, thresholds))


def test_worked_example():
    # Inside 0.9 and 0.5 (mean 0.7, variance 0.04), outside 0.3 and 0.1 (mean 0.2, variance 0.01).
    scores = grounding([[[0.9, 0.5], [0.3, 0.1]]], [[[1, 1], [0, 0]]], thresholds=[0.2, 0.6])
    assert scores == close(
        {
            "cnr": 0.5 / math.sqrt(0.05),
            "cnr_skipped": 0.0,
            "pointing_game": 1.0,
            "iou_at_0.2": 2 / 3,
            "iou_at_0.6": 1 / 2,
            "mean_iou": 7 / 12,
            "dice_at_0.2": 4 / 5,
            "dice_at_0.6": 2 / 3,
            "mean_dice": 11 / 15,
        }
    )


@pytest.mark.parametrize("value", [0.1, 0.0, -0.3, 1e-200, 1e200])
def test_a_constant_map_knows_nothing(value):
    region = np.zeros((7, 9), dtype=bool)
    region[2:5, 3:7] = True
    scores = grounding([np.full(region.shape, value)], [region])
    assert scores["cnr"] == 0.0 and scores["cnr_skipped"] == 0
    assert scores["pointing_game"] == close(12 / 63)


def test_contrast_without_noise_is_skipped_and_counted():
    region = np.array([[True, True, True], [False, False, False]])
    noisy = [[0.5, 0.7, 0.5], [0.1, 0.2, 0.1]]
    without_noise = np.where(region, 0.7, 0.0)
    whole = np.ones((2, 3))
    scores = grounding([noisy, without_noise, noisy], [region, region, whole])
    assert scores["cnr_skipped"] == 2
    assert scores["cnr"] == grounding([noisy], [region])["cnr"]
    alone = grounding([without_noise], [region])
    assert np.isnan(alone["cnr"]) and alone["mean_iou"] == 1.0 and alone["pointing_game"] == 1.0


def test_a_map_turned_upside_down_has_the_same_contrast_and_points_elsewhere():
    prediction, region = [[0.9, 0.5], [0.3, 0.1]], [[1, 1], [0, 0]]
    upright, turned = grounding([prediction], [region]), grounding([np.negative(prediction)], [region])
    assert turned["cnr"] == close(upright["cnr"])
    assert (upright["pointing_game"], turned["pointing_game"]) == (1.0, 0.0)
    assert turned["mean_iou"] == 0.0


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1e-170, 1e-3, 7.0, 1e170]), st.floats(-2, 2))
def test_bounds_and_what_the_scale_leaves_alone(seed, scale, shift):
    predictions, references = maps(n=3, seed=seed, decimals=6)
    scores = grounding(predictions, references)
    assert scores["cnr"] >= 0
    assert all(0 <= value <= 1 for key, value in scores.items() if not key.startswith("cnr"))
    assert scores["mean_iou"] <= scores["mean_dice"]
    scaled = grounding([(p + shift) * scale for p in predictions], references)
    for key in ("cnr", "pointing_game"):
        assert scaled[key] == pytest.approx(scores[key], rel=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_order_of_maps_and_of_pixels_does_not_matter(seed):
    predictions, references = maps(seed=seed)
    order = np.random.default_rng(seed).permutation(len(predictions))
    mixed = grounding([predictions[i][::-1, ::-1] for i in order], [references[i][::-1, ::-1] for i in order])
    assert mixed == close(grounding(predictions, references))


def test_types_of_maps_and_regions_do_not_matter():
    predictions, references = maps()
    eighths = [(prediction * 8).round() / 8 for prediction in predictions]
    expected = grounding(eighths, references)
    assert grounding([p.astype(np.float32) for p in eighths], [r.astype(int) for r in references]) == close(expected)
    assert grounding([p.tolist() for p in eighths], [r.tolist() for r in references]) == close(expected)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_repetitions(seed):
    predictions, references = maps(seed=seed)
    references[1] = np.ones_like(references[1])  # skipped by the contrast
    rows = GROUNDING.update(predictions, references)
    weights = np.random.default_rng(seed).integers(0, 3, (6, len(rows))).astype(float)
    repeated = []
    for counts in weights:
        index = np.repeat(np.arange(len(rows)), counts.astype(int))
        repeated.append(grounding([predictions[i] for i in index], [references[i] for i in index]))
    assert set(PER_MAP) < set(repeated[0])
    for key in repeated[0]:
        expected = np.array([scores[key] for scores in repeated])
        assert GROUNDING.statistic(rows, key)(weights) == close(expected), key


@pytest.mark.parametrize("size", [1, 2, 4])
def test_batches_joined_are_all_maps(size):
    predictions, references = maps(n=7)
    batches = Accumulator(GROUNDING, thresholds=[0.0, 0.5])
    for start in range(0, len(predictions), size):
        batches.update(predictions[start : start + size], references[start : start + size])
    assert batches.compute() == close(grounding(predictions, references, [0.0, 0.5]))


def test_batches_with_other_thresholds_are_refused():
    rows = [GROUNDING.update(*maps(n=1), thresholds) for thresholds in ([0.1], [0.2])]
    with pytest.raises(ValueError, match="one value of thresholds for all batches"):
        type(rows[0]).join(rows)


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[[0.5]]], [[[1]], [[1]]], "got 1 predictions and 2 references"),
        ([], [], "at least one row"),
        ([[0.5]], [[1]], r"prediction 0 as an array \(height, width\)"),
        ([[[0.5, np.nan]]], [[[1, 0]]], "prediction 0 as a map of finite numbers"),
        ([[[0.5, -np.inf]]], [[[1, 0]]], "prediction 0 as a map of finite numbers"),
        ([[["high", "low"]]], [[[1, 0]]], "prediction 0 as a map of finite numbers"),
        ([[[0.5, 0.1]]], [[[1], [0]]], r"one shape, got \(1, 2\) for prediction 0 and \(2, 1\)"),
        ([[[0.5, 0.1]]], [[[2, 0]]], r"reference 0 as a mask of values in \[0, 1\]"),
        ([[[0.5, 0.1]]], [[[0.5, 0]]], "reference 0 as a mask of whole numbers"),
        ([[[0.5, 0.1]]] * 2, [[[1, 0]], [[0, 0]]], "at least one pixel, got none in reference 1"),
    ],
)
def test_bad_input_is_refused(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        grounding(predictions, references)


@pytest.mark.parametrize("thresholds", [[], [np.nan], [0.1, 0.1], 0.1, [0.1, 0.1 + 1e-9]])
def test_bad_thresholds_are_refused(thresholds):
    with pytest.raises(ValueError, match="thresholds as finite numbers, distinct to 6 digits"):
        grounding([[[0.5, 0.1]]], [[[1, 0]]], thresholds)
