"""Scores by kind of target, and the interval of the main one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multimed_hf.metrics.answer import ANSWER, answer
from multimed_hf.metrics.classification import SINGLE_LABEL, single_label
from multimed_hf.metrics.intervals import bootstrap
from multimed_hf.metrics.multilabel import MULTI_LABEL, multi_label
from multimed_hf.metrics.ordinal import ORDINAL, ordinal
from multimed_hf.metrics.regression import REGRESSION, regression
from multimed_hf.metrics.rows import Metric
from multimed_hf.metrics.structure import STRUCTURE, structure

SCORES: dict[str, Callable[..., dict[str, float]]] = {
    "single_label": single_label,
    "multi_label": multi_label,
    "ordinal": ordinal,
    "regression": regression,
    "structure": structure,
    "answer": answer,
}

_METRICS: dict[str, Metric] = {
    "single_label": SINGLE_LABEL,
    "multi_label": MULTI_LABEL,
    "ordinal": ORDINAL,
    "regression": REGRESSION,
    "structure": STRUCTURE,
    "answer": ANSWER,
}


def score_with_interval(
    kind: str,
    main_score: str,
    predictions: Any,
    references: Any,
    groups: Sequence[Hashable] | NDArray[np.generic] | None = None,
    unit: str | None = None,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    **kwargs: Any,
) -> dict[str, Any]:
    """All scores of one kind of target, and a bootstrap interval of the main one over groups.

    Args:
        kind: a key of `SCORES`.
        main_score: a key of the scores of that kind.
        predictions: as the function in `SCORES` takes them.
        references: likewise.
        groups: the group of each row `(n,)`, such as its patient; every row is its own by default.
        unit: what one group is: "patient", "donor", "recording block"; as for `bootstrap_interval`.
        resamples: as for `bootstrap_interval`.
        level: likewise.
        seed: likewise.
        **kwargs: further arguments of the function in `SCORES`.

    Returns:
        The scores, `n` (rows), and `interval`: `low`, `high`, `level`, `groups` and `unit`, or None; then
        `interval_refusal` says why.

    Raises:
        ValueError: an unknown kind or main score, and whatever the function in `SCORES` refuses.
    """
    if kind not in _METRICS:
        raise ValueError(f"Expected a kind among {', '.join(_METRICS)}, got {kind!r}.")
    metric = _METRICS[kind]
    rows = metric.rows(predictions, references, **kwargs)
    by_part = [(part, part(rows)) for part in metric.parts]
    scores: dict[str, Any] = {key: value for _, part_scores in by_part for key, value in part_scores.items()}
    if main_score not in scores:
        raise ValueError(f"Expected a main score among {', '.join(scores)}, got {main_score!r}.")
    main_part = next(part for part, part_scores in by_part if main_score in part_scores)
    n = len(references)
    drawn = bootstrap(
        # A resample may lack the label of a per-label score, whose key is then left out.
        lambda indices: main_part(rows.take(indices)).get(main_score, np.nan),
        n,
        groups,
        resamples=resamples,
        seed=seed,
        unit=unit,
    )
    interval = drawn.interval(level)
    if interval is None:
        return {**scores, "n": n, "interval": None, "interval_refusal": drawn.refusal}
    fields = {key: getattr(interval, key) for key in ("low", "high", "level", "groups", "unit")}
    return {**scores, "n": n, "interval": fields}
