"""Every metric by name, that of each task composed from them, and scores with the interval of the main one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from multimed_hf.metrics.answer import ANSWER, answer
from multimed_hf.metrics.calibration import CALIBRATION, calibration
from multimed_hf.metrics.cell_type import CELL_TYPE, cell_type
from multimed_hf.metrics.classification import CLASSIFICATION, classification
from multimed_hf.metrics.detection import DETECTION, detection
from multimed_hf.metrics.eeg import EEG, eeg
from multimed_hf.metrics.grounding import GROUNDING, grounding
from multimed_hf.metrics.intervals import Groups, bootstrap
from multimed_hf.metrics.multilabel import MULTILABEL, multilabel
from multimed_hf.metrics.ordinal import ORDINAL, ordinal
from multimed_hf.metrics.regression import REGRESSION, regression
from multimed_hf.metrics.retrieval import RETRIEVAL, retrieval
from multimed_hf.metrics.rows import Metric, Rows
from multimed_hf.metrics.segmentation import SEGMENTATION, segmentation
from multimed_hf.metrics.structure import STRUCTURE, structure
from multimed_hf.metrics.survival import SURVIVAL, survival
from multimed_hf.tasks import TASKS, Task, closest, get_task


@dataclass(frozen=True)
class NamedMetric:
    """A metric under the name of its folder in `evaluate_metrics`.

    Attributes:
        name: of the metric, or of the task that it scores.
        metric: the mathematics.
        function: its public function, which documents arguments and scores.
        main_score: the score by which models are compared.
        task: the task, where it is that of one.
    """

    name: str
    metric: Metric
    function: Callable[..., dict[str, float]]
    main_score: str
    task: Task | None = None

    def __call__(self, predictions: Any, references: Any, **options: Any) -> dict[str, float]:
        """All scores; arguments are those of `function`, and what the task fixes need not be given."""
        return self.metric(predictions, references, **options)


_METRICS = (
    NamedMetric("classification", CLASSIFICATION, classification, "balanced_accuracy"),
    NamedMetric("multilabel", MULTILABEL, multilabel, "macro_auroc"),
    NamedMetric("ordinal", ORDINAL, ordinal, "quadratic_weighted_kappa"),
    NamedMetric("eeg", EEG, eeg, "balanced_accuracy"),
    NamedMetric("cell_type", CELL_TYPE, cell_type, "macro_f1"),
    NamedMetric("expression", REGRESSION, regression, "pearson_per_target"),
    NamedMetric("structure", STRUCTURE, structure, "tm_score"),
    NamedMetric("answer", ANSWER, answer, "accuracy"),
    NamedMetric("segmentation", SEGMENTATION, segmentation, "dice"),
    NamedMetric("grounding", GROUNDING, grounding, "pointing_game"),
    NamedMetric("detection", DETECTION, detection, "map"),
    NamedMetric("survival", SURVIVAL, survival, "uno_c"),
    NamedMetric("retrieval", RETRIEVAL, retrieval, "recall_at_1"),
    NamedMetric("calibration", CALIBRATION, calibration, "ece"),
)

METRICS: dict[str, NamedMetric] = {metric.name: metric for metric in _METRICS}


def find_metric(name: str) -> NamedMetric:
    """The metric of that name, or the one of the task of that name, with what the task fixes filled in.

    Raises:
        UnknownNameError: neither a metric nor a task has that name; the message names the nearest.
    """
    if name in METRICS:
        return METRICS[name]
    if name not in TASKS:
        raise closest(name, [*METRICS, *TASKS], "metric or task")
    task = get_task(name)
    general = METRICS[task.metric]
    metric = replace(general.metric, update=partial(general.metric.update, **task.options))
    return replace(general, name=name, metric=metric, main_score=task.main_score, task=task)


def score_with_interval(
    name: str,
    predictions: Any,
    references: Any,
    groups: Groups | None = None,
    unit: str | None = None,
    *,
    main_score: str | None = None,
    fallback: Literal["row"] | Groups | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """All scores of a metric, and a bootstrap interval of the main one over groups.

    Args:
        name: a key of `METRICS`, or the name of a task.
        predictions: as the metric's function takes them.
        references: likewise.
        groups: the group of each row `(n,)`, such as its patient; every row is its own by default.
        unit: what one group is: "patient", "donor", "recording block"; "row" without groups, else "group".
        main_score: another score than that of the metric or task.
        fallback: what to resample where there are fewer than 20 groups, which give no interval: "row", or the block of
            each row `(n,)`. Such an interval carries a note that it says nothing about new groups.
        resamples: how many resamples of groups are drawn.
        level: the share of samples of groups whose interval is meant to hold the true score, in (0, 1).
        seed: of the draws; the same seed, rows and groups draw the same rows.
        **options: further arguments of the metric's function.

    Returns:
        The scores, `n` (rows), and `interval`: `low`, `high`, `level`, `groups`, `unit` and `note`, or None; then
        `interval_refusal` says why.

    Raises:
        ValueError: an unknown name or main score, and whatever the metric's function refuses.
    """
    named = find_metric(name)
    rows = named.metric.update(predictions, references, **options)
    scores: dict[str, Any] = named.metric.compute(rows)
    return {
        **scores,
        **interval_of(
            named.metric, rows, main_score or named.main_score, groups, unit, fallback, resamples, level, seed
        ),
    }


def interval_of(
    metric: Metric,
    rows: Rows,
    score: str,
    groups: Groups | None = None,
    unit: str | None = None,
    fallback: Literal["row"] | Groups | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """The entries `n`, `interval` and `interval_refusal` of `score_with_interval` for one score of `rows`."""
    n, note = len(rows), ""
    statistic = metric.statistic(rows, score)
    drawn = bootstrap(statistic, n, groups, resamples, seed, unit=unit)
    if fallback is not None and not len(drawn.estimates):
        note = f"within {drawn.groups} x {drawn.unit}: says nothing about a new {drawn.unit}"
        if not isinstance(fallback, str):
            drawn = bootstrap(statistic, n, fallback, resamples, seed, unit="block")
        elif fallback == "row":
            drawn = bootstrap(statistic, n, None, resamples, seed)
        else:
            raise ValueError(f'Expected fallback as "row" or the block of each row, got {fallback!r}.')
    interval = drawn.interval(level)
    if interval is None:
        return {"n": n, "interval": None, "interval_refusal": drawn.refusal}
    fields: dict[str, Any] = {key: getattr(interval, key) for key in ("low", "high", "level", "groups", "unit")}
    return {"n": n, "interval": {**fields, "note": note}}
