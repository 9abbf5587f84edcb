"""Metrics as functions of numpy arrays; nothing beyond numpy and scipy is needed."""

from multimed_hf.metrics.answer import ANSWER, answer, normalise, tokens
from multimed_hf.metrics.calibration import CALIBRATION, calibration, reliability
from multimed_hf.metrics.cell_type import CELL_TYPE, cell_type
from multimed_hf.metrics.classification import CLASSIFICATION, classification
from multimed_hf.metrics.comparison import (
    AccuracyComparison,
    AurocComparison,
    PairedDifference,
    compare,
    delong,
    mcnemar,
    paired_difference,
)
from multimed_hf.metrics.detection import DETECTION, detection
from multimed_hf.metrics.eeg import EEG, eeg
from multimed_hf.metrics.grounding import GROUNDING, grounding
from multimed_hf.metrics.intervals import Bootstrap, Interval, bootstrap, bootstrap_interval, of_rows
from multimed_hf.metrics.lddt import all_atom_lddt, lddt
from multimed_hf.metrics.multilabel import MULTILABEL, best_f1_thresholds, multilabel
from multimed_hf.metrics.ordinal import ORDINAL, ordinal
from multimed_hf.metrics.ranking import auroc, average_precision
from multimed_hf.metrics.regression import REGRESSION, regression
from multimed_hf.metrics.retrieval import RETRIEVAL, retrieval
from multimed_hf.metrics.rows import Accumulator, Metric, Rows
from multimed_hf.metrics.scoring import METRICS, NamedMetric, find_metric, score_with_interval
from multimed_hf.metrics.segmentation import SEGMENTATION, segmentation
from multimed_hf.metrics.structure import STRUCTURE, chirality, gdt_ha, gdt_ts, structure, superposed_rmsd, tm_score
from multimed_hf.metrics.survival import SURVIVAL, survival
from multimed_hf.metrics.trainer import compute_metrics_for

__all__ = [
    "ANSWER",
    "CALIBRATION",
    "CELL_TYPE",
    "CLASSIFICATION",
    "DETECTION",
    "EEG",
    "GROUNDING",
    "METRICS",
    "MULTILABEL",
    "ORDINAL",
    "REGRESSION",
    "RETRIEVAL",
    "SEGMENTATION",
    "STRUCTURE",
    "SURVIVAL",
    "Accumulator",
    "AccuracyComparison",
    "AurocComparison",
    "Bootstrap",
    "Interval",
    "Metric",
    "NamedMetric",
    "PairedDifference",
    "Rows",
    "all_atom_lddt",
    "answer",
    "auroc",
    "average_precision",
    "best_f1_thresholds",
    "bootstrap",
    "bootstrap_interval",
    "calibration",
    "cell_type",
    "chirality",
    "classification",
    "compare",
    "compute_metrics_for",
    "delong",
    "detection",
    "eeg",
    "find_metric",
    "gdt_ha",
    "gdt_ts",
    "grounding",
    "lddt",
    "mcnemar",
    "multilabel",
    "normalise",
    "of_rows",
    "ordinal",
    "paired_difference",
    "regression",
    "reliability",
    "retrieval",
    "score_with_interval",
    "segmentation",
    "structure",
    "superposed_rmsd",
    "survival",
    "tm_score",
    "tokens",
]
