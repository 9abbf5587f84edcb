"""From a checkpoint and a built data set to results: every head, source by source, beside its baselines."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..data.build import load_lists
from ..data.heads import Head, by_label_text, head_names, heads_in
from ..data.manifest import Manifest, SubsetRecord
from ..data.samples import Sample, SampleDataset
from ..data.splits import SPLITS
from ..metrics import best_f1_thresholds
from ..metrics.intervals import MINIMUM_GROUPS
from ..sources import get_source
from ..subsets import get_subset
from ..tasks import closest, get_task
from ..training.checkpoint import alignment, carried, heads_of_model, load_checkpoint
from ..training.fewshot import support
from ..training.genes import AlignedSamples
from ..training.runs import RECORD_NAME
from .features import plain_samples
from .predict import Predictions, predict
from .results import Result
from .score import score_baselines, score_rows, training_profiles

if TYPE_CHECKING:
    import datasets

OVERFIT_CHECK = "training chains (overfit check)"

_LEVEL = 0.95


def evaluate_checkpoint(
    checkpoint: str | os.PathLike[str],
    data: str | os.PathLike[str] = "multimed",
    subsets: Sequence[str] | None = None,
    split: str = "test",
    baselines: bool = False,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
    zero_shot: bool = False,
) -> list[Result]:
    """Scores every head of a model on the rows that ask it, per source, with the metrics in `evaluate_metrics`.

    Thresholds of multi-label F1 come from the validation split, train means and baselines from the rows of the train
    split that the model was trained on. A structure head with fewer than 20 training groups is also scored on the
    training chains, marked as such: this shows whether the model can learn them at all, where so few chains can show
    next to nothing about others.

    Args:
        checkpoint: a folder or Hub id of a full model, or a folder of a PEFT adapter.
        data: a folder that `multimed build` wrote.
        subsets: names; None for all in the folder.
        split: the split to score.
        baselines: whether to fit and score the baselines as well.
        batch_size: rows a batch.
        seed: seed of the resamples behind the intervals.
        progress: whether to show bars.
        zero_shot: whether a head that the model lacks is answered by one of its label-text heads of the same kind, of the
            same task if there is one, from the texts of labels. Such a result names that head in `zero_shot`; thresholds
            are then 0.5, as nothing is fitted to the labels.

    Returns:
        One result per head and source, in the order of the data. Questions with candidates and open ones are two heads. What
        could not be evaluated is among them with `n` 0 and a reason: a split that is too small to exist, a head that the
        model lacks.

    Raises:
        UnknownNameError: no such subset or split.
        ValueError: a subset that was not built.
        OSError: no such checkpoint, or `data` holds no manifest.
    """
    if split not in SPLITS:
        raise closest(split, SPLITS, "split")
    manifest = Manifest.read(data)
    names = [get_subset(name).name for name in subsets] if subsets else list(manifest.subsets)
    for name in names:
        if name not in manifest.subsets:
            built = ", ".join(manifest.subsets)
            raise ValueError(f"Expected a subset that was built in {data} ({built}), got {name!r}: build it first.")
    import torch

    model, processor = load_checkpoint(checkpoint)
    if torch.accelerator.is_available():
        model.to(torch.accelerator.current_accelerator())
    run = _Run(str(checkpoint), model, processor, training_record(checkpoint), batch_size, seed, progress, zero_shot)
    parts = [_Part(run, Path(data), name, manifest.subsets[name], split) for name in names]
    asked = {head.name for part in parts for head in part.heads}
    unasked = [name for name in run.entries if name not in asked]
    if unasked and not subsets:
        warnings.warn(f"Heads of the model that these data do not ask: {', '.join(unasked)}.", stacklevel=2)
    return [result for part in parts for result in part.results(baselines)]


def training_record(checkpoint: str | os.PathLike[str]) -> dict[str, Any]:
    """What stands beside a checkpoint about its training; empty if nothing does."""
    path = Path(checkpoint).parent / RECORD_NAME
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@dataclass(frozen=True)
class _Run:
    """A model and how it is run."""

    name: str
    model: Any
    processor: Any
    training: Mapping[str, Any]
    batch_size: int
    seed: int
    progress: bool
    zero_shot: bool = False

    @cached_property
    def entries(self) -> dict[str, dict[str, Any]]:
        """Head name to its entry in the configuration."""
        return {entry["name"]: entry for entry in self.model.config.tasks}

    def instead_of(self, head: Head) -> str:
        """Name of the label-text head that can answer for one that the model lacks; empty if there is none."""
        if not self.zero_shot or head.name in self.entries or not by_label_text(head).head:
            return ""
        able = [
            name
            for name, entry in self.entries.items()
            if entry.get("head") == "label_text" and entry["kind"] == head.kind
        ]
        return next((name for name in able if name.split("/")[0] == head.task), able[0] if able else "")


@dataclass(frozen=True)
class _Part:
    """One split of one subset under evaluation."""

    run: _Run
    folder: Path
    subset: str
    record: SubsetRecord
    split: str

    @cached_property
    def splits(self) -> dict[str, datasets.Dataset]:
        """The data as built, but of the train split only what the model was trained on."""
        import datasets

        splits = {name: datasets.load_dataset(str(self.folder), self.subset, split=name) for name in self.record.rows}
        shots = self.run.training.get("shots")
        if shots:
            splits["train"] = support([(self.subset, splits["train"])], shots, self.run.training["seed"])[0][1]
        return splits

    @cached_property
    def heads(self) -> list[Head]:
        """The heads that the data ask, with targets in the order of the data."""
        return heads_in({self.subset: self.splits.values()})

    @cached_property
    def samples(self) -> dict[str, AlignedSamples]:
        """The splits as samples, with genes and peaks in the numbers of the model."""
        genes, peaks = (load_lists(self.folder, {self.subset: self.record}, kind) for kind in ("genes", "peaks"))
        aligned = alignment(self.run.model.config, self.run.processor, genes, peaks)
        return {
            name: AlignedSamples(SampleDataset([(self.subset, rows)]), aligned) for name, rows in self.splits.items()
        }

    @cached_property
    def plain(self) -> dict[str, list[Sample]]:
        """The splits whose samples were read for baselines and profiles."""
        return {}

    def results(self, baselines: bool) -> list[Result]:
        """The results of all heads, source by source."""
        refused = {head.name: why for head in self.heads if (why := self.refusal(head))}
        able = [head for head in self.heads if head.name not in refused]
        heads = heads_of_model(able, self.run.model.config)
        on_validation = self.predict("validation", [head for head in heads if head.kind == "multi_label"])
        predicted = self.predict(self.split, heads + [head for head in able if self.run.instead_of(head)])
        few = self.split != "train" and len(set(self.splits["train"]["group"])) < MINIMUM_GROUPS
        learned = self.predict("train", [head for head in heads if head.kind == "structure" and few])
        results = []
        for head in self.heads:
            for source in self.record.sources:
                if not any(head.name in head_names(target) for target in get_source(self.subset, source).targets):
                    continue
                blank = self.blank(head, source)
                validation = _of_source(on_validation, head.name, source)
                rows = _of_source(predicted, head.name, source)
                if rows:
                    results.append(self.filled(blank, rows, validation, baselines))
                else:
                    why = refused.get(head.name, f"no rows in the {self.split} split: too few groups to fill it")
                    results.append(replace(blank, reasons={"score": why, "interval": why}))
                rows = _of_source(learned, head.name, source)
                if rows:
                    limits = f"{OVERFIT_CHECK}; {blank.limits}"
                    results.append(self.filled(replace(blank, split="train", limits=limits), rows, None, baselines))
        return results

    def refusal(self, head: Head) -> str:
        """Why the model cannot answer a head of the data; empty if it can."""
        entry = self.run.entries.get(head.name)
        if entry is None:
            return self.unread() if self.run.instead_of(head) else "the model has no head for it"
        if (entry["kind"], entry.get("head") == "decoder") != (head.kind, head.head == "decoder"):
            return "the model's head of this name is of another kind"
        if list(head.labels) != list(entry.get("labels") or ()):
            return "the labels of the model's head are others than those of the data"
        if head.target_index and not entry.get("targets"):
            return "the model's head does not say which genes it predicts"
        if head.num_targets != entry.get("num_targets", 0) and not head.target_index:
            return f"the model's head has {entry['num_targets']} targets, the data have {head.num_targets}"
        return ""

    def unread(self) -> str:
        """Which modalities of the rows the model does not read, as a reason; empty if it reads them all."""
        brought = carried([(self.subset, rows) for rows in self.splits.values()])
        names = [name for name in brought if name not in self.run.model.config.modalities]
        return f"the model does not read {' and '.join(names)}" if names else ""

    def predict(self, split: str, heads: Sequence[Head]) -> dict[str, Predictions]:
        """Head name to its predictions; empty where there is no such split or no head."""
        if split not in self.splits or not heads:
            return {}
        run, bar = self.run, f"{self.subset}: predicting {split}"
        return predict(
            run.model,
            run.processor,
            self.samples[split],
            heads,
            run.batch_size,
            progress=run.progress,
            description=bar,
            zero_shot={head.name: instead for head in heads if (instead := run.instead_of(head))},
        )

    def filled(self, blank: Result, rows: Predictions, validation: Predictions | None, baselines: bool) -> Result:
        """`blank` with the scores of `rows`, thresholds from `validation` where the metric takes them."""
        options = self.options(rows, blank.split, validation)
        scored = score_rows(rows, blank.unit, self.run.seed, options)
        if baselines:
            train, plain = self.train_rows(rows), self.read(blank.split)
            scored["baselines"] = score_baselines(rows, train, [plain[row] for row in rows.rows], options)
        return replace(blank, **scored)

    def options(self, rows: Predictions, split: str, validation: Predictions | None) -> dict[str, Any]:
        """Further arguments of the metric of a head."""
        head, asked = rows.head, self.splits[split].select(rows.rows)
        task = get_task(head.task)
        if head.kind == "multi_label" and validation:
            thresholds = best_f1_thresholds(validation.predictions, validation.references)
            return {"labels": head.labels, "thresholds": thresholds}
        if task.metric == "eeg" and get_source(self.subset, rows.sources[0]).group.endswith("subject"):
            return {"labels": head.labels, "subjects": rows.groups}
        if head.kind in ("single_label", "multi_label"):
            return {"labels": head.labels}
        if head.kind == "answer":
            about = {"question_types": asked["question_type"][:]} if "question_type" in asked.column_names else {}
            return {"answer_types": asked["answer_type"][:], **about}
        if task.value_column and np.isfinite(asked[task.value_column][:]).all():
            return {"reference_values": asked[task.value_column][:]}
        if head.kind != "regression":
            return {}
        train = self.train_rows(rows)
        strata = dict(zip(self.splits["train"]["id"], self.strata("train"), strict=True))
        asked = self.strata(split)
        return training_profiles(
            head, train, [strata[sample["id"]] for sample in train], [asked[row] for row in rows.rows]
        )

    def strata(self, split: str) -> list[str]:
        """The stratum of each row, such as its cell type; empty texts where the subset has none."""
        rows = self.splits[split]
        return rows["stratum"][:] if "stratum" in rows.column_names else [""] * len(rows)

    def train_rows(self, rows: Predictions) -> list[Sample]:
        """The training rows that ask the head, of the one source that `rows` are of."""
        return [
            sample
            for sample in self.read("train")
            if sample["source"] == rows.sources[0] and rows.head.name in sample["labels"]
        ]

    def read(self, split: str) -> list[Sample]:
        """All samples of a split, with plain features of signals; read once."""
        if split not in self.plain:
            self.plain[split] = plain_samples(self.samples[split], self.run.progress, f"{self.subset}: reading {split}")
        return self.plain[split]

    def blank(self, head: Head, source: str) -> Result:
        """A result without scores."""
        task, declared, training = get_task(head.task), get_source(self.subset, source), self.run.training
        return Result(
            task=head.task,
            head=head.name,
            subset=self.subset,
            source=source,
            synthetic=declared.synthetic,
            auxiliary=task.auxiliary,
            split=self.split,
            metric=head.main_score,
            n=0,
            groups=0,
            unit=declared.group,
            score=None,
            low=None,
            high=None,
            level=_LEVEL,
            scores={},
            baselines={},
            limits=declared.limits,
            model=self.run.name,
            seed=training.get("seed"),
            data_fingerprint=self.record.fingerprint,
            code_version=__version__,
            shots=training.get("shots"),
            lora=bool(training.get("lora", False)),
            zero_shot=self.run.instead_of(head),
        )


def _of_source(predicted: Mapping[str, Predictions], head: str, source: str) -> Predictions | None:
    """The rows of one head and source, if there are any."""
    rows = predicted.get(head)
    return rows.of_source(source) if rows and source in rows.sources else None
