"""What the `evaluate` modules of all tasks have in common; each of them only names its task.

A module has two configurations. `default` takes predictions and references. `grouped` takes a column `groups`
besides, such as the patient of each row, and adds a bootstrap interval of the main score over groups. All
mathematics is in `multimed_hf.metrics`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import datasets
import evaluate

from multimed_hf.metrics import SCORES, score_with_interval
from multimed_hf.tasks import get_task

_CONFIGURATIONS = ("default", "grouped")

_CITATION = """\
@software{multimed_hf,
  title = {multimed\\_hf: a benchmark of ten medical modalities},
  author = {{The multimed\\_hf contributors}}
}
"""

_NUMBERS = datasets.List(datasets.Value("float64"))

# The type of one prediction and of one reference.
_COLUMNS: dict[str, tuple[Any, Any]] = {
    "single_label": (_NUMBERS, datasets.Value("int64")),
    "multi_label": (_NUMBERS, datasets.List(datasets.Value("int64"))),
    "ordinal": (_NUMBERS, datasets.Value("int64")),
    "regression": (_NUMBERS, _NUMBERS),
    "structure": (datasets.List(_NUMBERS), datasets.List(_NUMBERS)),
    "answer": (datasets.Value("string"), datasets.Value("string")),
}


class TaskMetric(evaluate.Metric):
    """The metric of one task.

    A file of `evaluate_metrics` imports this module, not the class: `evaluate` takes the first metric class in a file's
    namespace to be the one that the file defines.

    Attributes:
        task: the name of the task in `multimed_hf.tasks`, which says its kind and its main score.
    """

    task: ClassVar[str]

    def _info(self) -> evaluate.MetricInfo:
        if self.config_name not in _CONFIGURATIONS:
            raise ValueError(
                f"Expected a configuration among {', '.join(_CONFIGURATIONS)}, got {self.config_name!r}; 'grouped' "
                "takes the group of each row and adds an interval."
            )
        task = get_task(self.task)
        prediction, reference = _COLUMNS[task.kind]
        columns = {"predictions": prediction, "references": reference}
        if self.config_name == "grouped":
            columns["groups"] = datasets.Value("string")
        return evaluate.MetricInfo(
            description=f"{task.summary} Scores of the task {task.name}; models are compared by {task.main_score}.",
            citation=_CITATION,
            inputs_description=SCORES[task.kind].__doc__ or "",
            features=datasets.Features(columns),
        )

    def _compute(
        self, predictions: list[Any], references: list[Any], groups: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        task = get_task(self.task)
        if groups is None:
            return dict(SCORES[task.kind](predictions, references, **kwargs))
        return score_with_interval(task.kind, task.main_score, predictions, references, groups, **kwargs)
