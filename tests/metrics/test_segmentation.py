"""Overlap of masks against scikit-learn on flattened pixels, with empty masks, volumes and images of many sizes."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.metrics.rows import Accumulator
from multimed_hf.metrics.segmentation import SEGMENTATION, segmentation

NAMES = ["lung", "heart", "effusion"]


def masks(n=6, classes=3, seed=0):
    """Masks of many shapes, some of them volumes; about half the classes are in neither mask of an image."""
    generator = np.random.default_rng(seed)
    pairs = []
    for index in range(n):
        shape = generator.integers(1, 6, 2 + index % 2)
        held = generator.random(classes + 1) < 0.5
        pairs.append([np.where(held[drawn], drawn, 0) for drawn in generator.integers(0, classes + 1, (2, *shape))])
    predictions, references = zip(*pairs, strict=True)
    return list(predictions), list(references)


def scikit_learn(predictions, references, classes):
    """The scores from their definition, each Dice and IoU by scikit-learn."""
    kinds = {"dice": sk.f1_score, "iou": sk.jaccard_score}
    scores = {}
    for name, score in kinds.items():
        table = np.full((len(references), classes), np.nan)
        for image, (p, r) in enumerate(zip(predictions, references, strict=True)):
            for label in range(1, classes + 1):
                if (p == label).any() or (r == label).any():
                    table[image, label - 1] = score(r.ravel() == label, p.ravel() == label, zero_division=0)
        by_image = [np.nanmean(row) for row in table if not np.isnan(row).all()]
        scores[name] = np.mean(by_image) if by_image else np.nan
        scores |= {
            f"{name}/{NAMES[k]}": np.nanmean(column) for k, column in enumerate(table.T) if not np.isnan(column).all()
        }
        scores["images_skipped"] = len(references) - len(by_image)
        p, r = (np.concatenate([mask.ravel() for mask in side]) for side in (predictions, references))
        held = sorted({*p, *r} - {0})
        scores[f"pooled_{name}"] = score(r, p, labels=held, average="macro", zero_division=0) if held else np.nan
    return scores


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_scikit_learn(seed):
    predictions, references = masks(seed=seed)
    expected = scikit_learn(predictions, references, 3)
    assert segmentation(predictions, references, labels=NAMES) == close(expected)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_bounds_order_and_perfect_masks(seed, n):
    predictions, references = masks(n, seed=seed)
    scores = segmentation(predictions, references, NAMES)
    for name in ("", "pooled_"):
        overlap, union = scores[f"{name}dice"], scores[f"{name}iou"]
        assert np.isnan(overlap) == np.isnan(union)
        assert np.isnan(overlap) or 0 <= union <= overlap <= 1
    for name in NAMES:
        if f"dice/{name}" in scores:
            assert scores[f"iou/{name}"] <= scores[f"dice/{name}"]
    perfect = segmentation(references, references, NAMES)
    assert all(value == 1 or np.isnan(value) for key, value in perfect.items() if key != "images_skipped")


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_a_pixel_put_right_raises_every_score_of_its_class(seed):
    generator = np.random.default_rng(seed)
    reference = generator.integers(0, 2, (4, 5))
    reference[0, 0] = 1
    prediction = generator.integers(0, 2, (4, 5))
    prediction[0, 0] = 0
    better = prediction.copy()
    better[0, 0] = 1
    before, after = segmentation([prediction], [reference]), segmentation([better], [reference])
    assert all(after[key] > before[key] for key in ("dice", "iou", "pooled_dice", "pooled_iou"))


def test_worked_example_of_empty_masks():
    empty, corner, column = np.zeros((2, 2)), np.array([[1, 0], [0, 0]]), np.array([[1, 0], [1, 0]])
    # Both empty: not counted. Predicted only, reference only: 0. The last: 2 * 1 / (1 + 2).
    scores = segmentation([empty, corner, empty, corner], [empty, empty, corner, column])
    assert scores == close(
        {"dice": 2 / 9, "iou": 1 / 6, "pooled_dice": 2 * 1 / (2 + 3), "pooled_iou": 1 / 4, "images_skipped": 1}
    )


def test_without_a_class_in_any_mask_there_is_no_score():
    scores = segmentation(np.zeros((3, 2, 2)), np.zeros((3, 2, 2)), ["lung"])
    assert scores.pop("images_skipped") == 3
    assert set(scores) == {"dice", "iou", "pooled_dice", "pooled_iou"} and np.isnan(list(scores.values())).all()


def test_a_class_of_few_images_weighs_in_the_images_and_not_over_all():
    # Image 0 holds lung only, image 1 lung (wrong) and heart (right): 1 and 1/2, not the mean of 1/2 and 1.
    predictions, references = [[[1, 1]], [[1, 2]]], [[[1, 1]], [[0, 2]]]
    scores = segmentation(predictions, references, ["lung", "heart"])
    assert (scores["dice"], scores["dice/lung"], scores["dice/heart"]) == (0.75, 0.5, 1.0)


def test_a_class_that_no_mask_holds_changes_no_score():
    predictions, references = masks(classes=1)
    expected = segmentation(predictions, references, NAMES[:1])
    assert segmentation(predictions, references, NAMES) == close(expected)


def test_masks_of_any_type_are_the_same():
    predictions, references = masks(classes=1)
    expected = segmentation(predictions, references)
    for dtype in (np.bool_, np.uint8, np.float32):
        assert segmentation([p.astype(dtype) for p in predictions], [r.astype(dtype) for r in references]) == close(
            expected
        )
    assert segmentation([p.tolist() for p in predictions], [r.tolist() for r in references]) == close(expected)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_order_of_images_and_of_pixels_does_not_matter(seed):
    predictions, references = masks(seed=seed)
    order = np.random.default_rng(seed).permutation(len(predictions))
    mixed = segmentation([predictions[i][::-1, ::-1] for i in order], [references[i][::-1, ::-1] for i in order], NAMES)
    assert mixed == close(segmentation(predictions, references, NAMES))


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_repetitions(seed):
    predictions, references = masks(seed=seed)
    rows = SEGMENTATION.update(predictions, references, NAMES)
    weights = np.random.default_rng(seed).integers(0, 3, (6, len(rows))).astype(float)
    repeated = []
    for counts in weights:
        index = np.repeat(np.arange(len(rows)), counts.astype(int))
        repeated.append(segmentation([predictions[i] for i in index], [references[i] for i in index], NAMES))
    for key in segmentation(predictions, references, NAMES):
        expected = [scores.get(key, np.nan) for scores in repeated]
        assert SEGMENTATION.statistic(rows, key)(weights) == close(np.array(expected)), key


@pytest.mark.parametrize("size", [1, 2, 4])
def test_batches_joined_are_all_images(size):
    predictions, references = masks(n=7)
    batches = Accumulator(SEGMENTATION, labels=NAMES)
    for start in range(0, len(predictions), size):
        batches.update(predictions[start : start + size], references[start : start + size])
    assert batches.compute() == close(segmentation(predictions, references, NAMES))


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([[[1]]], [[[1]], [[0]]], "got 1 predictions and 2 references"),
        ([], [], "at least one row"),
        ([[1, 0]], [[1, 0]], r"got shape \(2,\); give one array an image"),
        ([np.zeros((1, 1, 2, 2))], [np.zeros((1, 1, 2, 2))], r"got shape \(1, 1, 2, 2\)"),
        ([np.zeros((0, 2))], [np.zeros((0, 2))], "at least one pixel"),
        ([[[1], [1, 0]]], [[[1], [1]]], "prediction 0 as an array .* give all its lines the same length"),
        ([np.zeros((2, 3))], [np.zeros((3, 2))], r"one shape, got \(2, 3\) for prediction 0 and \(3, 2\)"),
        ([[[0.5]]], [[[1]]], "prediction 0 as a mask of whole numbers .* threshold probabilities"),
        ([[[1]]], [[[np.nan]]], "reference 0 as a mask of whole numbers"),
        ([[[1]]], [[[np.inf]]], "reference 0 as a mask of values in"),
        ([[["lung"]]], [[[1]]], "prediction 0 as a mask of whole numbers"),
        ([[[255]]], [[[1]]], r"prediction 0 as a mask of values in \[0, 1\].*255 to 255; pass the names"),
        ([[[1]], [[0]]], [[[1]], [[-1]]], "reference 1 as a mask of values in"),
    ],
)
def test_bad_input_is_refused(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        segmentation(predictions, references)


@pytest.mark.parametrize(
    ("labels", "message"),
    [([], "at least one"), ("lung", "pass a list of strings"), (["lung", "lung"], "distinct label names")],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        segmentation([[[1]]], [[[1]]], labels)


def test_batches_with_other_classes_are_refused():
    rows = [SEGMENTATION.update([[[1]]], [[[1]]], labels) for labels in (["lung"], ["heart"])]
    with pytest.raises(ValueError, match="one value of labels for all batches"):
        type(rows[0]).join(rows)
