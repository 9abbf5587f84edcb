"""Macro AUROC and its bootstrap beside scikit-learn, both sides in turns on the same numbers.

Goals: macro AUROC of 100,000 rows and 14 labels, scores rounded so that many are tied, in at most 0.4 x the time of
scikit-learn; 1,000 bootstrap resamples of a 14-label AUROC on 10,000 rows at least 20 x faster than calling scikit-learn 1,000
times (of which `--calls` are timed and the time of one taken 1,000 times).

    python benchmarks/ranking_metrics.py [--turns 7] [--calls 10]
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.structure_metrics import medians

LABELS = 14
RESAMPLES = 1000


def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with four decimals and references, labels of 1 to 30 %."""
    generator = np.random.default_rng(0)
    references = (generator.random((n, LABELS)) < np.linspace(0.01, 0.3, LABELS)).astype(np.int64)
    scores = generator.normal(size=(n, LABELS)) + 1.5 * references
    return (1 / (1 + np.exp(-scores))).round(4), references


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--calls", type=int, default=10, help="calls of scikit-learn that are timed (default 10)")
    options = parser.parse_args()

    from sklearn.metrics import roc_auc_score

    from multimed_hf.metrics import auroc, score_with_interval

    probabilities, references = rows(100_000)
    ours, theirs = auroc(probabilities, references).mean(), roc_auc_score(references, probabilities, average="macro")
    once = medians(
        {
            "ours": lambda: auroc(probabilities, references).mean(),
            "scikit-learn": lambda: roc_auc_score(references, probabilities, average="macro"),
        },
        options.turns,
    )
    ratio = once["ours"] / once["scikit-learn"]
    print(
        f"macro AUROC, 100,000 x {LABELS}, {len(np.unique(probabilities[:, 0])):,} distinct scores in the first label"
    )
    print(
        f"  ours {once['ours'] * 1e3:.0f} ms, scikit-learn {once['scikit-learn'] * 1e3:.0f} ms: {ratio:.2f} x", end=" "
    )
    print(f"(goal at most 0.4: {'met' if ratio <= 0.4 else 'MISSED'}); they differ by {abs(ours - theirs):.0e}")

    probabilities, references = rows(10_000)

    def call_scikit_learn() -> None:
        generator = np.random.default_rng(0)
        for _ in range(options.calls):
            drawn = generator.integers(len(references), size=len(references))
            roc_auc_score(references[drawn], probabilities[drawn], average="macro")

    def call_ours() -> None:
        score_with_interval("multilabel", probabilities, references, resamples=RESAMPLES)

    many = medians({"ours": call_ours, "scikit-learn": call_scikit_learn}, max(1, options.turns // 2))
    thousand = many["scikit-learn"] / options.calls * RESAMPLES
    gain = thousand / many["ours"]
    print(f"{RESAMPLES:,} resamples of a macro AUROC, 10,000 x {LABELS}, with all other scores of `multilabel` once")
    print(f"  ours {many['ours']:.2f} s, scikit-learn {thousand:.0f} s: {gain:.0f} x faster", end=" ")
    print(f"(goal at least 20: {'met' if gain >= 20 else 'MISSED'})")


if __name__ == "__main__":
    main()
