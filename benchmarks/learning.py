"""Does the model learn from the rows of a subset, and more than classical baselines do? Same rows, paired differences.

For each experiment: synthetic rows of a population of its own are built, `MultiMedForMultitask` is trained from random weights
on the train split by `multimed_hf.training.train.fit`, and its predictions are set beside those of the trivial and the
classical baseline of `multimed_hf.evaluation.baselines`. Choose settings with `--split validation`;
docs/results.md says how those below came about.

    python benchmarks/learning.py [--only NAME ...] [--seeds 1] [--split test] [--out runs/learning]

Each training is a folder, and a finished one is not repeated. Prints, per head, the scores, averaged over trainings, and the
difference from the classical baseline with a 95 % interval over groups.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = "synthetic"

POPULATION = 12
"""Seed of the synthetic patients: one that no test and no other benchmark looks at."""


@dataclass(frozen=True)
class Experiment:
    """Rows to learn from, and how to learn.

    Attributes:
        subset: subset of the data set.
        rows: how many rows are built, 70 : 15 : 15.
        tasks: tasks that are trained and scored; None for all that its rows ask.
        settings: fields of `multimed_hf.training.settings.Settings`.
        simulation: fields of `multimed_hf.simulation.Simulation`.
    """

    subset: str
    rows: int
    tasks: tuple[str, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    simulation: Mapping[str, Any] = field(default_factory=lambda: {"difficulty": 0.3, "prevalence": "balanced"})


_IMAGES = {"epochs": 6, "learning_rate": 2e-3, "config": {"image_size": 112}}
_SCANS = {"epochs": 10, "learning_rate": 2e-3, "config": {"image_size": 128}}
# Microaneurysms are a pixel or two wide.
_FUNDUS = {"epochs": 10, "learning_rate": 2e-3, "config": {"image_size": 224, "image_patch_size": 32}}
_OTHERS = {"epochs": 10, "learning_rate": 2e-3}

EXPERIMENTS: dict[str, Experiment] = {
    "oct": Experiment("oct", 2000, settings=_IMAGES),
    "pathology": Experiment("pathology", 2000, settings=_IMAGES),
    "bone_age": Experiment("bone_age", 2000, settings=_IMAGES),
    # Two in five films are of chests. Lesions of the other five organs hardly show on a film.
    "xray": Experiment("xray", 8000, ("radiographic_findings_classification",), _SCANS),
    "fundus": Experiment("fundus", 2000, settings=_FUNDUS),
    "mri": Experiment("mri", 8000, ("brain_tumor_classification",), _SCANS),
    "ct": Experiment("ct", 8000, settings=_SCANS),
    # Subjects have some forty windows each, and fewer than twenty of them would give no interval.
    "eeg": Experiment("eeg", 6000, settings=_OTHERS),
    "scrna": Experiment("scrna", 3000, settings=_OTHERS),
    "protein": Experiment("protein", 2000, settings=_OTHERS),
    "text": Experiment("text", 2000, settings=_OTHERS),
    "genomics": Experiment("genomics", 3000, settings=_OTHERS),
}
"""Name to experiment."""


def run(experiment: Experiment, folder: Path, seeds: Sequence[int], split: str) -> dict[str, dict[str, Any]]:
    """Builds, trains and predicts what is not there yet.

    Returns:
        Head name to what `baselines` gave, and under `seeds` what the model of each seed predicts.
    """
    from multimed_hf.data.build import build
    from multimed_hf.data.manifest import MANIFEST_NAME
    from multimed_hf.simulation import Simulation
    from multimed_hf.training.train import fit

    data = folder / "data"
    if not (data / MANIFEST_NAME).is_file():
        simulation = Simulation(**{"seed": POPULATION, **experiment.simulation})
        build([experiment.subset], [SOURCE], rows=experiment.rows, out=data, simulation=simulation)
    found = once(folder / f"baselines-{split}.json", partial(baselines, experiment, data, split))
    for head in found.values():
        head["seeds"] = {}
    for seed in seeds:
        own = folder / f"seed-{seed}"
        report = fit(data, output_dir=own, tasks=experiment.tasks, seed=seed, progress=False, **experiment.settings)
        predicted = once(
            own / f"predictions-{split}.json",
            partial(model_predictions, report.checkpoint, experiment, data, split),
        )
        for name, values in predicted.items():
            found[name]["seeds"][seed] = values
    return found


def once(path: Path, make: Callable[[], Any]) -> Any:
    """What the JSON file at `path` holds, which `make` makes if there is none."""
    if not path.is_file():
        unfinished = path.with_suffix(".partial")
        unfinished.write_text(json.dumps(make()))
        os.replace(unfinished, path)
    return json.loads(path.read_text())


def samples_of(subset: str, data: Path, split: str, model: Any = None, processor: Any = None) -> Any:
    """The rows of a split as samples; with a model, genes and peaks have its numbers."""
    from datasets import load_dataset

    from multimed_hf.data.build import load_lists
    from multimed_hf.data.manifest import Manifest
    from multimed_hf.data.samples import SampleDataset
    from multimed_hf.training.checkpoint import alignment
    from multimed_hf.training.genes import AlignedSamples

    samples = SampleDataset([(subset, load_dataset(str(data), subset, split=split))])
    if model is None:
        return samples
    genes, peaks = (load_lists(data, Manifest.read(data).subsets, kind) for kind in ("genes", "peaks"))
    return AlignedSamples(samples, alignment(model.config, processor, genes, peaks))


def heads_of(experiment: Experiment, data: Path) -> list[Any]:
    """The heads of its tasks that the rows ask."""
    from datasets import load_dataset

    from multimed_hf.data.heads import heads_in

    heads = heads_in({experiment.subset: load_dataset(str(data), experiment.subset).values()})
    return [head for head in heads if experiment.tasks is None or head.task in experiment.tasks]


def baselines(experiment: Experiment, data: Path, split: str) -> dict[str, dict[str, Any]]:
    """Per head the task, groups, references, and predictions of both baselines for the rows of the split that ask it."""
    from threadpoolctl import threadpool_limits

    from multimed_hf.evaluation.baselines import BASELINES
    from multimed_hf.evaluation.features import plain_samples
    from multimed_hf.evaluation.predict import references_of

    train, asked = (
        plain_samples(samples_of(experiment.subset, data, name), progress=False) for name in ("train", split)
    )
    found: dict[str, dict[str, Any]] = {}
    with threadpool_limits(1, user_api="blas"):
        for head in heads_of(experiment, data):
            known, rows = ([row for row in part if head.name in row["labels"]] for part in (train, asked))
            found[head.name] = {
                "task": head.task,
                "train": len(known),
                "groups": [row["group"] for row in rows],
                "references": plain(references_of(head, rows)),
                **{role: plain(predict(head, known, rows)) for role, (predict, _) in BASELINES.items()},
            }
    return found


def model_predictions(checkpoint: Path, experiment: Experiment, data: Path, split: str) -> dict[str, Any]:
    """Head name to the predictions of a checkpoint for the rows of the split that ask it."""
    from multimed_hf.evaluation.predict import predict
    from multimed_hf.training.checkpoint import heads_of_model, load_checkpoint

    model, processor = load_checkpoint(checkpoint)
    heads = heads_of_model(heads_of(experiment, data), model.config)
    samples = samples_of(experiment.subset, data, split, model, processor)
    found = predict(model, processor, samples, heads, progress=False)
    return {name: plain(rows.predictions) for name, rows in found.items()}


def plain(values: Any) -> list[Any]:
    """Arrays, or lists of arrays or texts, as JSON holds them."""
    return [value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value for value in values]


def arrays(values: list[Any]) -> Any:
    """The inverse of `plain`: one array, a list of arrays of several lengths, or texts."""
    if isinstance(values[0], str):
        return values
    if isinstance(values[0], list) and isinstance(values[0][0], list):
        return [np.asarray(value) for value in values]
    return np.asarray(values)


def line(name: str, head: str, found: Mapping[str, Any], unit: str) -> str:
    """The row of the table for one head of an experiment."""
    from multimed_hf.metrics import find_metric, paired_difference

    named = find_metric(found["task"])
    references = arrays(found["references"])

    def statistic(predictions: list[Any]) -> Callable[[np.ndarray], np.ndarray]:
        rows = named.metric.update(arrays(predictions), references)
        return named.metric.statistic(rows, named.main_score)

    own = [statistic(values) for values in found["seeds"].values()]

    def of_model(weights: np.ndarray) -> np.ndarray:
        return np.mean([each(weights) for each in own], axis=0)

    n, every = len(references), np.ones((1, len(references)))
    trivial, classical = statistic(found["trivial"]), statistic(found["classical"])
    compared = paired_difference(of_model, classical, n, found["groups"], unit=unit)
    interval = compared.interval
    shown = f"{interval.low:+.3f} to {interval.high:+.3f}" if interval else "-"
    cells = [
        name,
        head,
        f"{found['train']:,}",
        f"{n:,} of {len(set(found['groups']))} x {unit}",
        f"`{named.main_score}`",
        " / ".join(f"{float(each(every)[0]):.3f}" for each in own),
        f"{float(trivial(every)[0]):.3f}",
        f"{float(classical(every)[0]):.3f}",
        f"{compared.difference:+.3f} ({shown})",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Runs what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(EXPERIMENTS), default=list(EXPERIMENTS))
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each experiment")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    options = parser.parse_args()

    import torch

    from multimed_hf.sources import get_source

    torch.set_num_threads(1)
    lines = []
    for name in options.only:
        experiment, folder = EXPERIMENTS[name], options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        stated = once(folder / "experiment.json", partial(asdict, experiment))
        if stated != json.loads(json.dumps(asdict(experiment))):
            raise SystemExit(f"{folder} holds another experiment than {name} is now: remove it, or give another --out.")
        begin = time.perf_counter()
        found = run(experiment, folder, range(options.seeds), options.split)
        unit = get_source(experiment.subset, SOURCE).group
        lines += [line(name, head, values, unit) for head, values in found.items()]
        print(f"{name}: {time.perf_counter() - begin:.0f} s", flush=True)
    print(f"\n{options.split} split; model: one score a seed.\n")
    print("| experiment | head | n train | n | score | model | trivial | classical | model - classical (95 %) |")
    print("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
