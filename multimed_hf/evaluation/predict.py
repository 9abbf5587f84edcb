"""Predictions of a model for every row of a data set, head by head, in the form in which the metrics take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..data.heads import Head
from ..data.samples import ANSWER_TOKENS, IGNORE, MultiMedCollator, Sample
from ..metrics.multilabel import UNKNOWN

BACKBONE_CA = 1
"""Place of C-alpha among the atoms of a residue: N, C-alpha, C."""


class Samples(Protocol):
    """A map-style data set of samples that reads a batch at once."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]: ...


@dataclass(frozen=True)
class Predictions:
    """What one head says about the rows that ask it, in the order of the data.

    Attributes:
        head: the head.
        rows: position of each row in the data set `(n,)`.
        ids: `id` of each row.
        groups: `group` of each row.
        sources: `source` of each row.
        predictions: probabilities `(n, labels)`, values in the units of the data `(n, targets)`, answers, log risks
            `(n,)`, or one array `(L, 3)` of C-alpha coordinates in angstrom a chain.
        references: class indices `(n,)`; 1 present, 0 absent, -1 unknown `(n, labels)`; values `(n, targets)`, NaN
            where not measured; answers; days and whether the event was seen `(n, 2)`; or coordinates `(L, 3)`, NaN rows
            where not resolved.
    """

    head: Head
    rows: np.ndarray
    ids: list[str]
    groups: list[str]
    sources: list[str]
    predictions: Any
    references: Any

    def of_source(self, source: str) -> Predictions:
        """The rows of one source."""
        places = [place for place, name in enumerate(self.sources) if name == source]

        def take(values: Any) -> Any:
            return values[places] if isinstance(values, np.ndarray) else [values[place] for place in places]

        names = ("rows", "ids", "groups", "sources", "predictions", "references")
        return Predictions(self.head, **{name: take(getattr(self, name)) for name in names})


def predict(
    model: Any,
    processor: Any,
    dataset: Samples,
    heads: Sequence[Head],
    batch_size: int = 64,
    device: Any = None,
    progress: bool = True,
    description: str = "predicting",
    zero_shot: Mapping[str, str] | None = None,
) -> dict[str, Predictions]:
    """One pass of the model over the data.

    Packed batches waste nothing on padding, so rows are taken as they come. Open answers are written word by word, the
    likeliest each time, up to `ANSWER_TOKENS` tokens. The model keeps its precision; it is left in evaluation mode, on
    `device`.

    Args:
        model: a `MultiMedForMultitask`, or a PEFT model around one.
        processor: its `MultiMedProcessor`.
        dataset: the rows, a `SampleDataset` or `AlignedSamples`.
        heads: the heads to ask, as `multimed_hf.training.checkpoint.heads_of_model` gives them.
        batch_size: rows a batch.
        device: torch device; None for where the model is.
        progress: whether to show a bar.
        description: name of the bar.
        zero_shot: names of heads that the model lacks to that of the model's label-text head that answers in their place,
            by the `texts` of their labels.

    Returns:
        Head name to the predictions for the rows that ask it; heads that no row asks are left out.

    Raises:
        ValueError: a head that the model does not have.
    """
    import torch
    from tqdm.auto import tqdm

    instead = dict(zero_shot or {})
    known = {task["name"] for task in model.config.tasks} | instead.keys()
    missing = [head.name for head in heads if head.name not in known]
    if missing:
        raise ValueError(f"Expected heads among {sorted(known)}, got {missing[0]!r}: the model was not trained on it.")
    device = next(model.parameters()).device if device is None else torch.device(device)
    model.to(device).eval()
    collate = MultiMedCollator(processor)
    apart = {head.name for head in heads if head.head == "decoder"} | instead.keys()
    label_ids = {head.name: processor.encode_labels(head.texts) for head in heads if head.name in instead}

    def answer(head: Head, samples: Sequence[Sample]) -> Sequence[Any] | np.ndarray:
        """What a head that is not among the logits says of samples that ask it."""
        batch = _to(collate(samples), device)
        if head.name in instead:
            logits = model.zero_shot(**batch, label_ids=label_ids[head.name], task=instead[head.name])
            return _outputs(head, logits, samples)
        written = model.generate_answers(**batch, task=head.name, max_new_tokens=ANSWER_TOKENS)
        decoded: list[str] = processor.decode_answers(written.cpu(), head.end_token_id)
        return decoded

    asked: dict[str, list[tuple[int, Sample, Any]]] = {head.name: [] for head in heads}
    with torch.inference_mode(), tqdm(total=len(dataset), desc=description, unit=" rows", disable=not progress) as bar:
        for batch in _batches(len(dataset), batch_size):
            # The others may carry what the model does not read.
            rows, samples = _asking(batch, dataset.__getitems__(batch), heads)
            asking = {
                head.name: [place for place, sample in enumerate(samples) if head.name in sample["labels"]]
                for head in heads
            }
            together = [head for head in heads if asking[head.name] and head.name not in apart]
            logits = model(**_to(collate(samples), device)).logits if together else {}
            outputs = {head.name: _outputs(head, logits[head.name], samples) for head in together}
            for head in heads:
                places = asking[head.name]
                if places and head.name in apart:
                    found = answer(head, [samples[place] for place in places])
                else:
                    found = [outputs[head.name][place] for place in places]
                asked[head.name] += [
                    (rows[place], samples[place], one) for place, one in zip(places, found, strict=True)
                ]
            bar.update(len(batch))
    return {head.name: _gather(head, asked[head.name]) for head in heads if asked[head.name]}


def _asking(rows: Sequence[int], samples: Sequence[Sample], heads: Sequence[Head]) -> tuple[list[int], list[Sample]]:
    """The rows that ask one of the heads, and their samples."""
    places = [place for place, sample in enumerate(samples) if any(head.name in sample["labels"] for head in heads)]
    return [rows[place] for place in places], [samples[place] for place in places]


def references_of(head: Head, samples: Sequence[Sample]) -> Any:
    """The true targets of samples that ask `head`, in the form of `Predictions.references`."""
    labels = [sample["labels"][head.name] for sample in samples]
    if head.kind in ("single_label", "ordinal"):
        return np.array(labels, np.int64)
    if head.kind == "multi_label":
        stacked = np.stack(labels)
        return np.where(stacked == IGNORE, UNKNOWN, stacked).astype(np.int64)
    if head.kind == "regression":
        return np.stack([_targets(head, label) for label in labels])
    if head.kind == "survival":
        return np.stack(labels).astype(np.float64)
    if head.kind == "structure":
        return [_resolved(label) for label in labels]
    return [
        label if isinstance(label, str) else sample["choices"][label]
        for sample, label in zip(samples, labels, strict=True)
    ]


def _batches(size: int, batch_size: int) -> Iterator[list[int]]:
    for start in range(0, size, batch_size):
        yield list(range(start, min(start + batch_size, size)))


def _to(batch: Any, device: Any) -> Any:
    return {key: _to(value, device) for key, value in batch.items()} if isinstance(batch, dict) else batch.to(device)


def _outputs(head: Head, logits: Any, samples: Sequence[Sample]) -> Sequence[Any] | np.ndarray:
    """What the head predicts at each place of the batch that asks it."""
    import torch

    if head.kind == "answer":
        best = logits.argmax(1).tolist()
        return [sample["choices"][best[place]] if sample["choices"] else "" for place, sample in enumerate(samples)]
    logits = logits.float().cpu()
    if head.kind == "regression":
        return logits.double().numpy()
    if head.kind == "survival":
        return logits[:, 0].double().numpy()
    if head.kind == "multi_label":
        return torch.sigmoid(logits.double()).numpy()
    if head.kind == "structure":
        lengths = [len(sample["inputs"].get("protein", "")) for sample in samples]
        return [chain[:length, BACKBONE_CA].double().numpy() for chain, length in zip(logits, lengths, strict=True)]
    return torch.softmax(logits.double(), 1).numpy()


def _gather(head: Head, asked: Sequence[tuple[int, Sample, Any]]) -> Predictions:
    rows, samples, outputs = zip(*asked, strict=True)
    return Predictions(
        head,
        np.array(rows),
        [sample["id"] for sample in samples],
        [sample["group"] for sample in samples],
        [sample["source"] for sample in samples],
        list(outputs) if head.kind in ("structure", "answer") else np.stack(outputs),
        references_of(head, samples),
    )


def _targets(head: Head, label: Mapping[str, np.ndarray]) -> np.ndarray:
    """The values of a regression label in the order of the head's outputs, NaN where not measured."""
    values = np.full(head.num_targets, np.nan)
    place = {gene: position for position, gene in enumerate(head.target_index)}
    for index, value in zip(label["index"].tolist(), label["value"], strict=True):
        if not place or index in place:
            values[place[index] if place else index] = value
    return values


def _resolved(label: Mapping[str, np.ndarray]) -> np.ndarray:
    coordinates = label["backbone"][:, BACKBONE_CA].astype(np.float64)
    return np.where(label["resolved"][:, None], coordinates, np.nan)
