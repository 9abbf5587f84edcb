"""What the `evaluate` modules of all metrics and tasks have in common; each of them only says its name.

A module has two configurations. `default` takes predictions and references. `grouped` takes a column `groups`
besides, such as the patient of each row, and adds a bootstrap interval of the main score over groups. All
mathematics is in `multimed_hf.metrics`.

Further arguments of the metric's function go to `compute`. Those with one entry a row (`PER_ROW`) are no columns: they
are for all rows scored, in the order in which these were added, process after process.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import datasets
import evaluate

from multimed_hf.metrics import NamedMetric, checks, find_metric, score_with_interval
from multimed_hf.wording import CITATION

PER_ROW = frozenset(
    "answer_types atoms clusters curves embeddings lengths question_types reference_values rejection_scores strata "
    "subjects".split()
)
"""Arguments of the functions with one entry a row."""

GROUPED = tuple(
    name
    for name, parameter in inspect.signature(score_with_interval).parameters.items()
    if name not in ("name", "predictions", "references", "groups") and parameter.kind is not parameter.VAR_KEYWORD
)
"""Arguments of `score_with_interval` that `compute` takes in the configuration `grouped`: `unit`, `seed` and so on."""

_CONFIGURATIONS = ("default", "grouped")

# Class indices, labels and masks are numbers too: as integers, `datasets` would cut 1.7 to 1 where a metric refuses it.
_NUMBER = datasets.Value("float64")
_NUMBERS = datasets.List(_NUMBER)
_PLANE = datasets.List(_NUMBERS)
_VOLUME = datasets.List(_PLANE)
_TEXT = datasets.Value("string")
_REFERENCE_BOXES = {"boxes": _PLANE, "labels": _NUMBERS}

# The type of one prediction and of one reference, in the forms in which they may come.
_CLASS = [(_NUMBERS, _NUMBER)]
_FORMS: dict[str, list[tuple[Any, Any]]] = {
    "classification": _CLASS,
    "multilabel": [(_NUMBERS, _NUMBERS)],
    "ordinal": _CLASS,
    "eeg": _CLASS,
    "cell_type": _CLASS,
    "expression": [(_NUMBERS, _NUMBERS)],
    "structure": [(_PLANE, _PLANE)],
    "answer": [(_TEXT, _TEXT)],
    "segmentation": [(_PLANE, _PLANE), (_VOLUME, _VOLUME)],
    "grounding": [(_PLANE, _PLANE), (_VOLUME, _VOLUME)],
    "detection": [({**_REFERENCE_BOXES, "scores": _NUMBERS}, _REFERENCE_BOXES)],
    "survival": [(_NUMBER, _NUMBERS)],
    "retrieval": [(_NUMBERS, _NUMBER), (_NUMBERS, _NUMBERS)],
    "calibration": _CLASS,
}


class MetricModule(evaluate.Metric):
    """The `evaluate` module of one metric or task.

    A file of `evaluate_metrics` imports this module, not the class: `evaluate` takes the first metric class in a file's
    namespace to be the one that the file defines.

    Attributes:
        metric: the name of a metric in `multimed_hf.metrics.METRICS`, or of a task in `multimed_hf.tasks`.
    """

    metric: ClassVar[str]
    data: Any  # of `evaluate`: the rows being scored, None before and after

    def _info(self) -> evaluate.MetricInfo:
        if self.config_name not in _CONFIGURATIONS:
            raise ValueError(
                f"Expected a configuration among {', '.join(_CONFIGURATIONS)}, got {self.config_name!r}; 'grouped' "
                "takes the group of each row and adds an interval."
            )
        named = find_metric(self.metric)
        forms = [
            {"predictions": prediction, "references": reference}
            for prediction, reference in _FORMS[named.task.metric if named.task else named.name]
        ]
        if self.config_name == "grouped":
            # Numbers, such as of patients, are as good a name as texts.
            forms = [{**form, "groups": group} for form, group in product(forms, (_TEXT, _NUMBER))]
        features = [datasets.Features(form) for form in forms]
        return evaluate.MetricInfo(
            description=f"{subject(named)} Models are compared by {named.main_score}.",
            citation=CITATION,
            inputs_description=inspect.getdoc(named.function) or "",
            features=features if len(features) > 1 else features[0],
        )

    def add(self, *, prediction: Any = None, reference: Any = None, **columns: Any) -> None:
        """Adds one row.

        Args:
            prediction: as an entry of `predictions` below.
            reference: likewise.
            **columns: its `groups` in the configuration `grouped`.
        """
        row = {"predictions": prediction, "references": reference, **columns}
        for name in self._feature_names():
            if row.get(name) is None:
                raise ValueError(f"Expected a value of {name} for the row, got none; give {self._named_columns()}.")
        completed = {name: self._complete(name, [value])[0] for name, value in row.items()}
        super().add(prediction=completed.pop("predictions"), reference=completed.pop("references"), **completed)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **columns: Any) -> None:
        """Adds rows, none of them where they are refused.

        Args:
            predictions: as described below.
            references: likewise.
            **columns: `groups` in the configuration `grouped`.
        """
        batch = {"predictions": predictions, "references": references, **columns}
        for name in self._feature_names():
            if batch.get(name) is None:
                raise ValueError(f"Expected {name} with the rows, got none; give {self._named_columns()}.")
            if len(batch[name]) != len(predictions):
                raise ValueError(
                    f"Expected {name} for each of {len(predictions)} predictions, got {len(batch[name])}; pass all "
                    "columns for the same rows in the same order."
                )
        checks.check_lengths(predictions, references)
        super().add_batch(**{name: self._complete(name, column) for name, column in batch.items()})

    def compute(self, *, predictions: Any = None, references: Any = None, **options: Any) -> dict[str, Any] | None:
        """The scores of the rows added so far and of those given here; None in processes but the first.

        Args:
            predictions: as described below.
            references: likewise.
            **options: further arguments, described below. One with an entry a row is for all rows scored, in the order
                in which they were added. In the configuration `grouped` also the column `groups`, and those of
                `multimed_hf.metrics.score_with_interval`.
        """
        # Before anything is read: a slip of the pen does not cost the rows added so far.
        known = self._options()
        for name in options:
            if name == "groups" and self.config_name != "grouped":
                raise ValueError(
                    "Expected no groups in the configuration 'default', got some; load the configuration 'grouped'."
                )
            if name not in {*known, *self._feature_names()}:
                raise ValueError(f"Expected arguments among {', '.join(known) or 'none'}, got {name!r}; correct it.")
        try:
            scores: dict[str, Any] | None = super().compute(predictions=predictions, references=references, **options)
        except Exception:
            self._discard()
            raise
        return scores

    def _compute(
        self, predictions: list[Any], references: list[Any], groups: list[Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        predictions, references = _without_absent(predictions), _without_absent(references)
        if groups is None:
            return find_metric(self.metric)(predictions, references, **options)
        return score_with_interval(self.metric, predictions, references, groups, **options)

    def _discard(self) -> None:
        """Gives up rows that were read but not scored: `evaluate` would keep their file, locked."""
        if self.data is None:
            return
        self.data = None
        if not self.keep_in_memory:
            for lock, path in zip(self.filelocks, self.file_paths, strict=True):
                Path(path).unlink(missing_ok=True)
                lock.release()

    def _options(self) -> list[str]:
        """What `compute` takes besides columns."""
        parameters = [*inspect.signature(find_metric(self.metric).function).parameters][2:]
        return [*parameters, *(GROUPED if self.config_name == "grouped" else ())]

    def _named_columns(self) -> str:
        return ", ".join(self._feature_names())

    def _complete(self, name: str, column: Any) -> Any:
        """`column` with None for what its mappings may leave out; `evaluate` wants all of their keys."""
        form = self.features[0] if isinstance(self.features, list) else self.features
        keys = form.get(name)
        if not isinstance(keys, Mapping):
            return column
        for row, value in enumerate(column):
            if not isinstance(value, Mapping) or not value.keys() <= keys.keys():
                got = f"the keys {', '.join(map(str, value))}" if isinstance(value, Mapping) else type(value).__name__
                raise ValueError(
                    f"Expected {name} as mappings with keys among {', '.join(keys)}, got {got} in row {row}; see the "
                    "arguments of the metric."
                )
        return [{**dict.fromkeys(keys), **value} for value in column]


def subject(named: NamedMetric) -> str:
    """One sentence: what the task asks, or what the metric scores."""
    if named.task:
        return named.task.summary
    return re.split(r"(?<=\.)(?<!al\.)\s", inspect.getdoc(named.function) or "", maxsplit=1)[0].replace("\n", " ")


def _without_absent(column: Sequence[Any]) -> list[Any]:
    """`column` with mappings as they were given, without the None of `MetricModule._complete`."""
    return [
        {key: value for key, value in row.items() if value is not None} if isinstance(row, Mapping) else row
        for row in column
    ]
