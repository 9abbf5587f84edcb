"""A row of a built data set explained: from a checkpoint to a figure and a file of numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..data.build import load_lists
from ..data.manifest import PARTIAL, Manifest, SubsetRecord, replace_text
from ..data.samples import Sample, SampleDataset
from ..data.splits import SPLITS
from ..sources import get_source
from ..subsets import get_subset
from ..tasks import closest
from ..training.checkpoint import alignment, load_checkpoint
from ..training.genes import AlignedSamples
from .ablation import Contributions, contributions
from .attention import attention_shares
from .attribution import Saliency, saliency
from .explained import LOG_ODDS

if TYPE_CHECKING:
    from rich.table import Table

FIGURE_NAME, NUMBERS_NAME = "explanation.png", "explanation.json"

_FORMAT = 1
# Blocks along an axis into which images, volumes and signals are summed up in the file.
_BLOCKS = 32


@dataclass(frozen=True)
class Explanation:
    """A row explained.

    Attributes:
        id, subset, split, source: which row.
        synthetic: whether a program made it.
        limits: what its source does not say.
        model: the checkpoint, as it was named.
        data_fingerprint: fingerprint of the subset.
        inputs: the row as the processor takes it.
        contributions: what modalities add.
        attention: shares of modalities; None unless fusion is early.
        saliency: part to what its elements add.
    """

    id: str
    subset: str
    split: str
    source: str
    synthetic: bool
    limits: str
    model: str
    data_fingerprint: str
    inputs: dict[str, list[Any]]
    contributions: Contributions
    attention: dict[str, float] | None
    saliency: dict[str, Saliency]


def explain_row(
    checkpoint: str | os.PathLike[str],
    subset: str,
    data: str | os.PathLike[str] = "multimed",
    split: str = "test",
    row: int | str = 0,
    task: str | None = None,
    target: str | None = None,
    method: str = "integrated_gradients",
    batch_size: int = 16,
) -> Explanation:
    """Explains what a model says about one row.

    Args:
        checkpoint: a folder or Hub id of a full model, or a folder of a PEFT adapter.
        subset: name of the subset.
        data: a folder that `multimed build` wrote.
        split: the split.
        row: number of the row in the split from 0, or its `id`.
        task: head to explain; None for the first that the row asks.
        target: label, candidate or regression target; None as `contributions` says.
        method: method of the saliency.
        batch_size: copies of the sample in one batch.

    Raises:
        UnknownNameError: no such subset or split.
        ValueError: a subset that was not built, an unknown row, head or label, or a head that cannot be explained.
        OSError: no such checkpoint, or `data` holds no manifest.
    """
    import torch

    if split not in SPLITS:
        raise closest(split, SPLITS, "split")
    record = Manifest.read(data).subsets.get(get_subset(subset).name)
    if record is None or split not in record.rows:
        raise ValueError(f"Expected rows of {subset!r} in the {split} split of {data}, found none: build it first.")
    model, processor = load_checkpoint(checkpoint)
    if torch.accelerator.is_available():
        model.to(torch.accelerator.current_accelerator())
    sample = _sample(Path(data), subset, split, row, model, processor, record)
    inputs = {name: [value] for name, value in sample["inputs"].items()}
    if sample["choices"]:
        inputs["choices"] = [sample["choices"]]
    task = task or _first_head(model, sample)
    source = get_source(subset, sample["source"])
    found = contributions(model, processor, inputs, task, target, batch_size)
    asked = found.explained.index if found.explained.target else None
    return Explanation(
        id=sample["id"],
        subset=subset,
        split=split,
        source=sample["source"],
        synthetic=source.synthetic,
        limits=source.limits,
        model=str(checkpoint),
        data_fingerprint=record.fingerprint,
        inputs=inputs,
        contributions=found,
        attention=attention_shares(model, processor, inputs) if model.config.fusion == "early" else None,
        saliency=saliency(model, processor, inputs, task, asked, None, method, batch_size=batch_size),
    )


def write_explanation(folder: str | os.PathLike[str], explanation: Explanation) -> tuple[Path, Path]:
    """Writes the figure and the numbers into a folder, each whole or not at all; gives their paths."""
    from .plots import figure

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    synthetic = "SYNTHETIC DATA, made by a program. " if explanation.synthetic else ""
    drawn = figure(
        explanation.inputs,
        explanation.contributions,
        explanation.saliency,
        explanation.attention,
        f"{headline(explanation)}\n{explanation.id}",
        f"{synthetic}Orange raises the number, blue lowers it. What moves a model is no cause of disease.",
    )
    partial = out / f"{PARTIAL}{FIGURE_NAME}-{os.getpid()}"
    drawn.savefig(partial, format="png")
    os.replace(partial, out / FIGURE_NAME)
    text = json.dumps(to_json(explanation), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    replace_text(out / NUMBERS_NAME, text)
    return out / FIGURE_NAME, out / NUMBERS_NAME


def to_json(explanation: Explanation) -> dict[str, Any]:
    """The numbers, and what they are of, as plain values."""
    names = ("id", "subset", "split", "source", "synthetic", "limits", "model", "data_fingerprint", "attention")
    return {
        "format": _FORMAT,
        **{name: getattr(explanation, name) for name in names},
        "code_version": __version__,
        "contributions": asdict(explanation.contributions),
        "saliency": {part: _part(each) for part, each in explanation.saliency.items()},
    }


def table(explanation: Explanation) -> Table:
    """What modalities add as a table for `rich.print`."""
    from rich import box
    from rich.table import Table

    found, shares = explanation.contributions, explanation.attention
    below = f"All modalities: {found.explained.value:.3f} {found.explained.unit}; none: {found.empty:.3f}."
    drawn = Table(title=headline(explanation), box=box.HORIZONTALS, caption=below, caption_justify="left")
    drawn.add_column("Modality")
    for name in ("Shapley value", "Left out", "Alone", "Attention", "Strongest"):
        drawn.add_column(name, justify="right")
    for name, alone in found.alone.items():
        shapley = "-" if found.shapley is None else f"{found.shapley[name]:+.3f}"
        share = "-" if shares is None else f"{shares[name]:.0%}"
        strongest = strongest_place(explanation.saliency.get(name))
        drawn.add_row(name, shapley, f"{found.leave_one_out[name]:+.3f}", f"{alone:.3f}", share, strongest)
    return drawn


def headline(explanation: Explanation) -> str:
    """What is explained, in one line."""
    what = explanation.contributions.explained
    chance = f", probability {1 / (1 + np.exp(-what.value)):.2f}" if what.unit == LOG_ODDS else ""
    target = f" {what.target!r}" if what.target else ""
    return f"{what.task}{target}: {what.unit} {what.value:.2f}{chance}"


def strongest_place(part: Saliency | None) -> str:
    """Where the largest number of a saliency lies, in words."""
    if part is None:
        return "-"
    place = np.unravel_index(np.abs(part.values).argmax(), part.values.shape)
    names = [coordinates[number] for coordinates, number in zip(part.coordinates, place, strict=True)]
    if part.values.ndim == 1:
        return f"{names[0]}" if part.axes[0] in ("gene", "peak") else f"{names[0]} at {place[0] + 1}"
    named = (f"{name:.2f}" if isinstance(name, float) else f"{name}" for name in names)
    return ", ".join(f"{axis} {name}" for axis, name in zip(part.axes, named, strict=True))


def _sample(
    folder: Path, subset: str, split: str, row: int | str, model: Any, processor: Any, record: SubsetRecord
) -> Sample:
    """One row as inputs, with genes and peaks in the numbers of the model."""
    import datasets

    rows = datasets.load_dataset(str(folder), subset, split=split)
    ids = rows["id"][:]
    if isinstance(row, str) and row not in ids:
        raise ValueError(
            f"Expected the id of a row in the {split} split of {subset!r}, such as {ids[0]!r}, got {row!r}."
        )
    number = ids.index(row) if isinstance(row, str) else row
    if not 0 <= number < len(rows):
        raise ValueError(f"Expected a row from 0 to {len(rows) - 1} in the {split} split of {subset!r}, got {number}.")
    genes, peaks = (load_lists(folder, {subset: record}, kind) for kind in ("genes", "peaks"))
    return AlignedSamples(SampleDataset([(subset, rows)]), alignment(model.config, processor, genes, peaks))[number]


def _first_head(model: Any, sample: Mapping[str, Any]) -> str:
    known = [entry["name"] for entry in model.config.tasks]
    asked = [name for name in sample["labels"] if name in known]
    if not asked:
        raise ValueError(
            f"Row {sample['id']!r} asks {list(sample['labels'])}, and the model has heads for none of it: name one of {known}."
        )
    return asked[0]


def _part(found: Saliency) -> dict[str, Any]:
    plain = {name: getattr(found, name) for name in ("method", "axes", "baseline", "baseline_value", "gap")}
    if found.values.ndim == 1:
        return {
            **plain,
            "coordinates": [_plain(each) for each in found.coordinates[0]],
            "values": found.values.tolist(),
        }
    blocks, starts = found.values, []
    for axis, coordinates in enumerate(found.coordinates):
        size = len(coordinates)
        # Channels stay apart: the sum of two means nothing.
        count = size if found.axes[axis] == "channel" else min(size, _BLOCKS)
        first = np.arange(count) * size // count
        blocks = np.add.reduceat(blocks, first, axis=axis)
        starts.append([_plain(coordinates[int(each)]) for each in first])
    return {**plain, "block_starts": starts, "block_sums": blocks.tolist()}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
