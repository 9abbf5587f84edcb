"""From predictions to the scores of a result, and to those of its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from .. import resources
from ..data.heads import Head
from ..data.samples import Sample
from ..metrics import find_metric
from .baselines import BASELINES, column_means
from .predict import Predictions, references_of
from .results import number_or_none

UNDEFINED = "undefined on these rows"


def score_rows(rows: Predictions, unit: str, seed: int = 0, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The scores of a head by the metric in `evaluate_metrics/<task>`, as fields of a `Result`.

    Args:
        rows: what the head predicts, for one source.
        unit: what a group of this source is.
        seed: seed of the resamples behind the interval.
        options: further arguments of the metric.

    Returns:
        `n`, `groups`, `score`, `low`, `high`, `scores` and `reasons`.
    """
    scored = metric_of(rows.head.task).compute(
        predictions=rows.predictions,
        references=rows.references,
        groups=rows.groups,
        unit=unit,
        seed=seed,
        main_score=rows.head.main_score,
        **(options or {}),
    )
    n, interval, refusal = scored.pop("n"), scored.pop("interval"), scored.pop("interval_refusal", "")
    scores = {name: number_or_none(value) for name, value in scored.items()}
    reasons = {name: UNDEFINED for name, value in scores.items() if value is None}
    score = scores[rows.head.main_score]
    if score is None:
        reasons["score"] = UNDEFINED
    if interval is None:
        reasons["interval"] = refusal
    return {
        "n": n,
        "groups": len(set(rows.groups)),
        "score": score,
        "low": interval["low"] if interval else None,
        "high": interval["high"] if interval else None,
        "scores": scores,
        "reasons": reasons,
    }


def score_baselines(
    rows: Predictions, train: Sequence[Sample], test: Sequence[Sample], options: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """The main score of each baseline on the rows that a head was scored on.

    Args:
        rows: what the head predicts, for one source; only the references are used.
        train: training rows of that source that ask the head, from `plain_samples`. Without any no score is defined.
        test: the rows of `rows`, likewise.
        options: further arguments of the metric.

    Returns:
        `trivial` and `classical`, each with `name` and `score`.
    """
    from threadpoolctl import threadpool_limits

    head, metric = rows.head, find_metric(rows.head.task)
    scored: dict[str, dict[str, Any]] = {}
    # The matrices are small: on a busy machine, threads of linear algebra wait for one another ten times as long.
    with threadpool_limits(1, user_api="blas"):
        for role, (baseline, names) in BASELINES.items():
            score = None
            if train:
                scores = metric(baseline(head, train, test), rows.references, **(options or {}))
                score = number_or_none(scores[head.main_score])
            scored[role] = {"name": names[head.kind], "score": score}
    return scored


def training_profiles(
    head: Head, train: Sequence[Sample], strata: Sequence[str], asked: Sequence[str]
) -> dict[str, Any]:
    """The profiles that a regression must beat, as arguments of its metric.

    Args:
        head: a regression head.
        train: training rows that ask it.
        strata: the stratum of each training row, such as its cell type; empty where unknown.
        asked: the stratum of each row that is scored.

    Returns:
        `train_mean`, and `strata` and `strata_mean` if every scored row has a stratum; the mean of all training rows
        stands in for a stratum that training lacks.
    """
    if not train:
        return {}
    references = references_of(head, train)
    known = ~np.isnan(references)
    mean = column_means(references, known)
    profiles: dict[str, Any] = {"train_mean": mean}
    if all(asked):
        profiles |= {"strata": list(asked), "strata_mean": {}}
        for name in dict.fromkeys(asked):
            own = np.array(strata) == name
            measured = known[own].any(0)
            profiles["strata_mean"][name] = np.where(measured, column_means(references[own], known[own]), mean)
    return profiles


@cache
def metric_of(task: str) -> Any:
    """The `evaluate` metric of a task, in the configuration that gives intervals over groups."""
    import evaluate

    return evaluate.load(str(resources.folder("evaluate_metrics") / task), "grouped", keep_in_memory=True)
