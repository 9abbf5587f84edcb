"""What is explained: one number of one task, the same for every copy of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .sample import PackedSample

LOG_ODDS, GRADE, LOG_RISK, NUMBER = "log odds", "expected grade", "log risk", "units of the data"


@dataclass(frozen=True)
class Explained:
    """The number that is explained.

    Attributes:
        task: name of the head.
        kind: kind of the task.
        target: the label, the candidate answer or the target of regression; empty where the task has one number only.
        index: its place among the outputs of the head.
        unit: "log odds" `log p / (1 - p)` of a label or a candidate, which unlike a logit do not depend on a shift of all
            logits; "expected grade", counted from 0; "log risk"; or "units of the data".
        value: the number for the whole sample.
    """

    task: str
    kind: str
    target: str
    index: int
    unit: str
    value: float


def ask(model: Any, sample: PackedSample, task: str, target: str | int | None) -> Explained:
    """Settles what is explained, as `contributions` takes `task` and `target`, and its value for the whole sample."""
    entry = _entry(model, sample, task)
    arguments = sample.copies([sample.modalities])
    with torch.no_grad():
        logits = model(**arguments).logits[task].float()
    kind, outputs = entry["kind"], logits.shape[-1]
    if kind in ("single_label", "multi_label", "answer"):
        names = list((sample.choices or ()) if kind == "answer" else entry["labels"])
        if kind != "multi_label" and len(names) < 2:
            raise ValueError(
                f"Expected two answers or more to choose from in {task!r}, got {names}: nothing to explain."
            )
        index, unit = _index(task, names, target, int(logits[0].argmax())), LOG_ODDS
    elif kind == "regression":
        names = list(entry.get("targets") or map(str, range(outputs)))
        index, unit = _index(task, names, target, _farthest(model.heads.tasks[task], logits[0])), NUMBER
        names = names if outputs > 1 or entry.get("targets") else [""]
    else:
        if target is not None:
            raise ValueError(f"Expected no target for {task!r}, whose kind {kind!r} has one number, got {target!r}.")
        names, index, unit = [""], 0, GRADE if kind == "ordinal" else LOG_RISK
    explained = Explained(task, kind, names[index], index, unit, 0.0)
    return Explained(task, kind, names[index], index, unit, float(_number(explained, logits)))


def score(model: Any, arguments: Mapping[str, Any], explained: Explained) -> torch.Tensor:
    """The number for each sample of a batch, `(batch,)` float32."""
    return _number(explained, model(**arguments).logits[explained.task].float())


def empty_score(model: Any, sample: PackedSample, explained: Explained) -> float:
    """The number without any modality: what the head says to a vector of zeros, in which no modality put anything."""

    def silence(head: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (torch.zeros_like(arguments[0]), *arguments[1:])

    hook = model.heads.tasks[explained.task].register_forward_pre_hook(silence)
    try:
        with torch.no_grad():
            return float(score(model, sample.copies([sample.modalities]), explained))
    finally:
        hook.remove()


def _entry(model: Any, sample: PackedSample, task: str) -> dict[str, Any]:
    """The entry of a task in the configuration.

    Raises:
        ValueError: the model lacks it, it does not come down to one number, or the sample has no candidate answers for it.
    """
    entries = {entry["name"]: entry for entry in model.config.tasks}
    if task not in entries:
        raise ValueError(f"Expected a head of the model, one of {list(entries)}, got {task!r}.")
    entry = entries[task]
    kinds = ("single_label", "multi_label", "ordinal", "regression", "answer", "survival")
    if entry["kind"] not in kinds or entry.get("head") == "decoder":
        named = entry.get("head") or entry["kind"]
        raise ValueError(
            f"Expected a task that comes down to one number, of kind {kinds}, got {task!r}, a {named!r} head."
        )
    if entry["kind"] == "answer" and not sample.choices:
        raise ValueError(f"Expected candidate answers under `choices` for {task!r}, got none.")
    return entry


def _index(task: str, names: Sequence[str], target: str | int | None, default: int) -> int:
    if target is None:
        return default
    if isinstance(target, int) and 0 <= target < len(names):
        return target
    if target not in names:
        some = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        raise ValueError(f"Expected a target of {task!r} among {some}, got {target!r}.")
    return list(names).index(str(target))


def _farthest(head: Any, values: torch.Tensor) -> int:
    """The target that lies farthest from its mean in training, in standard deviations."""
    return int(((values - head.mean.float()) / head.scale.float()).abs().argmax())


def _number(explained: Explained, logits: torch.Tensor) -> torch.Tensor:
    """`(batch, outputs)` to `(batch,)`."""
    own = logits[:, explained.index]
    if explained.kind in ("single_label", "answer"):
        others = torch.cat([logits[:, : explained.index], logits[:, explained.index + 1 :]], 1)
        return own - others.logsumexp(1)
    if explained.kind == "ordinal":
        return logits.softmax(1) @ torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype)
    return own
