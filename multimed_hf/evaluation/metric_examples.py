"""The examples on the cards of metrics and tasks: Python that a reader may paste, which the card runs.

An example assigns arguments of the metric's function to variables of their names. Rows are so few that the scores can
be checked by hand, and such that the main score and those shown beside it are defined.
"""

from __future__ import annotations

_CLASSES = """\
predictions = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]
references = [0, 1, 1, 2]
"""

_TWO_CLASSES = """\
predictions = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
references = [0, 1, 1, 1]
"""

_LABELS = """\
predictions = [[0.9, 0.2], [0.3, 0.6], [0.4, 0.7], [0.6, 0.4]]
references = [[1, 0], [0, 1], [1, -1], [0, 0]]  # -1: unknown
"""

_GRADES = """\
predictions = [
    [0.8, 0.1, 0.1, 0.0, 0.0],
    [0.2, 0.6, 0.1, 0.1, 0.0],
    [0.1, 0.5, 0.3, 0.1, 0.0],
    [0.0, 0.1, 0.2, 0.3, 0.4],
]
references = [0, 1, 2, 4]
"""

_TRIALS = """\
predictions = [[0.7, 0.3], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]
references = [0, 1, 1, 1, 0, 1]
"""

_EXPRESSION = """\
predictions = [[0.1, 2.0], [0.9, 1.0], [2.1, 0.1], [1.2, 0.8]]
references = [[0.0, 2.0], [1.0, float("nan")], [2.0, 0.0], [1.0, 1.0]]  # nan: not measured
"""

_CHAINS = """\
helix = [[2.3 * math.cos(1.745 * i), 2.3 * math.sin(1.745 * i), 1.5 * i] for i in range(30)]
stretched = [[x, y, 1.1 * z] for x, y, z in helix]
unresolved = [math.nan] * 3

predictions = [helix, stretched]
references = [helix[:27] + [unresolved] * 3, helix]
"""

_ANSWERS = """\
predictions = ["Yes.", "no", "the left upper lobe", "MRI"]
references = ["yes", "yes", "left lung", "mri"]
answer_types = ["closed", "closed", "open", "open"]
"""

_OUTCOMES = """\
predictions = [2.1, 0.3, 1.4, -0.5, 0.2, 0.9]  # risks
references = [[300, 1], [2000, 0], [800, 1], [1500, 0], [1200, 1], [1600, 1]]  # days, and 1 for the event
horizons = [365, 1095]
curves = [[0.4, 0.2], [0.9, 0.8], [0.7, 0.4], [1.0, 0.9], [0.9, 0.7], [0.8, 0.6]]
"""

EXAMPLES = {
    "classification": _CLASSES + 'labels = ["normal", "benign", "malignant"]\n',
    "multilabel": _LABELS + 'labels = ["effusion", "nodule"]\n',
    "ordinal": _GRADES + "within = [1]\npositive_from = 2\n",
    "eeg": _TRIALS + 'subjects = ["S1", "S1", "S1", "S2", "S2", "S2"]\n',
    "cell_type": """\
predictions = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]]
references = [0, 1, 1, 2, -1]  # -1: a type that training did not see
labels = ["B cell", "T cell", "monocyte"]
""",
    "expression": _EXPRESSION + "train_mean = [1.0, 1.0]\n",
    "structure": _CHAINS,
    "answer": _ANSWERS,
    "segmentation": """\
predictions = [
    [[0, 1, 1], [0, 1, 1], [0, 0, 0]],
    [[0, 0, 0], [2, 0, 0], [2, 2, 0]],
]
references = [
    [[0, 0, 1], [0, 1, 1], [0, 0, 0]],
    [[0, 0, 0], [2, 2, 0], [2, 2, 2]],
]
labels = ["left lung", "right lung"]  # of the values 1 and 2
""",
    "grounding": """\
predictions = [
    [[0.1, 0.2, 0.1], [0.2, 0.8, 0.4], [0.1, 0.3, 0.2]],
    [[0.6, 0.1, 0.0], [0.3, 0.2, 0.1], [0.0, 0.1, 0.5]],
]
references = [
    [[0, 0, 0], [0, 1, 1], [0, 0, 0]],
    [[0, 0, 0], [0, 0, 0], [0, 1, 1]],
]
""",
    "detection": """\
predictions = [
    {"boxes": [[10, 10, 50, 50], [60, 60, 80, 80]], "scores": [0.9, 0.3], "labels": [0, 0]},
    {"boxes": [[5, 5, 25, 25]], "scores": [0.6], "labels": [1]},
    {"boxes": [], "scores": [], "labels": []},
]
references = [
    {"boxes": [[12, 8, 52, 48]], "labels": [0]},
    {"boxes": [[15, 5, 35, 25]], "labels": [1]},
    {"boxes": [[40, 40, 60, 60]], "labels": [0]},
]
labels = ["nodule", "mass"]
""",
    "survival": _OUTCOMES,
    "retrieval": """\
predictions = [[0.9, 0.2, 0.1], [0.4, 0.3, 0.2], [0.1, 0.5, 0.7], [0.2, 0.8, 0.6]]  # similarities
references = [0, 1, 2, 1]  # the column of the right candidate
ks = [1, 2]
""",
    "calibration": _CLASSES,
    "disease_classification": _CLASSES + 'labels = ["normal", "cyst", "tumour"]\n',
    "brain_tumor_classification": _CLASSES + 'labels = ["glioma", "meningioma", "pituitary"]\n',
    "breast_cancer_classification": _TWO_CLASSES + 'labels = ["benign", "malignant"]\n',
    "radiographic_findings_classification": _LABELS + 'labels = ["Effusion", "Nodule"]\n',
    "bone_age_classification": """\
predictions = [
    [0.6 if year == read else 0.2 if abs(year - read) == 1 else 0.0 for year in range(20)] for read in (3, 7, 10, 16)
]
references = [3, 8, 10, 15]  # floor(months / 12)
reference_values = [44, 97, 126, 191]  # months
""",
    "diabetic_retinopathy_classification": _GRADES,
    "imagined_motor_imagery_classification": _TRIALS + 'labels = ["left_fist", "right_fist"]\n',
    "cell_type_classification": _CLASSES + 'labels = ["B cell", "T cell", "monocyte"]\n',
    "expression_prediction": _EXPRESSION + "train_mean = [1.0, 1.0]\n",
    "protein_structure_prediction": _CHAINS,
    "medical_visual_question_answering": _ANSWERS,
    "eye_state": _TWO_CLASSES + 'labels = ["open", "closed"]\n',
    "splice_site": _CLASSES + 'labels = ["donor", "acceptor", "neither"]\n',
    "report_findings": _LABELS + 'labels = ["cardiomegaly", "scoliosis"]\n',
    "medical_question_answering": """\
predictions = ["Yes.", "no", "maybe", "yes"]
references = ["yes", "maybe", "maybe", "no"]
""",
    "protein_fitness": """\
predictions = [[0.2], [0.9], [0.4], [1.3]]
references = [[0.1], [0.7], [0.8], [1.5]]
""",
    "disease_prognosis": _OUTCOMES,
}
"""Python by the name of the metric or task."""

SHOWN = {
    "classification": ("macro_f1", "auroc", "ece"),
    "multilabel": ("macro_average_precision", "macro_f1"),
    "ordinal": ("mae", "accuracy_within_1", "auroc_from_2"),
    "eeg": ("kappa", "subject_mean", "subject_worst"),
    "cell_type": ("balanced_accuracy", "rejection_auroc"),
    "expression": ("skill_over_train_mean", "r2"),
    "structure": ("lddt", "gdt_ts", "rmsd"),
    "answer": ("exact_match", "token_f1", "token_recall"),
    "segmentation": ("iou", "pooled_dice"),
    "grounding": ("cnr", "mean_iou"),
    "detection": ("map_at_0.1", "map_at_0.5"),
    "survival": ("harrell_c", "brier"),
    "retrieval": ("recall_at_2", "mean_reciprocal_rank", "median_rank"),
    "calibration": ("adaptive_ece", "brier", "aurc"),
}
"""Scores that the example of a metric shows beside the main one; that of a task shows `Task.beside`."""
