"""What needs no neural network: a trivial and a classical baseline for each kind of target.

| kind | trivial | classical, on `features` |
|---|---|---|
| single_label, ordinal | class prior | logistic regression |
| multi_label | prior of each label | one logistic regression a label, of one penalty |
| regression | train mean | ridge regression, penalty per target by leave-one-out within train |
| structure | ideal alpha helix | the training chain of nearest composition |
| answer | majority answer | logistic regression over the answers, among the candidates if there are any |

The penalty of logistic regressions is the one whose predictions for held-out groups of the train split have the best
main score of the task. Nothing is ever chosen on the rows that are scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..data.heads import Head
from ..data.samples import Sample
from ..metrics import find_metric
from .features import PlainFeatures
from .predict import references_of

RIDGE_PENALTIES = np.logspace(-2, 5, 15)
"""Candidates of the penalty; leave-one-out takes the best for each target."""

LOGISTIC_C = (0.01, 0.1, 1.0, 10.0)
"""Candidates of the inverse penalty, the strongest penalty first, which is taken where several are best."""

FOLDS = 3
"""Parts of the train split, whole groups each, of which one at a time is held out to choose `C`."""

_HELIX_RADIUS, _HELIX_RISE, _HELIX_TURN = 2.3, 1.5, 2 * np.pi / 3.6
_CA_DISTANCE = 3.8  # angstrom between neighbours

TRIVIAL_NAMES = {
    "single_label": "class prior",
    "ordinal": "class prior",
    "multi_label": "label priors",
    "regression": "train mean",
    "structure": "ideal helix",
    "answer": "majority answer",
}
CLASSICAL_NAMES = {
    "single_label": "logistic regression",
    "ordinal": "logistic regression",
    "multi_label": "logistic regression",
    "regression": "ridge regression",
    "structure": "chain of nearest composition",
    "answer": "logistic regression",
}


def trivial_baseline(head: Head, train: Sequence[Sample], test: Sequence[Sample]) -> Any:
    """Predictions that use the training targets, and of the test rows at most their length and candidates.

    Args:
        head: what to predict.
        train: training rows that ask it, from `plain_samples`; at least one.
        test: rows to predict.

    Returns:
        As `Predictions.predictions`.
    """
    references = references_of(head, train)
    if head.kind in ("single_label", "ordinal"):
        prior = np.bincount(references, minlength=len(head.labels)) / len(references)
        return np.tile(prior, (len(test), 1))
    if head.kind in ("multi_label", "regression"):
        known = references >= 0 if head.kind == "multi_label" else ~np.isnan(references)
        return np.tile(column_means(references, known), (len(test), 1))
    if head.kind == "structure":
        return [ideal_helix(len(sample["inputs"]["protein"])) for sample in test]
    ranked = [answer for answer, _ in Counter(references).most_common()]
    return [_first_allowed(ranked, sample) for sample in test]


def classical_baseline(head: Head, train: Sequence[Sample], test: Sequence[Sample]) -> Any:
    """Predictions of a simple model on plain features of the same inputs; arguments as for `trivial_baseline`."""
    references = references_of(head, train)
    if head.kind == "structure":
        return _nearest_chains(references, train, test)
    features = PlainFeatures().fit(train)
    x, x_test = features.transform(train), features.transform(test)
    if head.kind == "regression":
        return _ridge(x, references, x_test)
    references = np.asarray(references)
    return _logistic(head, x, references, x_test, test, best_c(head, x, references, train))


def best_c(head: Head, x: Any, references: np.ndarray, train: Sequence[Sample]) -> float:
    """The `C` among `LOGISTIC_C` with the best main score on held-out groups; 1 where there are too few groups.

    Args:
        head: what to predict.
        x: features of the training rows `(rows, features)`.
        references: their targets.
        train: the rows themselves.
    """
    from sklearn.model_selection import GroupKFold

    groups = [sample["group"] for sample in train]
    if len(set(groups)) < FOLDS:
        return 1.0
    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=0).split(x, groups=groups))
    held_out = references[np.concatenate([rows for _, rows in folds])]
    metric = find_metric(head.task)
    scores = []
    for c in LOGISTIC_C:
        parts = [
            _logistic(head, x[fit], references[fit], x[rows], [train[row] for row in rows], c) for fit, rows in folds
        ]
        scores.append(metric(np.concatenate(parts), held_out)[head.main_score])
    return LOGISTIC_C[int(np.nanargmax(scores))] if not np.isnan(scores).all() else 1.0


def class_probabilities(x: Any, y: np.ndarray, x_test: Any, classes: int, c: float = 1.0) -> np.ndarray:
    """Probabilities `(rows, classes)` of a logistic regression; 0 for classes that `y` lacks.

    Args:
        x: features `(training rows, features)`.
        y: class indices `(training rows,)`.
        x_test: features `(rows, features)`.
        classes: how many there are.
        c: inverse of the penalty.
    """
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((x_test.shape[0], classes))
    present = np.unique(y)
    if len(present) == 1:
        probabilities[:, present] = 1.0
        return probabilities
    probabilities[:, present] = LogisticRegression(C=c, max_iter=2000).fit(x, y).predict_proba(x_test)
    return probabilities


def column_means(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mean of the known entries of each column `(columns,)`, 0 for a column without any."""
    return np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)


def ideal_helix(length: int) -> np.ndarray:
    """C-alpha coordinates `(length, 3)` of a right-handed alpha helix, angstrom.

    3.6 residues a turn, rise 1.5 a residue, radius 2.3 (Pauling, Corey, Branson 1951).
    """
    angle = _HELIX_TURN * np.arange(length)
    return np.stack([_HELIX_RADIUS * np.cos(angle), _HELIX_RADIUS * np.sin(angle), _HELIX_RISE * np.arange(length)], 1)


def continued(coordinates: np.ndarray, length: int) -> np.ndarray:
    """C-alpha coordinates cut to `length` residues, or continued straight in steps of 3.8 angstrom.

    Args:
        coordinates: `(L, 3)`, NaN rows where not resolved: those between resolved ones are put on a line between them,
            those at the ends continue straight.
        length: residues of the result.
    """
    resolved = np.flatnonzero(~np.isnan(coordinates[:, 0]))
    first, last = resolved[0], resolved[-1]
    places = np.arange(length, dtype=float)
    chain = np.stack([np.interp(places, resolved, coordinates[resolved, axis]) for axis in range(3)], 1)
    # Beyond the ends `interp` repeats the last value.
    before, after = np.maximum(first - places, 0), np.maximum(places - last, 0)
    direction = _direction(coordinates[last] - coordinates[resolved[-min(4, len(resolved))]])
    opposite = _direction(coordinates[first] - coordinates[resolved[min(4, len(resolved)) - 1]])
    return chain + _CA_DISTANCE * (after[:, None] * direction + before[:, None] * opposite)


def _direction(vector: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(vector)
    return vector / size if size > 0 else np.array([1.0, 0.0, 0.0])


def _first_allowed(ranked: Sequence[str], sample: Sample) -> str:
    """The best ranked answer that the row allows; its first candidate if training rows never had any of them."""
    choices = sample["choices"]
    if not choices:
        return ranked[0]
    return next((answer for answer in ranked if answer in choices), choices[0])


def _logistic(
    head: Head, x: Any, references: np.ndarray, x_test: Any, test: Sequence[Sample], c: float
) -> np.ndarray | list[str]:
    if head.kind == "multi_label":
        return _label_probabilities(x, references, x_test, c)
    if head.kind == "answer":
        return _answers(x, references, x_test, test, c)
    return class_probabilities(x, references, x_test, len(head.labels), c)


def _label_probabilities(x: Any, references: np.ndarray, x_test: Any, c: float) -> np.ndarray:
    columns = []
    for column in references.T:
        rows = np.flatnonzero(column >= 0)
        if len(rows):
            columns.append(class_probabilities(x[rows], column[rows], x_test, 2, c)[:, 1])
        else:
            columns.append(np.zeros(x_test.shape[0]))
    return np.stack(columns, 1)


def _answers(x: Any, references: np.ndarray, x_test: Any, test: Sequence[Sample], c: float) -> list[str]:
    names, y = np.unique(references, return_inverse=True)
    probabilities = class_probabilities(x, y, x_test, len(names), c)
    return [
        _first_allowed(names[np.argsort(-row, kind="stable")].tolist(), sample)
        for row, sample in zip(probabilities, test, strict=True)
    ]


def _ridge(x: Any, references: np.ndarray, x_test: Any) -> np.ndarray:
    from sklearn.linear_model import RidgeCV

    predictions = np.zeros((x_test.shape[0], references.shape[1]))
    known = ~np.isnan(references)
    # Targets measured on the same rows are fitted together.
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        rows, targets = np.flatnonzero(pattern), np.flatnonzero(pattern_of.ravel() == number)
        if len(rows) < 2:
            predictions[:, targets] = column_means(references, known)[targets]
            continue
        several = len(targets) > 1
        y = references[np.ix_(rows, targets)]
        ridge = RidgeCV(RIDGE_PENALTIES, alpha_per_target=several).fit(x[rows], y if several else y[:, 0])
        predictions[:, targets] = ridge.predict(x_test).reshape(-1, len(targets))
    return predictions


def _nearest_chains(references: Sequence[np.ndarray], train: Sequence[Sample], test: Sequence[Sample]) -> list[Any]:
    features = PlainFeatures().fit(train)
    known, asked = features.transform(train), features.transform(test)
    nearest = [int(((known - row) ** 2).sum(1).argmin()) for row in asked]
    return [
        continued(references[index], len(sample["inputs"]["protein"]))
        for index, sample in zip(nearest, test, strict=True)
    ]


Baseline = Callable[[Head, Sequence[Sample], Sequence[Sample]], Any]

BASELINES: dict[str, tuple[Baseline, dict[str, str]]] = {
    "trivial": (trivial_baseline, TRIVIAL_NAMES),
    "classical": (classical_baseline, CLASSICAL_NAMES),
}
"""Role of a baseline to its function and its name by kind of target."""
