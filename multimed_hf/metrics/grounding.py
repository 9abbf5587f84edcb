"""Scores of phrase grounding: how well a map of similarity to a phrase points at the region the phrase describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.rows import Metric, Rows, mean
from multimed_hf.metrics.segmentation import dice, image, iou, mask

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


def grounding(
    predictions: Sequence[ArrayLike], references: Sequence[ArrayLike], thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, float]:
    """Scores of similarity maps against reference regions, one map a phrase of an image; each a mean over the maps.

    Maps are taken as they are, on the grid of the image: `cnr` and `pointing_game` do not depend on their scale, Dice
    and IoU do, as they are of the pixels at or above fixed thresholds. Those of the default are for cosine
    similarities or for maps scaled to [0, 1], of which these two give different scores.

    Args:
        predictions: one map an image and phrase, `(height, width)` or `(depth, height, width)`, finite, higher where
            more alike. Images may differ in size.
        references: whether each pixel is in the region, booleans or 0 and 1, each of the shape of its map, with at
            least one pixel in the region. Several boxes of one phrase are one region.
        thresholds: of the map, for Dice and IoU.

    Returns:
        - `cnr`: contrast-to-noise ratio (Boecking et al. 2022), |mean inside - mean outside| / sqrt(variance inside +
          variance outside), variances divided by the number of pixels, in [0, inf). Its sign is lost, so a map
          turned upside down scores the same: read it with `pointing_game`. 0 for a constant map. NaN where all maps
          are skipped.
        - `cnr_skipped`: maps without a finite ratio, which are no part of `cnr`: the region is the whole image, or
          the map is constant inside and constant outside at two values.
        - `pointing_game`: share of maps with their maximum in the region, without a tolerance (Zhang et al. 2018); of
          several pixels of the largest value the share that is in the region, so that a constant map scores the
          share of the image that the region takes.
        - `mean_iou`, `mean_dice`: means over the thresholds of the following.
        - `iou_at_<threshold>`, `dice_at_<threshold>`: IoU and Dice, as defined in `segmentation`, of the pixels at or
          above the threshold; 0 where there is none.

    Raises:
        ValueError: lengths differ, no maps, a map that is not of 2 or 3 dimensions or not finite, a reference of
            another shape, with other values than 0 and 1 or without a pixel in the region, or thresholds that are not
            distinct finite numbers.
    """
    return GROUNDING(predictions, references, thresholds)


@dataclass(frozen=True)
class GroundingRows(Rows):
    """Scores of each map: `cnr` (NaN where skipped) and `pointing_game` `(n,)`, `iou` and `dice` `(n, thresholds)`."""

    cnr: FloatArray
    pointing_game: FloatArray
    iou: FloatArray
    dice: FloatArray
    thresholds: tuple[float, ...]


def _update(
    predictions: Sequence[ArrayLike], references: Sequence[ArrayLike], thresholds: Sequence[float] = THRESHOLDS
) -> GroundingRows:
    checks.check_lengths(predictions, references)
    limits = cutoffs(thresholds, "thresholds")
    ratios, points, counts = np.empty(len(references)), np.empty(len(references)), []
    for index, (prediction, reference) in enumerate(zip(predictions, references, strict=True)):
        similarity, region = _map(prediction, index), mask(reference, f"reference {index}", 1).astype(np.bool_)
        if similarity.shape != region.shape:
            raise ValueError(
                f"Expected a map and a region of one shape, got {similarity.shape} for prediction {index} and "
                f"{region.shape} for its reference; resample the map to the grid of the image."
            )
        if not region.any():
            raise ValueError(
                f"Expected a region of at least one pixel, got none in reference {index}; leave out phrases without "
                "a region in the image."
            )
        ratios[index] = _contrast_to_noise(similarity[region], similarity[~region])
        points[index] = region[similarity == similarity.max()].mean()
        counts.append(_counts(similarity, region, limits))
    pixels = np.array(counts, dtype=np.float64).transpose(1, 0, 2)
    return GroundingRows(ratios, points, iou(*pixels), dice(*pixels), limits)


def cutoffs(values: Sequence[float], name: str) -> tuple[float, ...]:
    """`values` as finite numbers, at least one, that are distinct to the 6 digits that keys show."""
    array = np.asarray(values, dtype=np.float64)
    shown = {f"{value:g}" for value in array.ravel()}
    if array.ndim != 1 or not array.size or not np.isfinite(array).all() or len(shown) < array.size:
        raise ValueError(
            f"Expected {name} as finite numbers, distinct to 6 digits, got {values!r}; pass a list of them."
        )
    return tuple(array.tolist())


def _map(values: ArrayLike, index: int) -> FloatArray:
    array = image(values, f"prediction {index}")
    if array.dtype.kind not in "iubf" or not np.isfinite(array).all():
        raise ValueError(
            f"Expected prediction {index} as a map of finite numbers, got {array.dtype} that is not finite throughout; "
            "fill pixels without a similarity with the lowest one."
        )
    return array.astype(np.float64)


def _contrast_to_noise(inside: FloatArray, outside: FloatArray) -> float:
    """The ratio, NaN where it is not finite or one side has no pixels."""
    if not outside.size:
        return float("nan")
    # Scaled, as squares of very large or small values are lost. Sides are seen from a value of their own, as the mean
    # of equal numbers may differ from them in the last digit, and a constant map would get a ratio of rounding errors.
    scale = max(np.abs(inside).max(), np.abs(outside).max()) or 1.0
    inside, outside = inside / scale, outside / scale
    from_inside, from_outside = inside - inside[0], outside - outside[0]
    contrast = abs(inside[0] - outside[0] + (from_inside.mean() - from_outside.mean()))
    noise = np.sqrt(from_inside.var() + from_outside.var())
    if noise == 0:
        return 0.0 if contrast == 0 else float("nan")
    return float(contrast / noise)


def _counts(similarity: FloatArray, region: BoolArray, thresholds: tuple[float, ...]) -> list[list[int]]:
    """Numbers of pixels in common, of the map and of the region, `(3, thresholds)`."""
    above = [similarity >= threshold for threshold in thresholds]
    return [
        [int((found & region).sum()) for found in above],
        [int(found.sum()) for found in above],
        [int(region.sum())] * len(thresholds),
    ]


def _means(rows: GroundingRows, weights: FloatArray) -> dict[str, FloatArray]:
    scores = {
        "cnr": mean(rows.cnr, weights),
        "cnr_skipped": weights @ np.isnan(rows.cnr).astype(np.float64),
        "pointing_game": mean(rows.pointing_game, weights),
        "mean_iou": mean(rows.iou.mean(axis=1), weights),
        "mean_dice": mean(rows.dice.mean(axis=1), weights),
    }
    for name, values in (("iou", rows.iou), ("dice", rows.dice)):
        for threshold, at_threshold in zip(rows.thresholds, values.T, strict=True):
            scores[f"{name}_at_{threshold:g}"] = mean(at_threshold, weights)
    return scores


GROUNDING = Metric(_update, (_means,))
