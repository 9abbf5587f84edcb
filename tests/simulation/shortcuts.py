"""What a label must not be told by: metadata and statistics that anyone can compute without looking at the content."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np


def image_statistics(png: dict[str, Any]) -> list[float]:
    """Size of the file in bytes, mean and standard deviation of the pixels of an image column."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(png["bytes"])), dtype=float)
    return [len(png["bytes"]), pixels.mean(), pixels.std()]


def signal_statistics(signal: np.ndarray) -> list[float]:
    """Compressed size, mean, standard deviation and length of a signal or sequence of numbers."""
    values = np.asarray(signal, dtype=np.float32)
    return [len(zlib.compress(values.round(1).tobytes())), values.mean(), values.std(), values.size]


def text_statistics(text: str) -> list[float]:
    """Length in characters and words, and compressed size."""
    return [len(text), len(text.split()), len(zlib.compress(text.encode()))]


def metadata(row: dict[str, Any]) -> list[float]:
    """Age, sex, site and device of a row, as far as it has them."""
    return [
        float(row.get("age", 0)),
        float(row.get("sex") == "female"),
        float(str(row.get("site", "0"))[-1]),
        float(str(row.get("device", "0"))[-1]),
    ]


def excess(features: Sequence[Sequence[float]], labels: Sequence[Any], groups: Sequence[str], draws: int = 40) -> float:
    """By how many standard deviations a classifier on these features beats chance.

    Logistic regression on the features and their products, cross-validated over groups, scored by balanced accuracy;
    chance is the same with labels that were shuffled. Position in the data set is added as a feature.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    known = np.asarray(features, dtype=float)
    order = np.arange(len(known))[:, None]
    known = np.concatenate([known, order, order % 2], axis=1)
    names = np.asarray(labels)
    model = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=200),
    )
    folds = list(GroupKFold(5).split(known, groups=groups))

    def score(truth: np.ndarray) -> float:
        return float(balanced_accuracy_score(truth, cross_val_predict(model, known, truth, cv=folds)))

    random = np.random.default_rng(0)
    chance = [score(random.permutation(names)) for _ in range(draws)]
    return (score(names) - float(np.mean(chance))) / float(np.std(chance) + 1e-9)
