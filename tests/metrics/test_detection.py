"""Average precision of boxes against its definition, level by level with sets of pixels, and an example by hand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.metrics.detection import DETECTION, box_iou, detection
from multimed_hf.metrics.rows import Accumulator

NAMES = ["nodule", "effusion", "fracture"]
THRESHOLDS = (0.1, 0.3, 0.5)


def close(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def boxes(n, generator, size=6):
    low = generator.integers(0, size, (n, 2))
    return np.hstack([low, low + generator.integers(1, 4, (n, 2))])


def images(n=5, classes=2, seed=0, levels=8):
    """Boxes on a small grid of whole pixels, so that many overlap and many scores and IoU are tied."""
    generator = np.random.default_rng(seed)
    predictions, references = [], []
    for _ in range(n):
        m, k = generator.integers(0, 7), generator.integers(0, 4)
        predictions.append(
            {
                "boxes": boxes(m, generator),
                "scores": generator.integers(0, levels, m) / levels,
                "labels": generator.integers(0, classes, m),
            }
        )
        references.append({"boxes": boxes(k, generator), "labels": generator.integers(0, classes, k)})
    return predictions, references


def pixels(box):
    return {(x, y) for x in range(int(box[0]), int(box[2])) for y in range(int(box[1]), int(box[3]))}


def overlap(a, b):
    return Fraction(len(pixels(a) & pixels(b)), len(pixels(a) | pixels(b)))


def number_found(predicted, true, threshold):
    """How many boxes of one image and class find one, the best scores first."""
    found = set()
    for box, _ in sorted(predicted, key=lambda pair: -pair[1]):
        overlaps = [overlap(box, other) for other in true]
        best = max(overlaps, default=0)
        aims = [index for index, value in enumerate(overlaps) if value == best and index not in found]
        if aims and best >= Fraction(str(threshold)):
            found.add(aims[0])
    return len(found)


def written_out(predictions, references, label, threshold):
    """The mean over reference boxes j of the best precision at any level of score by which j of them are found."""
    pairs = []
    for prediction, reference in zip(predictions, references, strict=True):
        mine = np.asarray(prediction["labels"]) == label
        predicted = list(zip(prediction["boxes"][mine], prediction["scores"][mine], strict=True))
        pairs.append((predicted, reference["boxes"][np.asarray(reference["labels"]) == label]))
    total = sum(len(true) for _, true in pairs)
    if not total:
        return np.nan
    levels = {score for predicted, _ in pairs for _, score in predicted}
    points = []
    for level in levels:
        above = [([(box, score) for box, score in predicted if score >= level], true) for predicted, true in pairs]
        hits = sum(number_found(predicted, true, threshold) for predicted, true in above)
        points.append((hits, hits / sum(len(predicted) for predicted, _ in above)))
    return (
        sum(max((precision for hits, precision in points if hits >= j), default=0) for j in range(1, total + 1)) / total
    )


def expected_scores(predictions, references, classes):
    table = np.array([[written_out(predictions, references, label, t) for t in THRESHOLDS] for label in range(classes)])
    present = ~np.isnan(table[:, 0])
    by_threshold = table[present].mean(axis=0) if present.any() else np.full(len(THRESHOLDS), np.nan)
    return {
        "map": by_threshold.mean(),
        **{f"map_at_{t}": value for t, value in zip(THRESHOLDS, by_threshold, strict=True)},
        "classes_absent": (~present).sum(),
        **{f"average_precision/{NAMES[k]}": table[k].mean() for k in np.flatnonzero(present)},
    }


@pytest.mark.parametrize("seed", range(25))
def test_equal_to_the_definition(seed):
    predictions, references = images(n=1 + seed % 6, classes=3, seed=seed, levels=4 if seed % 2 else 1000)
    scores = detection(predictions, references, NAMES, THRESHOLDS)
    assert scores == close(expected_scores(predictions, references, 3))


def test_worked_example():
    # By falling score: finds, false (its box is found already), finds; the third reference box is missed.
    # Precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3: 1/3 * 1 + 1/3 * 2/3.
    prediction = {"boxes": [[0, 0, 4, 4], [0, 0, 4, 3], [10, 0, 14, 4]], "scores": [0.9, 0.8, 0.3]}
    reference = {"boxes": [[0, 0, 4, 4], [10, 0, 14, 4], [20, 0, 24, 4]]}
    scores = detection([prediction], [reference], iou_thresholds=[0.5])
    assert scores == close({"map": 5 / 9, "map_at_0.5": 5 / 9, "classes_absent": 0})


def test_a_box_that_aims_at_a_found_one_takes_no_other():
    # The second box overlaps the left reference box by 8/16 and the right one by 4/20, but the left one is found.
    prediction = {"boxes": [[0, 0, 4, 4], [2, 0, 6, 4]], "scores": [0.9, 0.8]}
    reference = {"boxes": [[0, 0, 4, 4], [5, 0, 9, 4]]}
    assert detection([prediction], [reference], iou_thresholds=[0.1])["map"] == 0.5
    lonely = {"boxes": [[2, 0, 6, 4]], "scores": [0.8]}
    assert detection([lonely], [{"boxes": [[5, 0, 9, 4]]}], iou_thresholds=[0.1])["map"] == 1.0


def test_two_reference_boxes_in_one_place_are_both_found():
    twice = [[0, 0, 4, 4], [0, 0, 4, 4]]
    assert detection([{"boxes": twice, "scores": [0.9, 0.8]}], [{"boxes": twice}])["map"] == 1.0


def test_a_false_box_in_an_image_without_any_lowers_the_precision():
    prediction, reference = {"boxes": [[0, 0, 4, 4]], "scores": [0.5]}, {"boxes": [[0, 0, 4, 4]]}
    empty = {"boxes": [], "scores": []}
    normal = {"boxes": np.zeros((0, 4))}
    assert detection([prediction, empty], [reference, normal])["map"] == 1.0
    assert detection([prediction, {**prediction, "scores": [0.9]}], [reference, normal])["map"] == 0.5
    assert detection([prediction, {**prediction, "scores": [0.4]}], [reference, normal])["map"] == 1.0


def test_thresholds_are_reached_and_areas_have_no_pixel_added():
    prediction, reference = {"boxes": [[0, 0, 1, 10]], "scores": [0.5]}, {"boxes": [[0, 0, 10, 10]]}
    scores = detection([prediction], [reference], iou_thresholds=[0.1, 0.11])
    assert (scores["map_at_0.1"], scores["map_at_0.11"], scores["map"]) == (1.0, 0.0, 0.5)


def test_intersections_over_unions():
    first, second = boxes(30, np.random.default_rng(0)), boxes(20, np.random.default_rng(1))
    expected = [[float(overlap(a, b)) for b in second] for a in first]
    assert box_iou(first.astype(float), second.astype(float)) == close(np.array(expected))


def test_without_predictions_0_and_without_references_nan():
    empty, one = {"boxes": [], "scores": []}, {"boxes": [[0, 0, 1, 1]]}
    assert detection([empty], [one])["map"] == 0.0
    scores = detection([{**one, "scores": [1.0]}], [{"boxes": []}], ["nodule"])
    assert np.isnan(scores["map"]) and scores["classes_absent"] == 1 and "average_precision/nodule" not in scores


def test_boxes_of_a_class_without_references_take_no_part():
    predictions, references = images(classes=2)
    expected = detection(predictions, references, NAMES[:2])
    predictions[0] = {
        "boxes": [*predictions[0]["boxes"], [0, 0, 3, 3]],
        "scores": [*predictions[0]["scores"], 1.0],
        "labels": [*predictions[0]["labels"], 2],
    }
    assert detection(predictions, references, NAMES) == close({**expected, "classes_absent": 1})


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_bounds_monotonicity_and_invariance(seed):
    generator = np.random.default_rng(seed)
    predictions, references = images(seed=seed)
    # Fractions of a pixel leave no two IoU equal, of which the order of boxes would choose one.
    for image in (*predictions, *references):
        image["boxes"] = image["boxes"] + generator.uniform(0, 0.3, image["boxes"].shape) * [-1, -1, 1, 1]
    scores = detection(predictions, references, NAMES[:2], THRESHOLDS)
    values = [scores[f"map_at_{t}"] for t in THRESHOLDS]
    assert np.isnan(values).all() or (min(values) >= 0 and max(values) <= 1 and values == sorted(values)[::-1])
    mixed = []
    for image in (*predictions, *references):
        order = generator.permutation(len(image["boxes"]))
        mixed.append({key: value[order] for key, value in image.items()})
    order = generator.permutation(len(references))
    moved = detection([mixed[i] for i in order], [mixed[len(predictions) + i] for i in order], NAMES[:2], THRESHOLDS)
    assert moved == close(scores)
    grown = [{**image, "boxes": image["boxes"] * 4 + 100, "scores": image["scores"] ** 3} for image in predictions]
    assert detection(
        grown, [{**image, "boxes": image["boxes"] * 4 + 100} for image in references], NAMES[:2], THRESHOLDS
    ) == pytest.approx(scores, rel=1e-9, nan_ok=True)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_perfect_boxes_have_1_of_all(seed):
    _, references = images(seed=seed)
    perfect = [{**image, "scores": np.ones(len(image["boxes"]))} for image in references]
    scores = detection(perfect, references, NAMES[:2])
    assert all(value == 1 or np.isnan(value) for key, value in scores.items() if key != "classes_absent")


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_repetitions(seed):
    predictions, references = images(n=6, classes=3, seed=seed, levels=5)
    rows = DETECTION.update(predictions, references, NAMES)
    weights = np.random.default_rng(seed).integers(0, 3, (8, len(rows))).astype(float)
    repeated = []
    for counts in weights:
        index = np.repeat(np.arange(len(rows)), counts.astype(int))
        repeated.append(detection([predictions[i] for i in index], [references[i] for i in index], NAMES))
    for key in detection(predictions, references, NAMES):
        expected = np.array([scores.get(key, np.nan) for scores in repeated])
        assert DETECTION.statistic(rows, key)(weights) == close(expected), key


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_joined_are_all_images(size):
    predictions, references = images(n=7, classes=3)
    batches = Accumulator(DETECTION, labels=NAMES, iou_thresholds=THRESHOLDS)
    for start in range(0, len(predictions), size):
        batches.update(predictions[start : start + size], references[start : start + size])
    assert batches.compute() == close(detection(predictions, references, NAMES, THRESHOLDS))


BOX = {"boxes": [[0, 0, 2, 2]], "scores": [0.5], "labels": [0]}


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([BOX], [BOX, BOX], "got 1 predictions and 2 references"),
        ([], [], "at least one row"),
        ([[[0, 0, 2, 2]]], [BOX], "prediction 0 as a mapping with 'boxes', got list"),
        ([None], [BOX], "prediction 0 as a mapping with 'boxes', got NoneType"),
        ([{**BOX, "boxes": [[0, 0, 2, 2], [0]]}], [BOX], "boxes of prediction 0 as an array, got something else"),
        ([BOX], [{**BOX, "boxes": np.zeros((3, 0))}], r"got float64 of shape \(3, 0\)"),
        ([{"scores": [0.5]}], [BOX], "prediction 0 as a mapping with 'boxes', got scores"),
        ([{"boxes": [[0, 0, 2, 2]]}], [BOX], "prediction 0 as a mapping with 'scores', got boxes"),
        ([BOX], [{}], "reference 0 as a mapping with 'boxes', got an empty one"),
        ([{**BOX, "boxes": [0, 0, 2, 2]}], [BOX], r"boxes of prediction 0 as finite numbers of shape \(m, 4\)"),
        ([{**BOX, "boxes": [[0, 0, 2]]}], [BOX], r"got int64 of shape \(1, 3\)"),
        ([{**BOX, "boxes": [[0, 0, 2, np.nan]]}], [BOX], "boxes of prediction 0 as finite numbers"),
        ([{**BOX, "boxes": [[0, 0, 2, "2"]]}], [BOX], "boxes of prediction 0 as finite numbers"),
        ([{**BOX, "boxes": [[3, 0, 2, 2]]}], [BOX], "x_min <= x_max .* add x and y to the width and height"),
        ([BOX], [{**BOX, "boxes": [[0, 3, 2, 2]]}], "boxes of reference 0 as x_min"),
        ([BOX], [{**BOX, "boxes": [[0, 0, 0, 2]]}], r"with an area, got \[0.0, 0.0, 0.0, 2.0\] in reference 0"),
        ([{**BOX, "scores": [0.5, 0.4]}], [BOX], "scores of prediction 0 as finite numbers, one for each of 1"),
        ([{**BOX, "scores": [np.nan]}], [BOX], "scores of prediction 0 as finite numbers"),
        ([{**BOX, "scores": ["high"]}], [BOX], "scores of prediction 0 as finite numbers"),
        ([{**BOX, "labels": [1]}], [BOX], r"labels of prediction 0 in \[0, 1\), .*got \[1\]; pass the names"),
        ([BOX], [{**BOX, "labels": [-1]}], r"labels of reference 0 in \[0, 1\)"),
        ([BOX], [{**BOX, "labels": [0, 0]}], "one for each of 1 boxes"),
        ([BOX], [{**BOX, "labels": ["nodule"]}], "labels of reference 0 as integers"),
    ],
)
def test_bad_input_is_refused(predictions, references, message):
    with pytest.raises(ValueError, match=message):
        detection(predictions, references)


def test_classes_need_the_labels_of_boxes():
    with pytest.raises(ValueError, match="reference 0 as a mapping with 'labels', got boxes"):
        detection([BOX], [{"boxes": [[0, 0, 2, 2]]}], ["nodule", "effusion"])


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [([], "finite numbers"), ([0.5, 0.5], "distinct"), ([0.0], r"in \(0, 1\]"), ([50.0], r"in \(0, 1\]")],
)
def test_bad_thresholds_are_refused(thresholds, message):
    with pytest.raises(ValueError, match=message):
        detection([BOX], [BOX], iou_thresholds=thresholds)


def test_a_predicted_box_without_an_area_is_false():
    flat = {"boxes": [[0, 0, 0, 2], [0, 0, 2, 2]], "scores": [0.9, 0.5]}
    assert detection([flat], [{"boxes": [[0, 0, 2, 2]]}])["map"] == 0.5
