"""Do two modalities together say more than the better one alone? Same rows, seeds and steps, patients held out.

Synthetic patients whose modalities complement each other, see `PAIRS`. The model is trained from random weights with the
first modality alone, with the second alone and with both, for each fusion, and scored on patients it has not seen:

    python benchmarks/fusion.py [--part test] [--fusions early late bottleneck] [--seeds 3] [--out runs/fusion] [PAIR ...]

`--part validation` trains on train rows and scores validation rows, on which settings were chosen; `--part test` trains on
both and scores test rows. Prints the score of each, a mean over seeds, and the difference of both to the better one alone with a
95 % interval over patients or donors; which one is better is settled in every resample anew, so that choosing it gains
nothing. An interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RESAMPLES = 2000
CELLS = 10
"""Cells drawn of each donor."""

PARTS = {"validation": ("train",), "test": ("train", "validation")}
"""The part that is scored to the parts that are trained on."""


@dataclass(frozen=True)
class Pair:
    """Two modalities of one patient.

    Attributes:
        subset: subset of the data set.
        head: head to train and to score.
        modalities: the two.
        unit: what a group is.
        rows: how many groups there are, to the partial rows of each split.
        groups: how many groups to draw.
        settings: fields of `Settings`.
    """

    subset: str
    head: str
    modalities: tuple[str, str]
    unit: str
    rows: Callable[[int], Iterator[tuple[str, dict[str, Any]]]]
    groups: int
    settings: dict[str, Any] = field(default_factory=dict)


def lesions(patients: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split and row of patients with a lesion of the brain or none: CT and T2-weighted MR, 64 x 64 pixels."""
    from multimed_hf.data.splits import split_of_rank
    from multimed_hf.simulation import Simulation
    from multimed_hf.simulation.body.lesions import CONDITIONS, draw_lesion_views
    from multimed_hf.simulation.patient import draw_patient

    simulation = Simulation(difficulty=0.3, prevalence="balanced")
    for number in range(patients):
        patient = draw_patient(simulation, "ct", number, CONDITIONS, ("brain",))
        views = draw_lesion_views(patient, 0, ("ct", "mri"), size=64, weighting="T2")
        yield split_of_rank(number), {**_named(patient, 0), **views.columns, "disease": patient.condition}


def cells(donors: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split and row of cells whose surface proteins are asked: RNA, and the donor's enhancer; `CELLS` of each donor."""
    from multimed_hf.data.splits import split_of_rank
    from multimed_hf.simulation import Simulation, generator_of

    generator = generator_of("scrna", Simulation(difficulty=0.5))
    for number in range(donors):
        patient = generator.patient(number)
        kept = 0
        for member in range(1, generator.members, 2):
            row = generator.draw(patient, member)
            if kept < CELLS and row.get("has_genomics"):
                kept += 1
                yield split_of_rank(number), {**_named(patient, member), **row}


def _named(patient: Any, member: int) -> dict[str, Any]:
    return {"id": f"{patient.group}-{member:02d}", "source": "synthetic", "group": patient.group}


PAIRS: dict[str, Pair] = {
    "ct + mri": Pair(
        "ct",
        "disease_classification/lesions",
        ("ct", "mri"),
        "simulated patient",
        lesions,
        groups=1600,
        settings={"epochs": 15, "batch_size": 64, "learning_rate": 2e-3, "config": {"image_size": 64}},
    ),
    "scrna + genomics": Pair(
        "scrna",
        "expression_prediction/synthetic_surface",
        ("scrna", "genomics"),
        "simulated donor",
        cells,
        groups=200,
        settings={"epochs": 10, "batch_size": 64, "learning_rate": 2e-3},
    ),
}


def load(name: str, out: Path) -> dict[str, dict[str, Any]]:
    """Variant (each modality, or 'both') to split to its `datasets.Dataset`; row by row the same patients."""
    from datasets import Dataset, DatasetDict, load_from_disk

    from multimed_hf.columns import MODALITY_COLUMNS
    from multimed_hf.data.schema import RowCompleter, absent, features_of
    from multimed_hf.subsets import get_subset

    pair, drawn = PAIRS[name], out / f"{name}-{PAIRS[name].groups}".replace(" ", "")
    if not drawn.exists():
        complete = RowCompleter(pair.subset)
        rows: dict[str, list[dict[str, Any]]] = {}
        for split, row in pair.rows(pair.groups):
            rows.setdefault(split, []).append(complete(row))
        features = features_of(pair.subset)
        splits = {split: Dataset.from_list(part, features=features) for split, part in rows.items()}
        DatasetDict(splits).save_to_disk(drawn.with_suffix(".partial"))
        os.replace(drawn.with_suffix(".partial"), drawn)
    both = load_from_disk(drawn)
    columns = {column.name: column for column in get_subset(pair.subset).columns}
    variants = {"both": both}
    for kept, other in (pair.modalities, pair.modalities[::-1]):
        names = [f"has_{other}", *(column.name for column in MODALITY_COLUMNS[other])]
        blank = {column: absent(pair.subset, columns[column]) for column in names}
        variants[kept] = both.map(lambda _, blank=blank: blank, input_columns="id", features=both["train"].features)
    return variants


def run(
    pair: Pair, splits: Mapping[str, Any], symbols: Sequence[str], part: str, fusion: str, seed: int, folder: Path
) -> Any:
    """Trains one model and gives its `Predictions` of the rows of `part`."""
    import torch
    from datasets import concatenate_datasets

    from multimed_hf.data import SampleDataset, heads_in
    from multimed_hf.evaluation.predict import predict
    from multimed_hf.training.checkpoint import alignment, heads_of_model, new_model
    from multimed_hf.training.genes import AlignedSamples
    from multimed_hf.training.targets import target_statistics
    from multimed_hf.training.train import Settings, make_trainer, training_arguments

    settings = Settings(**{**pair.settings, "config": {**pair.settings.get("config", {}), "fusion": fusion}})
    train = [(pair.subset, concatenate_datasets([splits[name] for name in PARTS[part]]))]
    genes = {pair.subset: list(symbols)} if symbols else {}
    heads = [head for head in heads_in({pair.subset: [train[0][1]]}) if head.name == pair.head]
    torch.manual_seed(seed)
    model, processor = new_model(train, heads, genes, settings.vocab_size, settings.config)
    aligned = alignment(model.config, processor, genes)
    heads = heads_of_model(heads, model.config)
    for name, (mean, scale) in target_statistics(train, heads, aligned).items():
        model.set_target_statistics(name, mean, scale)
    arguments = training_arguments(folder, settings, seed, progress=False)
    arguments.save_strategy = "no"
    make_trainer(model, processor, heads, aligned, train, [], arguments, settings, seed).train()
    asked = AlignedSamples(SampleDataset([(pair.subset, splits[part])]), aligned)
    return predict(model, processor, asked, heads, progress=False)[pair.head]


def run_all(name: str, part: str, fusions: Sequence[str], seeds: int, out: Path) -> None:
    """Trains and predicts what is missing; predictions, references and groups of each run go into a file."""
    from multimed_hf.simulation import generator_of

    pair = PAIRS[name]
    missing = [
        (fusion, seed, variant)
        for seed in range(seeds)
        for fusion in fusions
        for variant in (*pair.modalities, "both")
        if not path_of(out, name, part, fusion, variant, seed).exists()
    ]
    if not missing:
        return
    variants, symbols = load(name, out), generator_of(pair.subset).genes
    for fusion, seed, variant in missing:
        path = path_of(out, name, part, fusion, variant, seed)
        found = run(pair, variants[variant], symbols, part, fusion, seed, path.with_suffix(""))
        content = {
            "groups": found.groups,
            "references": np.asarray(found.references).tolist(),
            "predictions": np.asarray(found.predictions).tolist(),
        }
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content))
        os.replace(partial, path)
        print(f"done: {name}, {fusion}, {variant}, seed {seed}", flush=True)


def path_of(out: Path, name: str, part: str, fusion: str, variant: str, seed: int) -> Path:
    """The file of one run."""
    return out / f"{name}-{part}-{fusion}-{variant}-{seed}.json".replace(" ", "")


def compare(name: str, part: str, fusion: str, seeds: int, out: Path) -> dict[str, Any]:
    """Scores of the three variants, and the difference of both to the better one with its interval."""
    from multimed_hf.metrics import find_metric
    from multimed_hf.metrics.comparison import paired_difference

    pair = PAIRS[name]
    metric = find_metric(pair.head.split("/")[0])
    statistics: dict[str, list[Any]] = {}
    groups: list[str] = []
    for variant in (*pair.modalities, "both"):
        each = []
        for seed in range(seeds):
            found = json.loads(path_of(out, name, part, fusion, variant, seed).read_text())
            rows = metric.metric.update(np.asarray(found["predictions"]), np.asarray(found["references"]))
            each.append(metric.metric.statistic(rows, metric.main_score))
            assert not groups or groups == found["groups"]
            groups = found["groups"]
        statistics[variant] = each

    def mean(variant: str, weights: np.ndarray) -> np.ndarray:
        return np.mean([statistic(weights) for statistic in statistics[variant]], axis=0)

    def better(weights: np.ndarray) -> np.ndarray:
        return np.maximum(*(mean(variant, weights) for variant in pair.modalities))

    found = paired_difference(
        lambda weights: mean("both", weights), better, len(groups), groups, RESAMPLES, unit=pair.unit
    )
    once = np.ones((1, len(groups)))
    each_seed = [
        float(statistics["both"][seed](once)[0] - max(statistics[one][seed](once)[0] for one in pair.modalities))
        for seed in range(seeds)
    ]
    return {
        "pair": name,
        "score": metric.main_score,
        "n": len(groups),
        "groups": f"{len(set(groups))} x {pair.unit}",
        "fusion": fusion,
        **{variant: float(mean(variant, once)[0]) for variant in statistics},
        "difference": found.difference,
        "interval": found.interval,
        "smallest": found.smallest_detectable,
        "seeds": each_seed,
    }


def main() -> None:
    """Runs what is missing and prints the table."""
    import torch

    from multimed_hf.models.configuration_multimed import FUSIONS

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="*", metavar="PAIR", help=f"of {', '.join(map(repr, PAIRS))}; none: all")
    parser.add_argument("--part", choices=tuple(PARTS), default="test")
    parser.add_argument("--fusions", nargs="+", choices=FUSIONS, default=["early", "late", "bottleneck"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs/fusion")
    options = parser.parse_args()
    unknown = set(options.pairs) - set(PAIRS)
    if unknown:
        parser.error(f"expected pairs among {', '.join(PAIRS)}, got {', '.join(sorted(unknown))}")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    names = options.pairs or list(PAIRS)
    for name in names:
        run_all(name, options.part, options.fusions, options.seeds, out)
    print(
        "| pair | score | n | groups | fusion | first | second | both | both less the better (95 % interval) | by seed |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for fusion in options.fusions:
            row = compare(name, options.part, fusion, options.seeds, out)
            first, second = (row[one] for one in PAIRS[name].modalities)
            interval = row["interval"]
            shown = f" ({interval.low:+.3f} to {interval.high:+.3f})" if interval else " (no interval)"
            by_seed = ", ".join(f"{value:+.3f}" for value in row["seeds"])
            print(
                f"| {name} | {row['score']} | {row['n']} | {row['groups']} | {fusion} | {first:.3f} | {second:.3f} | "
                f"{row['both']:.3f} | {row['difference']:+.3f}{shown} | {by_seed} |"
            )


if __name__ == "__main__":
    main()
