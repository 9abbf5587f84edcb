"""Scores of detection: whether predicted boxes find reference boxes, over all levels of the score of a box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.confusion import mean_where
from multimed_hf.metrics.grounding import cutoffs
from multimed_hf.metrics.rows import Metric, Rows
from multimed_hf.metrics.segmentation import class_names

IOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


def detection(
    predictions: Sequence[Mapping[str, ArrayLike]],
    references: Sequence[Mapping[str, ArrayLike]],
    labels: Sequence[str] | None = None,
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> dict[str, float]:
    """Average precision of boxes, as PASCAL VOC defines it since 2010 (Everingham et al. 2015).

    Per class and threshold of IoU, over all boxes of all images by falling score: a predicted box aims at the
    reference box of its class and image with which its IoU is highest (of equal ones at the first that is not found
    yet). It finds that box if the IoU is at or above the threshold and no box of higher score found it; else it is
    false, also where it overlaps another reference box enough. (COCO lets it take the best of those not found yet.)
    Precision is the share of boxes so far that found one, recall the share of reference boxes found. Average precision
    is the area under the precision, made to fall with recall by taking the highest at this recall or above, at all
    points (not at 11 or 101). Boxes of one score enter together, so their order does not matter.

    A box covers x_min to x_max and y_min to y_max, in pixels but not of whole pixels: its area is (x_max - x_min)
    (y_max - y_min), without the 1 that VOC adds to widths and heights.

    Args:
        predictions: one mapping an image, of `boxes` `(m, 4)` as x_min, y_min, x_max, y_max, `scores` `(m,)`, higher
            where surer, and `labels` `(m,)`, class indices in [0, number of classes); m may be 0.
        references: likewise without `scores`; an image without boxes counts, as every box predicted there is false.
            Boxes of several readers around one finding are to be merged first.
        labels: names of the classes in the order of their indices; adds the scores of each class. Without it there is
            one class, and `labels` of the mappings may be left out.
        iou_thresholds: in (0, 1].

    Returns:
        - `map`: mean of the following over the thresholds.
        - `map_at_<threshold>`: mean average precision over the classes with reference boxes, in [0, 1]; NaN where
          there is none. Boxes predicted of other classes take no part.
        - `classes_absent`: how many classes have no reference box.
        - with `labels`, `average_precision/<name>`: mean over the thresholds, left out for a class without reference
          boxes.

    Raises:
        ValueError: lengths differ, no images, a key that is missing, numbers of boxes, scores and labels that differ,
            values that are not finite, boxes of negative width or height, reference boxes without an area, labels
            outside the range, names that are not distinct or none, or thresholds that are not distinct or not in
            (0, 1].
    """
    return DETECTION(predictions, references, labels, iou_thresholds)


@dataclass(frozen=True)
class DetectionRows(Rows):
    """Of each image: `boxes` `(n, classes)`, its numbers of reference boxes; and, as objects, of its m predicted boxes
    the `scores` `(m,)`, the `classes` `(m,)` and whether each `found` one `(m, thresholds)`.
    """

    boxes: FloatArray
    scores: NDArray[np.object_]
    classes: NDArray[np.object_]
    found: NDArray[np.object_]
    labels: tuple[str, ...] | None
    iou_thresholds: tuple[float, ...]


def _update(
    predictions: Sequence[Mapping[str, ArrayLike]],
    references: Sequence[Mapping[str, ArrayLike]],
    labels: Sequence[str] | None = None,
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> DetectionRows:
    checks.check_lengths(predictions, references)
    names = None if labels is None else class_names(labels)
    classes = 1 if names is None else len(names)
    thresholds = cutoffs(iou_thresholds, "iou_thresholds")
    if not all(0.0 < threshold <= 1.0 for threshold in thresholds):
        raise ValueError(f"Expected iou_thresholds in (0, 1], got {thresholds}; 0.5 is usual.")
    n = len(references)
    boxes = np.zeros((n, classes))
    scores, predicted_classes, found = (np.empty(n, dtype=np.object_) for _ in range(3))
    for index, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
        predicted, predicted_class = _boxes(prediction, f"prediction {index}", classes)
        true, true_class = _boxes(reference, f"reference {index}", classes)
        if (_areas(true) == 0).any():
            raise ValueError(
                f"Expected boxes with an area, got {true[_areas(true) == 0][0].tolist()} in reference {index}; leave "
                "out boxes of no width or height."
            )
        boxes[index] = np.bincount(true_class, minlength=classes)
        scores[index] = _scores(prediction, index, len(predicted))
        predicted_classes[index] = predicted_class
        overlaps = np.where(predicted_class[:, None] == true_class, box_iou(predicted, true), 0.0)
        found[index] = _found(overlaps, scores[index], np.array(thresholds))
    return DetectionRows(boxes, scores, predicted_classes, found, names, thresholds)


def _column(image: Mapping[str, ArrayLike], key: str, name: str) -> NDArray[Any]:
    if not isinstance(image, Mapping) or key not in image:
        got = ", ".join(map(str, image)) if isinstance(image, Mapping) else type(image).__name__
        raise ValueError(f"Expected {name} as a mapping with {key!r}, got {got or 'an empty one'}; add {key!r}.")
    try:
        return np.asarray(image[key])
    except ValueError as error:
        raise ValueError(
            f"Expected {key} of {name} as an array, got something else ({error}); give every box the same numbers."
        ) from None


def _boxes(image: Mapping[str, ArrayLike], name: str, classes: int) -> tuple[FloatArray, IntArray]:
    """Boxes `(m, 4)` and their classes `(m,)`."""
    array = _column(image, "boxes", name)
    if array.shape == (0,):
        array = np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ValueError(
            f"Expected boxes of {name} as finite numbers of shape (m, 4), got {array.dtype} of shape {array.shape}; "
            "give x_min, y_min, x_max and y_max of each box."
        )
    boxes = array.astype(np.float64)
    wrong = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"Expected boxes of {name} as x_min, y_min, x_max, y_max with x_min <= x_max and y_min <= y_max, got "
            f"{boxes[wrong][0].tolist()}; add x and y to the width and height of boxes given by these."
        )
    if classes == 1 and "labels" not in image:
        return boxes, np.zeros(len(boxes), dtype=np.int64)
    values = _column(image, "labels", name)
    labels = checks.integers(values, f"labels of {name}", "(m,)") if values.size else np.empty(0, dtype=np.int64)
    if labels.shape != (len(boxes),) or (labels < 0).any() or (labels >= classes).any():
        raise ValueError(
            f"Expected labels of {name} in [0, {classes}), one for each of {len(boxes)} boxes, got "
            f"{labels.tolist()}; pass the names of all classes as labels, and count classes from 0."
        )
    return boxes, labels


def _scores(prediction: Mapping[str, ArrayLike], index: int, boxes: int) -> FloatArray:
    scores = _column(prediction, "scores", f"prediction {index}")
    numbers = not scores.size or scores.dtype.kind in "iuf"
    if scores.shape != (boxes,) or not numbers or not np.isfinite(scores.astype(np.float64)).all():
        raise ValueError(
            f"Expected scores of prediction {index} as finite numbers, one for each of {boxes} boxes, got "
            f"{scores.dtype} of shape {scores.shape}; give the confidence of each box."
        )
    return scores.astype(np.float64)


def _areas(boxes: FloatArray) -> FloatArray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of boxes `(m, 4)` with boxes `(k, 4)` that have an area: `(m, k)`."""
    lowest, highest = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(highest - lowest, 0.0, None).prod(axis=2)
    return common / (_areas(a)[:, None] + _areas(b) - common)


def _found(overlaps: FloatArray, scores: FloatArray, thresholds: FloatArray) -> BoolArray:
    """Whether each box finds a reference box, `(m, thresholds)`, from IoU `(m, k)`, 0 for boxes of other classes."""
    found = np.zeros((len(scores), len(thresholds)), dtype=np.bool_)
    taken = np.zeros((len(thresholds), overlaps.shape[1]), dtype=np.bool_)
    best = overlaps.max(axis=1, initial=0.0)
    for box in np.argsort(-scores, kind="stable"):
        for at, threshold in enumerate(thresholds):
            if best[box] >= threshold:
                aimed_at = np.flatnonzero(overlaps[box] == best[box])
                free = aimed_at[~taken[at, aimed_at]]
                found[box, at] = len(free) > 0
                taken[at, free[:1]] = True
    return found


def _average_precisions(rows: DetectionRows, weights: FloatArray) -> dict[str, FloatArray]:
    images = np.repeat(np.arange(len(rows)), [len(image_scores) for image_scores in rows.scores])
    scores, classes = np.concatenate(rows.scores), np.concatenate(rows.classes)
    found, totals = np.concatenate(rows.found), weights @ rows.boxes
    precisions = np.full((len(weights), totals.shape[1], len(rows.iou_thresholds)), np.nan)
    for label in np.flatnonzero(rows.boxes.any(axis=0)):
        of_class = np.flatnonzero(classes == label)
        order = of_class[np.argsort(-scores[of_class], kind="stable")]
        last_of_ties = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
        for row in np.flatnonzero(totals[:, label] > 0):
            times = weights[row, images[order]]
            hits = (found[order] * times[:, None]).cumsum(axis=0)[last_of_ties]
            precisions[row, label] = _area(hits, times.cumsum()[last_of_ties], totals[row, label])
    present = totals > 0
    at_threshold = mean_where(precisions.transpose(0, 2, 1), present[:, None, :])
    by_class = precisions.mean(axis=2)
    return {
        "map": at_threshold.mean(axis=1),
        **{f"map_at_{t:g}": values for t, values in zip(rows.iou_thresholds, at_threshold.T, strict=True)},
        "classes_absent": (~present).sum(axis=1).astype(np.float64),
        **{f"average_precision/{name}": by_class[:, label] for label, name in enumerate(rows.labels or ())},
    }


def _area(hits: FloatArray, boxes: FloatArray, total: float) -> FloatArray:
    """Area under precision over recall `(thresholds,)`, from the boxes that found one `(levels, thresholds)` and all
    boxes `(levels,)` down to each level of score, and the number of reference boxes.
    """
    # Levels of which no image is drawn in a resample come before the first box or repeat the level before them.
    precision = np.divide(hits, boxes[:, None], out=np.zeros(hits.shape), where=boxes[:, None] > 0)
    highest = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    return (highest * np.diff(hits, axis=0, prepend=0.0)).sum(axis=0) / total


DETECTION = Metric(_update, (_average_precisions,))
