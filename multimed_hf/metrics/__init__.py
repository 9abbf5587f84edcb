"""Metrics as functions of numpy arrays, one per kind of target; nothing beyond numpy and scipy is needed."""

from multimed_hf.metrics.answer import answer, normalise, tokens
from multimed_hf.metrics.classification import single_label
from multimed_hf.metrics.intervals import (
    Bootstrap,
    Interval,
    PairedDifference,
    bootstrap,
    bootstrap_interval,
    paired_difference,
)
from multimed_hf.metrics.multilabel import best_f1_thresholds, multi_label
from multimed_hf.metrics.ordinal import ordinal
from multimed_hf.metrics.ranking import auroc, average_precision
from multimed_hf.metrics.regression import regression
from multimed_hf.metrics.scoring import SCORES, score_with_interval
from multimed_hf.metrics.structure import gdt_ha, gdt_ts, lddt, structure, superposed_rmsd, tm_score

__all__ = [
    "SCORES",
    "Bootstrap",
    "Interval",
    "PairedDifference",
    "answer",
    "auroc",
    "average_precision",
    "best_f1_thresholds",
    "bootstrap",
    "bootstrap_interval",
    "gdt_ha",
    "gdt_ts",
    "lddt",
    "multi_label",
    "normalise",
    "ordinal",
    "paired_difference",
    "regression",
    "score_with_interval",
    "single_label",
    "structure",
    "superposed_rmsd",
    "tm_score",
    "tokens",
]
