"""From rows of any subset to what the processor takes and what the heads are to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..sources import get_source
from ..subsets import get_subset
from ..tasks import get_task
from .arrow import columns_to_rows
from .heads import Head, asks, head_name, is_open, local_label

if TYPE_CHECKING:
    import datasets

Sample = dict[str, Any]

IGNORE = -100
"""Label of a sample that a head does not ask; regression uses NaN."""

ANSWER_TOKENS = 32
"""The most tokens of an open answer, its end among them: what follows is neither taught nor written."""

_IMAGES = ("oct", "xray", "fundus", "pathology", "ct", "mri")


def _text(row: Mapping[str, Any]) -> Any:
    """The text, the question, or both as a pair."""
    question, text = row.get("question") or "", row["text"]
    return (question, text) if question and text else question or text


def _genomics(row: Mapping[str, Any]) -> Any:
    """DNA as a string where no peaks are known, else both, or the peaks alone."""
    if not len(row["peak_index"]):
        return row["dna"]
    peaks = {"peaks": row["peak_index"]}
    return {"dna": row["dna"], **peaks} if row["dna"] else peaks


def _image(value: Any) -> Any:
    """A PIL image from what an image column holds: encoded bytes or the path of a file, read through Arrow or not."""
    if not isinstance(value, dict):
        return value
    from datasets import Image

    return Image().decode_example(value)


def _scan(modality: str) -> Callable[[Mapping[str, Any]], Any]:
    """What a row has of CT or MR: a slice, a volume, or both."""

    def read(row: Mapping[str, Any]) -> Any:
        image, volume = _image(row[modality]), row[f"{modality}_volume"]
        if not len(volume):
            return image
        return {"image": image, "volume": volume, "spacing": row[f"{modality}_spacing"]}

    return read


_INPUTS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "text": _text,
    "eeg": lambda row: {
        "signal": row["eeg"],
        "channels": row["eeg_channels"],
        "sampling_rate": row["eeg_sampling_rate"],
    },
    "genomics": _genomics,
    "scrna": lambda row: {"genes": row["gene_index"], "values": row["gene_value"]},
    "protein": lambda row: row["protein"],
    "oct": lambda row: _image(row["oct"]),
    "xray": lambda row: _image(row["xray"]),
    "fundus": lambda row: _image(row["fundus"]),
    "pathology": lambda row: _image(row["pathology"]),
    "ct": _scan("ct"),
    "mri": _scan("mri"),
}
"""How the processor wants each modality."""

READ = tuple(_INPUTS)
"""The modalities that the model has an encoder for: all of them."""


def sample_of(row: Mapping[str, Any], subset: str) -> Sample:
    """One row as inputs and labels.

    Returns:
        `id`, `group`, `source`, `inputs` (modality to value), `choices` (list or None), `labels` (head name to target; of
        answers the place among `choices`, or the text where there are none).

    Raises:
        ValueError: the row carries no modality, or its answer is none of its choices.
    """
    spec = get_subset(subset)
    inputs = {modality: _INPUTS[modality](row) for modality in spec.modalities if _is_input(modality, row, subset)}
    if not inputs:
        raise ValueError(f"Row {row['id']!r} of {subset!r} has no modality among {list(READ)}: nothing to read.")
    labels = {
        head_name(target, row): _label(row, subset, target)
        for target in get_source(subset, row["source"]).targets
        if asks(target, row)
    }
    common = {name: row[name] for name in ("id", "group", "source")}
    return {**common, "inputs": inputs, "choices": list(row.get("choices") or ()) or None, "labels": labels}


def reads_reports(subset: str) -> bool:
    """Whether texts of the subset are inputs even where no question is asked.

    Beside an image they are not: a report says what the image shows, which is what the row asks, and would answer in its
    place.
    """
    return get_subset(subset).modalities[0] not in _IMAGES


def _is_input(modality: str, row: Mapping[str, Any], subset: str) -> bool:
    if modality == "text" and (row.get("question") or not reads_reports(subset)):
        return bool(row.get("question"))
    return bool(row[f"has_{modality}"])


def _label(row: Mapping[str, Any], subset: str, target: Any) -> Any:
    task = get_task(target.task)
    value = row[task.column]
    if task.kind in ("single_label", "ordinal"):
        return local_label(subset, target, value)
    if task.kind == "multi_label":
        # 0 absent, 1 present; uncertain and not stated are no label.
        return np.array([value[label] if value[label] in (0, 1) else IGNORE for label in target.labels], np.float32)
    if task.kind == "regression":
        index = row["expression_index"] if task.column == "expression" else np.arange(len(value))
        return {"index": np.asarray(index), "value": np.asarray(value, np.float32)}
    if task.kind == "survival":
        return np.array([value, row["event"]], np.float32)
    if task.kind == "structure":
        return {"backbone": np.asarray(value, np.float32), "resolved": np.asarray(row["resolved"], bool)}
    if is_open(target, row):
        return value
    if value not in row["choices"]:
        raise ValueError(
            f"Expected the answer of row {row['id']!r} of {subset!r} to be one of its choices {list(row['choices'])}, got "
            f"{value!r}: correct the row, or leave out its choices to ask an open question."
        )
    return row["choices"].index(value)


class SampleDataset:
    """Map-style data set over the rows of one or more built data sets; batches are read through Arrow.

    Args:
        parts: `(subset name, data set)` pairs.
    """

    def __init__(self, parts: Sequence[tuple[str, datasets.Dataset]]) -> None:
        self.parts = [(subset, data.with_format("arrow")) for subset, data in parts]
        self._starts = np.cumsum([0] + [len(data) for _, data in parts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Sample:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """The samples at `indices`, in their order; the DataLoader of torch calls this once per batch."""
        places_in_all = np.asarray(indices)
        part_of = np.searchsorted(self._starts, places_in_all, side="right") - 1
        samples: list[Sample] = [{}] * len(indices)
        for part in np.unique(part_of):
            subset, data = self.parts[part]
            places = np.flatnonzero(part_of == part)
            rows = columns_to_rows(data[(places_in_all[places] - self._starts[part]).tolist()])
            for place, row in zip(places, rows, strict=True):
                samples[place] = sample_of(row, subset)
        return samples


class MultiMedCollator:
    """Samples to the packed batch that `MultiMedForMultitask` takes.

    Labels of every head stand in every batch, filled with "ignore" where a sample does not ask it, so that batches of all
    processes have one structure.

    Args:
        processor: a `MultiMedProcessor`.
        heads: the heads to make labels for; none for prediction without labels. Those of open answers as
            `multimed_hf.training.checkpoint.heads_of_model` gives them: the model says what ends an answer.

    Raises:
        ValueError: a head of open answers that does not say so.
    """

    def __init__(self, processor: Any, heads: Sequence[Head] = ()) -> None:
        self.processor = processor
        self.heads = list(heads)
        endless = [head.name for head in self.heads if head.head == "decoder" and head.end_token_id < 0]
        if endless:
            raise ValueError(
                f"Expected heads that know the token that ends an answer, got {endless[0]!r} without: take those of "
                "multimed_hf.training.checkpoint.heads_of_model."
            )
        self._place = {
            head.name: {gene: position for position, gene in enumerate(head.target_index)} for head in self.heads
        }

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """`samples` of `SampleDataset` to `sample_ids`, `inputs`, `choices` and `labels`, as torch tensors."""
        import torch

        names = dict.fromkeys(modality for sample in samples for modality in sample["inputs"])
        columns = {name: [sample["inputs"].get(name) for sample in samples] for name in names}
        choices = [sample["choices"] for sample in samples]
        batch = dict(self.processor(**columns, choices=choices if any(choices) else None))
        if self.heads:
            labels = {head.name: self._labels(head, samples) for head in self.heads}
            batch["labels"] = {
                name: {key: torch.from_numpy(part) for key, part in value.items()}
                if isinstance(value, dict)
                else torch.from_numpy(value)
                for name, value in labels.items()
            }
        return batch

    def _labels(self, head: Head, samples: Sequence[Sample]) -> Any:
        given = [sample["labels"].get(head.name) for sample in samples]
        if head.kind == "structure":
            return _structures(samples, given)
        if head.head == "decoder":
            tokens = self.processor.encode_answers(given, head.end_token_id, return_tensors="np")
            return np.ascontiguousarray(tokens[:, :ANSWER_TOKENS])
        filled: np.ndarray
        if head.kind == "multi_label":
            filled = np.full((len(samples), len(head.labels)), IGNORE, np.float32)
        elif head.kind == "regression":
            filled = np.full((len(samples), head.num_targets), np.nan, np.float32)
        elif head.kind == "survival":
            filled = np.full((len(samples), 2), np.nan, np.float32)
        else:
            filled = np.full(len(samples), IGNORE, np.int64)
        for row, label in enumerate(given):
            if label is None:
                continue
            if head.kind == "regression":
                place = self._place[head.name]
                index = [place[int(gene)] for gene in label["index"]] if place else label["index"]
                filled[row, index] = label["value"]
            else:
                filled[row] = label
        return filled


def _structures(samples: Sequence[Sample], given: Sequence[Any]) -> dict[str, np.ndarray]:
    """Backbones `(batch, longest chain, 3, 3)`, and for each residue whether it is resolved, -100 beyond a chain's end."""
    lengths = [len(sample["inputs"].get("protein", "")) for sample in samples]
    backbone = np.zeros((len(samples), max(lengths), 3, 3), np.float32)
    resolved = np.full((len(samples), max(lengths)), IGNORE, np.int64)
    for row, (length, label) in enumerate(zip(lengths, given, strict=True)):
        resolved[row, :length] = 0
        if label is not None:
            backbone[row, :length] = label["backbone"]
            resolved[row, :length] = label["resolved"]
    return {"backbone": backbone, "resolved": resolved}
