"""How often the bootstrap intervals over groups hold the true score: simulated at 10, 30 and 100 groups.

Patients have a random effect that shifts all their rows, so that rows of one patient are alike; the true score is that of
an endless number of patients (here 200,000). Each simulated study is scored by `multimed_hf.metrics`, its interval taken with
the percentiles as they are and as `Bootstrap.interval` widens them. The nominal level is 95 %, the goal 93 to 97 %.

    python benchmarks/interval_coverage.py [--studies 1000] [--resamples 1000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

GROUPS = (10, 30, 100)
ROWS_PER_GROUP = 6
EFFECT = 0.7
LEVEL = 0.95
GOAL = (0.93, 0.97)


@dataclass(frozen=True)
class Study:
    """What is simulated: `draw(generator, groups)` gives predictions, references and the group of each row."""

    metric: str
    score: str
    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def group_of_rows(generator: np.random.Generator, groups: int) -> np.ndarray:
    """The group of each row; patients have 1 to twice `ROWS_PER_GROUP` - 1 rows."""
    return np.repeat(np.arange(groups), generator.integers(1, 2 * ROWS_PER_GROUP, size=groups))


def classes(generator: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four classes of unlike frequency; some patients are easier to classify than others."""
    group = group_of_rows(generator, groups)
    true = generator.choice(4, size=len(group), p=(0.5, 0.25, 0.15, 0.1))
    skill = 1.0 + EFFECT * generator.normal(size=groups)[group]
    logits = generator.normal(size=(len(group), 4))
    logits[np.arange(len(group)), true] += skill
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True), true, group


def findings(generator: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One finding that a patient has more or less often; scores are shifted by patient."""
    group = group_of_rows(generator, groups)
    effect = generator.normal(size=groups)[group]
    present = generator.random(len(group)) < 1 / (1 + np.exp(1.0 - EFFECT * effect))
    score = present + EFFECT * generator.normal(size=groups)[group] + generator.normal(size=len(group))
    return 1 / (1 + np.exp(-score))[:, None], present[:, None].astype(int), group


def values(generator: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One target, its errors shared in part by the rows of a patient."""
    group = group_of_rows(generator, groups)
    shared = generator.normal(size=(2, groups))[:, group]
    true = EFFECT * shared[0] + generator.normal(size=len(group))
    predicted = true + EFFECT * shared[1] + generator.normal(size=len(group))
    return predicted[:, None], true[:, None], group


STUDIES = (
    Study("classification", "accuracy", classes),
    Study("classification", "balanced_accuracy", classes),
    Study("classification", "macro_f1", classes),
    Study("multilabel", "macro_auroc", findings),
    Study("expression", "pearson_per_target", values),
)


def covered(study: Study, groups: int, truth: float, studies: int, resamples: int) -> dict[str, Any]:
    """Share of studies whose interval holds the truth, with the percentiles as they are and widened."""
    from tqdm import tqdm

    from multimed_hf.metrics import METRICS, bootstrap

    metric = METRICS[study.metric].metric
    plain, widened, undefined = 0, 0, 0
    for number in tqdm(range(studies), desc=f"{study.score}, {groups} groups", leave=False):
        generator = np.random.default_rng([groups, number])
        predictions, references, group = study.draw(generator, groups)
        rows = metric.update(predictions, references)
        drawn = bootstrap(
            metric.statistic(rows, study.score), len(rows), group, resamples, seed=number, minimum_groups=2
        )
        interval = drawn.interval(LEVEL)
        if interval is None:
            undefined += 1
            continue
        low, high = np.nanquantile(drawn.estimates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        plain += low <= truth <= high
        widened += interval.low <= truth <= interval.high
    defined = studies - undefined
    return {"plain": plain / defined, "widened": widened / defined, "defined": defined}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()

    from multimed_hf.metrics import METRICS

    print("| score | groups | rows | studies | percentiles | widened (ours) | +/- | 93 to 97 % |")
    print("|---|---|---|---|---|---|---|---|")
    for study in STUDIES:
        metric = METRICS[study.metric].metric
        predictions, references, _ = study.draw(np.random.default_rng(0), 200_000)
        truth = metric.compute(metric.update(predictions, references))[study.score]
        for groups in GROUPS:
            found = covered(study, groups, truth, options.studies, options.resamples)
            margin = 1.96 * np.sqrt(found["widened"] * (1 - found["widened"]) / found["defined"])
            verdict = "yes" if GOAL[0] <= found["widened"] <= GOAL[1] else "no"
            print(
                f"| {study.score} | {groups} | {groups * ROWS_PER_GROUP} | {found['defined']} | {found['plain']:.1%} "
                f"| {found['widened']:.1%} | {margin:.1%} | {verdict} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
