"""`compute_metrics` for `transformers.Trainer`: from logits and labels as Trainer gathers them to scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from multimed_hf.metrics.arrays import BoolArray, FloatArray
from multimed_hf.metrics.multilabel import UNKNOWN
from multimed_hf.metrics.scoring import NamedMetric, find_metric
from multimed_hf.tasks import Kind

# The label that a sample carries for a head that it does not ask, and what Trainer pads with.
_IGNORE = -100
# Place of C-alpha among the backbone atoms N, C-alpha, C.
_CA = 1

# What the logits of a metric are, where it is not that of a task.
_KINDS: dict[str, Kind] = {
    "classification": "single_label",
    "eeg": "single_label",
    "cell_type": "single_label",
    "multilabel": "multi_label",
    "ordinal": "ordinal",
    "expression": "regression",
    "structure": "structure",
    "answer": "answer",
    "survival": "survival",
}

_Asked = tuple[Any, Any]


def compute_metrics_for(
    tasks: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]],
) -> Callable[[Any], dict[str, float]]:
    """The `compute_metrics` of `Trainer` for any heads of `MultiMedForMultitask`, or for any model of one task.

    Args:
        tasks: `model.config.tasks`, or one or more of: an entry of it; the name of a head, `<task>/<label set>`; the name
            of a task or metric. One of them suits a model that returns a single array of logits too.

    Returns:
        A function of an `EvalPrediction`. `predictions` holds logits, `label_ids` labels: two arrays, or dicts of them by
        the names in `tasks`, in the forms in which `MultiMedCollator` and the heads have them; -100 and NaN mark what is
        not asked, and such rows take no part. Of one task the scores come back under their own names, of several as
        `<name>/<score>`; tasks that no row asks or that have no labels are left out, and so are scores of single classes
        and labels. Answers are scored by the candidate chosen; open ones, of heads `<task>/<label set>/open` or entries
        with the head "decoder", by `exact_match` alone: the share whose every token, the end too, is the likeliest after the
        true ones before it, which is the share that greedy writing gets right token by token. Their logits `(n, answer
        tokens, vocabulary)` are large; `preprocess_logits_for_metrics` of Trainer may reduce them to the likeliest token
        `(n, answer tokens)`. Use `metric_for_best_model="eval_<key>"`.

    Raises:
        ValueError: no task, an unknown one, one whose scores need more than logits and labels; when called, predictions
            without the head of a task or of another shape than its labels.
    """
    entries = [tasks] if isinstance(tasks, (str, Mapping)) else list(tasks)
    names = [entry if isinstance(entry, str) else str(entry["name"]) for entry in entries]
    if not names:
        raise ValueError("Expected at least one task, got none; pass model.config.tasks.")
    # Heads have names of their own, behind that of the task.
    metrics = {name: find_metric(name.split("/")[0]) for name in names}
    kinds = {name: _kind(metric) for name, metric in metrics.items()}
    written = {name for entry, name in zip(entries, names, strict=True) if _is_written(entry)}

    def compute_metrics(prediction: Any) -> dict[str, float]:
        scores: dict[str, float] = {}
        asked = _asked(prediction.label_ids, names)
        for name, metric in metrics.items():
            if name not in asked:
                continue
            logits = _of_head(prediction.predictions, name, len(names), "predictions")
            labels = _of_head(prediction.label_ids, name, len(names), "label_ids")
            prefix = "" if len(names) == 1 else f"{name}/"
            if name in written:
                predictions, references = _tokens(name, logits, labels)
                kept = {"exact_match"}
            else:
                predictions, references = _ASKED[kinds[name]](name, logits, labels)
                kept = set()
            if len(references):
                found = metric(predictions, references)
                kept = kept or {key for key in found if "/" not in key}
                scores |= {prefix + key: value for key, value in found.items() if key in kept}
        return scores

    return compute_metrics


def _kind(metric: NamedMetric) -> Kind:
    kind = metric.task.kind if metric.task else _KINDS.get(metric.name)
    if kind is None or kind not in _ASKED:
        raise ValueError(
            f"Expected a task that is scored from logits and labels, got {metric.name!r}; call its metric yourself."
        )
    return kind


def _asked(label_ids: Any, names: list[str]) -> list[str]:
    """The names that there are labels of: a collator may be made for some heads of the model only."""
    if not isinstance(label_ids, Mapping) or "backbone" in label_ids:
        return names
    asked = [name for name in names if name in label_ids]
    if not asked:
        raise ValueError(
            f"Expected label_ids of {' or '.join(map(repr, names))}, got those of {', '.join(label_ids)}; name the heads "
            "that the collator makes labels for."
        )
    return asked


def _of_head(values: Any, name: str, tasks: int, what: str) -> Any:
    """What belongs to one head, of dicts by head or, for a model of one task, of the first array."""
    if isinstance(values, Mapping) and "backbone" not in values:
        if name not in values:
            raise ValueError(f"Expected {what} of {name!r}, got those of {', '.join(values)}; name the model's heads.")
        return values[name]
    if tasks > 1:
        raise ValueError(f"Expected {what} as a dict by task for {tasks} tasks, got {type(values).__name__}.")
    return values[0] if isinstance(values, tuple) else values


def _classes(name: str, logits: Any, labels: Any) -> _Asked:
    scores, references = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or references.shape != scores.shape[:1]:
        raise _shapes(name, "(n, classes) and (n,)", scores.shape, references.shape)
    asked = references != _IGNORE
    return _softmax(scores[asked]), references[asked]


def _labels(name: str, logits: Any, labels: Any) -> _Asked:
    scores, references = _same_shape(name, logits, labels)
    asked = (references != _IGNORE).any(axis=1)
    known = np.where(references[asked] == _IGNORE, UNKNOWN, references[asked])
    return 1.0 / (1.0 + np.exp(-scores[asked])), known


def _values(name: str, logits: Any, labels: Any) -> _Asked:
    values, references = _same_shape(name, logits, labels)
    asked = (~np.isnan(references)).any(axis=1)
    return values[asked], references[asked]


def _risks(name: str, logits: Any, labels: Any) -> _Asked:
    risks, outcomes = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if risks.ndim != 2 or outcomes.shape != (len(risks), 2) or risks.shape[1] != 1:
        raise _shapes(name, "(n, 1) and (n, 2)", risks.shape, outcomes.shape)
    asked = ~np.isnan(outcomes).any(axis=1)
    return risks[asked, 0], outcomes[asked]


def _chains(name: str, logits: Any, labels: Any) -> _Asked:
    """C-alpha positions of each chain `(length, 3)`, NaN where not resolved."""
    if not isinstance(labels, Mapping):
        raise ValueError(
            f"Expected label_ids of {name!r} with backbone and resolved, got {type(labels).__name__}; use MultiMedCollator."
        )
    predicted, true = _same_shape(name, logits, labels["backbone"], "(n, longest chain, 3, 3)")
    resolved = np.asarray(labels["resolved"])
    if resolved.shape != true.shape[:2]:
        raise _shapes(name, "(n, longest chain, 3, 3) and (n, longest chain)", true.shape, resolved.shape)
    lengths = (resolved != _IGNORE).sum(axis=1)
    asked = np.flatnonzero((resolved == 1).any(axis=1))
    masked = np.where((resolved == 1)[:, :, None], true[:, :, _CA], np.nan)
    return [predicted[row, : lengths[row], _CA] for row in asked], [masked[row, : lengths[row]] for row in asked]


def _choices(name: str, logits: Any, labels: Any) -> _Asked:
    """Numbers of candidates, as words: which words they stand for is no part of logits and labels."""
    scores, references = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or references.shape != scores.shape[:1]:
        raise _shapes(name, "(n, candidates) and (n,)", scores.shape, references.shape)
    asked: BoolArray = references != _IGNORE
    if asked.any() and not scores.shape[1]:
        raise _shapes(name, "(n, candidates) and (n,)", scores.shape, references.shape)
    # A sample with fewer candidates than others is padded with -100, which must not be chosen over a low logit.
    chosen = np.where(scores[asked] == _IGNORE, -np.inf, scores[asked]).argmax(axis=1) if asked.any() else []
    return [str(choice) for choice in chosen], [str(int(label)) for label in references[asked]]


def _is_written(entry: str | Mapping[str, Any]) -> bool:
    """Whether a head writes its answers."""
    return entry.endswith("/open") if isinstance(entry, str) else entry.get("head") == "decoder"


def _tokens(name: str, logits: Any, labels: Any) -> _Asked:
    """Numbers of the tokens of open answers, as words."""
    found, references = np.asarray(logits), np.asarray(labels)
    likeliest = found.argmax(axis=2) if found.ndim == 3 and found.shape[2] else found
    if references.ndim != 2 or likeliest.shape != references.shape:
        raise _shapes(name, "(n, answer tokens, vocabulary) and (n, answer tokens)", found.shape, references.shape)
    known = references != _IGNORE
    asked = np.flatnonzero(known.any(axis=1))

    def words(values: Any) -> list[str]:
        return [" ".join(f"t{int(token)}" for token in values[row, known[row]]) for row in asked]

    return words(likeliest), words(references)


_ASKED: dict[Kind, Callable[[str, Any, Any], _Asked]] = {
    "single_label": _classes,
    "multi_label": _labels,
    "ordinal": _classes,
    "regression": _values,
    "structure": _chains,
    "answer": _choices,
    "survival": _risks,
}


def _softmax(logits: FloatArray) -> FloatArray:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    return odds / odds.sum(axis=1, keepdims=True)


def _same_shape(name: str, logits: Any, labels: Any, shape: str = "(n, outputs)") -> tuple[FloatArray, FloatArray]:
    values, references = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if values.ndim != shape.count(",") + 1 or values.shape != references.shape:
        raise _shapes(name, f"{shape} twice", values.shape, references.shape)
    return values, references


def _shapes(name: str, expected: str, logits: tuple[int, ...], labels: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"Expected logits and labels of {name!r} of shapes {expected}, got {logits} and {labels}; check the model's head."
    )
