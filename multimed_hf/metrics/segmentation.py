"""Scores of segmentation: how far predicted masks of pixels or voxels overlap with reference masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import FloatArray, IntArray
from multimed_hf.metrics.confusion import divide, mean_where
from multimed_hf.metrics.rows import Metric, Rows, mean


def segmentation(
    predictions: Sequence[ArrayLike], references: Sequence[ArrayLike], labels: Sequence[str] | None = None
) -> dict[str, float]:
    """Overlap of predicted with reference masks, image by image.

    Of one class in one image, with P the predicted and R the reference pixels: Dice = 2 |P and R| / (|P| + |R|) (Dice
    1945), the F1 score of pixels; IoU = |P and R| / |P or R| (Jaccard 1912) = Dice / (2 - Dice). Pixels are counted,
    whatever their size, and stand for voxels too.

    Empty masks (Maier-Hein et al. 2024, "Metrics reloaded"): a class that neither mask of an image holds is undefined
    there and does not count; it is neither 1 nor 0. A class that only the prediction holds, or only the reference, is
    0. So one stray pixel in an image without the class costs a whole image of that class, and a mean over images says
    little of whether a finding is there at all: score that as a classification.

    Args:
        predictions: one mask an image, `(height, width)` or `(depth, height, width)`, of whole numbers or booleans: 0
            background, 1 to K the classes. Images may differ in size.
        references: likewise, each of the shape of its prediction.
        labels: names of the classes 1 to K, in that order, which also says what K is and adds the scores of each
            class. Without it there is one class: masks of 0 and 1, or False and True.

    Returns:
        - `dice`, `iou`: mean over images of the mean over the classes that either mask of the image holds; in [0, 1],
          NaN where no image holds any. The mean of `dice/<name>` over the classes is another number where images
          differ in their classes.
        - `pooled_dice`, `pooled_iou`: the mean over classes of the scores from the pixels of all images pooled, so
          that large masks count most; classes that no mask holds are left out, NaN where no mask holds any. The
          second is the "mean IoU" of scene segmentation without the background.
        - `images_skipped`: how many images hold no class in either mask, hence are no part of `dice` and `iou`.
        - with `labels`, `dice/<name>` and `iou/<name>`: mean over the images of which either mask holds the class,
          left out where there is none.

    Raises:
        ValueError: lengths differ, no images, a mask that is not of 2 or 3 dimensions or has no pixels, masks of
            different shapes, values that are not whole numbers in [0, K], labels that are not distinct or none.
    """
    return SEGMENTATION(predictions, references, labels)


@dataclass(frozen=True)
class SegmentationRows(Rows):
    """Numbers of pixels of each image and class, `(n, K)`: `common` to both masks, `predicted` and `reference`."""

    common: FloatArray
    predicted: FloatArray
    reference: FloatArray
    labels: tuple[str, ...] | None

    @property
    def dice(self) -> FloatArray:
        """`(n, K)`, NaN where neither mask holds the class."""
        return dice(self.common, self.predicted, self.reference)

    @property
    def iou(self) -> FloatArray:
        """`(n, K)`, NaN where neither mask holds the class."""
        return iou(self.common, self.predicted, self.reference)


def dice(common: FloatArray, predicted: FloatArray, reference: FloatArray) -> FloatArray:
    """Dice from numbers of pixels, all of one shape; NaN where both masks are empty."""
    return divide(2.0 * common, predicted + reference)


def iou(common: FloatArray, predicted: FloatArray, reference: FloatArray) -> FloatArray:
    """Intersection over union from numbers of pixels, all of one shape; NaN where both masks are empty."""
    return divide(common, predicted + reference - common)


def _update(
    predictions: Sequence[ArrayLike], references: Sequence[ArrayLike], labels: Sequence[str] | None = None
) -> SegmentationRows:
    checks.check_lengths(predictions, references)
    names = None if labels is None else class_names(labels)
    classes = 1 if names is None else len(names)
    counts = np.empty((3, len(references), classes))
    for index, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
        predicted = mask(prediction, f"prediction {index}", classes)
        true = mask(reference, f"reference {index}", classes)
        if predicted.shape != true.shape:
            raise ValueError(
                f"Expected masks of one shape, got {predicted.shape} for prediction {index} and {true.shape} for its "
                "reference; resample the prediction to the grid of the reference, by nearest neighbour."
            )
        pixels = (true[true == predicted], predicted, true)
        counts[:, index] = [np.bincount(values.ravel(), minlength=classes + 1)[1:] for values in pixels]
    return SegmentationRows(counts[0], counts[1], counts[2], names)


def class_names(labels: Sequence[str]) -> tuple[str, ...]:
    """`labels` as distinct names, at least one: where they alone say how many classes there are."""
    if isinstance(labels, str) or not len(labels):
        raise ValueError(
            f"Expected labels as names of the classes, at least one, got {labels!r}; pass a list of strings."
        )
    return checks.names(labels, len(labels))


def image(values: ArrayLike, name: str) -> NDArray[Any]:
    """`values` as an array of 2 or 3 dimensions with at least one pixel."""
    expected = f"Expected {name} as an array (height, width) or (depth, height, width) of at least one pixel"
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{expected}, got something else ({error}); give all its lines the same length.") from None
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(
            f"{expected}, got shape {array.shape}; give one array an image, without an axis for the batch or for "
            "classes."
        )
    return array


def mask(values: ArrayLike, name: str, classes: int) -> IntArray:
    """`values` as a mask of the classes 1 to `classes`, 0 the background, of 2 or 3 dimensions."""
    array = image(values, name)
    if array.dtype.kind not in "iub" and not (array.dtype.kind == "f" and bool(np.all(array == np.floor(array)))):
        raise ValueError(
            f"Expected {name} as a mask of whole numbers or booleans, got {array.dtype} that is not whole numbers; "
            "threshold probabilities or take the argmax over classes first."
        )
    lowest, highest = array.min(), array.max()
    if lowest < 0 or highest > classes:
        raise ValueError(
            f"Expected {name} as a mask of values in [0, {classes}], 0 the background, got values from {lowest} to "
            f"{highest}; pass the names of all classes as labels, or map other values, such as 255, to these first."
        )
    return array.astype(np.int64)


def _per_image(rows: SegmentationRows, weights: FloatArray) -> dict[str, FloatArray]:
    scores: dict[str, FloatArray] = {}
    held = ~np.isnan(rows.dice)
    for name, values in (("dice", rows.dice), ("iou", rows.iou)):
        scores[name] = mean(mean_where(values, held), weights)
        for label, by_class in zip(rows.labels or (), values.T, strict=False):
            scores[f"{name}/{label}"] = mean(by_class, weights)
    return {**scores, "images_skipped": weights @ (~held.any(axis=1)).astype(np.float64)}


def _pooled(rows: SegmentationRows, weights: FloatArray) -> dict[str, FloatArray]:
    counts = (weights @ rows.common, weights @ rows.predicted, weights @ rows.reference)
    pooled = {"pooled_dice": dice(*counts), "pooled_iou": iou(*counts)}
    return {name: mean_where(values, ~np.isnan(values)) for name, values in pooled.items()}


SEGMENTATION = Metric(_update, (_per_image, _pooled))
