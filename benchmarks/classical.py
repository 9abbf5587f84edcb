"""The model against classical baselines: same rows, same repeated group-safe splits, paired differences.

For each of four real sources: train on some groups, predict the others, again and again, with the model trained from random
weights and with the classical baseline of `multimed_hf.evaluation.baselines` (logistic regression, its penalty chosen inside
train, or ridge regression). PBMC68k: 3 x 5-fold; the others: 5 splits of 80 : 20. Settings of the model were chosen by
cross-validation within the train and validation rows of the default build and are fixed here; those rows are among the
ones tested.

    python benchmarks/classical.py [--data multimed] [--out runs/classical] [--jobs 2] [SOURCE ...]

Each split is written as it is done, so that an interrupted run goes on. Prints, per source, both scores, their difference with
a 95 % interval over groups and splits drawn together, and half its width: the smallest difference that could have been seen.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

RESAMPLES = 4000
MARGIN = 0.02


@dataclass(frozen=True)
class Comparison:
    """One source: where it lies, what is scored, how the model is trained.

    Attributes:
        subset: subset of the data set.
        head: head to train and to score.
        scores: names of the scores, the first one is that of the goal.
        unit: what a group is.
        settings: fields of `Settings`.
        folds: k of k-fold, or 0 for hold-out.
        repeats: times all folds are drawn, or hold-outs.
    """

    subset: str
    head: str
    scores: tuple[str, ...]
    unit: str
    settings: dict[str, Any] = field(default_factory=dict)
    folds: int = 0
    repeats: int = 5


COMPARISONS: dict[str, Comparison] = {
    "pbmc68k": Comparison(
        "scrna",
        "cell_type_classification/pbmc68k",
        ("accuracy", "macro_f1"),
        "cell",
        {
            "epochs": 60,
            "learning_rate": 1e-3,
            "weight_decay": 1.0,
            "config": {"input_dropout": 0.5, "hidden_dropout": 0.4, "drop_path_rate": 0.5},
        },
        folds=5,
        repeats=3,
    ),
    "splice_junctions": Comparison(
        "genomics",
        "splice_site/splice_junctions",
        ("accuracy", "macro_f1"),
        "sequence",
        {"epochs": 12, "learning_rate": 2e-3},
    ),
    "openi_reports": Comparison(
        "text",
        "report_findings/openi_reports",
        ("auroc of normal", "macro auroc"),
        "distinct text",
        {"epochs": 12, "learning_rate": 3e-3},
    ),
    "sortseq_lac": Comparison(
        "genomics",
        "expression_prediction/sortseq_lac",
        ("pearson",),
        "sequence",
        {"epochs": 6, "learning_rate": 2e-3, "batch_size": 128},
    ),
}


def accuracy(predictions: np.ndarray, references: np.ndarray) -> float:
    """Share of rows whose likeliest label is right."""
    return float((predictions.argmax(1) == references).mean())


def macro_f1(predictions: np.ndarray, references: np.ndarray) -> float:
    """Mean F1 over the labels that occur."""
    chosen = predictions.argmax(1)
    scores = []
    for label in np.unique(references):
        hit = ((chosen == label) & (references == label)).sum()
        scores.append(2 * hit / ((chosen == label).sum() + (references == label).sum()))
    return float(np.mean(scores))


def auroc_of_first(predictions: np.ndarray, references: np.ndarray) -> float:
    """AUROC of the first label."""
    from multimed_hf.metrics import auroc

    return float(auroc(predictions[:, 0], references[:, 0] == 1))


def macro_auroc(predictions: np.ndarray, references: np.ndarray) -> float:
    """Mean AUROC over the labels that have both values."""
    from multimed_hf.metrics import auroc

    both = [label for label in range(references.shape[1]) if len(np.unique(references[:, label])) == 2]
    return float(np.mean([auroc(predictions[:, label], references[:, label] == 1) for label in both]))


def pearson(predictions: np.ndarray, references: np.ndarray) -> float:
    """Pearson correlation of the one target."""
    return float(np.corrcoef(predictions[:, 0], references[:, 0])[0, 1])


SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "auroc of normal": auroc_of_first,
    "macro auroc": macro_auroc,
    "pearson": pearson,
}


def splits(groups: Sequence[str], comparison: Comparison) -> Iterator[tuple[int, np.ndarray]]:
    """Number and test rows of every split; all rows of a group are on one side."""
    names = sorted(set(groups))
    number = 0
    for repeat in range(comparison.repeats):
        order = np.random.default_rng(repeat).permutation(len(names))
        parts = comparison.folds or 5
        for fold in range(comparison.folds or 1):
            held = {names[place] for place in order[fold::parts]}
            yield number, np.array([group in held for group in groups])
            number += 1


def load(data: str, name: str) -> Any:
    """All rows of the source that ask the head, as a `datasets.Dataset`."""
    from datasets import concatenate_datasets, load_dataset

    from multimed_hf.sources import get_source
    from multimed_hf.training.targets import labelled_rows

    comparison = COMPARISONS[name]
    whole = concatenate_datasets(list(load_dataset(data, comparison.subset).values()))
    rows = whole.filter(lambda source: source == name, input_columns="source")
    targets = {target.head for target in get_source(comparison.subset, name).targets}
    assert comparison.head in targets
    return rows.select(
        [i for i, row in enumerate(labelled_rows(comparison.subset, rows)) if row.head == comparison.head]
    )


def run_split(data: str, name: str, number: int, out: str) -> None:
    """Trains and predicts one split, and writes predictions, references and groups of the test rows."""
    import torch

    from multimed_hf.data import SampleDataset, heads_in
    from multimed_hf.data.build import load_lists
    from multimed_hf.data.manifest import Manifest
    from multimed_hf.evaluation.baselines import classical_baseline
    from multimed_hf.evaluation.features import plain_samples
    from multimed_hf.evaluation.predict import predict
    from multimed_hf.training.checkpoint import alignment, new_model
    from multimed_hf.training.targets import target_statistics
    from multimed_hf.training.train import Settings, make_trainer, training_arguments

    path = Path(out) / f"{name}-{number}.json"
    if path.exists():
        return
    torch.set_num_threads(1)
    comparison = COMPARISONS[name]
    rows = load(data, name)
    held = dict(splits(rows["group"][:], comparison))[number]
    train, test = rows.select(np.flatnonzero(~held)), rows.select(np.flatnonzero(held))
    parts = [(comparison.subset, train)]
    settings = Settings(**comparison.settings)
    heads = [head for head in heads_in({comparison.subset: [train]}) if head.name == comparison.head]
    built = {comparison.subset: Manifest.read(data).subsets[comparison.subset]}
    symbols, peaks = (load_lists(data, built, kind) for kind in ("genes", "peaks"))

    torch.manual_seed(number)
    model, processor = new_model(parts, heads, symbols, settings.vocab_size, settings.config, peaks)
    genes = alignment(model.config, processor, symbols, peaks)
    for head, (mean, scale) in target_statistics(parts, heads, genes).items():
        model.set_target_statistics(head, mean, scale)
    arguments = training_arguments(Path(out) / f"{name}-{number}", settings, number, progress=False)
    arguments.save_strategy = "no"
    make_trainer(model, processor, heads, genes, parts, [], arguments, settings, number).train()
    predicted = predict(model, processor, SampleDataset([(comparison.subset, test)]), heads, progress=False)
    ours = predicted[comparison.head]
    baseline = classical_baseline(
        heads[0],
        plain_samples(SampleDataset(parts), progress=False),
        plain_samples(SampleDataset([(comparison.subset, test)]), progress=False),
    )
    content = {
        "groups": ours.groups,
        "references": np.asarray(ours.references).tolist(),
        "model": np.asarray(ours.predictions).tolist(),
        "classical": np.asarray(baseline).tolist(),
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    os.replace(partial, path)


def compare(name: str, out: Path) -> list[dict[str, Any]]:
    """Scores of both sides over all splits of a source, and the interval of their difference."""
    comparison = COMPARISONS[name]
    numbers = range(comparison.repeats * (comparison.folds or 1))
    runs = [json.loads((out / f"{name}-{number}.json").read_text()) for number in numbers]
    references = [np.asarray(run["references"]) for run in runs]
    sides = {side: [np.asarray(run[side]) for run in runs] for side in ("model", "classical")}
    names = sorted({group for run in runs for group in run["groups"]})
    place = {group: index for index, group in enumerate(names)}
    group_of = [np.array([place[group] for group in run["groups"]]) for run in runs]
    # Folds of one repetition belong together: a repetition is drawn as a whole.
    folds = comparison.folds or 1
    repeats = [range(start, start + folds) for start in range(0, len(runs), folds)]

    def pooled(side: str, repeat: Sequence[int], weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        chosen, truth = [], []
        for run in repeat:
            rows = np.arange(len(references[run]))
            if weights is not None:
                rows = np.repeat(rows, weights[group_of[run]])
            chosen.append(sides[side][run][rows])
            truth.append(references[run][rows])
        return np.concatenate(chosen), np.concatenate(truth)

    results = []
    for score_name in comparison.scores:
        score = SCORES[score_name]
        means = {side: float(np.mean([score(*pooled(side, repeat, None)) for repeat in repeats])) for side in sides}
        rng = np.random.default_rng(0)
        differences = []
        for _ in range(RESAMPLES):
            weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
            drawn = [repeats[index] for index in rng.integers(len(repeats), size=len(repeats))]
            each = [
                score(*pooled("model", repeat, weights)) - score(*pooled("classical", repeat, weights))
                for repeat in drawn
            ]
            differences.append(np.mean(each))
        low, high = np.quantile(differences, [0.025, 0.975])
        results.append(
            {
                "source": name,
                "score": score_name,
                "n": len({(run, row) for run in repeats[0] for row in range(len(references[run]))}),
                "groups": len(names),
                "unit": comparison.unit,
                "splits": len(runs),
                **means,
                "difference": means["model"] - means["classical"],
                "low": float(low),
                "high": float(high),
                "smallest_detectable": float(high - low) / 2,
            }
        )
    return results


def main() -> None:
    """Runs what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=f"of {', '.join(COMPARISONS)}; none: all")
    parser.add_argument("--data", default="multimed")
    parser.add_argument("--out", default="runs/classical")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    unknown = set(options.sources) - set(COMPARISONS)
    if unknown:
        parser.error(f"expected sources among {', '.join(COMPARISONS)}, got {', '.join(sorted(unknown))}")
    names = options.sources or list(COMPARISONS)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    from multiprocessing import get_context

    from tqdm import tqdm

    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        work = [
            pool.submit(run_split, options.data, name, number, options.out)
            for name in names
            for number, _ in splits(["one", "other"], COMPARISONS[name])
        ]
        for job in tqdm(work, desc="splits"):
            job.result()
    results = [result for name in names for result in compare(name, out)]
    (out / "comparison.json").write_text(json.dumps(results, indent=1))
    print(
        "| source | score | n | unit | splits | model | classical | difference (95 % interval) | smallest seen | above -0.02 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in results:
        print(
            f"| {row['source']} | {row['score']} | {row['n']:,} | {row['unit']} | {row['splits']} | {row['model']:.3f} "
            f"| {row['classical']:.3f} | {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}) "
            f"| {row['smallest_detectable']:.3f} | {'yes' if row['low'] > -MARGIN else 'no'} |"
        )


if __name__ == "__main__":
    main()
