"""Which heads a set of built subsets asks for: one per task and label set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..sources import Target, get_source, labels_of
from ..tasks import Kind, get_task

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Head:
    """One head of the model.

    Attributes:
        name: `<task>/<label set>`; of open answers `<task>/<label set>/open`.
        task: the task it answers.
        kind: kind of its target.
        labels: label names in the order of its logits.
        target_index: for expression, the gene indices its outputs stand for, in order.
        num_targets: length of a regression target.
        texts: what the labels say in words, in their order.
        head: "decoder" where answers are written, not chosen; "label_text" where samples are to be compared with `texts`;
            empty for the usual head of the kind.
        end_token_id: of a decoder, what ends an answer; -1 until `multimed_hf.training.checkpoint.heads_of_model` says.
    """

    name: str
    task: str
    kind: Kind
    labels: tuple[str, ...] = ()
    target_index: tuple[int, ...] = ()
    num_targets: int = 0
    texts: tuple[str, ...] = field(default=(), compare=False)
    head: str = ""
    end_token_id: int = field(default=-1, compare=False)

    @property
    def main_score(self) -> str:
        """The key of the score by which models are compared: that of the task, but of open answers `exact_match`."""
        return "exact_match" if self.head == "decoder" else get_task(self.task).main_score

    @property
    def config(self) -> dict[str, Any]:
        """The entry of `MultiMedConfig.tasks`, but for what takes a tokenizer or the symbols of genes to tell."""
        entry: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.labels:
            entry["labels"] = list(self.labels)
        if self.num_targets:
            entry["num_targets"] = self.num_targets
        if self.head:
            entry["head"] = self.head
        return entry


def head_of(target: Target, row: Mapping[str, Any]) -> Head:
    """The head for a target; `row` is one that asks it, which says how long a regression target is."""
    task = get_task(target.task)
    index: tuple[int, ...] = ()
    size = 0
    if task.kind == "regression":
        size = len(row[task.column])
        index = tuple(int(value) for value in row["expression_index"]) if task.column == "expression" else ()
    form = "decoder" if is_open(target, row) else ""
    return Head(head_name(target, row), task.name, task.kind, target.labels, index, size, target.texts, form)


def is_open(target: Target, row: Mapping[str, Any]) -> bool:
    """Whether `row` asks for an answer without candidates to choose from."""
    return get_task(target.task).kind == "answer" and not row["choices"]


def head_name(target: Target, row: Mapping[str, Any]) -> str:
    """Name of the head that answers `target` on this row."""
    return target.open_head if is_open(target, row) else target.head


def head_names(target: Target) -> tuple[str, ...]:
    """Names of all heads that rows may ask for a target: answers are chosen by one and written by another."""
    return (target.head, target.open_head) if get_task(target.task).kind == "answer" else (target.head,)


def by_label_text(head: Head) -> Head:
    """The head that compares samples with the texts of labels, where one or several labels are asked; else the same."""
    return replace(head, head="label_text") if head.kind in ("single_label", "multi_label") else head


def asks(target: Target, row: Mapping[str, Any]) -> bool:
    """Whether `row` holds a label for this target of its source."""
    task = get_task(target.task)
    value = row[task.column]
    if task.kind in ("single_label", "ordinal"):
        return int(value) >= 0
    if task.kind == "multi_label":
        return any(state >= 0 for state in value.values())
    if task.kind == "survival":
        return float(value) > 0
    return len(value) > 0


def heads_in(subsets: Mapping[str, Iterable[datasets.Dataset]]) -> list[Head]:
    """All heads that rows of these data sets ask for, in the order in which sources and targets were declared.

    Args:
        subsets: subset name to its splits, `train` among them.

    Raises:
        ValueError: no row asks anything.
    """
    heads: dict[str, Head] = {}
    for subset, splits in subsets.items():
        for split in splits:
            source_column = split.data.column("source").to_pylist()
            if split._indices is not None:
                source_column = split["source"][:]
            for name in dict.fromkeys(source_column):
                for target in get_source(subset, name).targets:
                    for head in head_names(target):
                        if head in heads:
                            continue
                        row = _first(split, source_column, name, target, head)
                        if row is not None:
                            heads[head] = head_of(target, row)
    if not heads:
        raise ValueError(f"Expected rows with labels in {list(subsets)}, got none: nothing to learn or to measure.")
    return list(heads.values())


def _first(
    split: datasets.Dataset, sources: list[str], name: str, target: Target, head: str
) -> Mapping[str, Any] | None:
    task = get_task(target.task)
    beside = {"expression": ["expression_index"], "answer": ["choices"]}
    view = split.select_columns([task.column, *beside.get(task.column, ())])
    for index, source in enumerate(sources):
        if source == name:
            row = view[index]
            if asks(target, row) and head_name(target, row) == head:
                return row
    return None


def local_label(subset: str, target: Target, value: int) -> int:
    """Index within the head's labels of a ClassLabel `value` of the subset, whose names are those of all sources."""
    return target.labels.index(labels_of(subset, target.task)[value])
